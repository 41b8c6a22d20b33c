package flake

import (
	"cmp"
	"math"
	"slices"

	"github.com/weir-ci/weir/internal/history/beta"
)

// Divisions lists facets that part bad runs from good ones without exception,
// however few there are: what an investigator would look at first. P is that of
// Fisher's exact test for this one split, and may be large. Loads and times of day
// always find some threshold, so they are not among them.
func Divisions(outcomes []Outcome) []Hint {
	outcomes = outcomes[max(0, len(outcomes)-MaxOutcomes):]
	f := newFisher(len(outcomes))
	var out []Hint
	for _, s := range parted(outcomes) {
		if s.facet == ByLoad || s.facet == ByHour || s.in.Bad == 0 || s.in.Bad < s.in.Runs || s.out.Bad > 0 {
			continue
		}
		out = append(out, Hint{Facet: s.facet, Value: s.value, In: s.in, Out: s.out, P: f.p(s.in, s.out), Same: s.same})
	}
	slices.SortStableFunc(out, func(a, b Hint) int { return cmp.Compare(a.P, b.P) })
	return out[:min(len(out), maxHints)]
}

// Apart is how likely chance alone parts so many bad runs from so many good ones
// without exception, 0 to 1: Fisher's exact test, two times its tail.
func Apart(bad, good int) float64 {
	lg := func(n int) float64 { return beta.LogGamma(float64(n) + 1) }
	return min(1, 2*math.Exp(lg(bad)+lg(good)-lg(bad+good)))
}
