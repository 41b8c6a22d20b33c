// Package history reads a test's past as segments: stretches of builds in which
// it behaved alike, each with how often it failed and with where it begins. It
// is pure, and its cost is in the changes of the test and not in its builds,
// because between two changes every build said the same.
//
// A Past is what the farm keeps of one test on one builder: its changes, and the
// ordinals of the settled builds between which they lie. Read replays it into
// runs of equal builds and splits those where the behaviour changes. Three
// things are counted, each with its own rate:
//
//	whether the test ran              of all builds          prior Beta(0.3, 0.5)
//	whether its first run was bad     of those it ran in     prior Beta(0.3, 0.5)
//	whether it was bad again          of bad ones run again  prior Beta(0.5, 0.5)
//
// The evidence of a segment is the product of the three (package beta). The
// first is left out for a test that always ran. A split must be worth
// 10,000 times as much as none: of all ways to cut the past the one with the
// largest
//
//	sum of ln evidence(segment) + (segments - 1) ln 0.0001
//
// is taken. The counts, the priors and the price are those of LUCI Analysis
// (analysis/internal/changepoints/bayesian in luci/luci-go), which cuts in two
// as long as that is worth it. Cutting in two does not see a test that was broken
// for ten builds in the middle of thousands, because neither single cut
// is worth its price; so here all cuts are weighed together, by the dynamic
// programme of B. Jackson et al., "An algorithm for optimal partitioning of
// data on an interval" (2005). Within equal builds the sum is convex in the
// place of a cut, since the logarithm of the beta function is. So the best cut lies
// where the builds stop being equal, and only those places are weighed.
//
// LUCI leaves skipped tests out. Here they are a segment like any other, since
// a test that no longer runs looks the same as one that passes otherwise.
package history

import (
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/history/beta"
)

// MaxEvents is how many changes of one test are read, the newest. What lies
// before them is not looked at.
const MaxEvents = 10_000

// Point is one settled build of a builder.
type Point struct {
	// Number counts the builder's settled builds from 1.
	Number int `json:"number"`
	// Build is 0 where the history names no build: between two changes. The
	// builder's settled build of that Number is meant.
	Build weir.BuildID `json:"build,omitempty"`
	At    time.Time    `json:"at,omitzero"` // when it finished; zero if not known
}

// Event is one change of a test, or what further runs of a build said of it.
type Event struct {
	Point
	Verdict   weir.Verdict
	From, To  weir.Status // of the change; empty if nothing moved
	Signature string
	// Again counts further runs of the test at the revisions of this build, in
	// processes of their own (retries and probes); AgainBad those of them that
	// were bad. A Flaky event without any counts as one good run.
	Again, AgainBad int
}

// Past is what is known of one test on one builder.
type Past struct {
	// First is where the events begin: the first build whose changes they hold.
	// Zero: the first event.
	First Point
	Last  Point // the newest settled build
	// Status is the settled status at First, for a test without changes since.
	Status weir.Status
	// Events are in any order. Those with a Number below 1 are left out.
	Events []Event
}

// Counts adds up what a test did in some builds.
type Counts struct {
	Builds   int `json:"builds"`             // settled builds that should have run it
	Runs     int `json:"runs"`               // builds that ran it
	Failures int `json:"failures,omitempty"` // builds whose first run of it was bad
	Flakes   int `json:"flakes,omitempty"`   // builds with both outcomes at the same revisions
	Doubled  int `json:"doubled,omitempty"`  // failures that were run again
	Repeated int `json:"repeated,omitempty"` // of Doubled, those that were bad each time
}

// Hidden is how many builds should have run the test and did not.
func (c Counts) Hidden() int { return c.Builds - c.Runs }

// Passes is how many builds passed at the first run.
func (c Counts) Passes() int { return c.Runs - c.Failures }

// Rate is how often a first run of the test is bad, with the interval that
// holds the rate with 95 %.
func (c Counts) Rate() beta.Interval { return firstPrior().Interval(0.95, c.Failures, c.Passes()) }

func (c Counts) plus(d Counts) Counts {
	return Counts{c.Builds + d.Builds, c.Runs + d.Runs, c.Failures + d.Failures, c.Flakes + d.Flakes,
		c.Doubled + d.Doubled, c.Repeated + d.Repeated}
}

