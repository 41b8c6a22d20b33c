package farm

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir"
)

// lifeOf lists what became of a regression.
func (s *sim) lifeOf(id weir.RegressionID) (kinds []weir.TransitionKind, log []weir.Transition) {
	s.t.Helper()
	log, err := s.store.Transitions(s.ctx, id)
	s.must(err)
	for _, l := range log {
		kinds = append(kinds, l.Kind)
	}
	return kinds, log
}

// buildOf finds a build of a project.
func (s *sim) buildOf(project string, id weir.BuildID) weir.Build {
	s.t.Helper()
	for _, b := range s.farms[0].config.Load().builders {
		if b.Project != project {
			continue
		}
		all := s.history(b.ID)
		if i := slices.IndexFunc(all, func(b weir.Build) bool { return b.ID == id }); i >= 0 {
			return all[i]
		}
	}
	s.t.Fatalf("%s has no build %d", project, id)
	return weir.Build{}
}

// TestLifeOfARegression: each transition is logged with builds that show it.
func TestLifeOfARegression(t *testing.T) {
	t.Parallel()
	s := broken(t)
	r := s.regressions()[0]
	if b := s.buildOf("d", r.Confirmed); b.RetryOf != r.Bad.Build {
		t.Errorf("it was confirmed by build %d, the retry of %d; it was bad in %d", b.ID, b.RetryOf, r.Bad.Build)
	}
	s.until("at rest", true, s.atRest)
	kinds, log := s.lifeOf(r.ID)
	if want := []weir.TransitionKind{weir.WasOpened, weir.WasConfirmed, weir.WasLocated}; !slices.Equal(kinds, want) {
		t.Fatalf("it was %v, not %v", kinds, want)
	}
	if !slices.Equal(log[0].Builds, []weir.BuildID{r.Good.Build, r.Bad.Build}) || !slices.Equal(log[1].Builds, []weir.BuildID{r.Confirmed}) {
		t.Errorf("it was opened by builds %v and confirmed by %v", log[0].Builds, log[1].Builds)
	}
	at := map[string]bool{}
	for _, id := range log[2].Builds {
		at[s.buildOf("d", id).Pins["up"]] = true
	}
	if !at["up-4"] || !at["up-5"] {
		t.Errorf("it was located by builds %v, at %v", log[2].Builds, at)
	}
}
