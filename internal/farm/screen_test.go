package farm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
)

// twoMachines is a world at rest with two workers.
func twoMachines(t *testing.T, seed uint64) *sim {
	t.Helper()
	w := smallWorld("up")
	w.rng = rand.New(rand.NewPCG(seed, 7))
	w.ill = map[string][]string{}
	s := startSim(t, w)
	s.calm = true
	s.workers = []weir.Worker{{Name: "wa", Platform: simPlatform, Slots: 1}, {Name: "wb", Platform: simPlatform, Slots: 1}}
	s.poll()
	s.settle()
	return s
}

// saysIll checks that a regression says which machine it was.
func saysIll(t *testing.T, r weir.Regression) {
	t.Helper()
	if r.Blame != weir.BlameEnvironment || len(r.Checks.Screen) == 0 || r.Checks.Screen[0].Value != "on wb" {
		t.Errorf("regression %d blames %q: %s; clues %+v", r.ID, r.Blame, r.Note, r.Checks.Screen)
	}
}

// TestOneMachineIsIll: tests that fail on one machine, and nowhere else, are blamed on
// no revision, however the builds fall on the machines.
func TestOneMachineIsIll(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := twoMachines(t, seed)
			s.world.ill["wb"] = []string{"t0", "t1"}
			for _, tip := range []int{2, 3, 9, 12} {
				s.move("up", tip)
				s.settle()
			}
			for _, r := range s.regressions() {
				if r.State != weir.Dismissed {
					t.Errorf("regression %d is %s: %s at %s", r.ID, r.State, r.Note, r.Culprit.Revision.ID)
				}
				saysIll(t, r)
			}
		})
	}
}

// TestMachineFallsIllAlone: while the other one is away everything fails on the one
// that is left. When both are there, the search finds that it was no revision.
func TestMachineFallsIllAlone(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := twoMachines(t, seed)
			both := s.workers
			s.world.ill["wb"] = []string{"t0"}
			s.workers = both[1:]
			s.move("up", 5)
			s.rest(60)
			s.workers = both
			s.settle()
			for _, r := range s.regressions() {
				saysIll(t, r)
				if r.State != weir.Dismissed {
					t.Errorf("regression %d is %s: %s at %s", r.ID, r.State, r.Note, r.Culprit.Revision.ID)
				}
			}
		})
	}
}

// TestOneMachineSawBothSides: who is blamed was seen by one machine, bad at the
// revision and good in front of it.
func TestOneMachineSawBothSides(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := twoMachines(t, seed)
			s.world.breaks("up", 5, "t0", "t1")
			s.move("up", 9)
			s.settle()
			all := s.regressions()
			if len(all) != 1 || all[0].Culprit.Revision.ID != simRevision("up", 5) {
				t.Fatalf("found %+v", all)
			}
			seen := all[0].Checks.Workers
			if len(seen) == 0 || slices.ContainsFunc(seen, func(w string) bool { return w != "wa" && w != "wb" }) {
				t.Errorf("seen by %q", seen)
			}
		})
	}
}
