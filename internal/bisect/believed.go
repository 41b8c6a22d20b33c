package bisect

import (
	"cmp"
	"slices"

	"github.com/weir-ci/weir"
)

// Believed sums posteriors up for people: their mean, without what is hardly
// possible. It is zero if there are none, or they are of different paths.
func Believed(posteriors [][]float64) weir.Belief {
	if len(posteriors) == 0 || len(posteriors[0]) < 2 {
		return weir.Belief{}
	}
	mean := make([]float64, len(posteriors[0]))
	for _, p := range posteriors {
		if len(p) != len(mean) {
			return weir.Belief{}
		}
		for i, m := range p {
			mean[i] += m / float64(len(posteriors))
		}
	}
	last := len(mean) - 1
	b := weir.Belief{Environment: likely(mean[0]), Nobody: likely(mean[last])}
	for i := 1; i < last; i++ {
		if p := likely(mean[i]); p > 0 {
			b.Steps = append(b.Steps, weir.StepBelief{Position: i, Probability: p})
		}
	}
	if len(b.Steps) > weir.MaxBelief {
		b.Steps = likeliest(b.Steps, weir.MaxBelief)
	}
	return b
}

// likely leaves out what is hardly possible.
func likely(p float64) float64 {
	if !(p >= weir.LeastBelief) {
		return 0
	}
	return min(p, 1)
}

// likeliest keeps the n steps with the most probability, by position.
func likeliest(steps []weir.StepBelief, n int) []weir.StepBelief {
	ranked := slices.Clone(steps)
	slices.SortStableFunc(ranked, func(a, b weir.StepBelief) int { return cmp.Compare(b.Probability, a.Probability) })
	ranked = ranked[:min(n, len(ranked))]
	slices.SortFunc(ranked, func(a, b weir.StepBelief) int { return a.Position - b.Position })
	return ranked
}
