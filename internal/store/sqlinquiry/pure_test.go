package sqlinquiry

import (
	"fmt"
	"testing"

	"github.com/weir-ci/weir"
)

func TestOnPath(t *testing.T) {
	t.Parallel()
	path := []weir.Leg{{Project: "up", From: 3, To: 7}, {Project: "p", From: 1, To: 3}}
	positions := []map[string]int64{{}, {}}
	for i := range int64(10) {
		positions[0][fmt.Sprint("u", i)], positions[1][fmt.Sprint("r", i)] = i, i
	}
	for pins, want := range map[string]int{
		"u3 r1": 0, "u5 r1": 2, "u7 r1": 4, "u7 r2": 5, "u7 r3": 6,
		"u3 r3": -1, // a corner
		"u8 r1": -1, "u2 r1": -1, "u7 r4": -1, "x r1": -1,
	} {
		var up, own string
		if _, err := fmt.Sscan(pins, &up, &own); err != nil {
			t.Fatal(err)
		}
		at, ok := onPath(path, positions, weir.Pins{"up": up, "p": own})
		if !ok {
			at = -1
		}
		if at != want {
			t.Errorf("%s lies at %d, want %d", pins, at, want)
		}
	}
}

func TestRestrict(t *testing.T) {
	t.Parallel()
	victims := func(names ...string) (vs []weir.Victim) {
		for _, n := range names {
			vs = append(vs, weir.Victim{Test: weir.TestID{Name: n}})
		}
		return vs
	}
	p := weir.Probe{Victims: []weir.Observed{weir.ObservedGood, weir.ObservedBad, weir.ObservedNone}}
	got := restrict(p, victims("a", "b", "c"), victims("b", "new", "a"))
	if fmt.Sprint(got.Victims, got.Good, got.Bad, got.None) != "[bad none good] 1 1 1" {
		t.Errorf("%+v", got)
	}
	if got := restrict(weir.Probe{Good: 2}, victims("a"), victims("b")); got.Victims != nil || got.Good != 2 {
		t.Errorf("a probe that has not spoken: %+v", got)
	}
}
