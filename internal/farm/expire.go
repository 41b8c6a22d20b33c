package farm

import (
	"context"
	"errors"
	"time"

	"github.com/weir-ci/weir/internal/farm/presence"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// expireLook is how often leases are looked through.
const expireLook = 5 * time.Second

// expireLoop ends leases that have run out, until ctx ends.
func (f *Farm) expireLoop(ctx context.Context) error {
	usual := min(expireLook, f.lease/4)
	h := presence.NewHearing(f.lease)
	start := time.Now()
	for {
		fair := h.Look(f.now().Round(0), time.Since(start), usual) // without its monotonic part, a time is the wall clock's
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
			h.Deaf(time.Since(start))
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
		f.shares.Ended(id.Build, now)
	}
	if len(lost) > 0 {
		f.stir()
	}
	return err
}
