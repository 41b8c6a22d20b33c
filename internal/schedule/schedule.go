// Package schedule decides what to build next, and on which worker. It is
// pure: the situation goes in, decisions come out, and the farm carries them out.
//
// There are two decisions. Plan looks at builders: where does the newest build
// on a builder's line differ from the tips of its projects? Pick looks at a
// worker with room: which of the queued builds should it get?
package schedule

import (
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
