package front

import (
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// TestHollowRows looks at the rows of marks of a project and of a builder whose builds
// pass without a test: they are not green.
func TestHollowRows(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	same := func(what string, got []page.Mark, want ...page.Mark) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %v", what, got)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s, mark %d: %v, want %v", what, i, got[i], want[i])
			}
		}
	}
	passed := page.BuildMark(weir.Build{State: weir.Finished, Outcome: weir.Passed})
	row := projectRow(standing.Project{Name: "otter", Class: standing.Fine, Outcome: weir.Passed, Newest: 41, Due: 5,
		History: []weir.Outcome{weir.Passed, weir.Passed, weir.Passed}, HollowRuns: []int{1, 2}}, now)
	same("project", row.Runs, passed, page.HollowMark(), page.HollowMark())

	build := func(id weir.BuildID, c weir.Counts, l weir.Ledger) standing.Build {
		return standing.Build{ID: id, Cause: weir.CauseChange, State: weir.Finished, Outcome: weir.Passed, Counts: c, Ledger: l}
	}
	v := builderView(standing.BuilderDetail{Builder: standing.Builder{Builder: weir.Builder{ID: 3}}, Builds: []standing.Build{
		build(4, weir.Counts{}, weir.Ledger{}), build(3, weir.Counts{}, weir.Ledger{Expected: 5, Hidden: 5}), build(2, weir.Counts{Skip: 5}, weir.Ledger{}), build(1, weir.Counts{Pass: 5}, weir.Ledger{})}}, now)
	same("builder", v.Runs, passed, page.HollowMark(), page.HollowMark(), passed)
}
