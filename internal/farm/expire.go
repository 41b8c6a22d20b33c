package farm

import (
	"context"
	"errors"
	"time"

	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// expireLook is how often leases are looked through.
	expireLook = 5 * time.Second
	// clockSlack is how far the wall clock may move between two looks, beyond
	// the time that has passed, before it counts as set.
	clockSlack = 3 * time.Second
)

// hearing knows since when this server could hear workers without a break.
// Deadlines of leases are times of the wall clock, and a worker is late only if
// it had a whole lease time to be heard: not right after the server's start,
// nor while the database or the process itself stood still, nor when somebody
// has set the clock.
type hearing struct {
	lease time.Duration
	gap   time.Duration // so much more than usual between two looks means that the process stood still
	since time.Duration // since when workers could be heard, by a clock that only runs
	wall  time.Time     // at the last look
	mono  time.Duration // at the last look
	begun bool
}

// look notes the time of a look, by the wall clock and by one that nobody can
// set. It reports whether a worker that has not been heard of is late.
func (h *hearing) look(wall time.Time, mono, usual time.Duration) (fair bool) {
	passed, moved := mono-h.mono, wall.Sub(h.wall)
	switch drift := moved - passed; {
	case !h.begun, drift > clockSlack, drift < -clockSlack, passed > usual+h.gap:
		h.since = mono
	}
	h.begun, h.wall, h.mono = true, wall, mono
	return mono-h.since >= h.lease
}

// deaf notes that up to now nobody could be heard.
func (h *hearing) deaf(mono time.Duration) { h.since = max(h.since, mono) }

// expireLoop ends leases that have run out, until ctx ends.
func (f *Farm) expireLoop(ctx context.Context) error {
	usual := min(expireLook, f.lease/4)
	h := hearing{lease: f.lease, gap: max(f.lease/4, time.Second)}
	start := time.Now()
	for {
		fair := h.look(f.now().Round(0), time.Since(start), usual) // without its monotonic part, a time is the wall clock's
		_, err := f.store.LastEvent(ctx)                           // does the store answer at all?
		if err == nil && fair {
			err = f.expire(ctx)
		}
		if err == nil && fair {
			if err := f.tellOwners(ctx); err != nil && ctx.Err() == nil {
				f.log.Error("owners of workers cannot be told", "err", err, "cause", errors.Unwrap(err))
			}
		}
		if err != nil {
			h.deaf(time.Since(start))
			if ctx.Err() == nil {
				f.log.Error("background work", "loop", "expire", "err", err, "cause", errors.Unwrap(err))
			}
		}
		select {
		case <-time.After(usual):
		case <-ctx.Done():
			return nil
		}
	}
}

// expire ends the leases that have run out.
func (f *Farm) expire(ctx context.Context) error {
	now := f.now()
	if err := f.store.Rein(ctx, store.Horizon{Now: now, Lease: f.lease,
		Retry: f.scaled(schedule.LastRetry), Barred: f.scaled(schedule.LastQuarantine)}); err != nil {
		return err
	}
	lost, err := f.store.Expire(ctx, now)
	for _, id := range lost {
		f.log.Warn("attempt lost: its worker has not been heard of", "attempt", id)
	}
	if len(lost) > 0 {
		f.stir()
	}
	return err
}
