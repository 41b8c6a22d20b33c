// Package schedule decides what to build next, and on which worker, and says why
// something waits. It is pure: the situation goes in, decisions come out, and the
// farm carries them out.
//
// There are three questions. Plan looks at builders: where does the newest build
// on a builder's line differ from the tips of its projects, and what can wait?
// Queue.Pick looks at a worker with room: which of the queued builds should it get?
// Why looks at a build that waits: what keeps it?
//
// docs/scheduling.md explains all three to the people who run a farm.
package schedule

import (
	"maps"
	"slices"
	"time"

	"github.com/weir-ci/weir"
)

// Priorities of builds; higher goes first among those that serve the same change.
// Somebody waits for the answer to a retry or a probe, and nobody can be told
// anything before a first baseline.
const (
	PriorityChange   = 10
	PriorityForce    = 15 // a person waits, but may force a thousand builds
	PriorityProbe    = 20
	PriorityBaseline = 30
	PriorityRetry    = 40
)

const (
	// UrgentPriority is the priority of a job from which on its builds go before
	// those of all projects, and MaybePriority that from which on downwards they go
	// behind all.
	UrgentPriority = 50
	MaybePriority  = -50
	// rankClass lies between the ranks of urgent, ordinary and other builds.
	rankClass = 1000
)

// Rank is the priority of a build: that of its cause and its job's own together.
func Rank(cause, job int) int {
	rank := cause + min(max(job, -100), 100)
	switch {
	case job >= UrgentPriority:
		rank += rankClass
	case job <= MaybePriority:
		rank -= rankClass
	}
	return rank
}

// class is 1 for an urgent build, -1 for one that may wait, else 0.
func class(rank int) int {
	switch {
	case rank >= rankClass/2:
		return 1
	case rank <= -rankClass/2:
		return -1
	}
	return 0
}

// Line is the situation of one builder.
type Line struct {
	Builder weir.Builder
	// Start is where the line begins: the first known revision of each project.
	Start weir.Pins
	// Tips is where the line should be: the revision of each project that is due.
	Tips weir.Pins
	// Head is the newest build on the line; nil if there is none.
	Head *weir.Build
	// Superseded is the job's policy.
	Superseded weir.Superseded
	// Unready says that a product that is needed at the tips is not there: it is still
	// being made, or cannot be.
	Unready bool
	// StartWaits says that the line's first build has not begun.
	StartWaits bool
	// Waits is since when the line waits: when the first was made of the builds in a
	// row, up to Head, that were superseded before they began. Zero: since Head was made.
	Waits time.Time
	// Dead says how long the line has got nowhere.
	Dead Dead
}

// Decision is a build to be made.
type Decision struct {
	Builder  weir.Builder
	Pins     weir.Pins
	Priority int
	// Supersede says that builds of the line that still wait in the queue, and those
	// that run if the job says weir.SupersededRunning, are not needed any more: this
	// one is newer.
	Supersede bool
	// Waits is since when the line has waited for a build, for those whose waiting
	// one is superseded; zero otherwise. Those that have waited longest are to be
	// made first.
	Waits time.Time
}

// Delay says why a line whose tips have moved is not built at them yet.
type Delay struct {
	Builder weir.BuilderID
	Reason  DelayReason
	Until   time.Time    // when it is decided anew, if that is known
	Build   weir.BuildID // that goes first, if there is one
}

// DelayReason is why a line is not built at its tips yet.
type DelayReason string

// The closed set of reasons.
const (
	DelayDead    DelayReason = "dead"    // its builds have got nowhere for long
	DelayProduct DelayReason = "product" // what waits can be built, and the newer product is not there
	DelayPatient DelayReason = "patient" // what waits has waited for so long that it must not be moved on
	DelayStart   DelayReason = "start"   // the first build of the line waits
)

// DelayReasons lists every reason.
func DelayReasons() []DelayReason {
	return []DelayReason{DelayDead, DelayProduct, DelayPatient, DelayStart}
}

