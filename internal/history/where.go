package history

import (
	"cmp"
	"math"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/history/beta"
)

// Side is one of the builders on which a test is compared.
type Side struct {
	Name     string // of the builder
	Platform weir.Platform
	Present  Segment
}

// Spread says on which builders a test fails.
type Spread string

// The closed set of spreads.
const (
	NotKnown   Spread = "unknown"    // it runs on fewer than two of them
	Alike      Spread = "alike"      // it fails on all alike, mostly not at all
	Everywhere Spread = "everywhere" // it is bad on all that run it
	OnlyHere   Spread = "only_here"  // it fails on some far more often than on the others
)

// Where says on which builders a test fails in its present segments.
type Where struct {
	Spread Spread `json:"spread"`
	// Here are the names of the sides with the higher rate, those where it fails
	// most first, There those with the lower one. For other spreads than OnlyHere
	// all that run the test are Here. Silent do not run it. All are in the order
	// of rates, then of names.
	Here   []string `json:"here,omitempty"`
	There  []string `json:"there,omitempty"`
	Silent []string `json:"silent,omitempty"`
	// HereRate and ThereRate are the rates of the two; ThereRate is zero if
	// There is empty.
	HereRate  beta.Interval `json:"here_rate"`
	ThereRate beta.Interval `json:"there_rate"`
	// Odds is how much more likely two rates explain what was seen than one,
	// as a logarithm to base 10.
	Odds float64 `json:"odds"`
}

// OnWhich compares the present segments of one test on several builders. It
// orders them by rate and looks for the place where two groups, each with a rate
// of its own, explain the counts best; they are told apart if that is worth the
// price of a split (see the package comment), and alike otherwise. Where a
// test is bad in most runs on all, the rates do not matter.
func OnWhich(sides []Side) Where {
	var w Where
	ran := make([]Side, 0, len(sides))
	for _, s := range sides {
		if s.Present.Runs == 0 || kindOf(s.Present.Status) == hidden {
			w.Silent = append(w.Silent, s.Name)
		} else {
			ran = append(ran, s)
		}
	}
	slices.Sort(w.Silent)
	prior := firstPrior()
	mean := func(c Counts) float64 { return prior.Mean(c.Failures, c.Passes()) }
	evidence := func(c Counts) float64 { return prior.LogEvidence(c.Failures, c.Passes()) }
	slices.SortStableFunc(ran, func(a, b Side) int {
		return cmp.Or(cmp.Compare(mean(b.Present.Counts), mean(a.Present.Counts)), cmp.Compare(a.Name, b.Name))
	})
	var all, here Counts
	broken := 0
	for _, s := range ran {
		all = all.plus(s.Present.Counts)
		if kindOf(s.Present.Status) == bad {
			broken++
		}
	}
	cut, most := 0, math.Inf(-1)
	for i := 1; i < len(ran); i++ {
		here = here.plus(ran[i-1].Present.Counts)
		if gain := evidence(here) + evidence(all.minus(here)) - evidence(all); gain > most {
			cut, most = i, gain
		}
	}
	switch {
	case len(ran) < 2:
		w.Spread, cut = NotKnown, len(ran)
	case broken == len(ran):
		w.Spread, cut = Everywhere, len(ran)
	case most+math.Log(splitPrice) > 0:
		w.Spread = OnlyHere
	default:
		w.Spread, cut = Alike, len(ran)
	}
	if len(ran) > 1 {
		w.Odds = most / math.Ln10
	}
	w.Here, w.HereRate = names(ran[:cut])
	w.There, w.ThereRate = names(ran[cut:])
	return w
}

// names lists some sides, and says how often the test fails on them together.
func names(sides []Side) (list []string, rate beta.Interval) {
	var c Counts
	for _, s := range sides {
		list = append(list, s.Name)
		c = c.plus(s.Present.Counts)
	}
	if len(sides) > 0 {
		rate = c.Rate()
	}
	return list, rate
}
