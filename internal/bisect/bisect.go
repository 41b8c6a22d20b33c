// Package bisect decides which revisions to probe next, and when a culprit is
// sure. It is pure: positions and outcomes in, positions and verdicts out.
//
// A regression lies on a path of N steps from a good state (position 0) to a
// bad one (position N). Tests may be flaky, so a failure is weak evidence and
// a pass is strong: a test that a revision broke does not pass behind it, but
// a test that nobody broke fails now and then, with some rate f. Hypotheses:
//
//	flake      nobody did it; the test fails with rate f everywhere
//	0          the environment: it is bad now even where it was good
//	1 ... N    step i made it bad: bad from position i on
//
// After each trial Bayes' rule weighs them anew: a failure at position i
// counts 1 for every hypothesis j <= i and f for the others, a pass counts 0
// for j <= i and 1-f for the others. The next probe is the position whose
// outcome is expected to tell most, which halves the mass while little is
// known and repeats the candidate and its parent when much is. The search
// ends when one hypothesis holds Sure of the mass, or when the positions that
// could tell the rest apart cannot be tested.
//
// The noisy search is that of A. Rivest et al., "Coping with errors in binary
// search procedures" (1980), with one-sided errors (a Z-channel) and the
// additional hypothesis of no culprit used by Google's culprit finders.
package bisect

import (
	"fmt"
	"math"

	"github.com/weir-ci/weir"
)

// Sure is the posterior probability at which a hypothesis is believed.
const Sure = 0.999

// slack is the half of the tolerated doubt that may lie on hypotheses that
// blame nobody; the other half may lie on other steps.
const slack = (1 - Sure) / 2

// Prior probabilities of the two hypotheses that blame nobody.
const (
	priorFlake       = 0.30
	priorEnvironment = 0.05
)

// Trial is one run of one test at a position of the path.
type Trial struct {
	Position int
	Outcome  weir.Observed // ObservedNone: the position could not get to the test
}

// Subject is one test whose culprit is looked for.
type Subject struct {
	// FlakeRate is how often the test fails for no reason, 0 < f < 1. An
	// estimate that is too high costs runs, one that is too low costs truth.
	FlakeRate float64
	Trials    []Trial
}

// Question is the state of a search.
type Question struct {
	Steps    int // N, at least 1
	Subjects []Subject
	Pending  []int // positions of probes that are still running
	Width    int   // how many probes may run at once, at least 1
}

// Kind says what is known about a subject.
type Kind string

// The closed set of kinds.
const (
	Open        Kind = "open"        // more probes are needed
	Found       Kind = "found"       // First == Last is the culprit's position
	Range       Kind = "range"       // one of First..Last; they cannot be told apart
	Nobody      Kind = "nobody"      // a flaky test
	Environment Kind = "environment" // bad at the good end too: not a revision
)

// Finding is what is known about one subject.
type Finding struct {
	Kind        Kind
	First, Last int     // the positions that may still be the culprit
	Confidence  float64 // posterior of what Kind says, 0 to 1
}

// Answer says what to do next.
type Answer struct {
	Probes   []int     // positions to probe now; may repeat a position
	Findings []Finding // one per subject, in order
}

// Done reports whether every subject has an answer.
func (a Answer) Done() bool {
	for _, f := range a.Findings {
		if f.Kind == Open {
			return false
		}
	}
	return true
}

// Next weighs the evidence and chooses probes. It returns no probes when all
// subjects are decided, or while as many as Width are pending.
func Next(q Question) Answer {
	states := make([]*state, len(q.Subjects))
	classes := map[string]*state{} // subjects with equal evidence think alike
	for i, s := range q.Subjects {
		key := fmt.Sprint(s)
		if classes[key] == nil {
			classes[key] = newState(q.Steps, s)
		}
		states[i] = classes[key]
	}
	answer := Answer{Findings: make([]Finding, len(states))}
	findings := make(map[*state]Finding, len(classes))
	var open []*state
	for i, st := range states {
		finding, known := findings[st]
		if !known {
			finding = st.finding()
			findings[st] = finding
			if finding.Kind == Open {
				open = append(open, st)
			}
		}
		answer.Findings[i] = finding
	}
	if len(open) == 0 {
		return answer
	}
	for _, p := range q.Pending {
		suppose(open, p)
	}
	for n := len(q.Pending); n < q.Width; n++ {
		p, gain := best(q.Steps, open)
		if gain < minGain && n > 0 || gain <= nothing {
			break
		}
		answer.Probes = append(answer.Probes, p)
		suppose(open, p)
	}
	return answer
}

// minGain is the information, in bits, below which a further probe at the
// same time is not worth a run.
const minGain = 0.005

// state is the posterior of one subject.
type state struct {
	n    int
	f    float64
	mass []float64 // 0: environment, 1..n: steps, n+1: flake; sums to 1
	sums []float64 // sums[i] is the mass of 0..i
	dead []bool    // positions that cannot be tested, or are taken for such
	live []bool    // positions that could be tested
	mute []int     // per position, how many trials said nothing
	hope []float64 // per position, how likely it is that it can be tested, 0 to 1
}

