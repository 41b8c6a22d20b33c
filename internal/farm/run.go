package farm

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/setcache"
)

const (
	// idleLook is how often a loop looks although nothing woke it.
	idleLook = 5 * time.Second
	// queueLook is how often a worker of each platform looks into the queue
	// although it was not called; a random part keeps servers apart.
	queueLook = 5 * time.Second
	// errorPause is how long a loop rests after the store did not answer.
	errorPause = 2 * time.Second
	// While much happens a loop lets some of it come together: it rests after
	// each pass, for longer if the pass has found something, because then more
	// of the same is likely. What comes after a quiet moment is seen at once.
	// A search waits for whole builds anyway.
	restIdle   = 5 * time.Millisecond
	restBusy   = 25 * time.Millisecond
	restSearch = 25 * time.Millisecond
	// eventRest is how long events may gather, for the same reason.
	eventRest = 2 * time.Millisecond
	// eventAge is how long events are kept, and pruneLook how often old ones are removed.
	eventAge  = 24 * time.Hour
	pruneLook = 10 * time.Minute
)

// Run does the farm's background work until ctx ends, and returns when all of
// it has stopped. Errors of the store are logged and tried again.
func (f *Farm) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return f.poller.Run(ctx) })
	g.Go(func() error { return f.listen(ctx) })
	g.Go(func() error { return f.loop(ctx, "plan", &f.moved, restIdle, f.plan) })
	g.Go(func() error { return f.loop(ctx, "start", &f.due, restIdle, f.starter.Look) })
	g.Go(func() error { return f.loop(ctx, "judge", &f.work, restIdle, f.judge) })
	g.Go(func() error { return f.loop(ctx, "search", &f.work, restSearch, f.search) })
	g.Go(func() error { return f.aftermath.Run(ctx) })
	g.Go(func() error { return f.book.Run(ctx) })
	g.Go(func() error { return f.expireLoop(ctx) })
	g.Go(func() error { return f.lookAgain(ctx) })
	g.Go(func() error { return f.every(ctx, "prune", pruneLook, f.prune) })
	g.Go(func() error { return f.every(ctx, "forget", setcache.Time, f.sets.Forget) })
	g.Go(func() error { return f.every(ctx, "digest", digestLook, f.tellFlaky) })
	return g.Wait()
}

// loop calls work when the bell rings, and again while it says that there is
// more. After that it rests, so that what happens meanwhile comes together.
func (f *Farm) loop(ctx context.Context, name string, b *bell, rest time.Duration, work func(context.Context) (bool, error)) error {
	found := false // since the loop has waited
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
		found = found || more
		if more {
			continue
		}
		gather := rest
		if found {
			gather, found = max(rest, restBusy), false
		}
		if !sleep(ctx, gather) {
			return nil
		}
		select {
		case <-woken:
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// sleep waits, and reports whether ctx lives still.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// judge holds finished builds against their builders' baselines. It returns
// whether there may be more to do at once.
func (f *Farm) judge(ctx context.Context) (bool, error) {
	more, err := f.judging.Judge(ctx)
	if more {
		f.stir()
	}
	return more, err
}

// search moves open searches one step on. It returns whether anything changed.
func (f *Farm) search(ctx context.Context) (bool, error) {
	more, err := f.inquiry.Search(ctx)
	if more {
		f.stir()
	}
	return more, err
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

// lookAgain lets waiting workers look into the queue now and then.
func (f *Farm) lookAgain(ctx context.Context) error {
	for {
		select {
		case <-time.After(queueLook + rand.N(queueLook/2)):
			f.turns.Again()
		case <-ctx.Done():
			return nil
		}
	}
}

// prune removes what is over: events, artifacts, links to sign in and sessions.
func (f *Farm) prune(ctx context.Context) error {
	_, err := f.store.PruneEvents(ctx, f.now().Add(-eventAge))
	return errors.Join(err, f.expireArtifacts(ctx), f.Tidy(ctx))
}

// listen turns events of this and other servers into wake-ups. Log lines wake
// only those who show them.
func (f *Farm) listen(ctx context.Context) error {
	wake, stop := f.store.Wake()
	defer stop()
	var seq int64
	known := false
	for {
		if !known {
			last, err := f.store.LastEvent(ctx)
			if seq, known = last, err == nil; err != nil && ctx.Err() == nil {
				f.log.Error("events cannot be read", "err", err)
			}
			f.heardAll() // whatever happened before
		} else if err := f.hear(ctx, &seq); err != nil && ctx.Err() == nil {
			f.log.Error("events cannot be read", "err", err)
		}
		if !sleep(ctx, eventRest) {
			return nil
		}
		select {
		case <-wake:
		case <-time.After(idleLook):
		case <-ctx.Done():
			return nil
		}
	}
}

// eventsAtOnce is how many events are read at once.
const eventsAtOnce = 1000

// hear reads the events after a number, and passes each on to those whom it
// concerns.
func (f *Farm) hear(ctx context.Context, seq *int64) error {
	for {
		events, err := f.store.EventsAfter(ctx, *seq, eventsAtOnce)
		if err != nil {
			return err
		}
		work := false
		queued := map[weir.Platform]bool{}
		for _, e := range events {
			*seq = e.Seq
			switch e.Kind {
			case weir.EventRevisions:
				f.known.forget()
				f.moved.ring()
			case weir.EventQueue:
				queued[weir.Platform(e.Subject)] = true
			case weir.EventBuild, weir.EventCancel:
				f.watches.Wake(e.Subject)
				if id, err := strconv.ParseInt(e.Subject, 10, 64); err == nil {
					f.shares.Changed(weir.BuildID(id))
				}
				work = true
			case weir.EventConfig:
				f.moved.ring()
			case weir.EventRun, weir.EventRegression:
				work = true
			case weir.EventWorker:
				f.turns.Change(e.Subject)
			}
		}
		for p := range queued {
			f.turns.Queued(p)
		}
		if work && len(f.config.Load().locks) > 0 { // one may be free now, for a build on any platform
			f.turns.Again()
		}
		if work {
			f.stir()
		} else if len(events) > 0 {
			f.any.ring()
		}
		if len(events) < eventsAtOnce {
			return nil
		}
	}
}

// heardAll wakes everybody, because it is not known who has missed what.
func (f *Farm) heardAll() {
	f.known.forget()
	f.moved.ring()
	f.turns.Again()
	f.stir()
}
