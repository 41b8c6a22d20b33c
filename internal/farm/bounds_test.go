package farm

import (
	"maps"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

// TestLostCorner: builds at a corner that come to nothing are not asked for again
// and again once their regression is mended.
func TestLostCorner(t *testing.T) {
	t.Parallel()
	beside := weir.Pins{"up": "up-1", "d": "d-2"}
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.apart = map[string]simEnd{beside.Key(): {outcome: weir.Infra, reason: weir.ReasonDiskFull}}
	s.world.faults = []simFault{{Project: "up", At: 3, Victim: "d", Tests: []string{"t0"}, Kind: weir.NewlyFailing, Without: weir.Pins{"d": "d-2"}}}
	s.move("up", 3)
	s.until("located", true, func() bool { all := s.regressions(); return len(all) == 1 && all[0].State == weir.Located })
	s.move("d", 2)
	asked := func() (n int) {
		for _, b := range s.history(s.regressions()[0].Builder.ID) {
			if maps.Equal(b.Pins, beside) {
				n++
			}
		}
		return n
	}
	s.until("told", true, func() bool {
		s.now = s.now.Add(5 * time.Minute) // what is lost rests before it is tried again
		return len(s.regressions()[0].Corners) == 4 || asked() > 20
	})
	s.until("at rest", true, s.atRest)
	if r := s.regressions()[0]; r.State != weir.Recovered || r.Blame != weir.BlameUpstream || asked() == 0 || asked() > 6 {
		t.Errorf("regression is %s, blames %q: %s; asked %d times", r.State, r.Blame, r.Note, asked())
	}
}
