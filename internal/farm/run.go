package farm

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
)

const (
	// idleLook is how often a loop looks although nothing woke it.
	idleLook = 5 * time.Second
	// expireLook is how often leases are looked through.
	expireLook = 5 * time.Second
	// errorPause is how long a loop rests after the store did not answer.
	errorPause = 2 * time.Second
	// eventAge is how long events are kept, and pruneLook how often old ones are removed.
	eventAge  = 24 * time.Hour
	pruneLook = 10 * time.Minute
)

// Run does the farm's background work until ctx ends, and returns when all of
// it has stopped. Errors of the store are logged and tried again.
func (f *Farm) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return f.poll(ctx) })
	g.Go(func() error { return f.listen(ctx) })
	g.Go(func() error { return f.loop(ctx, "plan", &f.moved, f.plan) })
	g.Go(func() error { return f.loop(ctx, "judge", &f.work, f.judge) })
	g.Go(func() error { return f.loop(ctx, "search", &f.work, f.search) })
	g.Go(func() error {
		// Workers could not sync while this server was away, so none of them
		// is late before it has had the time to.
		select {
		case <-time.After(f.lease):
		case <-ctx.Done():
			return nil
		}
		return f.every(ctx, "expire", min(expireLook, f.lease/4), f.expire)
	})
	g.Go(func() error { return f.every(ctx, "prune", pruneLook, f.prune) })
	return g.Wait()
}

// loop calls work when the bell rings, and again at once while it says that
// there is more.
func (f *Farm) loop(ctx context.Context, name string, b *bell, work func(context.Context) (bool, error)) error {
	for {
		woken := b.wait()
		more, err := work(ctx)
		if ctx.Err() != nil {
			return nil
		}
		pause := idleLook
		if err != nil {
			f.log.Error("background work", "loop", name, "err", err, "cause", errors.Unwrap(err))
			woken, more, pause = nil, false, errorPause
		}
		if more {
			continue
		}
		select {
		case <-woken:
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// every calls work at intervals.
func (f *Farm) every(ctx context.Context, name string, interval time.Duration, work func(context.Context) error) error {
	for {
		if err := work(ctx); err != nil && ctx.Err() == nil {
			f.log.Error("background work", "loop", name, "err", err, "cause", errors.Unwrap(err))
		}
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *Farm) expire(ctx context.Context) error {
	lost, err := f.store.Expire(ctx, f.now())
	for _, id := range lost {
		f.log.Warn("attempt lost: its worker has not been heard of", "attempt", id)
	}
	if len(lost) > 0 {
		f.stir()
	}
	return err
}

func (f *Farm) prune(ctx context.Context) error {
	_, err := f.store.PruneEvents(ctx, f.now().Add(-eventAge))
	return err
}

// listen turns events of this and other servers into wake-ups. Log lines wake
// only those who show them.
func (f *Farm) listen(ctx context.Context) error {
	wake, stop := f.store.Wake()
	defer stop()
	seq, err := f.store.LastEvent(ctx)
	if err != nil && ctx.Err() == nil {
		f.log.Error("events cannot be read", "err", err)
	}
	for {
		select {
		case <-wake:
		case <-time.After(idleLook):
		case <-ctx.Done():
			return nil
		}
		events, err := f.store.EventsAfter(ctx, seq, 1000)
		if err != nil {
			if ctx.Err() == nil {
				f.log.Error("events cannot be read", "err", err)
			}
			continue
		}
		work := false
		for _, e := range events {
			seq = e.Seq
			switch e.Kind {
			case weir.EventRevisions:
				f.moved.ring()
			case weir.EventBuild, weir.EventRun, weir.EventQueue, weir.EventRegression:
				work = true
			}
		}
		if work {
			f.stir()
		} else if len(events) > 0 {
			f.any.ring()
		}
	}
}
