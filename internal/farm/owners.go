package farm

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/store"
)

// Refuse takes assignments back that the owner of a worker does not want there.
func (f *Farm) Refuse(ctx context.Context, worker string, r protocol.Refuse) error {
	if len(r.Refusals) > protocol.MaxRefusals {
		return weir.Errorf(weir.TooLarge, "worker %s refuses %d assignments at once, allowed are %d", worker, len(r.Refusals), protocol.MaxRefusals)
	}
	refused := make([]store.Refused, len(r.Refusals))
	for i, one := range r.Refusals {
		refused[i] = store.Refused(one)
	}
	ctx, cancel := whole(ctx)
	defer cancel()
	// The store tells that builds are queued, which calls those who wait for work.
	if err := f.store.Refuse(ctx, worker, r.Epoch, refused, f.now()); err != nil {
		return err
	}
	for _, r := range refused {
		f.shares.Returned(r.Attempt.Build, worker)
	}
	f.any.ring()
	return nil
}

// Rest notes why a worker asks for nothing now, or that it does again.
func (f *Farm) Rest(ctx context.Context, worker string, r protocol.Rest) error {
	ctx, cancel := whole(ctx)
	defer cancel()
	if err := f.store.Rest(ctx, worker, r.Epoch, r.Rest, f.now()); err != nil {
		return err
	}
	f.any.ring()
	return nil
}

// pickyPause is, for each of the picky workers that wait on a platform, how long they
// take to look after something was queued, all in all: they look one after the other,
// more or less.
const pickyPause = 10 * time.Millisecond

// pickyRests is how many times as long as its look took a picky worker does not look
// again: the longer the queue is that it has refused, the longer each look keeps others
// from the database.
const pickyRests = 5

// pickyRest is how long a picky worker does not look after a look that took so long.
func pickyRest(look time.Duration) time.Duration {
	return pickyRests * min(max(look, 0), heldLook/pickyRests)
}

// leasePicky is for a worker that may refuse what it is given. It is shown less of the
// queue than there is, so it stands in no line with others, who would take what it saw
// for all: it looks for itself, whenever something is queued and now and then, but for
// no more than a part of the time.
func (f *Farm) leasePicky(ctx context.Context, worker weir.Worker, ask protocol.Lease, over <-chan time.Time) (answer protocol.LeaseAnswer, again bool, err error) {
	one := f.turns.Beside(worker)
	defer f.turns.Leave(one, false)
	for {
		begun := time.Now()
		answer, _, err = f.tryLease(ctx, worker, ask)
		if err != nil || len(answer.Attempts) > 0 {
			return answer, false, err
		}
		looked := time.Now()
		rest := pickyRest(looked.Sub(begun))
		var pause <-chan time.Time
		select {
		case <-one.Called:
			crowd := time.Duration(f.turns.BesideWaiting(worker.Platform)) * pickyPause
			pause = time.After(max(rand.N(min(crowd, heldLook)+1), rest-time.Since(looked)))
		case <-time.After(max(heldLook/2+rand.N(heldLook), rest)):
			continue
		case <-one.Changed:
			return answer, true, nil
		case <-over:
			return answer, false, nil
		case <-ctx.Done():
			return answer, false, nil
		}
		select {
		case <-pause:
		case <-over:
			return answer, false, nil
		case <-ctx.Done():
			return answer, false, nil
		}
	}
}
