package farm

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/weir-ci/weir"
)

// TestMachineChangesInASearch: the only machine falls ill after some probes, or
// recovers. A real break is found or it is not, but nobody else is named.
func TestMachineChangesInASearch(t *testing.T) {
	t.Parallel()
	probes := 8
	if raceDetector { // see TestSimulation
		probes = 2
	}
	for after := range probes {
		for _, recovers := range []bool{false, true} {
			t.Run(fmt.Sprint(after, recovers), func(t *testing.T) {
				t.Parallel()
				w := smallWorld("up")
				s := startSim(t, w)
				s.calm = true
				s.poll()
				s.settle()
				ill := map[string][]string{"w": {"t0"}}
				if recovers {
					w.ill = ill
				} else {
					w.breaks("up", 20, "t0")
				}
				s.move("up", 40)
				s.until("accused", false, func() bool { return len(s.regressions()) > 0 })
				s.until("searched", true, func() bool { return s.probesOf(s.regressions()[0]) > after })
				if w.ill = ill; recovers {
					w.ill = nil
				}
				s.settle()
				for _, r := range s.regressions() {
					if at := r.Culprit.Revision.ID; at != "" && (recovers || at != simRevision("up", 20)) {
						t.Errorf("regression %d is %s at %s: %s", r.ID, r.State, at, r.Note)
					}
				}
			})
		}
	}
}

// TestOneMachineFailsOtherwise: what a test says that fails changes with revision 30, and
// on one of several machines it fails now and then for a reason of that machine's, which
// looks as good to the search as what it said before. Nobody else is named.
//
// WEIR_SIM=100 tries so many searches with each number of machines.
func TestOneMachineFailsOtherwise(t *testing.T) {
	t.Parallel()
	seeds := uint64(3)
	if raceDetector { // see TestSimulation
		seeds = 1
	}
	if n, err := strconv.ParseUint(os.Getenv("WEIR_SIM"), 10, 64); err == nil {
		seeds = n
	}
	for _, machines := range []int{2, 3} {
		var mu sync.Mutex
		named, wrong, probes := 0, 0, 0
		t.Run(fmt.Sprint(machines, " machines"), func(t *testing.T) {
			for seed := range seeds {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					t.Parallel()
					r, n := failsOtherwise(t, seed, machines)
					mu.Lock()
					defer mu.Unlock()
					probes += n
					switch at := r.Culprit.Revision.ID; {
					case at == simRevision("up", 30):
						named++
					case at != "":
						wrong++
						t.Errorf("regression %d is %s at %s: %s", r.ID, r.State, at, r.Note)
					}
				})
			}
		})
		t.Logf("%d machines: %d of %d named, %d wrong, %d builds", machines, named, seeds, wrong, probes)
	}
}

// failsOtherwise plays one search, and counts what it asked for.
func failsOtherwise(t *testing.T, seed uint64, machines int) (weir.Regression, int) {
	w := smallWorld("up")
	w.rng = rand.New(rand.NewPCG(seed, 3))
	w.nasty = newSimNasty(seed)
	w.faults = []simFault{
		{Project: "up", At: 5, Fixed: 30, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing},
		{Project: "up", At: 6, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing},
	}
	s := startSim(t, w)
	s.calm = true
	for i := 1; i < machines; i++ {
		s.workers = append(s.workers, weir.Worker{Name: "w" + strconv.Itoa(i), Platform: simPlatform, Slots: 2})
	}
	s.poll()
	s.settle()
	s.move("up", 20)
	s.settle()
	s.move("up", 45)
	s.until("accused", false, func() bool { return s.regressions()[0].Victims[0].Verdict == weir.FailingDifferently })
	w.nasty.illness = []simIllness{{worker: "w", project: "d", test: "t0", from: s.now, rate: 0.5}}
	s.settle()
	for _, r := range s.regressions() {
		if r.Victims[0].Verdict == weir.FailingDifferently {
			return r, s.probesOf(r)
		}
	}
	t.Error("the regression is gone")
	return weir.Regression{}, 0
}
