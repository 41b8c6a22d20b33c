package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
)

// work says hello and leases until ctx ends, the server does not want it, or
// the worker is drained.
func (w *Worker) work(ctx context.Context, attempts *sync.WaitGroup) error {
	asking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		select {
		case <-w.draining:
			stop(errStopped)
		case <-asking.Done():
		}
	}()
	retry := w.client.newBackoff()
	var rivals rivals
	for {
		err := w.hello(asking, &rivals)
		if err == nil {
			err = w.leaseAll(asking, retry, func(as protocol.Assignment) weir.Refusal { return w.begin(ctx, as, attempts) })
		} else if asking.Err() == nil {
			if weir.CodeOf(err) != weir.Conflict {
				return err
			}
			rivals.signs++
		}
		switch code := weir.CodeOf(err); {
		case ctx.Err() != nil:
			return ctx.Err()
		case w.isDraining():
			return w.leave(ctx, attempts)
		case errors.Is(err, errNewPolicy):
			w.log.Info("the policy has changed")
			continue
		case code == weir.Unauthenticated || code == weir.Forbidden:
			return err
		case code == weir.Conflict:
			if rivals.refused(); rivals.many() {
				return weir.Errorf(weir.Conflict, "another worker uses the same token: the server gives this one no work (%v)", err).
					WithHint("give each worker a token of its own: weir token add NAME")
			}
		}
		w.log.Warn("no work could be asked for", "error", err)
		if err := retry.wait(asking); err != nil && !w.isDraining() {
			return err
		}
	}
}

// rivals counts the signs of another worker with the same token: leases that
// are refused although they are in order, after hellos in between that were
// not this worker's.
type rivals struct {
	epoch   int64
	since   time.Time // when it began
	refusal bool      // the newest epoch ended with one
	signs   int
}

const (
	// maxRivals is how many signs in a row are believed.
	maxRivals = 5
	// epochHolds is how long an epoch lasts if there is nobody else.
	epochHolds = 30 * time.Second
)

func (r *rivals) refused() { r.refusal = true }

// begun notes a new epoch, for which hellos were sent so often.
func (r *rivals) begun(epoch int64, hellos int) {
	foreign := r.refusal && epoch > r.epoch+int64(hellos) && time.Since(r.since) < epochHolds
	if foreign {
		r.signs++
	} else {
		r.signs = 0
	}
	r.epoch, r.since, r.refusal = epoch, time.Now(), false
}

func (r *rivals) many() bool { return r.signs >= maxRivals }

// leave waits for the attempts that still run, and tells the server why there
// will be no others.
func (w *Worker) leave(ctx context.Context, attempts *sync.WaitGroup) error {
	w.log.Info("no more builds are taken", "finishing", w.Running())
	done, finish := context.WithCancelCause(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		if err := w.hello(done, &rivals{}); err != nil && done.Err() == nil {
			w.log.Warn("the server could not be told", "error", err)
		}
	}()
	attempts.Wait()
	timer := time.AfterFunc(w.stop, func() { finish(errStopped) })
	defer timer.Stop()
	<-told
	finish(nil)
	return ctx.Err()
}

// Running is how many attempts run, or have to be reported.
func (w *Worker) Running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.running)
}

// room is how many bytes are free where it builds; 0 if the system does not say.
func (w *Worker) room() int64 {
	space, err := disk.Free(w.opts.Dir)
	if err != nil {
		return 0
	}
	return max(space.Free, 0)
}

// hello introduces the worker, however long it takes to get an answer.
func (w *Worker) hello(ctx context.Context, rivals *rivals) error {
	_, said, _ := w.word()
	w.mu.Lock()
	msg := protocol.Hello{Version: w.version, Platform: w.opts.Platform, Labels: w.opts.Labels, Slots: w.opts.Slots, Policy: said,
		Program: w.opts.Program, Host: w.opts.Host, Instance: w.instance, Draining: w.isDraining(), Disk: w.room()}
	held := map[weir.AttemptID]*attempt{}
	for id, a := range w.running {
		msg.Holds = append(msg.Holds, id)
		held[id] = a
	}
	w.mu.Unlock()
	answer, sent, err := w.greet(ctx, msg)
	if err != nil {
		return err
	}
	w.owner.known(said)
	rivals.begun(answer.Epoch, sent)
	for _, id := range answer.Keep {
		delete(held, id)
	}
	for _, a := range held {
		a.drop(errFenced)
	}
	w.mu.Lock()
	w.settings = answer
	w.mu.Unlock()
	w.more()
	w.log.Info("connected", "server", w.opts.Server, "name", answer.Name, "slots", w.opts.Slots)
	return nil
}

