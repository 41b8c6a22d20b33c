package farm

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

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
	woken, remove := f.watches.Add(w.Holds)
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
