package weir_test

import (
	"testing"

	"github.com/weir-ci/weir"
)

func TestLedgerString(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ledger weir.Ledger
		want   string
	}{
		{weir.Ledger{}, ""},
		{weir.Ledger{Expected: 10_050, Reported: 9960, Executed: 9950, Hidden: 50, ByCause: 50, Cause: weir.Panicked, Message: "in TestX: boom"},
			"9,950 of 10,000 expected tests ran, 50 hidden by a panic in TestX: boom"},
		{weir.Ledger{Executed: 1, Hidden: 1_234_567, Masked: 1002, ByCause: 40, Cause: weir.DidNotBuild, Message: "no such file"},
			"1 of 1,234,568 expected tests ran, 1,234,567 hidden, 40 of them by what did not build: no such file; 1,002 failed before, which this does not fix"},
		{weir.Ledger{Executed: 5, Hidden: 2, ByCause: 2, Cause: weir.Gone},
			"5 of 7 expected tests ran, 2 hidden for an unknown reason"},
	} {
		if got := c.ledger.String(); got != c.want {
			t.Errorf("%+v reads\n%s, want\n%s", c.ledger, got, c.want)
		}
	}
}
