package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func turnTests() []subtest {
	return []subtest{
		{"each hello begins a higher epoch", testEpochs},
		{"a lease of another epoch is refused", testEpochFences},
		{"a lease that comes late or twice is refused", testSeqFences},
		{"what gave nothing may be asked again", testIdleTurn},
		{"what the worker does not hold is taken back", testTakeBack},
		{"taking back and giving are one", testTakeBackGives},
		{"undelivered attempts do not count", testUndeliveredUncounted},
		{"undelivered attempts may make a build wait", testUndeliveredWaits},
		{"epoch 0 fences nothing", testNoEpoch},
		{"a held worker gets nothing", testHeldWorker},
		{"builds wait for their next try", testRetryWaits},
		{"a clock that was ahead", testRein},
	}
}

// turn is a lease of w1's epoch under a number, for up to n builds.
func (f *fixture) turn(epoch, seq int64, n int, holds ...weir.AttemptID) store.LeaseAsk {
	a := f.ask(n)
	a.Epoch, a.Seq, a.Holds = epoch, seq, holds
	return a
}

// enter introduces w1 and returns its epoch.
func (f *fixture) enter() int64 {
	f.Helper()
	epoch, _, err := f.Hello(f.ctx, weir.Worker{Name: "w1", Platform: linux, Slots: 4, Version: "1.0", Seen: f.now()}, nil)
	f.ok(err)
	return epoch
}

// take leases with an ask, the first builds offered.
func (f *fixture) take(ask store.LeaseAsk) []store.Leased {
	f.Helper()
	return must[[]store.Leased](f)(f.Lease(f.ctx, ask, firstOffered(len(ask.Tokens))))
}

// refused checks that a lease is a conflict and leaves the store as it was.
func (f *fixture) refuses(what string, ask store.LeaseAsk) {
	f.Helper()
	before := f.lastEvent()
	got, err := f.Lease(f.ctx, ask, firstOffered(len(ask.Tokens)))
	if weir.CodeOf(err) != weir.Conflict || len(got) != 0 {
		f.Errorf("%s: leased %d, error %v", what, len(got), err)
	}
	equal(f, what+": last event", f.lastEvent(), before)
}

func testEpochs(f *fixture) {
	one, two := f.enter(), f.enter()
	if one < 1 || two <= one {
		f.Errorf("epochs %d and %d", one, two)
	}
	w := must[weir.Worker](f)(f.Worker(f.ctx, "w1"))
	w.Seen = w.Seen.Add(-time.Hour) // a clock that was set back
	three, _, err := f.Hello(f.ctx, w, nil)
	f.ok(err)
	later := w.Seen.Add(48 * time.Hour)
	f.ok(f.Forget(f.ctx, "w1", later))
	w.Seen = later
	four, _, err := f.Hello(f.ctx, w, nil)
	f.ok(err)
	if three <= two || four <= three {
		f.Errorf("epochs %d, %d with an old clock, %d after it was forgotten", two, three, four)
	}
}

func testEpochFences(f *fixture) {
	id := f.change(f.builder("a"), 1)
	f.refuses("a worker that never said hello", f.turn(1, 1, 1))
	old := f.enter()
	f.refuses("an epoch that is not yet", f.turn(old+1, 1, 1))
	epoch := f.enter()
	f.refuses("an old epoch", f.turn(old, 1, 1))
	f.refuses("an old epoch without room", f.turn(old, 1, 0))
	l := f.take(f.turn(epoch, 1, 1))
	equal(f, "leased", len(l), 1)
	f.refuses("an old epoch with nothing queued", f.turn(old, 9, 1))
	f.state(id, weir.Leased)
	other := f.turn(epoch, 2, 1)
	other.Worker = "w2"
	f.refuses("another worker's epoch", other)
}

