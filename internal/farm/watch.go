package farm

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// watches wakes those who wait for attempts of theirs to be ended.
type watches struct {
	mu      sync.Mutex
	byBuild map[weir.BuildID]map[chan struct{}]bool
}

// add registers one who waits. The channel receives, without blocking anybody,
// when one of the builds may have changed.
func (w *watches) add(ids []weir.AttemptID) (woken chan struct{}, remove func()) {
	woken = make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byBuild == nil {
		w.byBuild = map[weir.BuildID]map[chan struct{}]bool{}
	}
	for _, id := range ids {
		if w.byBuild[id.Build] == nil {
			w.byBuild[id.Build] = map[chan struct{}]bool{}
		}
		w.byBuild[id.Build][woken] = true
	}
	return woken, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, id := range ids {
			delete(w.byBuild[id.Build], woken)
			if len(w.byBuild[id.Build]) == 0 {
				delete(w.byBuild, id.Build)
			}
		}
	}
}

// wake wakes those who watch a build, which an event names.
func (w *watches) wake(subject string) {
	id, err := strconv.ParseInt(subject, 10, 64)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for woken := range w.byBuild[weir.BuildID(id)] {
		select {
		case woken <- struct{}{}:
		default: // it is awake already
		}
	}
}

// Watch waits until one of the attempts that a worker holds is over, for a
// reason other than the worker's own, and names it; at most as long as asked
// and protocol.MaxLeaseWait. It answers with none when the time is up.
func (f *Farm) Watch(ctx context.Context, worker string, w protocol.Watch) (protocol.WatchAnswer, error) {
	if len(w.Holds) > protocol.MaxHeldAttempts {
		return protocol.WatchAnswer{}, weir.Errorf(weir.TooLarge, "worker %s watches %d attempts, allowed are %d",
			worker, len(w.Holds), protocol.MaxHeldAttempts)
	}
	wait := time.NewTimer(min(max(w.Wait, 0), protocol.MaxLeaseWait))
	defer wait.Stop()
	woken, remove := f.watches.add(w.Holds)
	defer remove()
	for {
		held, err := f.store.Held(ctx, worker, w.Holds)
		if err != nil {
			if ctx.Err() != nil {
				err = nil
			}
			return protocol.WatchAnswer{}, err
		}
		ended := slices.DeleteFunc(slices.Clone(w.Holds), func(id weir.AttemptID) bool { return slices.Contains(held, id) })
		if len(ended) > 0 {
			return protocol.WatchAnswer{Ended: ended}, nil
		}
		select {
		case <-woken:
		case <-wait.C:
			return protocol.WatchAnswer{}, nil
		case <-ctx.Done():
			return protocol.WatchAnswer{}, nil
		}
	}
}
