// Package flake says how likely it is that a failure means nothing. It is pure.
//
// A test is flaky if it was both good and bad at equal inputs: the same
// revisions on the same platform, in processes of their own. Nothing else makes
// one: that results change from build to build may be the revisions.
//
// Model is how often a test fails for no reason. Of n builds in which nothing
// was broken, k failed and passed when they were run again. One that failed
// both times was taken for broken and is not among them, so with a rate f
// the share of flakes among the rest is not f but
//
//	g = f (1 - f) / (1 - f^2) = f / (1 + f),   and   f = g / (1 - g).
//
// g has the posterior Beta(0.5 + k, 8 + n - k). Searches want an estimate that
// is rather too high than too low, for too high costs runs and too low accuses the
// innocent: Rate is the bound that f stays below with 95 %. Prior and bound
// were chosen by playing searches for culprits of tests whose rate had to be
// learnt from 0 to 2,000 builds. In 120,000 searches (2 + 2k) / (10 + n) blamed
// an innocent revision in 0.038 % and took 9.11 runs, Rate 0.015 % and 9.09 runs.
// The median instead of the bound blamed 0.16 % of 30,000, in 8.3 runs.
//
// Mark keeps an eye on a flaky test until it has been silent for long enough
// (mark.go), Digest says what is new to its owners (digest.go), and Hints looks
// for what the bad runs have in common (hints.go).
package flake

import (
	"math"
	"slices"

	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/history/beta"
)

const (
	// careful is how sure it is that a test fails no more often than Rate.
	careful = 0.95
	// mostRate is the highest Rate. A test that fails more often for no reason
	// cannot be told from a broken one at a bearable cost.
	mostRate = 0.5
	// leastRate keeps a rate from being taken for impossible.
	leastRate = 1e-6
)

// prior is what is believed of the share of flakes before anything is seen.
func prior() beta.Prior { return beta.Prior{A: 0.5, B: 8} }

// Model is how often a test fails for no reason.
type Model struct {
	Flakes, Builds int
	// Rate is the rate per run, with the interval that holds it with 95 %.
	Rate beta.Interval
	// Careful is what the rate stays below with 95 %, at most 0.5.
	Careful float64
}

// Of makes a model of how many builds had both outcomes at equal inputs, of so
// many in which the test ran and was not found broken. Builds should be those
// of the present segment of its history: what it was like before it changed
// says nothing of how it is.
func Of(flakes, builds int) Model {
	flakes, builds = clean(flakes, builds)
	share := prior().Interval(0.95, flakes, builds-flakes)
	return Model{Flakes: flakes, Builds: builds, Careful: Rate(flakes, builds),
		Rate: beta.Interval{Mean: perRun(share.Mean), Low: perRun(share.Low), High: perRun(share.High)}}
}

// OfHistory is the model of a test with a past: that of its newest segment in
// which it ever passed. A segment in which it never did says that it is broken,
// and nothing of how it fails when it is not.
func OfHistory(h history.History) Model {
	for _, s := range slices.Backward(h.Segments) {
		if s.Passes()+s.Flakes > 0 {
			return Of(s.Flakes, s.Passes()+s.Flakes)
		}
	}
	return Of(0, 0)
}

// Rate estimates how often a test fails for no reason, on the careful side:
// high while little is known, falling as quiet builds add up, and near the truth
// when much is known. It is above 0 and at most 0.5, does not fall with more flakes
// and does not rise with more builds.
func Rate(flakes, builds int) float64 {
	flakes, builds = clean(flakes, builds)
	return min(max(perRun(prior().Quantile(careful, flakes, builds-flakes)), leastRate), mostRate)
}

func clean(flakes, builds int) (int, int) {
	flakes = max(flakes, 0)
	return flakes, max(builds, flakes)
}

// perRun is the rate per run of a share of flakes.
func perRun(g float64) float64 { return min(g/(1-min(g, 0.5)), 1) }

// MeansNothing is the probability that a test which was good and was bad now
// in so many runs, all of them, is not broken. broken is how likely a build is
// to break it, 0 to 1, for example 0.001. Not the rate is put to Bayes' rule but
// all rates that are likely, each with its weight: with a posterior Beta(a, b)
// of g, and I the regularised incomplete beta function,
//
//	E[f^k] = I(1/2; a + k, b - k) Beta(a + k, b - k) / Beta(a, b) + P(g > 1/2)
//
// which is much more than the k-th power of the mean while little is known.
// A g above 1/2 stands for a test that always fails. Where k is not below b, the largest
// whole k that is stands for it, which is too many rather than too few.
func (m Model) MeansNothing(runs int, broken float64) float64 {
	runs, broken = max(runs, 0), min(max(broken, 0), 1)
	p, good := prior(), m.Builds-m.Flakes
	a, b := p.A+float64(m.Flakes), p.B+float64(good)
	k := min(float64(runs), math.Ceil(b)-1)
	moment := beta.Prior{A: a + k, B: b - k}
	size := math.Exp(beta.LogGamma(a+k) + beta.LogGamma(b-k) - beta.LogGamma(a) - beta.LogGamma(b))
	chance := min(moment.Below(0.5, 0, 0)*size+1-p.Below(0.5, m.Flakes, good), 1) // that a test which is not broken is bad so many times
	nothing := chance * (1 - broken)
	if nothing+broken == 0 {
		return 0
	}
	return nothing / (nothing + broken)
}

// Repeats is how many bad runs in a row a test must show until one that fails for
// no reason with this rate would do so with at most the probability doubt:
// ln(doubt) / ln(rate), rounded up. It is at least 1 and at most 100. A run that
// was only looked at because it was bad is none of them.
func Repeats(rate, doubt float64) int {
	const most = 100
	n := math.Ceil(math.Log(doubt)/math.Log(rate) - 1e-9)
	if !(n < most) || !(rate < 1) || !(doubt > 0) {
		return most
	}
	return max(int(n), 1)
}

// Score is the share of the outcomes that are bad behind a good one, as Buildkite's
// Test Engine counts transitions: good, good, bad, bad, bad is 0.2, good, bad,
// good, bad, bad is 0.4. It says which of many tests are worth a look, and
// proves nothing: a test that is broken and mended again and again has it too.
// Oldest first; true is bad.
func Score(outcomes []bool) float64 {
	turns := 0
	for i := 1; i < len(outcomes); i++ {
		if outcomes[i] && !outcomes[i-1] {
			turns++
		}
	}
	return float64(turns) / float64(max(len(outcomes), 1))
}
