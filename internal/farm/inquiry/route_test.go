package inquiry

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

// testRoute makes a route on which each project makes so many steps.
func testRoute(lengths ...int) route {
	r := route{base: weir.Pins{"still": "s"}}
	for i, n := range lengths {
		name := fmt.Sprintf("p%d", i)
		leg := routeLeg{Leg: weir.Leg{Project: name, From: 1, To: int64(n) + 1}}
		for k := range n + 1 {
			leg.revisions = append(leg.revisions, weir.Revision{ID: fmt.Sprintf("%s.%d", name, k), Position: int64(k) + 1})
		}
		r.base[name] = leg.revisions[0].ID
		r.legs = append(r.legs, leg)
	}
	return r
}

func TestRoute(t *testing.T) {
	t.Parallel()
	r := testRoute(2, 1)
	want := []string{
		"p0@p0.0 p1@p1.0 still@s", "p0@p0.1 p1@p1.0 still@s", "p0@p0.2 p1@p1.0 still@s", "p0@p0.2 p1@p1.1 still@s",
	}
	if r.len() != len(want)-1 {
		t.Fatalf("length %d, want %d", r.len(), len(want)-1)
	}
	for i, w := range want {
		if got := r.pins(i).Key(); got != w {
			t.Errorf("pins at %d are %s, want %s", i, got, w)
		}
	}
	for i, w := range []string{"p0.1", "p0.2", "p1.1"} {
		if _, rev := r.step(i + 1); rev.ID != w {
			t.Errorf("step %d takes %s, want %s", i+1, rev.ID, w)
		}
	}
	if got := r.built("p1"); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("p1 alone moves at %v, want 2 and 3", got)
	}
	if got := r.built("p0"); got != nil {
		t.Errorf("p0 is an upstream, and alone moves at %v", got)
	}
	for _, off := range []weir.Pins{
		{"p0": "p0.0", "p1": "p1.1", "still": "s"}, // the second leg before the first has ended
		{"p0": "p0.1", "p1": "p1.0", "still": "other"},
		{"p0": "elsewhere", "p1": "p1.0", "still": "s"},
		{"p0": "p0.1", "p1": "p1.0"},
	} {
		if at, ok := r.position(off); ok {
			t.Errorf("%v is said to be at %d of the route", off, at)
		}
	}
}

func TestPinsAndPositionAreInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := testRoute(rapid.SliceOfN(rapid.IntRange(1, 9), 1, 4).Draw(t, "lengths")...)
		for i := range r.len() + 1 {
			if at, ok := r.position(r.pins(i)); !ok || at != i {
				t.Fatalf("position of the pins at %d is %d, %v", i, at, ok)
			}
		}
		for i := 1; i <= r.len(); i++ {
			project, rev := r.step(i)
			if r.pins(i)[project] != rev.ID || r.pins(i - 1)[project] == rev.ID {
				t.Fatalf("step %d takes %s %s, which does not tell %v from %v", i, project, rev.ID, r.pins(i-1), r.pins(i))
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
		back.back = true
		last := to.legs[len(to.legs)-1].Project
		for i := range to.len() + 1 {
			pins := back.pins(i)
			if pins.Key() != to.pins(to.len()-i).Key() {
				t.Fatalf("pins at %d of the way back are %v", i, pins)
			}
			if at, ok := back.position(pins); !ok || at != i {
				t.Fatalf("position of the pins at %d is %d, %v", i, at, ok)
			}
			alone := slices.Contains(back.built(last), i) // whether the upstreams are those of the end
			if alone != slices.Contains(to.built(last), to.len()-i) {
				t.Fatalf("on the way back %s alone moves at %v", last, back.built(last))
			}
		}
		for i := 1; i <= back.len(); i++ {
			project, rev := back.step(i)
			if back.pins(i - 1)[project] != rev.ID || back.pins(i)[project] == rev.ID {
				t.Fatalf("step %d leaves %s %s, which does not tell %v from %v", i, project, rev.ID, back.pins(i-1), back.pins(i))
			}
		}
	})
}
