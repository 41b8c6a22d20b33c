package farm

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// smallWorld has up <- d, and lib if asked for, with tests t0 to t3 in d.
func smallWorld(ups ...string) *simWorld {
	w := &simWorld{rng: rand.New(rand.NewPCG(1, 2)), farm: &recipe.Farm{Name: "small"}, tips: map[string]int{},
		tests: map[string][]string{"d": {"t0", "t1", "t2", "t3"}}, flaky: map[string]float64{},
		unbuilt: map[string]bool{}, unusable: map[string]bool{}}
	var of []weir.Upstream
	for _, name := range ups {
		w.addProject(name, nil, "build")
		of = append(of, weir.Upstream{Project: name, Job: "build"})
	}
	w.addProject("d", of, "test")
	return w
}

func (w *simWorld) breaks(project string, at int, tests ...string) {
	w.faults = append(w.faults, simFault{Project: project, At: at, Victim: "d", Tests: tests, Kind: weir.NewlyFailing})
}

// move brings a project to a revision and lets the farm see it.
func (s *sim) move(project string, to int) {
	s.world.tips[project] = to
	s.poll()
}

// until makes passes, all but searches if so wanted, until done says so.
func (s *sim) until(what string, search bool, done func() bool) {
	s.t.Helper()
	for range 500 {
		if done() {
			return
		}
		s.now = s.now.Add(2e9)
		_, err := s.farms[0].plan(s.ctx)
		s.must(err)
		s.lease(s.workers[0])
		s.finishSome()
		_, err = s.farms[0].judge(s.ctx)
		s.must(err)
		if search {
			_, err = s.farms[0].search(s.ctx)
			s.must(err)
			_, err = s.farms[0].aftermath.Look(s.ctx)
			s.must(err)
		}
	}
	s.t.Fatalf("never %s: %s", what, s.unrest())
}

func (s *sim) regressions() []weir.Regression {
	all, err := s.store.Regressions(s.ctx, store.RegressionFilter{})
	s.must(err)
	return all
}

func (s *sim) line(project string) []weir.Build {
	for _, b := range s.farms[0].config.Load().Builders {
		if b.Project == project {
			return slices.DeleteFunc(s.history(b.ID), func(b weir.Build) bool { return !b.Cause.Advances() })
		}
	}
	return nil
}

// atRest reports whether nothing is doubted, searched or waiting.
func (s *sim) atRest() bool { return s.quiet() }

// broken is a farm whose tests t0 and t1 were broken by up-5, at the moment
// when the search is about to begin.
func broken(t *testing.T) *sim {
	t.Helper()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.breaks("up", 5, "t0")
	s.world.breaks("up", 5, "t1")
	s.move("up", 9)
	s.until("accused", false, func() bool { return len(s.regressions()) > 0 })
	return s
}

// TestQuarantineIsWaitedFor: where no machine can build what is left to do,
// the only one is kept from work for hours, and the world comes to rest all the same.
func TestQuarantineIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.calm = true
	s.poll()
	s.settle()
	s.world.breaks("up", 5, "t0")
	for at := 2; at < 9; at++ {
		s.world.unusable[simRevision("up", at)] = true
	}
	from := s.now
	s.move("up", 9)
	s.settle()
	if r := s.regressions(); len(r) != 1 || r[0].State != weir.Narrowed || s.now.Sub(from) < 4*time.Hour {
		t.Errorf("after %v the regressions are %+v", s.now.Sub(from), r)
	}
}
