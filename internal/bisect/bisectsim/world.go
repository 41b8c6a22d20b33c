// Package bisectsim plays searches for culprits in synthetic histories: it
// knows who did it, lets internal/bisect find out, and counts what that costs
// and how often the answer is right. Plain bisection, which believes every
// answer, and bisection that repeats every run play the same worlds as rivals.
//
// A world is a path of revisions, some of which do not build, and tests of
// which each was broken by one step, by several, or by nobody. Everything is
// drawn from a seed, so a figure is the same wherever it is computed, and a
// test can hold it to the last digit.
//
// Counted is what the search asks for: a run is one build of the downstream at
// one position, whatever its outcome; revisions are the different positions
// it was asked for, the two ends included; builds are those of them that were
// not built before, which leaves out the ends, because the last good build
// and the alarm have built them. The alarm's own run is not counted.
package bisectsim

import (
	"math/rand/v2"

	"github.com/weir-ci/weir"
)

// Test is one test of a world, as it is in truth.
type Test struct {
	// Culprit is the step that broke the test; 0: nobody, it is only flaky.
	Culprit int
	// Rate is how often it fails for no reason; Estimate what the search is told.
	Rate, Estimate float64
	// Earlier is a stretch of positions in which another step had broken it
	// before; First is that step, Last the one before it was mended. Zero: none.
	Earlier weir.Span
}

// bad says whether the test is broken at a position.
func (t Test) bad(position int) bool {
	return t.Culprit > 0 && position >= t.Culprit ||
		t.Earlier.First > 0 && position >= t.Earlier.First && position <= t.Earlier.Last
}

// World is one history with its tests.
type World struct {
	Steps   int
	Tests   []Test
	Dead    []bool // positions that do not build; nil: all build
	Same    []int  // classes of identical products, as in bisect.Question
	Weights []float64
	// History are positions that were built, for whatever reason, before the
	// search begins; what they said is known and not counted.
	History []int
	// Environment says that the surroundings broke all tests, at every position.
	Environment bool
}

// dead says whether a position does not build.
func (w World) dead(position int) bool { return w.Dead != nil && w.Dead[position] }

// run is what one run at a position says about each test.
func (w World) run(position int, rng *rand.Rand) []weir.Observed {
	out := make([]weir.Observed, len(w.Tests))
	for i, t := range w.Tests {
		switch {
		case w.dead(position):
			out[i] = weir.ObservedNone
		case w.Environment || t.bad(position), rng.Float64() < t.Rate:
			out[i] = weir.ObservedBad
		default:
			out[i] = weir.ObservedGood
		}
	}
	return out
}
