package boards

import (
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/boards"
)

// TestCellTitle: a cell of several builders says which of them its link leads to.
func TestCellTitle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		builders, like int
		want           string
	}{
		{1, 1, ""},
		{3, 2, "worst of 3, 2 like it"},
		{3, 3, ""},
	} {
		v := cellView(boards.Cell{Build: 7, Grade: boards.GradeGood, Outcome: weir.Passed, Builders: c.builders, Like: c.like})
		if v.Title != c.want {
			t.Errorf("%+v: %q", c, v.Title)
		}
	}
}
