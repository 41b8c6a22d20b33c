package leasemodel

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

type add int

func (a add) String() string { return "add " + strconv.Itoa(int(a)) }

// counter counts to 9 in steps of 2 and 3; only those of 2 are fair.
func counter() Machine[int, add] {
	return Machine[int, add]{
		Next: func(from int, step func(add, bool, int)) {
			for _, d := range []int{2, 3} {
				if from+d <= 9 {
					step(add(d), d == 2, from+d)
				}
			}
		},
		Check:  func(int, add, int) error { return nil },
		Normal: func(n int) int { return n },
	}
}

func TestExploreAll(t *testing.T) {
	t.Parallel()
	r := Explore(counter(), 100)
	if r.Wrong != nil || r.States != 9 || r.Depth != 3 { // all but 1
		t.Errorf("%v", r)
	}
}

func TestExploreShortestTrace(t *testing.T) {
	t.Parallel()
	m := counter()
	m.Check = func(_ int, _ add, to int) error {
		if to == 6 {
			return errors.New("six")
		}
		return nil
	}
	r := Explore(m, 100)
	if r.Wrong == nil || strings.Join(r.Trace, ",") != "add 3,add 3" {
		t.Errorf("%v", r)
	}
}

func TestExploreRest(t *testing.T) {
	t.Parallel()
	m := counter()
	m.Rest = func(n int) bool { return n == 8 || n == 9 }
	if r := Explore(m, 100); r.Wrong != nil {
		t.Errorf("%v", r)
	}
	m.Rest = func(n int) bool { return n == 9 }
	r := Explore(m, 100)
	if r.Wrong == nil || len(r.Trace) != 0 { // the start is even, and fair steps keep it so
		t.Errorf("%v", r)
	}
}

func TestExploreLimit(t *testing.T) {
	t.Parallel()
	if r := Explore(counter(), 3); r.Wrong == nil {
		t.Errorf("%v", r)
	}
}
