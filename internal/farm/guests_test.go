package farm

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// TestSearchedAgainWithGuests reopens a regression that has the tests of another
// project, and
// splits those off.
func TestSearchedAgainWithGuests(t *testing.T) {
	t.Parallel()
	w := smallWorld("up")
	w.addProject("e", []weir.Upstream{{Project: "up", Job: "build"}}, "test")
	w.tests["e"] = []string{"t0", "t3", "x0"}
	s := startSim(t, w)
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.breaks("up", 5, "t1") // e has no such test
	s.world.faults = append(s.world.faults, simFault{Project: "up", At: 5, Victim: "e", Tests: []string{"t0", "t3", "x0"}, Kind: weir.NewlyFailing})
	s.move("up", 9)
	var r weir.Regression
	s.until("merged", true, func() bool {
		all := s.regressions()
		i := slices.IndexFunc(all, func(r weir.Regression) bool { return r.State == weir.Located && len(r.Victims) == 4 })
		if i >= 0 {
			r = all[i]
		}
		return i >= 0
	})
	word := weir.Word{By: "ann", Why: "is it?", At: s.now}
	s.must(s.store.Dismiss(s.ctx, r.ID, word))
	s.must(s.store.Reopen(s.ctx, r.ID, word))
	s.until("at rest", true, s.atRest)
	for _, o := range s.regressions() {
		if o.ID == r.ID && (o.State != weir.Located || o.Culprit.Revision.ID != "up-5" || len(o.Victims) != 4) ||
			o.ID != r.ID && o.State != weir.Merged {
			t.Errorf("regression %d is %s at %q with %d tests: %s", o.ID, o.State, o.Culprit.Revision.ID, len(o.Victims), o.Note)
		}
	}
	// Who is split off is searched where it came from.
	var guests []store.VictimKey
	for _, v := range s.read(r.ID).Victims {
		if v.Builder.ID != r.Builder.ID {
			guests = append(guests, store.VictimKey{Builder: v.Builder.ID, Test: v.Test})
		}
	}
	part, err := s.store.Split(s.ctx, r.ID, guests, word)
	s.must(err)
	s.until("at rest", true, s.atRest)
	if p := s.read(part); p.State != weir.Located || p.Builder.ID == r.Builder.ID || len(p.Victims) != len(guests) {
		t.Errorf("what was split off is %s with %d tests: %s", p.State, len(p.Victims), p.Note)
	}
}

func (s *sim) read(id weir.RegressionID) weir.Regression {
	r, err := s.store.Regression(s.ctx, id)
	s.must(err)
	return r
}