func testSeqFences(f *fixture) {
	a := f.builder("a")
	first, second := f.change(a, 1), f.change(a, 2)
	epoch := f.enter()
	l := f.take(f.turn(epoch, 5, 1))[0]
	for _, seq := range []int64{5, 4, 0, -1} {
		f.refuses(fmt.Sprint("number ", seq), f.turn(epoch, seq, 1, l.Attempt))
		f.refuses(fmt.Sprint("number ", seq, " that holds nothing"), f.turn(epoch, seq, 1))
	}
	f.state(first, weir.Leased)
	m := f.take(f.turn(epoch, 6, 1, l.Attempt))
	equal(f, "leased", m[0].Build.ID, second)
	next := f.enter()
	equal(f, "numbers begin again", len(f.take(f.turn(next, 1, 1, l.Attempt, m[0].Attempt))), 0)
	f.state(first, weir.Leased)
	f.state(second, weir.Leased)
}

func testIdleTurn(f *fixture) {
	epoch := f.enter()
	for range 2 {
		before := f.lastEvent()
		equal(f, "leased from an empty queue", len(f.take(f.turn(epoch, 3, 1))), 0)
		equal(f, "last event", f.lastEvent(), before)
	}
	f.change(f.builder("a"), 1)
	equal(f, "nothing chosen", len(must[[]store.Leased](f)(f.Lease(f.ctx, f.turn(epoch, 3, 1),
		func(store.Queue) []weir.BuildID { return nil }))), 0)
	equal(f, "leased", len(f.take(f.turn(epoch, 3, 1))), 1)
}

func testTakeBack(f *fixture) {
	a, mac := f.builder("a"), f.builderOn("a", darwin)
	epoch := f.enter()
	f.change(a, 1)
	f.change(a, 2)
	ls := f.take(f.turn(epoch, 1, 2))
	stranger := f.ask(1)
	stranger.Worker, stranger.Platform = "w2", darwin
	f.change(mac, 1)
	foreign := f.take(stranger)[0]
	f.send(f.sync(ls[1], 1, frame(0, 0, 0, "begun\n")))
	f.finish(f.leaseBuild(f.change(a, 3)), weir.ReasonNone)

	ask := f.turn(epoch, 2, 0, ls[0].Attempt, foreign.Attempt)
	f.tells("a lease that takes back", func() { f.take(ask) },
		weir.Event{Kind: weir.EventBuild, Subject: fmt.Sprint(ls[1].Build.ID)}, weir.Event{Kind: weir.EventQueue, Subject: string(linux)})
	f.state(ls[0].Build.ID, weir.Leased)
	f.state(foreign.Build.ID, weir.Leased)
	f.state(ls[1].Build.ID, weir.Queued)
	got := must[[]weir.Attempt](f)(f.Attempts(f.ctx, ls[1].Build.ID))
	equal(f, "attempts", len(got), 1)
	equal(f, "outcome", got[0].Outcome, weir.Infra)
	equal(f, "reason", got[0].Reason.Code, weir.ReasonUndelivered)
	equal(f, "ended", got[0].Ended, ask.Now)
	_, err := f.Sync(f.ctx, f.sync(ls[1], 2))
	f.code(err, weir.Fenced)
	_, err = f.Finish(f.ctx, f.ending(ls[1], weir.ReasonNone))
	f.code(err, weir.Fenced)
	equal(f, "taken back once", len(f.take(f.turn(epoch, 2, 0, ls[0].Attempt))), 0)
	equal(f, "attempts", len(must[[]weir.Attempt](f)(f.Attempts(f.ctx, ls[1].Build.ID))), 1)
}

func testTakeBackGives(f *fixture) {
	epoch := f.enter()
	id := f.change(f.builder("a"), 1)
	lost := f.take(f.turn(epoch, 1, 1))[0]
	again := f.take(f.turn(epoch, 2, 1))
	if len(again) != 1 || again[0].Attempt != (weir.AttemptID{Build: id, Number: 2}) || again[0].Token == lost.Token {
		f.Fatalf("after a lost answer: %+v", again)
	}
	f.finish(again[0], weir.ReasonNone)
	f.state(id, weir.Finished, weir.ReasonNone)
}

func testUndeliveredUncounted(f *fixture) {
	epoch := f.enter()
	id := f.change(f.builder("a"), 1)
	seq := int64(0)
	next := func(holds ...weir.AttemptID) store.Leased {
		f.Helper()
		seq++
		return f.take(f.turn(epoch, seq, 1, holds...))[0]
	}
	var l store.Leased
	for range 2 * weir.MaxAttempts {
		l = next()
	}
	for range weir.MaxAttempts - 1 {
		f.finish(l, weir.ReasonWorker)
		f.state(id, weir.Queued)
		l = next()
	}
	f.finish(l, weir.ReasonWorker)
	f.state(id, weir.Finished, weir.ReasonWorker)
}

