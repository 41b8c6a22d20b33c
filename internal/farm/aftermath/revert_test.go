package aftermath

import (
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
)

func TestReversal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cells []blame.Cell
		want  weir.Observed
	}{
		{[]blame.Cell{{Good: 1, Bad: 3}}, weir.ObservedGood},
		{[]blame.Cell{{Bad: 1}}, ""},
		{[]blame.Cell{{Bad: 2}}, weir.ObservedBad},
		{[]blame.Cell{{None: 1}}, weir.ObservedNone},
		{[]blame.Cell{{Bad: 1, None: 1}}, ""},
		{[]blame.Cell{{Bad: 1, None: 2}}, weir.ObservedNone}, // or it would be asked for ever
		{[]blame.Cell{{Bad: 2}, {Good: 1}}, weir.ObservedBad},
	} {
		if got := reversal(c.cells); got != c.want {
			t.Errorf("%+v: %q, want %q", c.cells, got, c.want)
		}
	}
}
