package blame

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
)

// search asks until a minimal set is found, and returns it with the number of questions.
func search(moved []string, isBad func(set []string) weir.Observed) ([]string, int) {
	var tried []Tried
	for {
		next, minimal := Minimal(moved, tried)
		if next == nil {
			return minimal, len(tried)
		}
		tried = append(tried, Tried{Moved: next, Said: isBad(next)})
	}
}

// needs is bad if all of some projects have moved.
func needs(all ...string) func([]string) weir.Observed {
	return func(set []string) weir.Observed {
		for _, name := range all {
			if !slices.Contains(set, name) {
				return weir.ObservedGood
			}
		}
		return weir.ObservedBad
	}
}

func TestMinimal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		moved, need []string
		most        int // questions
	}{
		{[]string{"a"}, []string{"a"}, 0},
		{[]string{"a", "b"}, []string{"a"}, 2},
		{[]string{"b", "a"}, []string{"a", "b"}, 2},
		{[]string{"a", "b", "c", "d"}, []string{"c"}, 4},
		{[]string{"a", "b", "c", "d"}, []string{"a", "d"}, 10},
		{[]string{"a", "b", "c", "d", "e", "f", "g", "h"}, []string{"h"}, 6},
		{[]string{"a", "b", "c", "d", "e", "f", "g", "h"}, []string{"a", "b", "c", "d", "e", "f", "g", "h"}, 30},
		{nil, nil, 0},
	} {
		got, asked := search(c.moved, needs(c.need...))
		if !slices.Equal(got, c.need) || asked > c.most {
			t.Errorf("%q: %q after %d questions, want %q after %d at most", c.moved, got, asked, c.need, c.most)
		}
	}
}

// TestMinimalIsMinimal: whatever a combination says, the answer is bad, and no
// project can be left out; and no combination is asked twice.
func TestMinimalIsMinimal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var moved []string
		for i := range rapid.IntRange(1, 7).Draw(t, "projects") {
			moved = append(moved, fmt.Sprintf("p%d", i))
		}
		kinds := []weir.Observed{weir.ObservedGood, weir.ObservedBad, weir.ObservedNone}
		said := map[string]weir.Observed{key(moved): weir.ObservedBad, "": weir.ObservedGood}
		asked := map[string]bool{}
		says := func(set []string) weir.Observed {
			if said[key(set)] == "" {
				said[key(set)] = kinds[rapid.IntRange(0, 2).Draw(t, "said")]
			}
			return said[key(set)]
		}
		got, n := search(moved, func(set []string) weir.Observed {
			if asked[key(set)] || len(set) == 0 || len(set) == len(moved) {
				t.Fatalf("%q is asked, and was known", set)
			}
			asked[key(set)] = true
			return says(set)
		})
		if says(got) != weir.ObservedBad || n > len(moved)*len(moved)+3*len(moved) {
			t.Fatalf("%q is %s, after %d questions about %d", got, says(got), n, len(moved))
		}
		for i := range got {
			if len(got) > 1 && says(slices.Delete(slices.Clone(got), i, i+1)) == weir.ObservedBad {
				t.Fatalf("%q can be left out of %q", got[i], got)
			}
		}
	})
}

func TestShown(t *testing.T) {
	t.Parallel()
	tried := []Tried{{Said: weir.ObservedGood}, {Moved: []string{"up"}, Said: weir.ObservedGood}, {Moved: []string{"lib"}, Said: weir.ObservedNone},
		{Moved: []string{"d"}, Said: weir.ObservedGood}}
	for _, c := range []struct {
		minimal []string
		want    bool
	}{
		{[]string{"up"}, true},
		{[]string{"d", "up"}, true},
		{[]string{"lib", "up"}, false},      // nobody knows about lib alone
		{[]string{"d", "lib", "up"}, false}, // two were not tried
	} {
		if got := Shown(c.minimal, tried); got != c.want {
			t.Errorf("%v: %v", c.minimal, got)
		}
	}
}
