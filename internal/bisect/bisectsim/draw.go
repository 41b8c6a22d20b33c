package bisectsim

import (
	"math/rand/v2"
	"slices"

	"github.com/weir-ci/weir"
)

// flakyAlarms is the share of alarms that nobody is to blame for.
const flakyAlarms = 0.4

// Draw makes a world.
type Draw func(*rand.Rand) World

// Single draws a world of one test whose rate is known.
func Single(steps int, rate float64) Draw { return Estimated(steps, rate, rate) }

// Estimated draws a world of one test whose rate is not what the search is told.
func Estimated(steps int, estimate, rate float64) Draw {
	return func(rng *rand.Rand) World {
		t := Test{Rate: rate, Estimate: estimate}
		if rng.Float64() >= flakyAlarms {
			t.Culprit = 1 + rng.IntN(steps)
		}
		return World{Steps: steps, Tests: []Test{t}}
	}
}

// Joint draws a world of many tests and some culprits; each culprit breaks at
// least one test.
func Joint(steps, tests, culprits int, rate float64) Draw {
	return func(rng *rand.Rand) World {
		w := World{Steps: steps}
		guilty := rng.Perm(steps)[:culprits]
		for i := range tests {
			c := guilty[rng.IntN(culprits)]
			if i < culprits {
				c = guilty[i]
			}
			w.Tests = append(w.Tests, Test{Culprit: c + 1, Rate: rate, Estimate: rate})
		}
		return w
	}
}

// Broken draws a world of one test in which a share of the revisions, one by
// one or in stretches of a length, does not build. The ends do.
func Broken(steps int, rate, broken float64, stretch int) Draw {
	return func(rng *rand.Rand) World {
		w := Single(steps, rate)(rng)
		w.Dead = make([]bool, steps+1)
		for dead := 0; float64(dead) < broken*float64(steps); {
			from := 1 + rng.IntN(steps-1)
			for i := from; i < min(from+stretch, steps); i++ {
				if !w.Dead[i] {
					w.Dead[i] = true
					dead++
				}
			}
		}
		return w
	}
}

// Mended draws a world in which a test was broken, mended, and broken again.
// If it is seen, builds of
// the time when it was broken first and of when it was mended are known.
func Mended(steps int, rate float64, seen bool) Draw {
	return func(rng *rand.Rand) World {
		at := rng.Perm(steps)[:3]
		slices.Sort(at)
		broken, mended, again := at[0]+1, at[1]+1, at[2]+1
		w := World{Steps: steps, Tests: []Test{{Culprit: again, Rate: rate, Estimate: rate,
			Earlier: weir.Span{First: broken, Last: mended - 1}}}}
		if seen {
			between := mended + rng.IntN(again-mended)
			w.History = []int{broken, broken, broken, between, between, between}
		}
		return w
	}
}

// Collapsed draws a world in which so many of ten neighbours have the product
// of the revision before them; a culprit never does.
func Collapsed(steps int, rate float64, ofTen int, told bool) Draw {
	return func(rng *rand.Rand) World {
		w := Single(steps, rate)(rng)
		same := make([]int, steps+1)
		for i := 1; i <= steps; i++ {
			same[i] = same[i-1]
			if i == w.Tests[0].Culprit || rng.IntN(10) >= ofTen {
				same[i]++
			}
		}
		if told {
			w.Same = same
		}
		return w
	}
}

// Suspected draws a world in which the culprit is among the tenth of the steps
// that look far more suspicious than the others, nine times of ten.
func Suspected(steps int, rate float64, told bool) Draw {
	return func(rng *rand.Rand) World {
		w := Single(steps, rate)(rng)
		weights := make([]float64, steps)
		marked := rng.Perm(steps)[:max(steps/10, 1)]
		for i := range weights {
			weights[i] = 1
		}
		for _, m := range marked {
			weights[m] = 81 // nine times of ten one of a tenth
		}
		if w.Tests[0].Culprit > 0 && rng.Float64() < 0.9 {
			w.Tests[0].Culprit = 1 + marked[rng.IntN(len(marked))]
		}
		if told {
			w.Weights = weights
		}
		return w
	}
}

// Misled draws a world in which the tenth of the steps that looks far more
// suspicious than the rest is innocent.
func Misled(steps int, rate float64) Draw {
	return func(rng *rand.Rand) World {
		w := Single(steps, rate)(rng)
		w.Weights = make([]float64, steps)
		for i := range w.Weights {
			w.Weights[i] = 1
		}
		for _, m := range rng.Perm(steps)[:max(steps/10, 1)] {
			if m+1 != w.Tests[0].Culprit {
				w.Weights[m] = 81
			}
		}
		return w
	}
}

// Surroundings draws a world in which nothing but the environment changed.
func Surroundings(steps int, rate float64) Draw {
	return func(*rand.Rand) World {
		return World{Steps: steps, Environment: true, Tests: []Test{{Rate: rate, Estimate: rate}}}
	}
}
