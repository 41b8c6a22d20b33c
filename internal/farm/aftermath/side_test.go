package aftermath

import (
	"context"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// sides is a store that knows the searches of merged lines.
type sides struct {
	Store
	all []weir.Regression
}

func (s sides) Regressions(context.Context, store.RegressionFilter) ([]weir.Regression, error) {
	return s.all, nil
}

// TestSideOfAnotherCulprit: what was found on the line of an earlier culprit says
// nothing of the one that is found when a regression is searched again.
func TestSideOfAnotherCulprit(t *testing.T) {
	t.Parallel()
	side := func(id weir.RegressionID, branch string, bad weir.BuildID) weir.Regression {
		return weir.Regression{ID: id, Aim: weir.AimSide, Bad: weir.Evidence{Build: bad}, Path: []weir.Leg{{Project: "up", Branch: branch, From: 1, To: 3}}}
	}
	a := New(Options{Store: sides{all: []weir.Regression{side(9, "main^m2", 5), side(8, "main^m1", 5), side(7, "main^m2", 4)}}})
	r := weir.Regression{Bad: weir.Evidence{Build: 5}, Culprit: weir.Culprit{Project: "up"}}
	for merge, want := range map[string]weir.RegressionID{"m1": 8, "m2": 9, "m3": 0} {
		r.Culprit.Revision.ID = merge
		s, err := a.sideOf(t.Context(), r)
		if err != nil || (s == nil) != (want == 0) || s != nil && s.ID != want {
			t.Errorf("the line of %s: %+v, %v", merge, s, err)
		}
	}
}