// greet sends a hello, in the version before to a server that does not know this one,
// and so on. With a policy it has to be one that knows those.
func (w *Worker) greet(ctx context.Context, msg protocol.Hello) (answer protocol.HelloAnswer, sent int, err error) {
	oldest := oldestVersion
	if w.opts.Policy != nil {
		oldest = protocol.PolicyVersion
	}
	for {
		var again int
		again, err = w.client.persist(ctx, "hello", msg, &answer, false)
		sent += again
		if weir.CodeOf(err) != weir.Unsupported || msg.Version <= oldest {
			break
		}
		msg.Version--
	}
	if w.opts.Policy != nil && (weir.CodeOf(err) == weir.Unsupported || err == nil && answer.Version < protocol.PolicyVersion) {
		return answer, sent, weir.Errorf(weir.Unsupported, "the server %s is too old for a worker with a policy: it would give it again and again what it refuses",
			w.client.base.Redacted()).WithHint("upgrade the server, or run the worker without a policy").WithCause(err)
	}
	return answer, sent, err
}

// modern reports whether the server speaks more than version 1.
func (w *Worker) modern() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settings.Epoch > 0
}

// leaseAll asks for work for the free slots, again and again, until a message fails.
func (w *Worker) leaseAll(ctx context.Context, retry *backoff, begin func(protocol.Assignment) weir.Refusal) error {
	for w.leases = 0; ; {
		free, err := w.ready(ctx)
		if err != nil {
			return err
		}
		given, err := w.lease(ctx, free, protocol.MaxLeaseWait)
		if err == nil {
			retry.reset()
			err = w.take(ctx, given, begin)
		}
		if err != nil {
			w.owner.strays = true // the server may have given something, or not heard what came back
			return err
		}
	}
}

// lease asks for work once.
func (w *Worker) lease(ctx context.Context, free int, wait time.Duration) ([]protocol.Assignment, error) {
	w.leases++
	ask := protocol.Lease{Free: free, Wait: wait, Seq: w.leases, Warm: w.warm(), Disk: w.room(), Picky: w.opts.Policy != nil}
	w.mu.Lock()
	for id := range w.running {
		ask.Holds = append(ask.Holds, id)
	}
	if ask.Epoch = w.settings.Epoch; ask.Epoch == 0 {
		ask.Seq, ask.Holds = 0, nil
	}
	w.mu.Unlock()
	var answer protocol.LeaseAnswer
	err := w.client.call(ctx, "lease", ask.Wait+messageTime, ask, &answer)
	return answer.Attempts, err
}

// free is how many attempts may be taken: as many as slots are free, unless
// too many ends have still to be told.
func (w *Worker) free() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, s := range w.slots {
		if s.taken {
			n++
		}
	}
	return max(0, min(w.opts.Slots-n, 2*w.opts.Slots-len(w.running)))
}

// freeSlot finds a slot that may be taken; -1 if there is none. The caller holds mu.
func (w *Worker) freeSlot() int {
	for i := range w.slots {
		if i < w.opts.Slots && !w.slots[i].taken {
			return i
		}
	}
	return -1
}

// begin gives an assignment a slot, unless the owner does not allow that: then it is
// not given one, and nothing is kept of it. One that is running already, or has no
// slot, is passed over: the next lease tells the server that nobody holds it.
func (w *Worker) begin(ctx context.Context, assignment protocol.Assignment, attempts *sync.WaitGroup) (refusal weir.Refusal) {
	if refusal = w.judge(assignment); refusal.Rule != "" {
		return refusal
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id := assignment.Attempt
	n := w.freeSlot()
	if w.running[id] != nil || n < 0 || id.Build < 1 || id.Number < 1 {
		w.log.Warn("an assignment was passed over", "attempt", id.String(), "running", w.running[id] != nil)
		return refusal
	}
	a := w.newAttempt(ctx, held{Attempt: id, Token: assignment.Token, Slot: n})
	a.spec, a.secrets, a.noted = assignment.Spec, assignment.Secrets, w.freeNote()
	w.start(a, attempts, a.begin)
	return refusal
}

// start occupies the attempt's slot until it has ended. The caller holds mu.
func (w *Worker) start(a *attempt, attempts *sync.WaitGroup, begin func() error) {
	id, n := a.held.Attempt, a.held.Slot
	w.running[id], w.slots[n].taken = a, true
	w.wake()
	leave := sync.OnceFunc(func() {
		w.mu.Lock()
		w.slots[n].taken = false
		w.mu.Unlock()
		signal(w.freed)
	})
	attempts.Go(func() {
		a.run(begin, leave)
		w.mu.Lock()
		delete(w.running, id)
		w.mu.Unlock()
		signal(w.freed)
	})
}

// startTelling reports an attempt that needs no slot any more. The caller holds mu.
func (w *Worker) startTelling(a *attempt, attempts *sync.WaitGroup) {
	w.running[a.held.Attempt] = a
	attempts.Go(func() {
		a.tell()
		w.mu.Lock()
		delete(w.running, a.held.Attempt)
		w.mu.Unlock()
		signal(w.freed)
	})
}
