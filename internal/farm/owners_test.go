package farm

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// looksOf counts looks into the queue by worker.
type looksOf struct {
	store.Store
	mu    sync.Mutex
	looks map[string]int
}

// Lease counts.
func (c *looksOf) Lease(ctx context.Context, ask store.LeaseAsk, choose func(store.Queue) []weir.BuildID) ([]store.Leased, error) {
	c.mu.Lock()
	c.looks[ask.Worker]++
	c.mu.Unlock()
	return c.Store.Lease(ctx, ask, choose)
}

func (c *looksOf) of(worker string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks[worker]
}

// TestPickyWorkerStandsInNobodysWay: a worker that refuses everything keeps nothing
// from others, is given a builder's builds once, and does not look without end.
func TestPickyWorkerStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	counted := &looksOf{Store: s.store, looks: map[string]int{}}
	f := New(Options{Store: counted, Blobs: s.blobs, Sources: s.world, Host: simPlatform})
	s.must(f.Configure(s.ctx, s.world.farm))
	ctx, cancel := context.WithCancel(s.ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		if err := f.listen(ctx); err != nil {
			t.Error(err)
		}
	})
	enter := func(name string, policy ...string) (weir.Worker, int64) {
		answer, err := f.Hello(ctx, name, protocol.Hello{Version: protocol.Version, Platform: simPlatform, Slots: 1, Policy: policy})
		s.must(err)
		w, err := f.Worker(ctx, name)
		s.must(err)
		return w, answer.Epoch
	}
	begun := time.Now()
	picky, epoch := enter("picky", "projects: none")
	refused := make(chan int, 100)
	running.Go(func() {
		for seq := int64(1); ctx.Err() == nil; seq++ {
			answer, err := f.Lease(ctx, picky, protocol.Lease{Free: 1, Wait: protocol.MaxLeaseWait, Epoch: epoch, Seq: seq, Picky: true})
			if err != nil {
				t.Error(err)
				return
			}
			r := protocol.Refuse{Epoch: epoch}
			for _, a := range answer.Attempts {
				r.Refusals = append(r.Refusals, protocol.Refusal{Attempt: a.Attempt, Rule: weir.RuleProjects, Text: "nothing may run here"})
			}
			if len(r.Refusals) == 0 {
				continue
			}
			if err := f.Refuse(ctx, picky.Name, r); err != nil {
				t.Error(err)
				return
			}
			refused <- len(r.Refusals)
		}
	})
	force := func() {
		_, err := f.Force(ctx, Force{Project: "up"})
		s.must(err)
	}
	force()
	if n := <-refused; n != 1 {
		t.Fatalf("%d are refused", n)
	}
	other, epoch2 := enter("other")
	const builds = 5
	for n := range builds {
		answer, err := f.Lease(ctx, other, protocol.Lease{Free: 1, Wait: protocol.MaxLeaseWait, Epoch: epoch2, Seq: int64(n + 1)})
		s.must(err)
		if len(answer.Attempts) != 1 {
			t.Fatalf("the other worker gets %d assignments", len(answer.Attempts))
		}
		a := answer.Attempts[0]
		s.must(f.Finish(ctx, a.Attempt, protocol.Finish{Token: a.Token, Outcome: weir.Broken, Reason: weir.Reason{Code: weir.ReasonCheckout}}))
		force()
	}
	if len(refused) > 0 {
		t.Error("the picky worker is given again what it refused")
	}
	// It looks when something is queued: once for each build, and when one comes back; and
	// now and then.
	if n := counted.of("picky"); n > 4*builds+4+int(time.Since(begun)/(heldLook/2)) {
		t.Errorf("the picky worker looked %d times", n)
	}
	list, err := s.store.Refusals(ctx, "picky", time.Now(), 0)
	s.must(err)
	if len(list) != 1 || list[0].Count != 1 {
		t.Errorf("refused is %+v", list)
	}
}

