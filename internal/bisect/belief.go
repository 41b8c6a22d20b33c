package bisect

import (
	"math"

	"github.com/weir-ci/weir"
)

// belief is the posterior of one subject.
type belief struct {
	way      *path
	subjects int       // how many share it
	mass     []float64 // 0: environment, 1..n: steps, n+1: nobody; sums to 1
	rate     []float64 // per hypothesis, how often the test fails where nothing is broken
	failed   []bool    // per product, whether a failure was seen
	passed   []bool    // per product, whether a pass was seen
	dead     []bool    // positions that cannot be tested, or are taken for such
	live     []bool    // positions that could be tested
	mute     []int     // per position, how many trials said nothing
	hope     []float64 // per position, how likely it is that it can be tested, 0 to 1
}

func newBelief(way *path, s Subject) *belief {
	n := way.n
	b := &belief{way: way, mass: make([]float64, n+2), rate: make([]float64, n+2),
		failed: make([]bool, n+1), passed: make([]bool, n+1),
		dead: make([]bool, n+1), live: make([]bool, n+1), mute: make([]int, n+1), hope: make([]float64, n+1)}
	fails := make([]int, n+1)
	passes, lastPass := 0, -1
	for _, t := range s.Trials {
		if t.Position < 0 || t.Position > n {
			continue // outside of the path; says nothing
		}
		at := way.rep[t.Position]
		b.hear(at, t.Outcome)
		switch {
		case t.Outcome == weir.ObservedGood:
			b.passed[at] = true
			passes++
			lastPass = max(lastPass, at)
		case t.Outcome == weir.ObservedBad:
			b.failed[at] = true
			if !t.Alarm || at != way.rep[n] {
				fails[at]++
			}
		}
	}
	for i, r := range way.rep {
		b.dead[i], b.live[i] = b.dead[r], b.live[r]
	}
	b.weigh(newRates(s.FlakeRate, s.Doubt), fails, passes, lastPass)
	b.survey()
	return b
}

// hear notes whether a position could be tested.
func (b *belief) hear(at int, o weir.Observed) {
	if o == weir.ObservedNone {
		b.mute[at]++
		b.live[at] = b.live[at] && b.mute[at] < maxMute
	} else {
		b.live[at] = b.mute[at] < maxMute
	}
	b.dead[at] = !b.live[at]
}

// weigh applies Bayes' rule. A hypothesis that the last pass lies behind is
// impossible; the others differ by how many failures they leave unexplained.
func (b *belief) weigh(r rates, fails []int, passes, lastPass int) {
	n := b.way.n
	logs := make([]float64, n+2)
	unexplained, known := 0, -1
	var logL, rate float64
	most := math.Inf(-1)
	for j := 0; j <= n+1; j++ {
		if j > 0 {
			unexplained += fails[j-1]
		}
		if known != unexplained {
			logL, rate = r.likelihood(unexplained, passes)
			known = unexplained
		}
		b.rate[j] = rate
		logs[j] = math.Inf(-1)
		if b.way.prior[j] > 0 && j > lastPass {
			logs[j] = logL
			most = max(most, logL)
		}
	}
	sum, last, factor := 0.0, math.Inf(-1), 0.0
	for j, l := range logs {
		if l != last {
			last, factor = l, math.Exp(l-most)
		}
		b.mass[j] = b.way.prior[j] * factor
		sum += b.mass[j]
	}
	for j := range b.mass {
		b.mass[j] /= sum
	}
}

// finding says what is known.
func (b *belief) finding() Finding {
	n := b.way.n
	if m := b.mass[n+1]; m >= Sure {
		return Finding{Kind: Nobody, Confidence: m}
	}
	first, last, held := b.suspects()
	if first == 0 && last == 0 && held >= Sure {
		return Finding{Kind: Environment, Confidence: held}
	}
	f := Finding{Kind: Open, First: max(first, 1), Last: max(last, 1), Confidence: held}
	f.Verified = b.failed[b.way.rep[f.Last]] && b.passed[b.way.rep[f.First-1]]
	switch {
	case held >= Sure && first == last && f.Verified:
		f.Kind = Found
	case held >= Sure && (first < last || b.missing(first) < 0) && !b.separable(first, last), !b.answerable():
		f.Kind = Range
		f.First, f.Last = b.widen(f.First, f.Last)
		f.Verified = b.failed[b.way.rep[f.Last]] && b.passed[b.way.rep[f.First-1]]
	}
	return f
}

