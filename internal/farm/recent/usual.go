package recent

import (
	"slices"
	"time"

	"github.com/weir-ci/weir"
)

// usualOf is of how many builds that passed the usual time is taken.
const usualOf = 15

// Usual finds out how long the builds of one builder usually run: the median of the
// newest that passed. Give it the builds with Add, the newest first.
type Usual struct {
	took [usualOf]time.Duration
	n    int
}

// Add takes a build in, if it passed and its times are known and there is room.
func (u *Usual) Add(o weir.Outcome, started, finished time.Time) {
	if o == weir.Passed && !started.IsZero() && finished.After(started) && !u.Full() {
		u.took[u.n] = finished.Sub(started)
		u.n++
	}
}

// Full reports whether further builds change nothing.
func (u *Usual) Full() bool { return u.n == usualOf }

// Of is how many builds were taken in.
func (u *Usual) Of() int { return u.n }

// Time is the usual time; 0 if no build was taken in.
func (u *Usual) Time() time.Duration {
	if u.n == 0 {
		return 0
	}
	sorted := u.took
	slices.Sort(sorted[:u.n])
	return sorted[u.n/2]
}
