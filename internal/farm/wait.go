package farm

import (
	"context"
	"errors"
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
	f.disks.Note(worker.Name, ask.Disk)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := time.NewTimer(min(max(ask.Wait, 0), protocol.MaxLeaseWait))
	defer over.Stop()
	defer f.leases.Begin(worker.Name, ask.Epoch, ask.Seq, cancel)()
	for {
		wait := f.leaseInTurn
		switch {
		case worker.Paused != "" || worker.Draining || f.now().Before(worker.Barred) || worker.Rest.Rule != "": // whether or not it was away until now
			wait = f.leaseHeld
		case ask.Picky:
			wait = f.leasePicky
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
		var left schedule.Queue
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
// what else it saw there; for one that is picky that is not all that there is.
func (f *Farm) tryLease(ctx context.Context, worker weir.Worker, want protocol.Lease) (answer protocol.LeaseAnswer, left schedule.Queue, err error) {
	// Once the transaction has begun its outcome must be known, so that no
	// lease is given to a worker that has hung up.
	if ctx.Err() != nil { // nobody listens any more
		return answer, left, nil
	}
	ctx, cancel := whole(ctx)
	defer cancel()
	tokens := make(map[string]string, want.Free)
	ask := store.LeaseAsk{Worker: worker.Name, Platform: worker.Platform, Now: f.now(), Deadline: f.now().Add(f.lease),
		Epoch: want.Epoch, Seq: want.Seq, Holds: want.Holds, Undelivered: f.undelivered, Picky: want.Picky}
	if !want.Picky && f.turns.Waiting(worker.Platform) <= 1 { // nobody else has to know what is left
		ask.Glance = f.alike.glance(worker.Platform, want.Free)
	}
	for range want.Free {
		secret := NewSecret()
		hash := HashToken(secret)
		tokens[hash] = secret
		ask.Tokens = append(ask.Tokens, hash)
	}
	warm := warmth(want.Warm)
	leased, err := f.store.Lease(ctx, ask, func(q store.Queue) []weir.BuildID {
		left = f.queue(q, warm)
		if !want.Picky {
			f.alike.saw(worker.Platform, left.Candidates)
		}
		return left.Pick(worker, want.Free, f.wishClock())
	})
	if err != nil {
		return answer, schedule.Queue{}, err
	}
	left.Warm = nil // is that of this worker
	for _, l := range leased {
		i := slices.IndexFunc(left.Candidates, func(c schedule.Candidate) bool { return c.Build == l.Build.ID })
		if i >= 0 {
			c := left.Candidates[i]
			f.shares.Began(worker.Name, c, f.now())
			if len(c.Locks) > 0 {
				left.Held = append(left.Held, schedule.Held{Build: c.Build, Worker: worker.Name, Locks: c.Locks})
			}
			left.Candidates = slices.Delete(left.Candidates, i, i+1)
		}
		secrets, err := f.secretsOf(l.Spec)
		if err != nil {
			f.giveUp(ctx, l, tokens[l.Token], err)
			continue
		}
		answer.Attempts = append(answer.Attempts, protocol.Assignment{Attempt: l.Attempt, Token: tokens[l.Token], Spec: l.Spec, Secrets: secrets})
	}
	if len(leased) > 0 {
		f.any.ring()
	}
	return answer, left, nil
}

// queue is what a worker may choose from, for schedule.
func (f *Farm) queue(q store.Queue, warm map[string]bool) schedule.Queue {
	out := schedule.Queue{Candidates: make([]schedule.Candidate, len(q.Candidates)), Held: make([]schedule.Held, len(q.Held)),
		Locks: f.config.Load().locks, Warm: warm, Shares: &f.shares}
	for i, c := range q.Candidates {
		out.Candidates[i] = schedule.Candidate(c)
	}
	for i, h := range q.Held {
		out.Held[i] = schedule.Held(h)
	}
	return out
}

// warmth is what a worker says it has ready.
func warmth(list []string) map[string]bool {
	list = list[:min(len(list), protocol.MaxWarm)]
	warm := make(map[string]bool, len(list))
	for _, what := range list {
		warm[what] = true
	}
	return warm
}

// secretsOf finds the values of the secrets that a build's job and steps name, and
// of the one with which its source is read. The steps of what may not see any get
// none: for them that one alone goes to the worker, whose checkout uses it.
func (f *Farm) secretsOf(spec weir.Spec) (out []weir.EnvVar, err error) {
	var names []string
	if spec.Source.Credentials != "" {
		names = append(names, spec.Source.Credentials)
	}
	if !spec.Untrusted {
		names = append(names, spec.Job.Secrets...)
		for _, step := range spec.Job.Steps {
			names = append(names, step.Secrets...)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if f.secret == nil {
			return nil, weir.Errorf(weir.NotFound, "this farm has no secret %.80q", name)
		}
		value, err := f.secret(name)
		if err != nil {
			return nil, err
		}
		out = append(out, weir.EnvVar{Name: name, Value: value})
	}
	return out, nil
}

// giveUp ends an attempt that cannot be given to its worker, because a secret is
// missing. The build is tried again later, as after any trouble of the farm's own.
func (f *Farm) giveUp(ctx context.Context, l store.Leased, token string, why error) {
	text := why.Error()
	if weir.CodeOf(why) == weir.Internal {
		text = "a secret that it asks for cannot be read; the server's log says more"
	}
	f.log.Warn("a build cannot have its secrets", "build", l.Build.ID, "err", why, "cause", errors.Unwrap(why))
	err := f.Finish(ctx, l.Attempt, protocol.Finish{Token: token, Outcome: weir.Infra, Reason: weir.Reason{Code: weir.ReasonSecret, Text: text}})
	if err != nil { // then its lease runs out
		f.log.Warn("an attempt without its secrets cannot be ended", "build", l.Build.ID, "err", err)
	}
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

// undelivered says when a build goes on of which so many attempts never arrived.
func (f *Farm) undelivered(times int) time.Time {
	pause := f.scaled(schedule.RetryPause(weir.ReasonUndelivered, times))
	if pause <= 0 {
		return time.Time{}
	}
	return f.now().Add(pause)
}