// suspects is a short stretch of hypotheses, the environment and steps, that
// holds all but a little of the mass that does not lie on nobody.
func (b *belief) suspects() (first, last int, held float64) {
	const impossible = 1e-9
	n := b.way.n
	first, last = n, 0
	for j := 0; j <= n; j++ {
		if b.mass[j] > impossible {
			first, last = min(first, j), max(last, j)
			held += b.mass[j]
		}
	}
	if first > last {
		return 1, n, 0
	}
	spare := (1 - Sure) * held
	if held >= Sure {
		spare = held - Sure
	}
	for first < last {
		if m := b.mass[first]; m <= b.mass[last] && m <= spare {
			held, spare, first = held-m, spare-m, first+1
		} else if m := b.mass[last]; m <= spare {
			held, spare, last = held-m, spare-m, last-1
		} else if m := b.mass[first]; m <= spare {
			held, spare, first = held-m, spare-m, first+1
		} else {
			break
		}
	}
	return first, last, held
}

// missing is a position that must still be seen before step i can be named: i
// itself failing, or its parent passing. -1: none is missing, or none can be seen.
func (b *belief) missing(i int) int {
	if i < 1 {
		return -1
	}
	at, parent := b.way.rep[i], b.way.rep[i-1]
	switch {
	case !b.failed[at] && !b.dead[at]:
		return at
	case !b.passed[parent] && !b.dead[parent]:
		return parent
	}
	return -1
}

// separable reports whether a position between first and last can be tested.
func (b *belief) separable(first, last int) bool {
	for i := first; i < last; i++ {
		if !b.dead[i] {
			return true
		}
	}
	return false
}

// widen takes steps into a range that cannot be told from it either.
func (b *belief) widen(first, last int) (int, int) {
	for first > 1 && b.dead[first-1] {
		first--
	}
	for last < b.way.n && b.dead[last] {
		last++
	}
	return first, last
}

// nothing is a gain, in bits, that no trial is worth.
const nothing = 1e-6

// answerable reports whether any position can still tell something: if not,
// asking on would go on forever.
func (b *belief) answerable() bool {
	if first, last, held := b.suspects(); held >= Sure && first == last && b.missing(first) >= 0 {
		return true
	}
	_, gain := b.best(nothing)
	return gain > nothing
}

// best is the position at which a trial is expected to tell most about this
// subject alone, or the first one that tells more than enough, with the
// information in bits, whatever the hope and the cost.
func (b *belief) best(enough float64) (position int, gain float64) {
	n := b.way.n
	rate, doubt := b.rate[n+1], entropy(b.rate[n+1])
	tail, bad, known := b.mass[n+1], b.mass[n+1]*rate, b.mass[n+1]*doubt
	for i, stale := n, true; i >= 0 && gain <= enough; i-- { // tail is the mass under which position i is innocent
		if stale && !b.dead[i] {
			if g := entropy(1-tail+bad) - known; g > gain {
				position, gain = b.way.rep[i], g
			}
			stale = false
		}
		if m := b.mass[i]; m > 0 {
			if b.rate[i] != rate {
				rate, doubt = b.rate[i], entropy(b.rate[i])
			}
			tail, bad, known, stale = tail+m, bad+m*rate, known+m*doubt, true
		}
	}
	return position, gain
}

func entropy(p float64) float64 {
	if p <= 0 || p >= 1 {
		return 0
	}
	return -(p*math.Log(p) + (1-p)*math.Log(1-p)) / math.Ln2
}
