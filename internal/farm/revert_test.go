package farm

import (
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// TestReverted takes the culprit out of the revisions that were found bad.
func TestReverted(t *testing.T) {
	t.Parallel()
	apart := weir.Pins{"up": weir.Without("up-9", "up-5")}
	cases := []struct {
		name string
		more []simFault
		end  map[string]simEnd
		said weir.Observed
		note string
	}{
		{"mends it", nil, nil, weir.ObservedGood, "with it reverted they are good again"},
		{"does not apply", nil, map[string]simEnd{apart.Key(): {outcome: weir.Broken, reason: weir.ReasonCheckout}}, weir.ObservedNone, ""},
		{"is not enough", []simFault{{Project: "up", At: 8, Victim: "d", Tests: []string{"t0", "t1"}, Kind: weir.NewlyFailing, Like: 5}}, nil, weir.ObservedBad, ""},
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
			s.world.breaks("up", 5, "t0", "t1")
			s.world.faults, s.world.apart = append(s.world.faults, c.more...), c.end
			s.move("up", 9)
			s.until("reverted", true, func() bool {
				all := s.regressions()
				return len(all) == 1 && all[0].Checks.Reverted.Said != ""
			})
			r := s.regressions()[0]
			if r.State != weir.Located || r.Culprit.Revision.ID != "up-5" || r.Checks.Reverted.Said != c.said || !strings.Contains(r.Note, c.note) {
				t.Errorf("regression is %s at %s, reverted %+v: %s", r.State, r.Culprit.Revision.ID, r.Checks.Reverted, r.Note)
			}
			if b := s.buildOf("d", r.Checks.Reverted.Build); b.Pins["up"] != apart["up"] || b.Cause != weir.CauseProbe {
				t.Errorf("build %d says so, which is a %s at %v", b.ID, b.Cause, b.Pins)
			}
			kinds, log := s.lifeOf(r.ID)
			if i := slices.Index(kinds, weir.WasJudged); i < 0 || !slices.Contains(log[i].Builds, r.Checks.Reverted.Build) {
				t.Errorf("the log does not say it: %+v", log)
			}
			s.until("at rest", true, s.atRest) // and it is asked once
			asked := 0
			for _, b := range s.history(r.Builder.ID) {
				if b.Pins["up"] == apart["up"] {
					asked++
				}
			}
			if most := map[weir.Observed]int{weir.ObservedBad: badRuns}[c.said]; asked > max(most, 1) {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

// badRuns is how many bad runs it takes to say that a revert does not help.
const badRuns = 2
