package inquiry

import (
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
)

// TestBeyondThePath: where a project moved that the path cannot follow, its first
// position is not the good build, and that it is bad does not mean the environment.
func TestBeyondThePath(t *testing.T) {
	t.Parallel()
	q := New(Options{Now: func() time.Time { return time.Unix(1, 0) }})
	for name, c := range map[string]struct {
		good  weir.Pins
		state weir.RegressionState
	}{
		"all is on the path":  {weir.Pins{"up": "up0", "go": "g"}, weir.Dismissed},
		"go was another one":  {weir.Pins{"up": "up0", "go": "old"}, weir.Narrowed},
		"go has joined since": {weir.Pins{"up": "up0"}, weir.Narrowed},
	} {
		e := &evidence{route: routeOf(leg("up", 3))}
		r := weir.Regression{State: weir.Searching, Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "d"}}, Good: weir.Evidence{Build: 1, Pins: c.good},
			Blame: weir.BlameEnvironment, Victims: []weir.Victim{{Test: weir.TestID{Name: "t"}, Verdict: weir.NewlyFailing}}}
		q.describe(&r, e, bisect.Finding{Kind: bisect.Environment})
		if r.State != c.state || (c.state == weir.Narrowed) != strings.Contains(r.Note, "go moved too") || (c.state == weir.Narrowed) != (r.Blame == weir.BlameNone) ||
			r.State.Open() != r.Closed.IsZero() {
			t.Errorf("%s: %s, blame %q: %s", name, r.State, r.Blame, r.Note)
		}
	}
}

// TestNothingIsSaid: where no build says anything of the tests, a search that
// a person asked for has no good end, no bad one, and blames nobody.
func TestNothingIsSaid(t *testing.T) {
	t.Parallel()
	q := New(Options{Now: func() time.Time { return time.Unix(1, 0) }})
	for said, state := range map[weir.Observed]weir.RegressionState{weir.ObservedNone: weir.Dismissed, weir.ObservedBad: weir.Narrowed} {
		e := &evidence{route: routeOf(leg("d", 3)), trials: []bisect.Trial{{Position: 3}}, said: [][]weir.Observed{{said}}}
		r := weir.Regression{State: weir.Searching, Aim: weir.AimAsked, Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "d"}}, Path: []weir.Leg{{Project: "d"}},
			Blame: weir.BlameDownstream, Corners: []weir.Corner{{}}, Victims: []weir.Victim{{Test: weir.TestID{Name: "t"}, Verdict: weir.NewlyFailing}}}
		q.describe(&r, e, bisect.Finding{Kind: bisect.Range, First: 1, Last: 3})
		if r.State != state || (state == weir.Dismissed) != (r.Blame == weir.BlameNone) || (state == weir.Dismissed) != strings.Contains(r.Note, "says anything") ||
			r.State.Open() != r.Closed.IsZero() {
			t.Errorf("%q: %s, blame %q: %s", said, r.State, r.Blame, r.Note)
		}
	}
}
