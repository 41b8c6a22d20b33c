package farm

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// explained lets time pass until it is known what mended the newest regression,
// or that it will not be.
func (s *sim) explained() weir.Regression {
	s.t.Helper()
	looks := 0
	s.until("explained", true, func() bool {
		s.now = s.now.Add(31e9) // closed regressions are not looked at all the time
		looks++
		return looks > 4 && s.quiet() && len(s.searches(weir.Searching)) == 0
	})
	return s.regressions()[0]
}

// searches lists what is searched for other regressions.
func (s *sim) searches(states ...weir.RegressionState) []weir.Regression {
	all, err := s.store.Regressions(s.ctx, store.RegressionFilter{States: states, Aims: []weir.Aim{weir.AimFix, weir.AimSide}})
	s.must(err)
	return all
}

// TestFixedBy: what made the tests good again is found like what made them bad.
func TestFixedBy(t *testing.T) {
	t.Parallel()
	broken := func(at, fixed int) simFault {
		return simFault{Project: "up", At: at, Fixed: fixed, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing}
	}
	cases := []struct {
		name    string
		faults  []simFault
		unbuilt []int
		to      int // where up goes from 5, or d from 1
		project string
		fix     string // empty: not known
		among   int
		search  weir.RegressionState // of the search; empty: there is none
		note    string
	}{
		{"one of five", []simFault{broken(3, 8)}, nil, 10, "up", "up-8", 5, weir.Located, "made good by up up-8: good with it, and bad right before it"},
		{"the only one", []simFault{broken(3, 6)}, nil, 6, "up", "up-6", 1, "", "made good by up up-6: good with it in build"},
		{"the first one", []simFault{broken(3, 6)}, nil, 10, "up", "up-6", 5, weir.Located, "made good by up up-6"},
		{"the last one", []simFault{broken(3, 10)}, nil, 10, "up", "up-10", 5, weir.Located, "made good by up up-10"},
		{"mended and broken in the same range", []simFault{broken(3, 4), broken(5, 8)}, nil, 10, "up", "up-8", 5, weir.Located, "made good by up up-8"},
		{"mended, broken, and mended again", []simFault{broken(3, 7), broken(9, 10)}, nil, 12, "up", "", 7, weir.Located, "made good by up up-"},
		{"some do not build", []simFault{broken(3, 8)}, []int{7, 8}, 10, "up", "", 3, weir.Narrowed, "one of 3 revisions, which cannot be told apart"},
		{"the downstream did", []simFault{{Project: "up", At: 3, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing, Without: weir.Pins{"d": "d-3"}}},
			nil, 4, "d", "d-3", 3, weir.Located, "made good by d d-3"},
		{"too many", []simFault{broken(3, 40)}, nil, 90, "up", "", 85, "", "one of 85 revisions"},
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
			s.world.faults = c.faults
			s.move("up", 5)
			s.until("at rest", true, s.atRest)
			culprit := s.regressions()[0].Culprit.Revision.ID
			for _, at := range c.unbuilt {
				s.world.unbuilt[simRevision("up", at)] = true
			}
			s.move(c.project, c.to)
			s.until("mended", true, func() bool { return s.quiet() && s.regressions()[0].State == weir.Recovered })
			r := s.explained()
			if len(s.regressions()) != 1 || r.Culprit.Revision.ID != culprit || r.State != weir.Recovered {
				t.Fatalf("regressions are %+v", s.regressions())
			}
			f := r.FixedBy
			if f.Build != r.Victims[0].FixedIn || f.After == 0 || f.After >= f.Build || f.Candidates != c.among || !strings.Contains(r.Note, c.note) {
				t.Errorf("mended by %+v: %s", f, r.Note)
			}
			if c.fix != "" && (f.Project != c.project || f.Revision.ID != c.fix || f.Revision.Position != int64(simPosition(c.fix))) {
				t.Errorf("mended by %+v, not %s", f, c.fix)
			}
			all := s.searches()
			if c.search == "" {
				if len(all) != 0 || f.Search != 0 {
					t.Errorf("searches are %+v", all)
				}
				return
			}
			if len(all) != 1 || all[0].ID != f.Search || all[0].State != c.search || all[0].Aim != weir.AimFix || all[0].Of != r.ID {
				t.Fatalf("searches are %+v", all)
			}
			_, log := s.lifeOf(r.ID)
			if shown := log[len(log)-1]; shown.Kind != weir.WasJudged || len(shown.Builds) < 2 {
				t.Errorf("that is shown by %+v", shown)
			}
			for _, b := range s.history(r.Builder.ID) {
				if b.Cause == weir.CauseProbe && b.ID > f.Build && b.Judgement != weir.Answering && b.Judgement != weir.Unusable {
					t.Errorf("build %d of the search is %s", b.ID, b.Judgement)
				}
			}
		})
	}
}