func testUndeliveredWaits(f *fixture) {
	epoch := f.enter()
	id := f.change(f.builder("a"), 1)
	until := f.now().Add(time.Minute)
	ask := func(seq int64) store.LeaseAsk {
		a := f.turn(epoch, seq, 1)
		a.Undelivered = func(times int) time.Time {
			if times < 2 {
				return time.Time{}
			}
			return until
		}
		return a
	}
	f.take(ask(1))
	if again := f.take(ask(2)); len(again) != 1 { // the first one goes on at once
		f.Fatalf("after one lost answer: %+v", again)
	}
	if early := f.take(ask(3)); len(early) != 0 {
		f.Fatalf("after two lost answers: %+v", early)
	}
	f.state(id, weir.Queued)
	f.ticks.Add(int64(time.Minute/time.Millisecond) + 1000)
	if late := f.take(ask(4)); len(late) != 1 || late[0].Attempt.Number != 3 {
		f.Fatalf("after the pause: %+v", late)
	}
}

func testNoEpoch(f *fixture) {
	a := f.builder("a")
	f.enter()
	f.change(a, 1)
	f.change(a, 2)
	l := f.take(f.turn(0, 0, 1))[0]
	equal(f, "leased under the same number", len(f.take(f.turn(0, 0, 1))), 1)
	f.state(l.Build.ID, weir.Leased)
}

func testHeldWorker(f *fixture) {
	a := f.builder("a")
	for n, c := range []struct {
		hold, release func()
	}{
		{func() { f.ok(f.Pause(f.ctx, "w1", "too hot", f.now())) }, func() { f.ok(f.Pause(f.ctx, "w1", "", f.now())) }},
		{func() { f.drain(true) }, func() { f.drain(false) }},
		{func() { f.strike(a, 100, time.Hour) }, func() { f.ok(f.Pause(f.ctx, "w1", "", f.now())) }},
	} {
		f.enter()
		taken := f.leaseBuild(f.change(a, 3*n))
		known := f.leaseBuild(f.change(a, 3*n+1))
		waiting := f.change(a, 3*n+2)
		c.hold()
		epoch := must[int64](f)(f.epochOf("w1"))
		equal(f, "leased", len(f.take(f.turn(epoch, 1, 4, known.Attempt))), 0)
		equal(f, "leased without an epoch", len(f.take(f.ask(4))), 0)
		f.state(taken.Build.ID, weir.Queued) // it is taken back all the same
		f.state(known.Build.ID, weir.Leased)
		f.state(waiting, weir.Queued)
		f.refuses("an old epoch", f.turn(epoch-1, 2, 1))
		c.release()
		got := f.take(f.ask(4))
		equal(f, "leased once it may", len(got), 2)
		for _, l := range append(got, known) {
			f.finish(l, weir.ReasonNone)
		}
	}
}

// epochOf finds a worker's epoch: refused numbers around it would be as good,
// so it says hello as the worker is.
func (f *fixture) epochOf(name string) (int64, error) {
	w, err := f.Worker(f.ctx, name)
	if err != nil {
		return 0, err
	}
	w.Seen = f.now()
	epoch, _, err := f.Hello(f.ctx, w, nil)
	return epoch, err
}

func (f *fixture) drain(on bool) {
	f.Helper()
	w := must[weir.Worker](f)(f.Worker(f.ctx, "w1"))
	w.Draining, w.Seen = on, f.now()
	f.hello(w, nil)
	equal(f, "draining", must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Draining, on)
}

// strike lets a build of b end by w1's own fault, which bars it for so long.
func (f *fixture) strike(b weir.Builder, n int, bar time.Duration) weir.Worker {
	f.Helper()
	e := f.ending(f.leaseBuild(f.change(b, n, priority(n))), weir.ReasonWorker)
	e.Barred = func(int) time.Time { return e.Now.Add(bar) }
	must[weir.Build](f)(f.Finish(f.ctx, e))
	f.ok(f.Cancel(f.ctx, e.Attempt.Build, requested("done"), f.now()))
	return must[weir.Worker](f)(f.Worker(f.ctx, "w1"))
}

