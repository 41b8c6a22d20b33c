package presence

import "time"

// clockSlack is how far the wall clock may move between two looks, beyond
// the time that has passed, before it counts as set.
const clockSlack = 3 * time.Second

// Hearing knows since when this server could hear workers without a break.
// Deadlines of leases are times of the wall clock, and a worker is late only if
// it had a whole lease time to be heard: not right after the server's start,
// nor while the database or the process itself stood still, nor when somebody
// has set the clock.
type Hearing struct {
	lease time.Duration
	gap   time.Duration // so much more than usual between two looks means that the process stood still
	since time.Duration // since when workers could be heard, by a clock that only runs
	wall  time.Time     // at the last look
	mono  time.Duration // at the last look
	begun bool
}

// NewHearing makes one for a lease time.
func NewHearing(lease time.Duration) *Hearing {
	return &Hearing{lease: lease, gap: max(lease/4, time.Second)}
}

// Look notes the time of a look, by the wall clock and by one that nobody can
// set. It reports whether a worker that has not been heard of is late.
func (h *Hearing) Look(wall time.Time, mono, usual time.Duration) (fair bool) {
	passed, moved := mono-h.mono, wall.Sub(h.wall)
	switch drift := moved - passed; {
	case !h.begun, drift > clockSlack, drift < -clockSlack, passed > usual+h.gap:
		h.since = mono
	}
	h.begun, h.wall, h.mono = true, wall, mono
	return mono-h.since >= h.lease
}

// Deaf notes that up to now nobody could be heard.
func (h *Hearing) Deaf(mono time.Duration) { h.since = max(h.since, mono) }
