package history

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

func side(name string, runs, failures int) Side {
	s := Segment{Status: weir.Pass, Counts: Counts{Builds: runs, Runs: runs, Failures: failures}}
	if 2*failures > runs {
		s.Status = weir.Fail
	}
	if runs == 0 {
		s.Status, s.Builds = weir.Skip, 10
	}
	return Side{Name: name, Present: s}
}

func TestOnWhich(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                string
		sides               []Side
		want                Spread
		here, there, silent []string
	}{
		{"nothing", nil, NotKnown, nil, nil, nil},
		{"one", []Side{side("a", 10, 10)}, NotKnown, []string{"a"}, nil, nil},
		{"one runs", []Side{side("a", 10, 10), side("b", 0, 0)}, NotKnown, []string{"a"}, nil, []string{"b"}},
		{"all pass", []Side{side("b", 10, 0), side("a", 10, 0), side("c", 10, 0)}, Alike, []string{"a", "b", "c"}, nil, nil},
		{"all fail", []Side{side("b", 10, 10), side("a", 500, 500)}, Everywhere, []string{"a", "b"}, nil, nil},
		{"all fail, some not always", []Side{side("a", 500, 280), side("b", 500, 500)}, Everywhere, []string{"b", "a"}, nil, nil},
		{"one fails", []Side{side("a", 100, 0), side("b", 12, 12), side("c", 300, 0)}, OnlyHere, []string{"b"}, []string{"a", "c"}, nil},
		{"too little to tell", []Side{side("a", 100, 0), side("b", 100, 1)}, Alike, []string{"b", "a"}, nil, nil},
		{"flaky on all", []Side{side("a", 100, 9), side("b", 200, 22), side("c", 50, 4), side("d", 0, 0)}, Alike,
			[]string{"b", "a", "c"}, nil, []string{"d"}},
		{"flaky on two", []Side{side("a", 400, 60), side("b", 500, 1), side("c", 300, 50)}, OnlyHere, []string{"c", "a"}, []string{"b"}, nil},
	} {
		w := OnWhich(tt.sides)
		if w.Spread != tt.want || !slices.Equal(w.Here, tt.here) || !slices.Equal(w.There, tt.there) || !slices.Equal(w.Silent, tt.silent) {
			t.Errorf("%s: %+v", tt.name, w)
		}
		if w.Spread == OnlyHere && (w.HereRate.Mean <= w.ThereRate.Mean || w.Odds < 4) {
			t.Errorf("%s: %+v", tt.name, w)
		}
	}
}

func TestEverySideIsNamedOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var sides []Side
		var want []string
		for i := range rapid.IntRange(0, 12).Draw(t, "sides") {
			runs := rapid.IntRange(0, 400).Draw(t, "runs")
			sides = append(sides, side(string(rune('a'+i)), runs, rapid.IntRange(0, runs).Draw(t, "failures")))
			want = append(want, sides[i].Name)
		}
		w := OnWhich(sides)
		if got := slices.Sorted(slices.Values(slices.Concat(w.Here, w.There, w.Silent))); !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
		if again := OnWhich(rapid.Permutation(sides).Draw(t, "order")); again.Spread != w.Spread || !slices.Equal(again.Here, w.Here) {
			t.Fatalf("the order matters: %+v, %+v", w, again)
		}
	})
}
