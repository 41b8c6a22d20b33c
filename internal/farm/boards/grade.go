package boards

import (
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Grade is what a build says, seen from who looks for trouble: what was bad before
// and is bad still is quiet, what is new speaks.
type Grade string

// The closed set of grades, worst first.
const (
	GradeNew     Grade = "new"     // newly bad, confirmed
	GradeDoubt   Grade = "doubt"   // bad, and not yet said whether that is new
	GradeBad     Grade = "bad"     // bad as before, or an answer to somebody's question
	GradeHollow  Grade = "hollow"  // passed, and none of its tests ran: says nothing
	GradeUnbuilt Grade = "unbuilt" // its upstream did not build
	GradeInfra   Grade = "infra"   // infrastructure error: says nothing
	GradeRunning Grade = "running"
	GradeWaiting Grade = "waiting" // for a worker, or a product
	GradeFlaky   Grade = "flaky"   // good, but for tests that went both ways
	GradeFixed   Grade = "fixed"   // good, and was not before
	GradeGood    Grade = "good"
	GradeOff     Grade = "off" // cancelled, or nothing to do
	GradeNone    Grade = ""    // not built
)

// Grades lists every grade, worst first.
func Grades() []Grade {
	return []Grade{GradeNew, GradeDoubt, GradeBad, GradeHollow, GradeUnbuilt, GradeInfra, GradeRunning, GradeWaiting, GradeFlaky, GradeFixed, GradeGood, GradeOff, GradeNone}
}

// badness orders grades: the higher, the worse.
func (g Grade) badness() int { return -slices.Index(Grades(), g) }

// Bad reports whether tests or steps were bad, newly or as before.
func (g Grade) Bad() bool { return g == GradeNew || g == GradeDoubt || g == GradeBad }

// Good reports whether all was good in the end.
func (g Grade) Good() bool { return g == GradeGood || g == GradeFixed || g == GradeFlaky }

// says reports whether it is evidence about revisions.
func (g Grade) says() bool { return g.Bad() || g.Good() }

// stands reports whether it is how a builder stands, until a later build says more.
func (g Grade) stands() bool { return g.says() || g == GradeHollow || g == GradeUnbuilt }

// GradeOf says what a build says.
func GradeOf(b *store.BoardBuild) Grade {
	if !b.State.Final() {
		if b.State == weir.Running || b.State == weir.Leased {
			return GradeRunning
		}
		return GradeWaiting
	}
	if b.Reason == weir.ReasonUpstreamBuild {
		return GradeUnbuilt
	}
	switch b.Outcome {
	case weir.Infra:
		return GradeInfra
	case weir.Passed, weir.Failed, weir.Broken, weir.TimedOut:
	default:
		return GradeOff
	}
	switch {
	case b.Changes.Worse() > 0:
		return GradeNew
	case b.Judged == weir.Doubted:
		return GradeDoubt
	case b.Outcome != weir.Passed && b.Judged == weir.Unjudged:
		return GradeDoubt
	case b.Outcome != weir.Passed:
		return GradeBad
	case b.Hollow():
		return GradeHollow
	case b.Changes.Fixed > 0:
		return GradeFixed
	case b.Changes.Flaky > 0:
		return GradeFlaky
	}
	return GradeGood
}

// Cell is what builds of the same kind say.
type Cell struct {
	Grade Grade `json:"grade"`
	// Build is the one that says so; of several builders, the worst one's.
	Build   weir.BuildID    `json:"build,omitempty"`
	Outcome weir.Outcome    `json:"outcome,omitempty"`
	Reason  weir.ReasonCode `json:"reason,omitempty"`
	// Cause is set if no change and no clock set the build off, such as a probe.
	Cause weir.Cause `json:"cause,omitempty"`
	// Builders is how many builders have something there, Like how many of them are
	// graded as the cell is.
	Builders int `json:"builders,omitempty"`
	Like     int `json:"like,omitempty"`
	// Executed and Expected count tests of all those builders.
	Executed int `json:"executed,omitempty"`
	Expected int `json:"expected,omitempty"`
	Worse    int `json:"worse,omitempty"` // tests that are newly bad, in Build
	Fixed    int `json:"fixed,omitempty"` // the most of any builder
	// Took is how long the build ran, so far if it runs still.
	Took time.Duration `json:"took,omitempty"`
}

// cellOf makes a cell of the builds of one builder at one place, newest first.
//
// What moves the builder's line counts before what answers questions, and what has an
// outcome before what has none. A build that is bad as before does not hide
// that an earlier one at the same place was the first.
func cellOf(builds []*store.BoardBuild, now time.Time) Cell {
	var best *store.BoardBuild
	rank := -1
	for _, b := range builds {
		r := 0
		if GradeOf(b).stands() {
			r = 2
		}
		if b.Cause.Advances() {
			r++
		}
		if r > rank {
			best, rank = b, r
		}
	}
	if best == nil {
		return Cell{}
	}
	if GradeOf(best) == GradeBad {
		for _, b := range builds {
			if GradeOf(b) == GradeNew {
				best = b
				break
			}
		}
	}
	return single(best, now)
}

// single is the cell of one build.
func single(b *store.BoardBuild, now time.Time) Cell {
	c := Cell{Grade: GradeOf(b), Build: b.ID, Outcome: b.Outcome, Reason: b.Reason, Builders: 1, Like: 1,
		Worse: b.Changes.Worse(), Fixed: b.Changes.Fixed, Took: took(b, now)}
	c.Executed, c.Expected = b.Ledger.Tests(b.Counts)
	if !b.Cause.Advances() {
		c.Cause = b.Cause
	}
	return c
}

// took is how long a build has run.
func took(b *store.BoardBuild, now time.Time) time.Duration {
	end := b.Finished
	if end.IsZero() {
		end = now
	}
	if b.Started.IsZero() || end.Before(b.Started) {
		return 0
	}
	return end.Sub(b.Started).Truncate(time.Millisecond)
}

// add puts another builder's cell to one: the worst grade stands for both.
func (c *Cell) add(d Cell) {
	if d.Builders == 0 {
		return
	}
	sum := *c
	if c.Builders == 0 || d.Grade.badness() > c.Grade.badness() {
		sum = d
	} else if d.Grade == c.Grade && d.Worse > c.Worse {
		sum = d
		sum.Like += c.Like
	} else if d.Grade == c.Grade {
		sum.Like += d.Like
	}
	sum.Builders = c.Builders + d.Builders
	sum.Executed, sum.Expected = c.Executed+d.Executed, c.Expected+d.Expected
	sum.Fixed = max(c.Fixed, d.Fixed)
	*c = sum
}
