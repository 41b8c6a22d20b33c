package route

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

// testRoute makes a route on which each project makes so many steps.
func testRoute(lengths ...int) Route {
	r := Route{Base: weir.Pins{"still": "s"}}
	for i, n := range lengths {
		name := fmt.Sprintf("p%d", i)
		leg := Leg{Leg: weir.Leg{Project: name, From: 1, To: int64(n) + 1}}
		for k := range n + 1 {
			leg.Revisions = append(leg.Revisions, weir.Revision{ID: fmt.Sprintf("%s.%d", name, k), Position: int64(k) + 1})
		}
		r.Base[name] = leg.Revisions[0].ID
		r.Legs = append(r.Legs, leg)
	}
	return r
}

func TestRoute(t *testing.T) {
	t.Parallel()
	r := testRoute(2, 1)
	want := []string{
		"p0@p0.0 p1@p1.0 still@s", "p0@p0.1 p1@p1.0 still@s", "p0@p0.2 p1@p1.0 still@s", "p0@p0.2 p1@p1.1 still@s",
	}
	if r.Len() != len(want)-1 {
		t.Fatalf("length %d, want %d", r.Len(), len(want)-1)
	}
	for i, w := range want {
		if got := r.Pins(i).Key(); got != w {
			t.Errorf("pins at %d are %s, want %s", i, got, w)
		}
	}
	for i, w := range []string{"p0.1", "p0.2", "p1.1"} {
		if _, rev := r.Step(i + 1); rev.ID != w {
			t.Errorf("step %d takes %s, want %s", i+1, rev.ID, w)
		}
	}
	if got := r.Built("p1"); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("p1 alone moves at %v, want 2 and 3", got)
	}
	if got := r.Built("p0"); got != nil {
		t.Errorf("p0 is an upstream, and alone moves at %v", got)
	}
	for _, off := range []weir.Pins{
		{"p0": "p0.0", "p1": "p1.1", "still": "s"}, // the second leg before the first has ended
		{"p0": "p0.1", "p1": "p1.0", "still": "other"},
		{"p0": "elsewhere", "p1": "p1.0", "still": "s"},
		{"p0": "p0.1", "p1": "p1.0"},
	} {
		if at, ok := r.Position(off); ok {
			t.Errorf("%v is said to be at %d of the route", off, at)
		}
	}
}

func TestPinsAndPositionAreInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := testRoute(rapid.SliceOfN(rapid.IntRange(1, 9), 1, 4).Draw(t, "lengths")...)
		for i := range r.Len() + 1 {
			if at, ok := r.Position(r.Pins(i)); !ok || at != i {
				t.Fatalf("position of the pins at %d is %d, %v", i, at, ok)
			}
		}
		for i := 1; i <= r.Len(); i++ {
			project, rev := r.Step(i)
			if r.Pins(i)[project] != rev.ID || r.Pins(i - 1)[project] == rev.ID {
				t.Fatalf("step %d takes %s %s, which does not tell %v from %v", i, project, rev.ID, r.Pins(i-1), r.Pins(i))
			}
		}
	})
}

// TestWayBack: the route of a search for a fix begins at the good end, where the
// newest revisions are, and a step on it leaves a revision.
func TestWayBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		to := testRoute(rapid.SliceOfN(rapid.IntRange(1, 9), 1, 4).Draw(t, "lengths")...)
		back := to
		back.Back = true
		last := to.Legs[len(to.Legs)-1].Project
		for i := range to.Len() + 1 {
			pins := back.Pins(i)
			if pins.Key() != to.Pins(to.Len()-i).Key() {
				t.Fatalf("pins at %d of the way back are %v", i, pins)
			}
			if at, ok := back.Position(pins); !ok || at != i {
				t.Fatalf("position of the pins at %d is %d, %v", i, at, ok)
			}
			alone := slices.Contains(back.Built(last), i) // whether the upstreams are those of the end
			if alone != slices.Contains(to.Built(last), to.Len()-i) {
				t.Fatalf("on the way back %s alone moves at %v", last, back.Built(last))
			}
		}
		for i := 1; i <= back.Len(); i++ {
			project, rev := back.Step(i)
			if back.Pins(i - 1)[project] != rev.ID || back.Pins(i)[project] == rev.ID {
				t.Fatalf("step %d leaves %s %s, which does not tell %v from %v", i, project, rev.ID, back.Pins(i-1), back.Pins(i))
			}
		}
	})
}
