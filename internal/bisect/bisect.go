// Package bisect decides which revisions to probe next, and when a culprit is
// sure. It is pure: positions and outcomes in, positions and verdicts out.
//
// A regression lies on a path of N steps from a good state (position 0) to a
// bad one (position N). Tests may be flaky, so a failure is weak evidence and
// a pass is strong: a test that a revision broke does not pass behind it, but
// a test that nobody broke fails now and then, with some rate f. Hypotheses:
//
//	nobody     the test is flaky; it fails with rate f everywhere
//	0          the environment: it is bad now even where it was good
//	1 ... N    step i made it bad: bad from position i on
//
// Bayes' rule weighs them (belief.go): a failure at position i counts 1 for
// every hypothesis j <= i and f for the others, a pass counts 0 for j <= i and
// 1-f for the others. The rate itself is believed only until the evidence
// speaks against it (rate.go). The next probe is the position whose outcome is
// expected to tell most for what it costs (choose.go): a revision that is
// built already costs a run, any other a build too. That halves the mass while
// little is known and repeats the candidate and its parent when much is.
// Probes at the same time are chosen together, so that k of them cut the path
// into k+1 parts. Positions that cannot be tested are stepped over (dead.go).
//
// The search names a culprit when it holds Sure of the mass, has been seen to
// fail, and its parent has been seen to pass. It ends with a range when the
// positions that could tell the rest apart cannot be tested.
//
// The noisy search is that of A. Rivest et al., "Coping with errors in binary
// search procedures" (1980), with one-sided errors (a Z-channel) and the
// additional hypothesis of no culprit used by Google's culprit finders.
package bisect

import (
	"strconv"

	"github.com/weir-ci/weir"
)

// Sure is the posterior probability at which a hypothesis is believed.
const Sure = 0.999

// BuildCost is what building a revision costs, in runs of the tests, where the
// question does not say.
const BuildCost = 0.15

// Trial is one run of one test at a position of the path.
type Trial struct {
	Position int
	Outcome  weir.Observed // ObservedNone: the position could not get to the test
	// Alarm marks the failure because of which there is a search at all. It
	// does not speak against "nobody": flaky tests raise alarms just as
	// broken ones do, and how often is what the prior says.
	Alarm bool
}

// Subject is one test whose culprit is looked for.
type Subject struct {
	// FlakeRate is how often the test fails for no reason, 0 < f < 1. An
	// estimate that is too high costs runs, one that is too low costs truth
	// until the evidence shows it.
	FlakeRate float64
	// Doubt is how likely it is that the test fails much more often than
	// FlakeRate. 0: a little, the more the lower the rate; negative: the rate
	// is known and not estimated.
	Doubt  float64
	Trials []Trial
}

// Question is the state of a search.
type Question struct {
	Steps    int // N, at least 1
	Subjects []Subject
	Pending  []int // positions of probes that are still running
	Width    int   // how many probes may run at once, at least 1

	// Built lists positions that are built or being built. Those with trials,
	// pending ones and the alarm's are taken for built anyway.
	Built []int
	// BuildCost is what building one revision costs, in runs. 0: BuildCost.
	BuildCost float64
	// Same gives each position 0 ... N a class: positions of one class have
	// the identical product. What is seen at one holds for all of them, and
	// no step between two of them is a culprit. Nil: all products differ.
	Same []int
	// Weights says how suspicious each step 1 ... N is before anything has
	// run; Weights[i-1] is that of step i. Only ratios matter, and no step
	// gets less than a tenth of an equal share. Nil: all alike.
	Weights []float64
}

// Kind says what is known about a subject.
type Kind string

// The closed set of kinds.
const (
	Open        Kind = "open"        // more probes are needed
	Found       Kind = "found"       // First == Last is the culprit's position; it failed and its parent passed
	Range       Kind = "range"       // one of First..Last; they cannot be told apart
	Nobody      Kind = "nobody"      // a flaky test
	Environment Kind = "environment" // bad at the good end too: not a revision
)

// Finding is what is known about one subject.
type Finding struct {
	Kind        Kind
	First, Last int     // the positions that may still be the culprit
	Confidence  float64 // posterior of what Kind says, 0 to 1
	// Verified says that a failure at Last and a pass at First-1 were really
	// seen. It holds for whatever is Found, and for ranges with clean edges.
	Verified bool
}

// Answer says what to do next.
type Answer struct {
	Probes   []int     // positions to probe now; may repeat a position
	Findings []Finding // one per subject, in order
	// Beliefs are the posteriors, one per subject: the environment, steps 1 to N,
	// nobody. Subjects with equal evidence share one; it must not be changed.
	Beliefs [][]float64
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
	way := newPath(q)
	classes := map[string]int{} // subjects with equal evidence think alike
	var beliefs []*belief
	var findings []Finding
	answer := Answer{Findings: make([]Finding, len(q.Subjects)), Beliefs: make([][]float64, len(q.Subjects))}
	var open []*belief
	for i, s := range q.Subjects {
		key := s.key()
		k, known := classes[key]
		if !known {
			k = len(beliefs)
			classes[key] = k
			b := newBelief(way, s)
			beliefs, findings = append(beliefs, b), append(findings, b.finding())
			if findings[k].Kind == Open {
				open = append(open, b)
			}
		}
		beliefs[k].subjects++
		answer.Findings[i], answer.Beliefs[i] = findings[k], beliefs[k].mass
	}
	if len(open) > 0 && len(q.Pending) < q.Width {
		answer.Probes = choose(way, beliefs, open, q.Pending, q.Width-len(q.Pending))
	}
	return answer
}

// key is equal for subjects with equal evidence.
func (s Subject) key() string {
	key := make([]byte, 0, 32+8*len(s.Trials))
	key = strconv.AppendFloat(key, s.FlakeRate, 'g', -1, 64)
	key = strconv.AppendFloat(append(key, '/'), s.Doubt, 'g', -1, 64)
	for _, t := range s.Trials {
		key = append(key, ' ')
		key = strconv.AppendInt(key, int64(t.Position), 10)
		key = append(key, t.Outcome...)
		if t.Alarm {
			key = append(key, '!')
		}
	}
	return string(key)
}
