package blame

import (
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Tried is one combination: these projects stood at their new revisions and
// all others at their old ones. What is not sure yet (see Cell.Said) has not
// been tried.
type Tried struct {
	Moved []string
	Said  weir.Observed // none: it cannot be told
}

// Minimal says which projects have to move for a test to be bad. moved are all
// that did; it is bad when all have moved, and good when none has. Either next
// is the combination to try, or it is nil and minimal is a set none of whose
// projects can be left out: without any one of them it is good, or cannot be told.
//
// This is the minimizing delta debugging of A. Zeller and R. Hildebrandt,
// "Simplifying and Isolating Failure-Inducing Input" (2002), with projects as
// the changes: halves first, then what is left without them, then finer parts.
func Minimal(moved []string, tried []Tried) (next, minimal []string) {
	said := make(map[string]weir.Observed, len(tried))
	for _, t := range tried {
		said[key(t.Moved)] = t.Said
	}
	set := slices.Compact(slices.Sorted(slices.Values(moved)))
	for n := 2; len(set) > 1; {
		parts := split(set, n)
		part, untried := firstBad(parts, said)
		if part != nil {
			set, n = part, 2
			continue
		}
		if untried == nil && n > 2 { // of two parts, each is what is left without the other
			if part, untried = firstBad(without(set, parts), said); part != nil {
				set, n = part, n-1
				continue
			}
		}
		switch {
		case untried != nil:
			return untried, nil
		case n == len(set):
			return nil, set
		}
		n = min(2*n, len(set))
	}
	return nil, set
}

// Shown reports whether a minimal set is known to be one: tests were seen good
// without any one of its projects, and not just not to be told.
func Shown(minimal []string, tried []Tried) bool {
	good := map[string]bool{}
	for _, t := range tried {
		good[key(t.Moved)] = good[key(t.Moved)] || t.Said == weir.ObservedGood
	}
	return !slices.ContainsFunc(minimal, func(name string) bool {
		return !good[key(slices.DeleteFunc(slices.Clone(minimal), func(m string) bool { return m == name }))]
	})
}

// firstBad finds the first set that is bad, or one before it that has not been tried.
func firstBad(sets [][]string, said map[string]weir.Observed) (bad, untried []string) {
	for _, s := range sets {
		switch o, ok := said[key(s)]; {
		case !ok:
			return nil, s
		case o == weir.ObservedBad:
			return s, nil
		}
	}
	return nil, nil
}

// split cuts a set into n parts of nearly the same size, 1 <= n <= len(set).
func split(set []string, n int) [][]string {
	parts := make([][]string, 0, n)
	for i := range n {
		parts = append(parts, set[i*len(set)/n:(i+1)*len(set)/n])
	}
	return parts
}

// without lists what is left of a set without each of its parts.
func without(set []string, parts [][]string) [][]string {
	out := make([][]string, 0, len(parts))
	for _, p := range parts {
		out = append(out, slices.DeleteFunc(slices.Clone(set), func(name string) bool { return slices.Contains(p, name) }))
	}
	return out
}

func key(names []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), "\x00")
}
