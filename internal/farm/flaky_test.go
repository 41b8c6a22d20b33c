package farm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/store"
)

// TestFlakyTests lets two tests flake and one break, while revisions come. Who is
// flaky is listed, with the runs that show it, and nobody else is.
func TestFlakyTests(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := smallWorld("up")
			w.rng = rand.New(rand.NewPCG(seed, 11))
			w.flaky["d t0"], w.flaky["d t1"] = 0.2, 0.05
			w.breaks("up", 25, "t2")
			s := startSim(t, w)
			s.calm = true
			s.poll()
			s.settle()
			for tip := range 40 {
				s.move("up", 2+tip)
				s.settle()
			}
			list, err := s.farms[0].Flaky(s.ctx, flaky.Query{Project: "d"})
			s.must(err)
			if len(list.New) == 0 || len(list.Open)+len(list.Quiet)+list.Omitted > 0 {
				t.Fatalf("listed are %+v", list)
			}
			for _, f := range list.New {
				s.checkFlaky(f)
			}
			states, _, err := s.store.Baseline(s.ctx, list.New[0].Builder.ID)
			s.must(err)
			for _, state := range states {
				if listed := slices.ContainsFunc(list.New, func(f flaky.Test) bool { return f.Test == state.Test }); listed != (state.Flakes > 0) {
					t.Errorf("%s has flaked %d times, listed: %t", state.Test, state.Flakes, listed)
				}
			}
			// A year later nobody has seen it again.
			s.now = s.now.Add(365 * 24 * time.Hour)
			later, err := s.farms[0].Flaky(s.ctx, flaky.Query{})
			s.must(err)
			if len(later.Quiet) != len(list.New) || len(later.New)+len(later.Open) > 0 {
				t.Errorf("a year later listed are %+v", later)
			}
			if _, err := s.farms[0].Flaky(s.ctx, flaky.Query{Project: "e"}); weir.CodeOf(err) != weir.NotFound {
				t.Errorf("the flaky tests of an unknown project: %v", err)
			}
		})
	}
}

// checkFlaky holds a flaky test against what its runs really did.
func (s *sim) checkFlaky(f flaky.Test) {
	s.t.Helper()
	if s.world.flaky["d "+f.Test.Name] == 0 {
		s.t.Errorf("%s is steady, and is listed: %+v", f.Test, f.Mark)
	}
	if f.Mark.State != flake.Flaky || f.Mark.Flakes != len(f.Seen)+f.Older || len(f.Seen) == 0 || f.Mark.Rearmed != 0 {
		s.t.Errorf("%s was seen %d times, its mark is %+v", f.Test, len(f.Seen)+f.Older, f.Mark)
	}
	if rate := s.world.flaky["d "+f.Test.Name]; f.Rate.High < rate/3 || f.Rate.Low > rate*3 || f.Rate.Builds < 20 {
		s.t.Errorf("%s flakes with %v, said is %+v", f.Test, rate, f.Rate)
	}
	for _, seen := range f.Seen {
		pins := ""
		outcomes := map[bool]bool{}
		for _, r := range seen.Runs {
			b, err := s.store.Build(s.ctx, r.Build)
			s.must(err)
			if pins == "" {
				pins = b.Pins.Key()
			}
			set, err := s.farms[0].resultSet(s.ctx, b.Results)
			s.must(err)
			outcomes[r.Bad] = true
			for _, result := range set.Results {
				if result.Test == f.Test && result.Status.Bad() != r.Bad {
					s.t.Errorf("build %d says %s of %s, recorded is bad %t", b.ID, result.Status, f.Test, r.Bad)
				}
			}
			if b.Pins.Key() != pins || r.Worker == "" {
				s.t.Errorf("build %d is at %s, not %s, on %q", b.ID, b.Pins.Key(), pins, r.Worker)
			}
		}
		if len(outcomes) != 2 {
			s.t.Errorf("%s was not both at %s: %+v", f.Test, pins, seen)
		}
	}
}

// TestFlakyOnOneMachine: a test that fails on one machine only is listed with it.
func TestFlakyOnOneMachine(t *testing.T) {
	t.Parallel()
	s := twoMachines(t, 3)
	s.world.ill["wb"] = []string{"t0"}
	for tip := range 40 {
		s.move("up", 2+tip)
		s.settle()
	}
	all, err := s.farms[0].Flaky(s.ctx, flaky.Query{})
	s.must(err)
	if len(all.New) != 1 {
		t.Fatalf("listed are %+v", all)
	}
	if h := all.New[0].Hints; len(h) == 0 || h[0].Facet != flake.ByWorker || h[0].Value != "worker wb" && !slices.Contains(h[0].Same, "worker wb") || h[0].Says == "" {
		t.Errorf("hints are %+v", h)
	}
}

// TestFlakyDigest: owners are told once a week, of what is new, and again if the
// server dies before it has said so.
func TestFlakyDigest(t *testing.T) {
	t.Parallel()
	w := smallWorld("up")
	w.flaky["d t0"] = 0.3
	s := startSim(t, w)
	s.calm = true
	s.poll()
	s.settle()
	for tip := range 30 {
		s.move("up", 2+tip)
		s.settle()
	}
	const week = 7 * 24 * time.Hour
	f, other := s.farms[0], s.newFarm()
	var told []string
	tell := func(f *Farm) {
		t.Helper()
		s.must(f.flaky.Tell(s.ctx, "d", week, func(d flake.Digest) error {
			told = append(told, fmt.Sprint(len(d.New), len(d.Again), len(d.Closed), len(d.Open)))
			return nil
		}))
	}
	dies := weir.Errorf(weir.Unavailable, "no")
	if err := f.flaky.Tell(s.ctx, "d", week, func(flake.Digest) error { return dies }); err != dies {
		t.Fatalf("telling failed with %v", err)
	}
	tell(other) // the claim holds
	s.now = s.now.Add(store.DigestTime)
	tell(other)
	tell(f)
	if d, err := f.FlakyDigest(s.ctx, "d"); err != nil || d.News() || len(d.Open) != 1 {
		t.Errorf("then there is %+v, %v", d, err)
	}
	s.now = s.now.Add(week)
	tell(f) // nothing new
	s.now = s.now.Add(20 * week)
	tell(f)
	if got := fmt.Sprint(told); got != "[1 0 0 0 0 0 1 0]" {
		t.Errorf("told are %s", got)
	}
}
