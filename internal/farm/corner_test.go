package farm

import (
	"maps"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// TestSides lets upstream and project move at once, and looks at whom is blamed.
func TestSides(t *testing.T) {
	t.Parallel()
	fault := func(project string, at int) simFault {
		return simFault{Project: project, At: at, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing}
	}
	together := fault("d", 3)
	together.With = weir.Pins{"up": "up-2"}
	beside := weir.Pins{"up": "up-1", "d": "d-4"}
	apart := func(end simEnd) map[string]simEnd { return map[string]simEnd{beside.Key(): end} }
	for _, c := range []struct {
		name    string
		faults  []simFault
		apart   map[string]simEnd
		culprit string
		note    string
		asked   [2]int // at least and at most so many builds at the corner
	}{
		{"upstream", []simFault{fault("up", 3)}, nil, "up-3", "the new upstreams alone break it", [2]int{1, 1}},
		{"downstream", []simFault{fault("d", 2)}, nil, "d-2", "the new project alone breaks it", [2]int{2, 12}},
		{"both", []simFault{fault("up", 3), fault("d", 2)}, nil, "up-3", "each side breaks it by itself, and together", [2]int{2, 12}},
		{"interaction", []simFault{together}, nil, "d-3", "only the two together are bad", [2]int{1, 1}},
		{"the project needs the upstream", []simFault{fault("up", 3)}, apart(simEnd{outcome: weir.Broken, reason: weir.ReasonPrepare}),
			"up-3", "the new upstreams alone break it", [2]int{2, 2}},
		{"the project needs the upstream, and breaks", []simFault{together}, apart(simEnd{outcome: weir.Broken, reason: weir.ReasonPrepare}),
			"d-3", "cannot be told", [2]int{2, 2}},
		{"nobody can build the corner", []simFault{together}, apart(simEnd{outcome: weir.Infra, reason: weir.ReasonSourceDown}),
			"d-3", "cannot be told", [2]int{3, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startSim(t, smallWorld("up"))
			s.poll()
			s.until("at rest", true, s.atRest)
			s.world.faults, s.world.apart = c.faults, c.apart
			s.world.tips["up"] = 5
			s.move("d", 4)
			s.until("at rest", true, s.atRest)
			all := s.regressions()
			if len(all) != 1 || all[0].State != weir.Located || all[0].Culprit.Revision.ID != c.culprit || !strings.Contains(all[0].Note, c.note) {
				t.Fatalf("regressions are %+v", all)
			}
			asked := 0
			for _, b := range s.history(all[0].Builder.ID) {
				if maps.Equal(b.Pins, beside) {
					asked++
					if b.Cause != weir.CauseProbe {
						t.Errorf("build %d is no probe but a %s", b.ID, b.Cause)
					}
				}
			}
			if asked < c.asked[0] || asked > c.asked[1] {
				t.Errorf("the corner was asked %d times, want %v", asked, c.asked)
			}
		})
	}
}

// TestOneSideIsNotAsked: if only one side has moved, there are no other corners.
func TestOneSideIsNotAsked(t *testing.T) {
	t.Parallel()
	s := broken(t)
	s.until("at rest", true, s.atRest)
	r := s.regressions()[0]
	if r.State != weir.Located || strings.Contains(r.Note, "side") || strings.Contains(r.Note, "alone") {
		t.Errorf("regression is %s: %s", r.State, r.Note)
	}
}
