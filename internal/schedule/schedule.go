// Package schedule decides what to build next, and on which worker. It is
// pure: the situation goes in, decisions come out, and the farm carries them out.
//
// There are two decisions. Plan looks at builders: where does the newest build
// on a builder's line differ from the tips of its projects? Pick looks at a
// worker with room: which of the queued builds should it get?
package schedule

import (
	"slices"
	"time"

	"github.com/weir-ci/weir"
)

// Priorities of builds; higher goes first. Somebody waits for the answer to a
// retry or a probe, and nobody can be told anything before a first baseline.
const (
	PriorityChange   = 10
	PriorityForce    = 15 // a person waits, but may force a thousand builds
	PriorityProbe    = 20
	PriorityBaseline = 30
	PriorityRetry    = 40
)

// Line is the situation of one builder.
type Line struct {
	Builder weir.Builder
	// Start is where the line begins: the first known revision of each project.
	Start weir.Pins
	// Tips is where the line should be: the newest revision of each project.
	Tips weir.Pins
	// Head is the newest build on the line; nil if there is none.
	Head *weir.Build
}

// Decision is a build to be made.
type Decision struct {
	Builder  weir.Builder
	Pins     weir.Pins
	Priority int
	// Supersede says that builds of the line that still wait in the queue
	// are not needed any more: this one is newer.
	Supersede bool
}

// InfraPause is how long after a build that the farm could not run the same is
// tried again: long enough for somebody to mend a machine, or for a source to
// come back.
const InfraPause = 10 * time.Minute

// Plan decides what to build on each line. A line without builds starts at
// its start, so that there is a baseline; after that every build is at the
// tips. Tips that the farm could not build are built again after InfraPause.
// Plan is level-triggered: asked again after its decisions were carried
// out it decides nothing, and asked after any crash it decides what is missing.
func Plan(lines []Line, now time.Time) []Decision {
	var out []Decision
	for _, l := range lines {
		switch {
		case len(l.Tips) == 0:
		case l.Head == nil:
			out = append(out, Decision{Builder: l.Builder, Pins: l.Start, Priority: PriorityBaseline})
			if l.Start.Key() != l.Tips.Key() {
				out = append(out, Decision{Builder: l.Builder, Pins: l.Tips, Priority: PriorityChange})
			}
		case l.Head.Pins.Key() != l.Tips.Key():
			out = append(out, Decision{Builder: l.Builder, Pins: l.Tips, Priority: PriorityChange,
				Supersede: l.Head.Pins.Key() != l.Start.Key()})
		case l.Head.Outcome == weir.Infra && now.Sub(l.Head.Finished) >= InfraPause:
			out = append(out, Decision{Builder: l.Builder, Pins: l.Tips, Priority: PriorityChange})
		}
	}
	return out
}

// Candidate is a queued build that a worker might get.
type Candidate struct {
	Build    weir.BuildID
	Builder  weir.Builder
	Cause    weir.Cause
	Priority int
	Queued   time.Time
	Attempts int
	Labels   []string // that its job asks for
}

// Pick chooses at most free builds for a worker out of the queue: those of
// its platform whose labels it offers, by priority, then age; but among equals
// projects take turns, so that one with many builds does not keep the others waiting.
func Pick(queue []Candidate, worker weir.Worker, free int) []weir.BuildID {
	fit := make([]Candidate, 0, len(queue))
	for _, c := range queue {
		if c.Builder.Platform == worker.Platform && offers(worker.Labels, c.Labels) {
			fit = append(fit, c)
		}
	}
	// turn numbers the builds of each project within their priority by age.
	slices.SortStableFunc(fit, byAge)
	type lane struct {
		priority int
		project  string
	}
	turns := map[lane]int{}
	turn := make(map[weir.BuildID]int, len(fit))
	for _, c := range fit {
		l := lane{c.Priority, c.Builder.Project}
		turn[c.Build] = turns[l]
		turns[l]++
	}
	slices.SortStableFunc(fit, func(a, b Candidate) int {
		if a.Priority != b.Priority {
			return b.Priority - a.Priority
		}
		return turn[a.Build] - turn[b.Build]
	})
	var out []weir.BuildID
	for _, c := range fit[:min(max(free, 0), len(fit))] {
		out = append(out, c.Build)
	}
	return out
}

func byAge(a, b Candidate) int {
	if c := a.Queued.Compare(b.Queued); c != 0 {
		return c
	}
	return int(a.Build - b.Build)
}

// offers reports whether all wanted labels are among those offered.
func offers(offered, wanted []string) bool {
	for _, w := range wanted {
		if !slices.Contains(offered, w) {
			return false
		}
	}
	return true
}