// TestMendedTwice: each time it is mended, it is told by what.
func TestMendedTwice(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.faults = []simFault{
		{Project: "up", At: 3, Fixed: 7, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing},
		{Project: "up", At: 11, Fixed: 15, Like: 3, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing}}
	for _, tip := range []int{4, 9, 12, 17} {
		s.move("up", tip)
		s.until("at rest", true, s.atRest)
		s.explained()
	}
	all := s.regressions()
	if r := all[0]; len(all) != 1 || r.FixedBy.Revision.ID != "up-15" || len(s.searches()) != 2 {
		t.Errorf("regressions are %+v", all)
	}
	_, log := s.lifeOf(all[0].ID)
	if !slices.ContainsFunc(log, func(l weir.Transition) bool { return strings.Contains(l.Note, "made good by up up-7") }) ||
		!slices.ContainsFunc(log, func(l weir.Transition) bool {
			return l.Kind == weir.WasReopened && strings.Contains(l.Note, "because of up up-7")
		}) {
		t.Errorf("its life is %+v", log)
	}
}

// TestNothingMoved: tests that become good when a build is forced again were not
// mended by a revision.
func TestNothingMoved(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.until("at rest", true, s.atRest)
	s.world.faults = nil
	_, err := s.farms[0].Force(s.ctx, Force{Project: "d", Reason: "try again"})
	s.must(err)
	s.until("mended", true, func() bool { return s.quiet() && s.regressions()[0].State == weir.Recovered })
	if r := s.explained(); r.FixedBy.Project != "" || r.FixedBy.Candidates != 0 || !strings.Contains(r.Note, "nothing in the sources made it good") || len(s.searches()) != 0 {
		t.Errorf("mended by %+v: %s", r.FixedBy, r.Note)
	}
}

// TestRecipeMoved: a new recipe and one revision at once: the search tells which of the two it was.
func TestRecipeMoved(t *testing.T) {
	t.Parallel()
	for _, byRecipe := range []bool{true, false} {
		s := broken(t)
		s.until("at rest", true, s.atRest)
		s.world.farm = &recipe.Farm{Name: "small", Projects: slices.Clone(s.world.farm.Projects)}
		d := &s.world.farm.Projects[1]
		d.Jobs = slices.Clone(d.Jobs)
		d.Jobs[0].Steps = []weir.Step{{Name: "make", Run: "make -j1"}}
		s.must(s.farms[0].Configure(s.ctx, s.world.farm))
		s.world.faults = nil
		want := ""
		if !byRecipe {
			want = "up-10"
			s.world.faults = []simFault{{Project: "up", At: 5, Fixed: 10, Victim: "d", Tests: []string{"t0", "t1"}, Kind: weir.NewlyFailing}}
		}
		s.move("up", 10)
		s.until("mended", true, func() bool { return s.quiet() && s.regressions()[0].State == weir.Recovered })
		r := s.explained()
		if r.FixedBy.Revision.ID != want || !strings.Contains(r.Note, "the recipe has changed") || byRecipe != strings.Contains(r.Note, "no revision made it good") {
			t.Errorf("by the recipe: %v; mended by %+v: %s", byRecipe, r.FixedBy, r.Note)
		}
		if raceDetector { // see TestSimulation
			return
		}
	}
}

// TestNobodyBuildsIt: a regression whose builder has left stays open, and says so
// until it is back.
func TestNobodyBuildsIt(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.until("at rest", true, s.atRest)
	before := s.regressions()[0].Note
	all := s.world.farm
	s.world.farm = &recipe.Farm{Projects: all.Projects[:1]}
	s.must(s.farms[0].Configure(s.ctx, s.world.farm))
	s.until("marked", true, func() bool {
		s.now = s.now.Add(time.Minute)
		r := s.regressions()[0]
		return r.State == weir.Located && r.Note == before+"; nobody builds it any more"
	})
	s.must(s.farms[0].Configure(s.ctx, all))
	s.until("unmarked", true, func() bool {
		s.now = s.now.Add(time.Minute)
		return s.regressions()[0].Note == before
	})
}

// TestTestsAreGone: tests that are not there any more are not mended.
func TestTestsAreGone(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.until("at rest", true, s.atRest)
	s.world.tests["d"] = []string{"t2", "t3"}
	s.move("d", 2)
	s.until("marked", true, func() bool {
		s.now = s.now.Add(time.Minute)
		r := s.regressions()[0]
		return r.State == weir.Located && strings.HasSuffix(r.Note, "; the tests that are left do not run any more")
	})
}
