package farm

import (
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// TestSeveralUpstreams lets two upstreams move at once, and the project too, and asks
// which of them it takes.
func TestSeveralUpstreams(t *testing.T) {
	t.Parallel()
	fault := func(project string, at int, with weir.Pins) []simFault {
		return []simFault{{Project: project, At: at, With: with, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing}}
	}
	cases := []struct {
		name    string
		faults  []simFault
		own     int // revision that the project moves to
		culprit string
		moved   []string
		note    string
		most    int // builds beside the path
	}{
		{"the first one", fault("lib", 3, nil), 1, "lib-3", []string{"lib"}, "", 0},
		{"the second one", fault("up", 3, nil), 1, "up-3", []string{"up"}, "", 6},
		{"both of them", fault("lib", 3, weir.Pins{"up": "up-2"}), 1, "up-2", []string{"lib", "up"}, "it takes the new lib and up", 3},
		{"the second one and the project", fault("lib", 2, weir.Pins{"d": "d-2"}), 3, "d-2", []string{"d", "lib"}, "it takes the new d and lib", 12},
		{"all three", []simFault{{Project: "lib", At: 2, With: weir.Pins{"d": "d-2", "up": "up-2"}, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing}},
			3, "d-2", []string{"d", "lib", "up"}, "it takes the new d and lib and up", 12},
	}
	if raceDetector { // see TestSimulation
		cases = cases[2:3]
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startSim(t, smallWorld("up", "lib"))
			s.poll()
			s.until("at rest", true, s.atRest)
			s.world.faults = c.faults
			s.world.tips["up"], s.world.tips["d"] = 4, c.own
			s.move("lib", 4)
			s.until("at rest", true, s.atRest)
			all := s.regressions()
			if len(all) != 1 || all[0].State != weir.Located || all[0].Culprit.Revision.ID != c.culprit {
				t.Fatalf("regressions are %+v", all)
			}
			r := all[0]
			if !slices.Equal(r.Checks.Moved, c.moved) || !strings.Contains(r.Note, c.note) {
				t.Errorf("it takes %q, want %q: %s; tried %+v", r.Checks.Moved, c.moved, r.Note, r.Checks.Tried)
			}
			if c.note == "" && strings.Contains(r.Note, "it takes") {
				t.Errorf("one is enough: %s", r.Note)
			}
			beside := 0
			for _, b := range s.history(r.Builder.ID) {
				moved := []string{}
				for name, rev := range b.Pins {
					if rev != simRevision(name, 1) {
						moved = append(moved, name)
					}
				}
				slices.Sort(moved)
				for _, tried := range r.Checks.Tried {
					if b.Cause == weir.CauseProbe && slices.Equal(moved, tried.Moved) {
						beside++
					}
				}
			}
			if beside > c.most {
				t.Errorf("%d builds were made beside the path, want %d at most: %+v", beside, c.most, r.Checks.Tried)
			}
			t.Logf("%s: tried %+v in %d builds", r.Note, r.Checks.Tried, beside)
		})
	}
}
