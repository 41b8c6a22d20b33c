package schedule

import (
	"time"

	"github.com/weir-ci/weir"
)

// Dead is the newest builds of a line, in a row, that got nowhere: see Nowhere.
// All are at the same revision of its own project.
type Dead struct {
	Builds int
	Since  time.Time // when the oldest of them ended
}

const (
	// DeadBuilds and DeadTime are how many builds a line has, over how long a time,
	// that got nowhere, before it is built less often.
	DeadBuilds = 10
	DeadTime   = 7 * 24 * time.Hour
	// firstDeadPause and LastDeadPause are how long it is left alone after each of
	// its builds, at first and at most. It doubles with each build.
	firstDeadPause = time.Hour
	LastDeadPause  = 24 * time.Hour
	// DeadLook is how many of a builder's newest builds must be known to say how
	// long the pause is.
	DeadLook = DeadBuilds + 5
)

// Nowhere reports whether a finished build says nothing but that its project does
// not work: no test of it was good. A suite in which some tests have been bad
// for years is not dead: it still tells what is new.
func Nowhere(b weir.Build) bool {
	return b.State == weir.Finished && b.Outcome.SaysSomething() && b.Outcome != weir.Passed &&
		b.Counts.Pass == 0 && b.Counts.ExpectedFailure == 0
}

// DeadOf says how long a builder's newest builds, newest first, have got nowhere.
// Builds that have not ended, or ended by no fault of the project, are passed over.
func DeadOf(builds []weir.Build) (d Dead) {
	var own string
	for _, b := range builds {
		if !b.Cause.Advances() || b.State != weir.Finished || !b.Outcome.SaysSomething() {
			continue
		}
		if !Nowhere(b) || d.Builds > 0 && b.Revision() != own {
			break
		}
		own = b.Revision()
		d.Builds++
		d.Since = b.Finished
	}
	return d
}

// Pause is how long after its newest build such a line is left alone; 0 if it
// is not dead.
func (d Dead) Pause(now time.Time) time.Duration {
	if d.Builds < DeadBuilds || now.Sub(d.Since) < DeadTime {
		return 0
	}
	pause := firstDeadPause
	for range min(d.Builds, DeadLook) - DeadBuilds {
		pause *= 2
	}
	return min(pause, LastDeadPause)
}

// dead reports whether the line is left alone for now, and until when: only
// upstreams of it have moved, and they have been no help for long.
func (l *Line) dead(now time.Time) (until time.Time, dead bool) {
	own := l.Builder.Project
	if l.Head.Pins[own] != l.Tips[own] || !l.Head.State.Final() {
		return until, false
	}
	until = l.Head.Created.Add(l.Dead.Pause(now))
	return until, now.Before(until)
}