const (
	// InfraPause is how long after a build that the farm could not run the same is
	// tried again: long enough for somebody to mend a machine, or for a source to
	// come back.
	InfraPause = 10 * time.Minute
	// LinePatience is how long a line waits whose build is replaced by newer ones,
	// again and again, before that ends: then what waits keeps its place, grows
	// old, and is picked (see OldestTurn), however fast its projects move.
	LinePatience = 24 * time.Hour
)

// Plan decides what to build on each line. A line without builds starts at
// its start, so that there is a baseline; after that every build is at the
// tips. Tips that the farm could not build are built again after InfraPause.
// Plan is level-triggered: asked again after its decisions were carried
// out it decides nothing, and asked after any crash it decides what is missing.
//
// What lies between the line's newest build and its tips is passed over: when the
// farm is behind, one build answers for all the revisions that came meanwhile, and
// those between are only ever built to find which of them broke something. See Decide.
//
// Those lines come first whose waiting builds are superseded, by how long they wait:
// whoever makes the builds in that order lets none of them start anew at the queue's end.
//
// The delays say of the lines whose tips have moved, and of which nothing is decided, why.
func Plan(lines []Line, now time.Time) (out []Decision, delays []Delay) {
	for i := range lines {
		decisions, delay := lines[i].Decide(now)
		out = append(out, decisions...)
		if delay != nil {
			delays = append(delays, *delay)
		}
	}
	slices.SortStableFunc(out, func(a, b Decision) int {
		switch {
		case a.Waits.IsZero() == b.Waits.IsZero():
			return a.Waits.Compare(b.Waits)
		case a.Waits.IsZero():
			return 1
		}
		return -1
	})
	return out, delays
}

// Decide is what Plan decides on one line, or why it decides nothing though the
// tips have moved.
//
// A build that waits is superseded by one at the tips, so that what is built is
// always newest; but not
//
//   - before all that it needs is there: else workers would stand idle while products
//     are made, where products take longer than the next change nothing behind
//     them would ever be built, and a product that cannot be made would cost the line its place;
//   - if it is the line's first: without it there is no baseline;
//   - once the line has waited for LinePatience.
func (l *Line) Decide(now time.Time) ([]Decision, *Delay) {
	if len(l.Tips) == 0 {
		return nil, nil
	}
	at := Decision{Builder: l.Builder, Pins: l.Tips, Priority: PriorityChange}
	if l.Head == nil {
		first := Decision{Builder: l.Builder, Pins: l.Start, Priority: PriorityBaseline}
		if maps.Equal(l.Start, l.Tips) {
			return []Decision{first}, nil
		}
		return []Decision{first, at}, nil
	}
	if maps.Equal(l.Head.Pins, l.Tips) {
		if l.Head.Outcome == weir.Infra && now.Sub(l.Head.Finished) >= InfraPause {
			return []Decision{at}, nil
		}
		return nil, nil
	}
	if until, dead := l.dead(now); dead {
		return nil, &Delay{Builder: l.Builder.ID, Reason: DelayDead, Until: until, Build: l.Head.ID}
	}
	start := maps.Equal(l.Head.Pins, l.Start)
	waiting := l.Head.State == weir.Blocked || l.Head.State == weir.Queued
	if l.Superseded == weir.SupersededNever || !waiting {
		at.Supersede = l.Superseded == weir.SupersededRunning && !l.Head.State.Final() && !start
		return []Decision{at}, nil
	}
	if start { // it stays, and the newest comes behind it
		return []Decision{at}, nil
	}
	since := l.Waits
	if since.IsZero() {
		since = l.Head.Created
	}
	delay := Delay{Builder: l.Builder.ID, Build: l.Head.ID}
	switch {
	case l.StartWaits:
		delay.Reason = DelayStart
	case l.Unready:
		delay.Reason = DelayProduct
	case now.Sub(since) >= LinePatience:
		delay.Reason = DelayPatient
	default:
		at.Supersede, at.Waits = true, since
		return []Decision{at}, nil
	}
	return nil, &delay
}