func testRetryWaits(f *fixture) {
	a := f.builder("a")
	id := f.change(a, 1)
	e := f.ending(f.leaseBuild(id), weir.ReasonSourceDown)
	e.Retry = e.Now.Add(time.Minute)
	must[weir.Build](f)(f.Finish(f.ctx, e))
	f.state(id, weir.Queued)
	equal(f, "offered at once", len(f.offered()), 0)
	other := f.change(a, 2)
	equal(f, "offered", candidateIDs(f.offered()), []weir.BuildID{other})
	ask := f.ask(1)
	ask.Now = e.Retry.Add(-time.Microsecond)
	_, err := f.Lease(f.ctx, ask, func(store.Queue) []weir.BuildID { return []weir.BuildID{id} })
	f.ok(err)
	f.state(id, weir.Queued)
	ask.Now, ask.Deadline = e.Retry, e.Retry.Add(weir.LeaseTime)
	equal(f, "leased when it is time", f.take(ask)[0].Build.ID, id)

	// A lease that runs out is no reason to wait.
	must[[]weir.AttemptID](f)(f.Expire(f.ctx, ask.Deadline))
	ask.Now = ask.Deadline
	f.take(ask)
	f.state(id, weir.Leased)
}

func fleetTests() []subtest {
	return []subtest{
		{"one worker", testWorker},
		{"pause", testPause},
		{"strikes", testStrikes},
		{"absences and returns are claimed once", testAbsences},
		{"forget", testForget},
		{"not found", testNoWorker},
	}
}

func testWorker(f *fixture) {
	w := f.worker("w1")
	f.ok(f.AddToken(f.ctx, store.Token{Name: "w1", Hash: "aa11", Created: f.now(), Owner: "zoe@example.org"}))
	f.leaseBuild(f.change(f.builder("b"), 1))
	w.Owner, w.Running = "zoe@example.org", 1
	got := must[weir.Worker](f)(f.Worker(f.ctx, "w1"))
	if got.Seen.Before(w.Seen) {
		f.Errorf("seen at %v, later at %v", w.Seen, got.Seen)
	}
	w.Seen = got.Seen
	equal(f, "worker", got, w)
	equal(f, "listed", must[[]weir.Worker](f)(f.Workers(f.ctx)), []weir.Worker{w})
}

func testPause(f *fixture) {
	f.worker("w1")
	worker := []weir.Event{{Kind: weir.EventWorker, Subject: "w1"}}
	f.tells("a pause", func() { f.ok(f.Pause(f.ctx, "w1", "too hot", f.now())) }, worker...)
	equal(f, "paused", must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Paused, "too hot")
	f.worker("w1")
	equal(f, "paused after a hello", must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Paused, "too hot")
	f.tells("the end of a pause", func() { f.ok(f.Pause(f.ctx, "w1", "", f.now())) },
		append(worker, weir.Event{Kind: weir.EventQueue, Subject: string(linux)})...)
	equal(f, "paused", must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Paused, "")
	f.ok(f.Pause(f.ctx, "w1", strings.Repeat("x", 2*weir.MaxReason), f.now()))
	f.cut("the reason of a pause", must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Paused, weir.MaxReason)
}

func testStrikes(f *fixture) {
	a := f.builder("a")
	f.worker("w1")
	for n := 1; n <= 3; n++ {
		w := f.strike(a, n, 0)
		equal(f, "strikes", w.Strikes, n)
	}
	var asked []int
	e := f.ending(f.leaseBuild(f.change(a, 9)), weir.ReasonDiskFull)
	until := e.Now.Add(time.Hour)
	e.Barred = func(strikes int) time.Time { asked = append(asked, strikes); return until }
	must[weir.Build](f)(f.Finish(f.ctx, e))
	equal(f, "asked about", asked[len(asked)-1], 4)
	w := must[weir.Worker](f)(f.Worker(f.ctx, "w1"))
	equal(f, "barred", w.Barred, until)
	equal(f, "state", w.State(w.Seen), weir.WorkerQuarantined)
	must[weir.Build](f)(f.Finish(f.ctx, e)) // said twice, counted once
	equal(f, "strikes", must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Strikes, 4)

	f.ok(f.Pause(f.ctx, "w1", "", f.now())) // a person ends the quarantine
	w = must[weir.Worker](f)(f.Worker(f.ctx, "w1"))
	equal(f, "barred after that", w.Barred, time.Time{})
	f.finish(f.leaseBuild(e.Attempt.Build), weir.ReasonSourceDown) // not its fault, no proof either
	equal(f, "strikes", must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Strikes, 4)
	f.finish(f.leaseBuild(e.Attempt.Build), weir.ReasonTests)
	equal(f, "strikes after a build that ended otherwise", must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Strikes, 0)
}

