package bisect

import "slices"

const (
	// minGain is the information, in bits, below which a further probe at the
	// same time is not worth a run.
	minGain = 0.0005
	// maxCells bounds how finely long paths are looked at.
	maxCells = 256
	// maxScenarios bounds how many combinations of outcomes of probes at the
	// same time are thought through, over all subjects, most and least the same
	// for one of them; minScenario is the least likely one.
	maxScenarios   = 200
	mostScenarios  = 48
	leastScenarios = 4
	minScenario    = 0.004
	// faint is a mass that is too small to choose by.
	faint = 1e-7
	// refinements says how often probes at the same time are chosen anew, and
	// maxRefined the size, in cells, over which they are not.
	refinements = 1
	maxRefined  = 1024
	// alone weighs the prior against what the other tests say, in tests.
	alone = 0.3
	// steering is how much of the choice follows the other tests; the rest
	// keeps asking what a test that is unlike them needs to be asked.
	steering = 0.8
)

// chooser picks probes for all open subjects together.
type chooser struct {
	way   *path
	at    []int // candidates, ascending
	views []*view
	built []bool // per position
}

// view is a belief, seen at the candidates only. Cell c is the mass of the
// hypotheses behind candidate c-1 up to candidate c; the last one is nobody.
type view struct {
	b         *belief
	rate      []float64 // per cell
	doubt     []float64 // per cell, the entropy of its rate
	scenarios [][]float64
}

// choose returns up to so many positions to probe at once, given those that
// run already.
func choose(way *path, all, open []*belief, pending []int, count int) []int {
	c := &chooser{way: way, at: candidates(way, open), built: slices.Clone(way.built)}
	total, subjects := together(way, all)
	for _, b := range open {
		c.views = append(c.views, newView(b, b.steer(total, subjects), c.at))
	}
	for _, p := range pending {
		if p >= 0 && p <= way.n {
			c.suppose(way.rep[p])
		}
	}
	probes := unseen(open, pending, count)
	for _, p := range probes {
		c.suppose(p)
	}
	idle := len(probes)+len(pending) == 0
	probes = append(probes, c.several(count-len(probes), idle)...)
	if len(probes) == 0 && idle {
		for _, b := range open {
			if p, gain := b.best(1); gain > nothing {
				return []int{p}
			}
		}
	}
	return probes
}

// unseen are positions that tell little by themselves, but must be seen before
// what is believed may be said.
func unseen(open []*belief, pending []int, count int) []int {
	var probes []int
	for _, b := range open {
		first, last, held := b.suspects()
		if held < Sure || first != last || len(probes) >= count {
			continue
		}
		if p := b.missing(first); p >= 0 && !slices.Contains(probes, p) && !slices.Contains(pending, p) {
			probes = append(probes, p)
		}
	}
	return probes
}

// several picks up to so many probes, each the best beside those before it,
// and then each anew beside all others: the first one lies in the middle, but
// two together are better at the thirds. If there is need, the first one is
// picked however little it tells.
func (c *chooser) several(count int, need bool) []int {
	built, scenarios := c.built, c.scenarios()
	reset := func() {
		c.built = slices.Clone(built)
		for k, v := range c.views {
			v.scenarios = scenarios[k]
		}
	}
	reset()
	var probes []int
	for len(probes) < count {
		p, gain := c.best()
		if gain <= 0 || gain < minGain && (len(probes) > 0 || !need) {
			break
		}
		probes = append(probes, p)
		c.suppose(p)
	}
	if len(probes) < 2 || len(c.views)*len(c.at)*len(probes) > maxRefined {
		return probes
	}
	for range refinements {
		for k := range probes {
			reset()
			for other, p := range probes {
				if other != k {
					c.suppose(p)
				}
			}
			if p, gain := c.best(); gain > 0 {
				probes[k] = p
			}
		}
	}
	return probes
}

func (c *chooser) scenarios() [][][]float64 {
	var out [][][]float64
	for _, v := range c.views {
		out = append(out, v.scenarios)
	}
	return out
}

// candidates are the positions worth a look: on short paths all that can be
// tested, and on long ones those that part the mass that is left, and those
// that are built.
func candidates(way *path, open []*belief) []int {
	var at []int
	step := float64(len(open)) / maxCells
	left := make([]float64, len(open)) // what one unit of a subject's mass counts
	for k, b := range open {
		left[k] = 1 / max(1-b.mass[way.n+1], 1e-9)
	}
	sum, taken := 0.0, 0.0 // mass so far, and at the last candidate
	before := -1           // the position before, if it was not taken
	for i := range way.n + 1 {
		testable := false
		for k, b := range open {
			sum += b.mass[i] * left[k]
			testable = testable || !b.dead[i]
		}
		if !testable || way.rep[i] != i {
			continue
		}
		near := len(at) > 0 && sum-taken < step/8 // tells what the last candidate tells
		switch last := len(at) - 1; {
		case way.n > maxCells && near && way.built[i] && !way.built[at[last]]:
			at[last], before = i, -1
			continue
		case way.n > maxCells && near && i < way.n:
			before = i
			continue
		}
		if way.n <= maxCells || way.built[i] || i == way.n || sum-taken >= step {
			if before >= 0 && sum-taken >= 2*step {
				at = append(at, before)
			}
			at = append(at, i)
			taken, before = sum, -1
		} else {
			before = i
		}
	}
	return at
}

