package farm

import (
	"fmt"
	"testing"
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
