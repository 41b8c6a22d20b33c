package worker

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

const (
	// watchAge is how old an attempt is before it is watched: most are over by then.
	watchAge = time.Second
	// watchTick is how often it is looked for attempts to watch.
	watchTick = 250 * time.Millisecond
)

// watch learns without delay which attempts the server has ended.
func (w *Worker) watch(ctx context.Context) {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	retry := w.client.newBackoff()
	for ctx.Err() == nil {
		ids, more := w.watchable()
		if len(ids) == 0 {
			wake := tick.C
			if w.Running() == 0 || !w.modern() {
				wake = nil
			}
			select {
			case <-ctx.Done():
			case <-more:
			case <-wake:
			}
			continue
		}
		switch err := w.watchOnce(ctx, ids, tick.C); {
		case err == nil:
			retry.reset()
		case weir.CodeOf(err) == weir.Unsupported || weir.CodeOf(err) == weir.NotFound:
			w.log.Debug("the server cannot be watched", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(weir.LeaseTime): // by then it may be a newer one
			}
		case retry.wait(ctx) != nil:
			return
		}
	}
}

// more tells watch that there may be more to watch.
func (w *Worker) more() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wake()
}

// wake is more for those who hold mu.
func (w *Worker) wake() {
	close(w.watched)
	w.watched = make(chan struct{})
}

// watchable lists the attempts to watch. The channel is closed when there may be more.
func (w *Worker) watchable() ([]weir.AttemptID, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.settings.Epoch == 0 {
		return nil, w.watched
	}
	var ids []weir.AttemptID
	for id, a := range w.running {
		if time.Since(a.since) >= watchAge && a.watchable() {
			ids = append(ids, id)
		}
	}
	return ids, w.watched
}

// watchOnce asks until there is an answer, or there are other attempts to ask for.
func (w *Worker) watchOnce(ctx context.Context, ids []weir.AttemptID, tick <-chan time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var answer protocol.WatchAnswer
	done := make(chan error, 1)
	go func() {
		ask := protocol.Watch{Holds: ids, Wait: protocol.MaxLeaseWait}
		done <- w.client.call(ctx, "watch", ask.Wait+messageTime, ask, &answer)
	}()
	asked := map[weir.AttemptID]bool{}
	for _, id := range ids {
		asked[id] = true
	}
	for {
		select {
		case err := <-done:
			for _, id := range answer.Ended {
				w.look(id)
			}
			return err
		case <-tick:
			others, _ := w.watchable()
			for _, id := range others {
				if !asked[id] {
					cancel()
					<-done
					return nil
				}
			}
		}
	}
}

// look has an attempt that the server has ended learn why.
func (w *Worker) look(id weir.AttemptID) {
	w.mu.Lock()
	a := w.running[id]
	w.mu.Unlock()
	if a == nil {
		return
	}
	a.mu.Lock()
	a.watched = true
	a.mu.Unlock()
	signal(a.due)
}

// watchable reports whether it is of interest if the server has ended the attempt.
func (a *attempt) watchable() bool {
	select {
	case <-a.ended:
		return false
	case <-a.life.Done():
		return false
	default:
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.watched
}