func newView(b *belief, mass []float64, at []int) *view {
	n := b.way.n
	cells := len(at) + 1
	v := &view{b: b, rate: make([]float64, cells), doubt: make([]float64, cells)}
	sums := make([]float64, cells)
	j := 0
	for c, p := range at {
		for ; j <= p; j++ {
			sums[c] += mass[j]
			v.rate[c] += mass[j] * b.rate[j]
		}
		if sums[c] > 0 {
			v.rate[c] /= sums[c]
		}
	}
	// Nobody, and what lies behind the last position that can be tested.
	for ; j <= n+1; j++ {
		sums[cells-1] += mass[j]
		v.rate[cells-1] += mass[j] * b.rate[j]
	}
	if sums[cells-1] > 0 {
		v.rate[cells-1] /= sums[cells-1]
	}
	for c, r := range v.rate {
		v.doubt[c] = entropy(r)
	}
	v.scenarios = [][]float64{sums}
	return v
}

// best is the position that tells most for its cost about all open subjects
// together, and how many bits it tells.
func (c *chooser) best() (position int, gain float64) {
	gains := make([]float64, len(c.at))
	for _, v := range c.views {

		v.gains(c.at, gains)
	}
	best := 0.0
	for i, g := range gains {
		p := c.at[i]
		cost := 1.0
		if !c.built[p] {
			cost += c.way.build
		}
		if g/cost > best+1e-12 {
			best, position, gain = g/cost, p, g
		}
	}
	return position, gain
}

// gains adds the information in bits that a trial at each candidate is
// expected to give beyond what the supposed ones do.
func (v *view) gains(at []int, into []float64) {
	for _, mass := range v.scenarios {
		total := 0.0
		for _, m := range mass {
			total += m
		}
		last := len(at)
		tail, bad, known := mass[last], mass[last]*v.rate[last], mass[last]*v.doubt[last]
		gain, stale := 0.0, true
		for i := last - 1; i >= 0 && total-tail > faint; i-- {
			if stale {
				gain, stale = total*entropy((total-tail+bad)/total)-known, false
			}
			if p := at[i]; gain > 0 && !v.b.dead[p] {
				into[i] += gain * v.b.hope[p]
			}
			if m := mass[i]; m > faint {
				tail, bad, known, stale = tail+m, bad+m*v.rate[i], known+m*v.doubt[i], true
			}
		}
	}
}

// suppose goes on as if a probe at a position were running: its outcome is
// not known, so every scenario becomes one for each.
func (c *chooser) suppose(p int) {
	c.built[p] = true
	i, found := slices.BinarySearch(c.at, p)
	if !found {
		return
	}
	for _, v := range c.views {
		if !v.b.dead[p] {
			v.split(i, v.b.hope[p], min(max(maxScenarios/len(c.views), leastScenarios), mostScenarios))
		}
	}
}

func (v *view) split(at int, hope float64, most int) {
	var next [][]float64
	var likely []float64
	keep := func(mass []float64) {
		sum := 0.0
		for _, m := range mass {
			sum += m
		}
		if sum >= minScenario {
			k, _ := slices.BinarySearchFunc(likely, sum, func(a, b float64) int {
				if a > b {
					return -1
				}
				return 1
			})
			next, likely = slices.Insert(next, k, mass), slices.Insert(likely, k, sum)
		}
	}
	for _, mass := range v.scenarios {
		bad, good := make([]float64, len(mass)), make([]float64, len(mass))
		for c, m := range mass {
			if c <= at {
				bad[c] = m * hope
			} else {
				bad[c] = m * v.rate[c] * hope
				good[c] = m * (1 - v.rate[c]) * hope
			}
		}
		keep(bad)
		keep(good)
		if hope < 1 {
			rest := make([]float64, len(mass))
			for c, m := range mass {
				rest[c] = m * (1 - hope)
			}
			keep(rest)
		}
	}
	v.scenarios = next[:min(len(next), most)]
}

// together adds up what is believed of all subjects, and counts them.
func together(way *path, all []*belief) (total []float64, subjects int) {
	total = make([]float64, way.n+2)
	for _, b := range all {
		subjects += b.subjects
		for j, m := range b.mass {
			total[j] += m * float64(b.subjects)
		}
	}
	return total, subjects
}

// steer is the belief with which probes are chosen. Tests that break together
// mostly break by the same step, so what is known of one makes its culprit
// more likely for the others. That steers the search; it convicts nobody.
func (b *belief) steer(total []float64, subjects int) []float64 {
	if subjects < 2 {
		return b.mass
	}
	others := float64(subjects - 1)
	trust := others / (others + alone)
	out := make([]float64, len(b.mass))
	sum := 0.0
	for j, m := range b.mass {
		prior := b.way.prior[j]
		if m > 0 && prior > 0 {
			out[j] = m * (1 - trust + trust*(total[j]-m)/others/prior)
			sum += out[j]
		}
	}
	for j, m := range b.mass {
		out[j] = steering*out[j]/sum + (1-steering)*m
	}
	return out
}
