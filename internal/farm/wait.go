package farm

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// Lease waits for work for a worker, at most as long as it asks and
// protocol.MaxLeaseWait. It answers with none when the time is up. Conflict if
// the worker has said hello, or asked again, since.
func (f *Farm) Lease(ctx context.Context, worker weir.Worker, ask protocol.Lease) (protocol.LeaseAnswer, error) {
	if len(ask.Holds) > protocol.MaxHeldAttempts {
		return protocol.LeaseAnswer{}, weir.Errorf(weir.TooLarge, "worker %s holds %d attempts, allowed are %d",
			worker.Name, len(ask.Holds), protocol.MaxHeldAttempts)
	}
	ask.Free = min(max(ask.Free, 1), protocol.MaxSlots)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := time.NewTimer(min(max(ask.Wait, 0), protocol.MaxLeaseWait))
	defer over.Stop()
	defer f.leases.Begin(worker.Name, ask.Epoch, ask.Seq, cancel)()
	for {
		wait := f.leaseInTurn
		if worker.Paused != "" || worker.Draining || f.now().Before(worker.Barred) { // whether or not it was away until now
			wait = f.leaseHeld
		}
		answer, again, err := wait(ctx, worker, ask, over.C)
		if err != nil || !again {
			return answer, err
		}
		if worker, err = f.Worker(context.WithoutCancel(ctx), worker.Name); err != nil {
			return answer, err
		}
	}
}

// leaseInTurn looks into the queue at once, and then when it is called, until
// there is something or the time is over. again says that the worker may have
// changed, and that there is time left.
func (f *Farm) leaseInTurn(ctx context.Context, worker weir.Worker, ask protocol.Lease, over <-chan time.Time) (answer protocol.LeaseAnswer, again bool, err error) {
	one := f.turns.Join(worker, true)
	defer func() { f.turns.Leave(one, err == nil) }()
	for {
		var left []schedule.Candidate
		answer, left, err = f.tryLease(ctx, worker, ask)
		if err != nil {
			return answer, false, err
		}
		f.turns.Looked(one, left, f.wishClock())
		if len(answer.Attempts) > 0 {
			return answer, false, nil
		}
		select {
		case <-one.Called:
			f.turns.Take(one)
		case <-one.Changed:
			return answer, true, nil
		case <-over:
			return answer, false, nil
		case <-ctx.Done():
			return answer, false, nil
		}
	}
}

// heldLook is about how often a worker that gets nothing is looked at again:
// a quarantine ends by time.
const heldLook = 5 * time.Second

// leaseHeld is for a worker that gets nothing for now. It asks once all the
// same, because asking says which attempts the worker holds, and that it lives;
// then it waits until the worker may have changed, and says whether there is
// time left to ask again.
func (f *Farm) leaseHeld(ctx context.Context, worker weir.Worker, ask protocol.Lease, over <-chan time.Time) (answer protocol.LeaseAnswer, again bool, err error) {
	one := f.turns.Join(worker, false)
	defer f.turns.Leave(one, false)
	answer, _, err = f.tryLease(ctx, worker, ask)
	if err != nil || len(answer.Attempts) > 0 {
		return answer, false, err
	}
	select {
	case <-one.Changed:
		return answer, true, nil
	case <-time.After(heldLook/2 + rand.N(heldLook)):
		return answer, true, nil
	case <-over:
	case <-ctx.Done():
	}
	return answer, false, nil
}

// tryLease looks into the queue once. Beside the worker's share it returns
// what else it saw there.
func (f *Farm) tryLease(ctx context.Context, worker weir.Worker, want protocol.Lease) (answer protocol.LeaseAnswer, left []schedule.Candidate, err error) {
	// Once the transaction has begun its outcome must be known, so that no
	// lease is given to a worker that has hung up.
	if ctx.Err() != nil { // nobody listens any more
		return answer, nil, nil
	}
	ctx, cancel := whole(ctx)
	defer cancel()
	secrets := make(map[string]string, want.Free)
	ask := store.LeaseAsk{Worker: worker.Name, Platform: worker.Platform, Now: f.now(), Deadline: f.now().Add(f.lease),
		Epoch: want.Epoch, Seq: want.Seq, Holds: want.Holds, Undelivered: f.undelivered}
	if f.turns.Waiting(worker.Platform) <= 1 { // nobody else has to know what is left
		ask.Glance = f.alike.glance(worker.Platform, want.Free)
	}
	for range want.Free {
		secret := NewSecret()
		hash := HashToken(secret)
		secrets[hash] = secret
		ask.Tokens = append(ask.Tokens, hash)
	}
	leased, err := f.store.Lease(ctx, ask, func(q store.Queue) []weir.BuildID {
		left = make([]schedule.Candidate, len(q.Candidates))
		for i, c := range q.Candidates {
			left[i] = schedule.Candidate(c)
		}
		f.alike.saw(worker.Platform, left)
		return schedule.Pick(left, worker, want.Free, f.wishClock())
	})
	if err != nil {
		return answer, nil, err
	}
	for _, l := range leased {
		answer.Attempts = append(answer.Attempts, protocol.Assignment{
			Attempt: l.Attempt, Token: secrets[l.Token], Spec: l.Spec})
		left = slices.DeleteFunc(left, func(c schedule.Candidate) bool { return c.Build == l.Build.ID })
	}
	if len(leased) > 0 {
		f.any.ring()
	}
	return answer, left, nil
}

// wishClock is what schedule.Pick takes for the time: in a farm whose leases are
// shorter than usual, builds wait less long for the worker that they wish for.
func (f *Farm) wishClock() time.Time {
	return f.now().Add(max(0, schedule.WishTime-f.scaled(schedule.WishTime)))
}

// storeTime is how long the store may take for what must not be cut short.
const storeTime = 30 * time.Second

// whole is the context of a transaction that is finished even if whoever
// asked for it hangs up, or the server is being stopped.
func whole(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeTime)
}

// undelivered says when a build goes on whose attempt never arrived.
func (f *Farm) undelivered(attempts int) time.Time {
	pause := f.scaled(schedule.RetryPause(weir.ReasonUndelivered, attempts))
	if pause <= 0 {
		return time.Time{}
	}
	return f.now().Add(pause)
}
