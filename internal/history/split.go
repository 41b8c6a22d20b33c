package history

import (
	"math"
	"slices"

	"github.com/weir-ci/weir/internal/history/beta"
)

const (
	// splitPrice is what a split must be worth: the factor by which the
	// evidence has to grow is 1 / 0.0001.
	splitPrice = 1e-4
	// maxStarts is how many beginnings of the present segment are weighed at
	// once. The best are kept; with fewer places than twice as many
	// the result is exact.
	maxStarts = 16
)

// weights knows the evidence of every segment that might be.
type weights struct {
	stretches []stretch
	before    []Counts // before[i] is the sum of stretches[:i]
	ran       counter
	first     counter
	again     counter
	hides     bool // whether there is a build that did not run the test
}

func newWeights(list []stretch) *weights {
	w := &weights{stretches: list, before: make([]Counts, len(list)+1)}
	for i, s := range list {
		w.before[i+1] = w.before[i].plus(s.Counts)
	}
	all := w.before[len(list)]
	w.hides = all.Hidden() > 0
	if w.hides {
		w.ran = newCounter(firstPrior(), all.Hidden(), all.Runs)
	}
	w.first = newCounter(firstPrior(), all.Failures, all.Passes())
	w.again = newCounter(againPrior(), all.Repeated, all.Doubled-all.Repeated)
	return w
}

// evidence is the logarithm of the evidence of a segment with these counts.
func (w *weights) evidence(c Counts) float64 {
	e := w.first.evidence(c.Failures, c.Runs-c.Failures)
	if c.Doubled > 0 {
		e += w.again.evidence(c.Repeated, c.Doubled-c.Repeated)
	}
	if w.hides {
		e += w.ran.evidence(c.Builds-c.Runs, c.Runs)
	}
	return e
}

// partition cuts the stretches into segments. It returns the index of the
// first stretch of each, and behind them the number of stretches.
func (w *weights) partition() []int {
	n := len(w.stretches)
	best := make([]float64, n+1) // of the past up to here
	from := make([]int, n+1)
	price := math.Log(splitPrice)
	starts := make([]start, 0, 2*maxStarts+1)
	starts = append(starts, start{})
	for j := 1; j <= n; j++ {
		best[j] = math.Inf(-1)
		for k := range starts {
			s := &starts[k]
			s.value = best[s.at] + w.evidence(w.before[j].minus(w.before[s.at]))
			if s.at > 0 {
				s.value += price
			}
			if s.value > best[j] {
				best[j], from[j] = s.value, s.at
			}
		}
		if len(starts) >= 2*maxStarts {
			slices.SortFunc(starts, start.worse)
			starts = starts[:maxStarts]
		}
		starts = append(starts, start{at: j})
	}
	var bounds []int
	for j := n; j > 0; j = from[j] {
		bounds = append(bounds, j)
	}
	bounds = append(bounds, 0)
	slices.Reverse(bounds)
	return bounds
}

// start is where the present segment might begin.
type start struct {
	at    int
	value float64
}

func (s start) worse(t start) int {
	switch {
	case s.value > t.value:
		return -1
	case s.value < t.value:
		return 1
	}
	return s.at - t.at
}

// counter computes the evidence of counts. Small counts, which are most, are
// looked up.
type counter struct {
	prior           beta.Prior
	bad, good, both table
	none            float64
}

func newCounter(p beta.Prior, bad, good int) counter {
	c := counter{prior: p, bad: newTable(p.A, bad), good: newTable(p.B, good), both: newTable(p.A+p.B, bad+good)}
	c.none = c.both.at(0) - c.bad.at(0) - c.good.at(0)
	return c
}

func (c *counter) evidence(bad, good int) float64 {
	return c.bad.at(bad) + c.good.at(good) - c.both.at(bad+good) + c.none
}

// maxTable is the largest count that is looked up.
const maxTable = 512

// table is the logarithm of the gamma function at an offset and whole steps from it.
type table struct {
	offset float64
	known  []float64
}

func newTable(offset float64, most int) table {
	t := table{offset: offset, known: make([]float64, min(max(most, 0), maxTable)+1)}
	t.known[0] = beta.LogGamma(offset)
	for i := 1; i < len(t.known); i++ {
		t.known[i] = t.known[i-1] + math.Log(offset+float64(i-1))
	}
	return t
}

func (t *table) at(n int) float64 {
	if n < len(t.known) {
		return t.known[n]
	}
	return beta.LogGamma(t.offset + float64(n))
}
