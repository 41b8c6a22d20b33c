package farm

import (
	"slices"
	"testing"
	"time"

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
	for _, b := range s.farms[0].config.Load().Builders {
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
	if want := []weir.TransitionKind{weir.WasOpened, weir.WasConfirmed, weir.WasLocated}; len(kinds) < 3 || !slices.Equal(kinds[:3], want) {
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

// TestBadAgain: what was mended and is bad again in the same way is the old
// regression; what is bad in another way, or much later, is a new one.
func TestBadAgain(t *testing.T) {
	t.Parallel()
	fault := func(at, fixed, like int, kind weir.Verdict, tests ...string) simFault {
		return simFault{Project: "up", At: at, Fixed: fixed, Like: like, Victim: "d", Tests: tests, Kind: kind}
	}
	cases := []struct {
		name   string
		first  weir.Verdict
		again  simFault
		later  time.Duration
		opened int // in all
		tests  int // of the newest one
	}{
		{"same", weir.NewlyFailing, fault(12, 0, 3, weir.NewlyFailing, "t0", "t1"), time.Hour, 1, 2},
		{"same, fewer tests", weir.NewlyFailing, fault(12, 0, 3, weir.NewlyFailing, "t1"), time.Hour, 1, 1},
		{"same, and another test", weir.NewlyFailing, fault(12, 0, 3, weir.NewlyFailing, "t0", "t2"), time.Hour, 2, 2},
		{"says something else", weir.NewlyFailing, fault(12, 0, 4, weir.NewlyFailing, "t0", "t1"), time.Hour, 2, 2},
		{"skipped now", weir.NewlyFailing, fault(12, 0, 3, weir.NewlySkipped, "t0", "t1"), time.Hour, 2, 2},
		{"skipped again", weir.NewlySkipped, fault(12, 0, 3, weir.NewlySkipped, "t0", "t1"), time.Hour, 1, 2},
		{"few builds ago", weir.NewlyFailing, fault(12, 0, 3, weir.NewlyFailing, "t0", "t1"), 200 * 24 * time.Hour, 1, 2},
	}
	if raceDetector { // see TestSimulation
		cases = cases[:1]
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startSim(t, smallWorld("up"))
			s.poll()
			s.until("at rest", true, s.atRest)
			s.world.faults = []simFault{fault(3, 7, 0, c.first, "t0", "t1"), c.again}
			s.move("up", 5)
			s.until("at rest", true, s.atRest)
			s.move("up", 9)
			s.until("mended", true, func() bool { return s.quiet() && s.regressions()[0].State == weir.Recovered })
			old := s.regressions()[0]
			s.now = s.now.Add(c.later)
			s.move("up", 13)
			s.until("at rest", true, s.atRest)
			all := s.regressions()
			r := all[0]
			if len(all) != c.opened || len(r.Victims) != c.tests || r.State != weir.Located || r.Culprit.Revision.ID != "up-12" || r.Confirmed <= r.Bad.Build {
				t.Fatalf("regressions are %+v", all)
			}
			kinds, log := s.lifeOf(old.ID)
			want := []weir.TransitionKind{weir.WasOpened, weir.WasConfirmed, weir.WasLocated, weir.WasFixed}
			if c.opened == 1 {
				want = append(want, weir.WasReopened, weir.WasLocated)
			}
			kinds = slices.DeleteFunc(kinds, func(k weir.TransitionKind) bool { return k == weir.WasJudged })
			if !slices.Equal(kinds, want) {
				t.Errorf("the first one was %v, not %v: %+v", kinds, want, log)
			}
			if c.opened == 2 && all[1].State != weir.Recovered {
				t.Errorf("the first one is %s", all[1].State)
			}
		})
	}
}

// TestFlakeIsNotReopened: what was dismissed stays so, whatever fails later.
func TestFlakeIsNotReopened(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.world.faults = nil // they were flakes
	s.until("at rest", true, s.atRest)
	s.world.faults = []simFault{{Project: "up", At: 11, Like: 5, Victim: "d", Tests: []string{"t0", "t1"}, Kind: weir.NewlyFailing}}
	s.move("up", 12)
	s.until("at rest", true, s.atRest)
	all := s.regressions()
	if len(all) != 2 || all[0].Culprit.Revision.ID != "up-11" || all[1].State != weir.Dismissed {
		t.Errorf("regressions are %+v", all)
	}
}