func (c Counts) minus(d Counts) Counts {
	return Counts{c.Builds - d.Builds, c.Runs - d.Runs, c.Failures - d.Failures, c.Flakes - d.Flakes,
		c.Doubled - d.Doubled, c.Repeated - d.Repeated}
}

// Segment is a stretch of builds in which the test behaved alike.
type Segment struct {
	From Point `json:"from"`
	To   Point `json:"to"` // its last build
	// Earliest and Latest are the numbers of builds between which the segment
	// begins with 99 %. Both are From.Number in the first segment.
	Earliest int `json:"earliest"`
	Latest   int `json:"latest"`
	// Status is what the test did in most builds: Pass; Fail or Fault, whichever
	// was last; Skip or Absent, if it did not run in most of them.
	Status weir.Status `json:"status"`
	// Signature is what its last failure said, if that is known.
	Signature string `json:"signature,omitempty"`
	Counts
}

// Now is how a test stands after the newest build, build by build: it agrees
// with its weir.TestState, and may be too young to be a segment.
type Now struct {
	Status weir.Status `json:"status"` // Absent also if it is Removed
	Since  Point       `json:"since"`  // the build that brought it into this status
	Counts             // since then
	// Masked is the build since which a bad test has not run; zero if it runs.
	Masked Point `json:"masked,omitzero"`
	// Removed says that its project has taken it out, or renamed it.
	Removed bool `json:"removed,omitempty"`
}

// History is a test's past as segments.
type History struct {
	Segments []Segment `json:"segments"` // oldest first; none if nothing is known
	Now      Now       `json:"now"`
}

// Present is the newest segment; zero if nothing is known.
func (h History) Present() Segment {
	if len(h.Segments) == 0 {
		return Segment{}
	}
	return h.Segments[len(h.Segments)-1]
}

// Since says since when the test has been as it is: the build, and the numbers
// of the builds between which that began with 99 %. It is the present segment's,
// unless the status has changed too lately for a segment; then it is Now's.
func (h History) Since() (from Point, earliest, latest int) {
	if s := h.Present(); h.settled() {
		return s.From, s.Earliest, s.Latest
	}
	return h.Now.Since, h.Now.Since.Number, h.Now.Since.Number
}

// settled reports whether the present segment is about what the test does now.
func (h History) settled() bool {
	return len(h.Segments) > 0 && !h.Now.Removed && kindOf(h.Present().Status) == kindOf(h.Now.shown()) && !h.turned()
}

// turned reports whether the present segment is two that are too short to be
// told apart: all passes on one side of the build that brought the status, all
// failures on the other.
func (h History) turned() bool {
	s, now := h.Present(), h.Now
	if now.Removed || now.Masked.Number > 0 || now.Since.Number <= s.From.Number || now.Runs == 0 || s.Flakes > 0 || s.Runs <= now.Runs {
		return false
	}
	switch kindOf(now.Status) {
	case bad:
		return now.Failures == now.Runs && s.Failures == now.Failures
	case good:
		return now.Failures == 0 && s.Passes() == now.Runs
	}
	return false
}

// shown is the status that the newest build showed.
func (n Now) shown() weir.Status {
	if n.Masked.Number > 0 {
		return weir.Absent
	}
	return n.Status
}

// HowOften says how often the test fails in its present segment, per run.
func (h History) HowOften() (Counts, beta.Interval) {
	c := h.Present().Counts
	return c, c.Rate()
}

func firstPrior() beta.Prior { return beta.Prior{A: 0.3, B: 0.5} }
func againPrior() beta.Prior { return beta.Prior{A: 0.5, B: 0.5} }

// Read makes segments of a past.
func Read(p Past) History {
	r := replay(p)
	h := History{Now: r.now()}
	if len(r.stretches) == 0 {
		return h
	}
	cuts := newWeights(r.stretches)
	bounds := cuts.partition()
	for i := 1; i < len(bounds); i++ {
		s := r.segment(bounds[i-1], bounds[i])
		if i > 1 {
			s.Earliest, s.Latest = cuts.start(bounds[i-2], bounds[i-1], bounds[i])
		}
		h.Segments = append(h.Segments, s)
	}
	return h
}