// TestPickyLooksAreNobodysElse: what a picky worker sees is not remembered for others.
func TestPickyLooksAreNobodysElse(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	_, err := s.farms[0].plan(s.ctx)
	s.must(err)
	f, w := s.farms[0], s.workers[0]
	hello, err := f.Hello(s.ctx, w.Name, protocol.Hello{Version: protocol.Version, Platform: w.Platform, Slots: 1})
	s.must(err)
	alike := func() bool {
		f.alike.mu.Lock()
		defer f.alike.mu.Unlock()
		_, known := f.alike.since[w.Platform]
		return known
	}
	_, err = f.Force(s.ctx, Force{Project: "up", Count: store.CandidateLimit + 1})
	s.must(err)
	ask := protocol.Lease{Free: 1, Epoch: hello.Epoch, Seq: 1, Picky: true}
	answer, _, err := f.tryLease(s.ctx, w, ask)
	s.must(err)
	if len(answer.Attempts) != 1 || alike() {
		t.Fatalf("it gets %d, and the queue is taken to be all alike: %t", len(answer.Attempts), alike())
	}
	s.must(f.Refuse(s.ctx, w.Name, protocol.Refuse{Epoch: hello.Epoch,
		Refusals: []protocol.Refusal{{Attempt: answer.Attempts[0].Attempt, Rule: weir.RuleCommands, Text: "no"}}}))
	ask.Seq++
	answer, left, err := f.tryLease(s.ctx, w, ask)
	s.must(err)
	if len(answer.Attempts) > 0 || slices.ContainsFunc(left.Candidates, func(c schedule.Candidate) bool { return c.Builder.Project == "up" }) {
		t.Errorf("it gets %d, and %d are left", len(answer.Attempts), len(left.Candidates))
	}
}

// TestRestingWorker: a worker that rests gets nothing until it says that it does no more.
func TestRestingWorker(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	_, err := s.farms[0].plan(s.ctx)
	s.must(err)
	f, name := s.farms[0], s.workers[0].Name
	policy := []string{"hours: 22:00 to 06:00"}
	seq := int64(0)
	for _, version := range []int{protocol.PolicyVersion - 1, protocol.PolicyVersion} {
		hello, err := f.Hello(s.ctx, name, protocol.Hello{Version: version, Platform: simPlatform, Slots: 1, Policy: policy})
		s.must(err)
		w, err := f.Worker(s.ctx, name)
		s.must(err)
		if known := len(w.Policy) > 0; known != (version == protocol.PolicyVersion) {
			t.Errorf("version %d: the policy is %q", version, w.Policy)
		}
		lease := func() []protocol.Assignment {
			w, err := f.Worker(s.ctx, name)
			s.must(err)
			seq++
			answer, err := f.Lease(s.ctx, w, protocol.Lease{Free: 1, Epoch: hello.Epoch, Seq: seq, Picky: true})
			s.must(err)
			return answer.Attempts
		}
		rest := func(rest weir.Rest) { s.must(f.Rest(s.ctx, name, protocol.Rest{Epoch: hello.Epoch, Rest: rest})) }
		rest(weir.Rest{Rule: weir.RuleHours, Text: "builds begin at 22:00"})
		if w, err = f.Worker(s.ctx, name); err != nil || w.State(s.now) != weir.WorkerResting || len(lease()) > 0 {
			t.Errorf("the worker is %s (%v), or gets something", w.State(s.now), err)
		}
		rest(weir.Rest{})
		if w, err = f.Worker(s.ctx, name); err != nil || w.State(s.now) != weir.WorkerReady || len(lease()) != 1 {
			t.Errorf("the worker is %s (%v), or gets nothing", w.State(s.now), err)
		}
		err = f.Rest(s.ctx, name, protocol.Rest{Epoch: hello.Epoch + 1, Rest: weir.Rest{Rule: weir.RuleHours}})
		if weir.CodeOf(err) != weir.Conflict {
			t.Errorf("a rest of another epoch: %v", err)
		}
	}
}

// TestRefuseLimits: both sides of the protocol and the store mean the same limit.
func TestRefuseLimits(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	f, name := s.farms[0], s.workers[0].Name
	hello, err := f.Hello(s.ctx, name, protocol.Hello{Version: protocol.Version, Platform: simPlatform, Slots: 1})
	s.must(err)
	one := protocol.Refusal{Attempt: weir.AttemptID{Build: 99, Number: 1}, Rule: weir.RuleProjects}
	s.must(f.Refuse(s.ctx, name, protocol.Refuse{Epoch: hello.Epoch, Refusals: slices.Repeat([]protocol.Refusal{one}, protocol.MaxRefusals)}))
	for code, r := range map[weir.Code]protocol.Refuse{
		weir.TooLarge: {Epoch: hello.Epoch, Refusals: slices.Repeat([]protocol.Refusal{one}, protocol.MaxRefusals+1)},
		weir.Invalid:  {Epoch: hello.Epoch, Refusals: []protocol.Refusal{{Attempt: one.Attempt, Rule: weir.RuleHours}}},
		weir.Conflict: {Epoch: hello.Epoch - 1, Refusals: []protocol.Refusal{one}},
	} {
		if err := f.Refuse(s.ctx, name, r); weir.CodeOf(err) != code {
			t.Errorf("want %s, got %v", code, err)
		}
	}
	if store.MaxRefused != protocol.MaxRefusals {
		t.Errorf("the store takes %d at once, the protocol %d", store.MaxRefused, protocol.MaxRefusals)
	}
}