func newState(n int, s Subject) *state {
	st := &state{n: n, f: min(max(s.FlakeRate, 1e-4), 0.9), mass: make([]float64, n+2),
		dead: make([]bool, n+1), live: make([]bool, n+1), mute: make([]int, n+1), hope: make([]float64, n+1)}
	st.mass[0], st.mass[n+1] = priorEnvironment, priorFlake
	for i := 1; i <= n; i++ {
		st.mass[i] = (1 - priorEnvironment - priorFlake) / float64(n)
	}
	st.sum()
	for _, t := range s.Trials {
		st.observe(t)
	}
	st.survey()
	return st
}

// sum brings sums up to date.
func (st *state) sum() {
	st.sums = make([]float64, len(st.mass))
	total := 0.0
	for j, m := range st.mass {
		total += m
		st.sums[j] = total
	}
}

// observe applies one trial. Positions outside the path say nothing.
func (st *state) observe(t Trial) {
	if t.Position < 0 || t.Position > st.n {
		return
	}
	if t.Outcome == weir.ObservedNone {
		st.mute[t.Position]++
		st.live[t.Position] = st.live[t.Position] && st.mute[t.Position] < maxMute
		st.dead[t.Position] = !st.live[t.Position]
		return
	}
	st.live[t.Position] = st.mute[t.Position] < maxMute
	st.dead[t.Position] = !st.live[t.Position]
	sum := 0.0
	next := make([]float64, len(st.mass))
	for j, m := range st.mass {
		blamed := j <= t.Position // the flake hypothesis, n+1, never is
		switch {
		case t.Outcome == weir.ObservedBad && !blamed:
			m *= st.f
		case t.Outcome == weir.ObservedGood && blamed:
			m = 0
		case t.Outcome == weir.ObservedGood:
			m *= 1 - st.f
		}
		next[j] = m
		sum += m
	}
	if sum < 1e-300 {
		return // contradicts everything believed; keep what was believed
	}
	for j := range next {
		next[j] /= sum
	}
	st.mass = next
	st.sum()
}

// below is the mass of the hypotheses under which position i is bad for sure.
func (st *state) below(i int) float64 { return min(st.sums[i], 1) }

func (st *state) finding() Finding {
	if m := st.mass[st.n+1]; m >= Sure {
		return Finding{Kind: Nobody, Confidence: m}
	}
	if m := st.mass[0]; m >= Sure {
		return Finding{Kind: Environment, Confidence: m}
	}
	first, last, held, total := st.suspects()
	if total >= 1-slack && first == last {
		return Finding{Kind: Found, First: first, Last: last, Confidence: held}
	}
	if total >= 1-slack && !st.separable(first, last) || !st.answerable() {
		return Finding{Kind: Range, First: first, Last: last, Confidence: held}
	}
	return Finding{Kind: Open, First: first, Last: last, Confidence: held}
}

// suspects is a short stretch of steps that holds all but slack of the mass
// that lies on steps, with the mass it holds and the mass on all steps.
func (st *state) suspects() (first, last int, held, total float64) {
	const impossible = 1e-9
	first, last = st.n, 1
	for j := 1; j <= st.n; j++ {
		if st.mass[j] > impossible {
			first, last = min(first, j), max(last, j)
			total += st.mass[j]
		}
	}
	if first > last {
		return 1, st.n, 0, 0
	}
	held = total
	enough := total * (1 - slack)
	for first < last {
		drop := &first
		m := st.mass[first]
		if st.mass[last] < m {
			drop, m = &last, st.mass[last]
		}
		if held-m < enough {
			break
		}
		held -= m
		if drop == &first {
			first++
		} else {
			last--
		}
	}
	return first, last, held, total
}

// separable reports whether a position between first and last can be tested.
func (st *state) separable(first, last int) bool {
	for i := first; i < last; i++ {
		if !st.dead[i] {
			return true
		}
	}
	return false
}

// nothing is a gain, in bits, that no trial is worth.
const nothing = 1e-12

// answerable reports whether any position can still tell something: if not,
// asking on would go on forever.
func (st *state) answerable() bool {
	for i := range st.dead {
		if st.gain(i) > nothing {
			return true
		}
	}
	return false
}

// gain is the information in bits that a trial at position i is expected to give.
func (st *state) gain(i int) float64 {
	if st.dead[i] {
		return 0
	}
	s := st.below(i)
	return max(0, entropy(s+(1-s)*st.f)-(1-s)*entropy(st.f))
}

func entropy(p float64) float64 {
	if p <= 0 || p >= 1 {
		return 0
	}
	return -p*math.Log2(p) - (1-p)*math.Log2(1-p)
}

// best is the position that tells most about all open subjects together.
func best(n int, open []*state) (position int, gain float64) {
	for i := 0; i <= n; i++ {
		g := 0.0
		for _, st := range open {
			g += st.gain(i) * st.hope[i]
		}
		if g > gain+nothing {
			position, gain = i, g
		}
	}
	return position, gain
}

// suppose assumes, for choosing further probes at the same time, that a probe
// at a position ends the way each subject expects.
func suppose(open []*state, position int) {
	if position < 0 {
		return
	}
	for _, st := range open {
		if position > st.n || st.dead[position] {
			continue
		}
		s := st.below(position)
		outcome := weir.ObservedGood
		if s+(1-s)*st.f >= 0.5 {
			outcome = weir.ObservedBad
		}
		st.observe(Trial{Position: position, Outcome: outcome})
	}
}
