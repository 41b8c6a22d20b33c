package farm

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
)

// TestBadWhereItWasGood: what is bad at revisions that were good is told as what it is,
// though there is no path to search.
func TestBadWhereItWasGood(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.move("up", 3)
	s.until("at rest", true, s.atRest)
	s.world.ill = map[string][]string{"w": {"t0", "t1"}}
	if _, err := s.farm().Force(s.ctx, Force{Project: "d", By: "ann"}); err != nil {
		t.Fatal(err)
	}
	s.until("told", true, func() bool { return len(s.regressions()) > 0 && s.atRest() })
	all := s.regressions()
	if len(all) != 1 || all[0].State != weir.Dismissed || all[0].Blame != weir.BlameEnvironment || len(all[0].Victims) != 2 ||
		!strings.Contains(all[0].Note, "that were good are bad now") {
		t.Fatalf("regressions are %+v", all)
	}
	d, err := s.farm().Regression(s.ctx, all[0].ID)
	if err != nil || len(d.Points) != 0 {
		t.Errorf("its path has %d points: %v", len(d.Points), err)
	}
	if g := blame.Grounds(all[0], d.Probes, d.Beside); len(g) < 2 {
		t.Errorf("it rests on %+v", g)
	}
	if text := blame.Sentence(all[0]); !strings.Contains(text, "no revision broke 2 tests of d") {
		t.Errorf("it says: %s", text)
	}
	kinds, log := s.lifeOf(all[0].ID)
	if last := log[len(log)-1]; last.Kind != weir.WasDismissed || len(last.Builds) == 0 {
		t.Errorf("it was %v: %+v", kinds, last)
	}
}