func testAbsences(f *fixture) {
	names := func(ws []weir.Worker) (out []string) {
		for _, w := range ws {
			out = append(out, w.Name)
		}
		return out
	}
	for _, name := range []string{"w1", "w2", "w3", "w4"} {
		f.worker(name)
	}
	f.ok(f.AddToken(f.ctx, store.Token{Name: "w1", Hash: "a1", Created: f.now(), Owner: "zoe@example.org"}))
	f.ok(f.AddToken(f.ctx, store.Token{Name: "w2", Hash: "a2", Created: f.now(), Owner: "adam@example.org"}))
	f.ok(f.AddToken(f.ctx, store.Token{Name: "w3", Hash: "a3", Created: f.now()})) // nobody's
	f.ok(f.AddToken(f.ctx, store.Token{Name: "w4", Hash: "a4", Created: f.now(), Owner: "gone@example.org"}))
	f.ok(f.RevokeToken(f.ctx, "w4"))
	absent := func(now time.Time) []weir.Worker {
		f.Helper()
		return must[[]weir.Worker](f)(f.ClaimAbsences(f.ctx, now, now.Add(-time.Hour)))
	}
	returned := func(now time.Time) []string {
		f.Helper()
		return names(must[[]weir.Worker](f)(f.ClaimReturns(f.ctx, now)))
	}
	now := f.now()
	equal(f, "away for a moment", len(absent(now)), 0)
	late := now.Add(2 * time.Hour)
	equal(f, "returned, but nobody missed them", len(returned(now)), 0)
	got := absent(late)
	equal(f, "away for long", names(got), []string{"w1", "w2"})
	equal(f, "whom to tell", got[0].Owner, "zoe@example.org")
	equal(f, "told twice", len(absent(late.Add(time.Hour))), 0)
	equal(f, "returned while away", len(returned(late)), 0)

	w := must[weir.Worker](f)(f.Worker(f.ctx, "w2"))
	w.Seen = late
	f.hello(w, nil)
	equal(f, "returned", returned(late), []string{"w2"})
	equal(f, "returned twice", len(returned(late)), 0)
	equal(f, "away again", names(absent(late.Add(3*time.Hour))), []string{"w2"})
}

func testForget(f *fixture) {
	f.enter()
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	f.code(f.Forget(f.ctx, "w1", f.now()), weir.Conflict)
	late := f.now().Add(time.Hour)
	f.code(f.Forget(f.ctx, "w1", late), weir.Conflict) // its attempt lives
	must[[]weir.AttemptID](f)(f.Expire(f.ctx, late))
	f.tells("forgetting", func() { f.ok(f.Forget(f.ctx, "w1", late)) }, weir.Event{Kind: weir.EventWorker, Subject: "w1"})
	equal(f, "workers", len(must[[]weir.Worker](f)(f.Workers(f.ctx))), 0)
	equal(f, "what it did is kept", must[[]weir.Attempt](f)(f.Attempts(f.ctx, l.Build.ID))[0].Worker, "w1")
}

func testNoWorker(f *fixture) {
	f.worker("w1")
	for _, name := range []string{"", "w", "W1", "w1 ", "%"} {
		_, err := f.Worker(f.ctx, name)
		f.code(err, weir.NotFound)
		f.code(f.Pause(f.ctx, name, "x", f.now()), weir.NotFound)
		f.code(f.Forget(f.ctx, name, f.now()), weir.NotFound)
	}
}
