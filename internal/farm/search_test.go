package farm

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
)

func TestLostResultsInASearch(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.must(s.blobs.Remove(s.ctx, s.line("d")[1].Results))
	s.farms[0] = s.newFarm()
	s.until("at rest", true, s.atRest)
	if r := s.regressions()[0]; r.Culprit.Revision.ID != "up-5" {
		t.Errorf("regression is %s: %s", r.State, r.Note)
	}
}

// TestVictimsPartWays: one of two tests turns out to be a flake, which closes
// its part of the regression at once.
func TestVictimsPartWays(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.world.faults = s.world.faults[:1] // from now on t1 is good everywhere
	s.until("at rest", true, s.atRest)
	got := map[string]string{}
	for _, r := range s.regressions() {
		for _, v := range r.Victims {
			got[v.Test.Name] = string(r.State) + " " + r.Culprit.Revision.ID
		}
	}
	if len(got) != 2 || got["t0"] != "located up-5" || got["t1"] != "dismissed " {
		t.Errorf("regressions are %v", got)
	}
}

func TestBuilderLeavesWhileSearched(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.world.farm = &recipe.Farm{Projects: s.world.farm.Projects[:1]}
	s.must(s.farms[0].Configure(s.ctx, s.world.farm))
	s.until("at rest", true, s.atRest)
	if r := s.regressions()[0]; r.State != weir.Narrowed || !strings.Contains(r.Note, "not in the configuration") {
		t.Errorf("regression is %s: %s", r.State, r.Note)
	}
}