// TestPickyRest: a picky worker looks for a sixth of the time at most, or once in heldLook.
func TestPickyRest(t *testing.T) {
	t.Parallel()
	for look, want := range map[time.Duration]time.Duration{
		-time.Second: 0, 0: 0, time.Millisecond: 5 * time.Millisecond, 300 * time.Millisecond: 1500 * time.Millisecond,
		heldLook / 5: heldLook, heldLook: heldLook, 1<<63 - 1: heldLook,
	} {
		if rest := pickyRest(look); rest != want {
			t.Errorf("after a look of %s it rests %s, not %s", look, rest, want)
		}
	}
}

// longQueue is a store in which a look takes long, and finds nothing.
type longQueue struct {
	store.Store
	look  time.Duration
	looks int
}

// Lease takes long.
func (l *longQueue) Lease(context.Context, store.LeaseAsk, func(store.Queue) []weir.BuildID) ([]store.Leased, error) {
	<-time.After(l.look)
	l.looks++
	return nil, nil
}

// TestPickyWorkerRests: however often something is queued, a picky worker does not look
// all the time when its looks take long.
func TestPickyWorkerRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const wait = 12 * time.Second
		long := &longQueue{look: 200 * time.Millisecond}
		f := New(Options{Store: long, Host: simPlatform})
		over := time.After(wait)
		done := make(chan error)
		go func() {
			_, _, err := f.leasePicky(t.Context(), weir.Worker{Name: "picky", Platform: simPlatform}, protocol.Lease{Free: 1, Picky: true}, over)
			done <- err
		}()
		queued := time.NewTicker(pickyPause)
		defer queued.Stop()
		for {
			select {
			case <-queued.C:
				f.turns.Queued(simPlatform)
				continue
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
			}
			break
		}
		if most := int(wait/(6*long.look)) + 1; long.looks < 2 || long.looks > most {
			t.Errorf("it looked %d times, at most %d are fair", long.looks, most)
		}
	})
}

// TestRefusedIsNotCharged: what a worker refuses counts for nobody's share.
func TestRefusedIsNotCharged(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	f := New(Options{Store: s.store, Blobs: s.blobs, Sources: s.world, Host: simPlatform}) // has given nothing away
	s.must(f.Configure(s.ctx, s.world.farm))
	hello, err := f.Hello(s.ctx, "picky", protocol.Hello{Version: protocol.Version, Platform: simPlatform, Slots: 1})
	s.must(err)
	w, err := f.Worker(s.ctx, "picky")
	s.must(err)
	_, err = f.Force(s.ctx, Force{Project: "up"})
	s.must(err)
	answer, _, err := f.tryLease(s.ctx, w, protocol.Lease{Free: 1, Epoch: hello.Epoch, Seq: 1, Picky: true})
	s.must(err)
	if len(answer.Attempts) != 1 {
		t.Fatalf("it gets %d", len(answer.Attempts))
	}
	refuse := func(epoch int64) error {
		return f.Refuse(s.ctx, w.Name, protocol.Refuse{Epoch: epoch,
			Refusals: []protocol.Refusal{{Attempt: answer.Attempts[0].Attempt, Rule: weir.RuleCommands, Text: "no"}}})
	}
	// behind says whether another lane goes before that of the build.
	behind := func() bool {
		q := schedule.Queue{Shares: &f.shares}
		for i, lane := range []string{"up", "another"} {
			q.Candidates = append(q.Candidates, schedule.Candidate{Build: weir.BuildID(1001 + i), Lane: lane, Queued: s.now,
				Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: lane, Platform: simPlatform}}})
		}
		got := q.Pick(weir.Worker{Name: "asker", Platform: simPlatform}, 1, s.now)
		return len(got) != 1 || got[0] != 1001
	}
	if err := refuse(hello.Epoch + 1); weir.CodeOf(err) != weir.Conflict || !behind() {
		t.Errorf("what the store does not take back (%v) is charged: %t", err, behind())
	}
	s.must(refuse(hello.Epoch))
	if behind() {
		t.Error("what is refused is charged")
	}
}
