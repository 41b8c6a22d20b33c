package storetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func eventsTests() []subtest {
	return []subtest{
		{"every verb tells", testEventKinds},
		{"nothing happened, nothing is told", testEventsQuiet},
		{"in order, limited", testEventsAfter},
		{"a reader misses nothing", func(f *fixture) { f.readerTest(f.Store, f.Store) }},
		{"wake-ups", func(f *fixture) { f.wakeTest(f.Store, f.Store) }},
		{"pruned", testPruneEvents},
	}
}

func (f *fixture) lastEvent() int64 {
	f.Helper()
	return must[int64](f)(f.LastEvent(f.ctx))
}

// tells checks that do is told of: every wanted event is among the new ones.
// A wanted event without a subject stands for any subject.
func (f *fixture) tells(what string, do func(), want ...weir.Event) {
	f.Helper()
	before := f.lastEvent()
	do()
	got := must[[]weir.Event](f)(f.EventsAfter(f.ctx, before, 1000))
	for _, w := range want {
		found := false
		for _, e := range got {
			found = found || e.Kind == w.Kind && (w.Subject == "" || e.Subject == w.Subject)
		}
		if !found {
			f.Errorf("%s: no event %s %s among %+v", what, w.Kind, w.Subject, got)
		}
	}
}

func event[T any](kind weir.EventKind, subject T) weir.Event {
	return weir.Event{Kind: kind, Subject: fmt.Sprint(subject)}
}

func testEventKinds(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	queue := weir.Event{Kind: weir.EventQueue}
	f.tells("new revisions", func() { f.poll("p", "r1") }, event(weir.EventRevisions, "p"))
	f.tells("a poll error", func() { f.ok(f.RecordPollError(f.ctx, "p", "", "x", f.now(), f.now())) }, weir.Event{Kind: weir.EventSource})
	f.tells("an answer after an error", func() { f.poll("p", "r1") }, weir.Event{Kind: weir.EventSource})
	f.tells("a new worker", func() { f.worker("w1") }, event(weir.EventWorker, "w1"))

	var builds []weir.BuildID
	f.tells("a run", func() {
		builds = f.create(weir.CauseChange, build(a, own(a, 1)), build(b, own(b, 1), needs(0)))
	}, event(weir.EventRun, 1), event(weir.EventBuild, 1), event(weir.EventBuild, 2), queue)
	var l store.Leased
	one, two := event(weir.EventBuild, builds[0]), event(weir.EventBuild, builds[1])
	f.tells("a lease", func() { l = f.leaseBuild(builds[0]) }, one)
	f.tells("a first step", func() { f.send(f.sync(l, 1)) }, one)
	f.tells("log frames", func() { f.send(f.sync(l, 2, frame(0, 0, 0, "x\n"))) }, event(weir.EventLog, builds[0]))
	f.tells("an infrastructure error", func() { f.finish(l, weir.ReasonWorker) }, one, queue)
	l = f.leaseBuild(builds[0])
	f.tells("an expired lease", func() { must[[]weir.AttemptID](f)(f.Expire(f.ctx, f.now().Add(time.Hour))) }, one, queue)
	l = f.leaseBuild(builds[0])
	f.tells("a product", func() { f.finishProduct(l) }, one, two, queue)
	f.tells("a cancellation", func() { f.ok(f.Cancel(f.ctx, builds[1], requested(""), f.now())) }, two)

	var r weir.Regression
	f.tells("a judgement", func() { f.judge(builds[0], weir.Unjudged, weir.Settled) }, one)
	f.tells("an opened regression", func() { r = f.open(a, 5, "t1") }, event(weir.EventRegression, 1))
	f.tells("a step of a search", func() {
		f.advance(store.RegressionUpdate{Regression: r, Probes: []store.NewRun{f.run(weir.CauseProbe, build(a, own(a, 9)))}})
	}, event(weir.EventRegression, r.ID), weir.Event{Kind: weir.EventRun}, queue)
	probe := f.done(weir.CauseProbe, a, 10, weir.ReasonNone)
	f.tells("an observation", func() { f.ok(f.Observe(f.ctx, r.ID, f.probe(probe, 1, good))) }, event(weir.EventRegression, r.ID))
	f.tells("a fixed victim", func() {
		f.settled(a, 11, weir.ReasonNone, change("t1", weir.Fixed, weir.Fail, weir.Pass))
	}, event(weir.EventRegression, r.ID))

	doubted := f.done(weir.CauseChange, a, 12, weir.ReasonTests)
	f.tells("a retry", func() {
		s := f.settlement(doubted.ID, weir.Unjudged, weir.Doubted)
		retry := f.run(weir.CauseRetry, build(a, own(a, 12), retryOf(doubted.ID)))
		s.Retry = &retry
		f.ok(f.Settle(f.ctx, s))
	}, event(weir.EventBuild, doubted.ID), weir.Event{Kind: weir.EventRun}, queue)
	old := f.change(a, 20)
	f.tells("a superseded build", func() { f.change(a, 21, superseding) }, event(weir.EventBuild, old))
}

func testEventsQuiet(f *fixture) {
	a := f.builder("a")
	f.poll("p", "r1")
	f.ok(f.RecordPollError(f.ctx, "q", "", "x", f.now(), f.now()))
	done := f.done(weir.CauseChange, a, 1, weir.ReasonNone)
	waiting := f.change(a, 2)
	l := f.leaseBuild(waiting)
	s := f.sync(l, 1, frame(0, 0, 0, "x\n"))
	f.send(s)
	before := f.lastEvent()

	f.poll("p", "r1")
	f.ok(f.RecordPollError(f.ctx, "q", "", "x", f.now(), f.now()))
	f.send(s)
	f.code(f.Cancel(f.ctx, done.ID, requested(""), f.now()), weir.Conflict)
	f.code(f.Settle(f.ctx, f.settlement(done.ID, weir.Doubted, weir.Settled)), weir.Conflict)
	f.create(weir.CauseChange, build(a, own(a, 2), share(store.ShareAny)))
	must[[]store.Leased](f)(f.Lease(f.ctx, f.ask(1), firstOffered(1)))
	must[[]weir.AttemptID](f)(f.Expire(f.ctx, epoch))
	must[[]weir.Build](f)(f.NextToJudge(f.ctx, 10))
	equal(f, "events", must[[]weir.Event](f)(f.EventsAfter(f.ctx, before, 10)), nil)
}

func testEventsAfter(f *fixture) {
	equal(f, "last of none", f.lastEvent(), 0)
	equal(f, "none", len(must[[]weir.Event](f)(f.EventsAfter(f.ctx, 0, 10))), 0)
	a := f.builder("a")
	for n := range 5 {
		f.done(weir.CauseChange, a, n, weir.ReasonNone)
	}
	all := must[[]weir.Event](f)(f.EventsAfter(f.ctx, 0, 1000))
	equal(f, "last", all[len(all)-1].Seq, f.lastEvent())
	for i, e := range all {
		if i > 0 && e.Seq <= all[i-1].Seq || e.Seq < 1 || e.At.IsZero() || e.Kind == "" {
			f.Errorf("event %d: %+v", i, e)
		}
	}
	equal(f, "after the third, two of them", must[[]weir.Event](f)(f.EventsAfter(f.ctx, all[2].Seq, 2)), all[3:5])
	equal(f, "after the last", len(must[[]weir.Event](f)(f.EventsAfter(f.ctx, f.lastEvent(), 10))), 0)
}

// readerTest lets writers write through handles while a reader polls. What
// the reader has seen at the end is everything there is.
func (f *fixture) readerTest(reader store.Store, handles ...store.Store) {
	f.Helper()
	const writers, rounds = 8, 6
	done := make(chan struct{})
	var seen []weir.Event
	var reading sync.WaitGroup
	reading.Go(func() {
		var last int64
		look := time.NewTicker(5 * time.Millisecond)
		defer look.Stop()
		for finished := false; ; {
			select {
			case <-done:
				finished = true
			default:
			}
			got, err := reader.EventsAfter(f.ctx, last, 20)
			if err != nil {
				f.Errorf("EventsAfter: %v", err)
				return
			}
			if len(got) > 0 {
				last = got[len(got)-1].Seq
			} else if finished {
				return
			} else {
				select {
				case <-done:
				case <-look.C:
				}
			}
			seen = append(seen, got...)
		}
	})
	a := f.builder("a")
	f.together(writers, func(i int) {
		s := handles[i%len(handles)]
		for n := range rounds {
			if err := f.writeEvents(s, a, i*rounds+n); err != nil {
				f.Errorf("writer %d: %v", i, err)
			}
		}
	})
	close(done)
	reading.Wait()
	all := must[[]weir.Event](f)(f.EventsAfter(f.ctx, 0, 100_000))
	for len(all) > 0 && all[len(all)-1].Seq < f.lastEvent() {
		all = append(all, must[[]weir.Event](f)(f.EventsAfter(f.ctx, all[len(all)-1].Seq, 100_000))...)
	}
	if len(all) < writers*rounds {
		f.Errorf("%d events for %d writes", len(all), writers*rounds)
	}
	equal(f, "number of events seen", len(seen), len(all))
	equal(f, "events seen", seen, all)
}

// writeEvents does something that is told of: short and long transactions.
func (f *fixture) writeEvents(s store.Store, b weir.Builder, n int) error {
	now := f.now()
	if n%3 == 0 {
		_, _, err := s.RecordRevisions(f.ctx, store.Poll{Project: fmt.Sprint("p", n), Now: now, Next: now, Revisions: f.revisions("a b c")})
		return err
	}
	_, made, err := s.CreateRun(f.ctx, f.run(weir.CauseChange, build(b, own(b, n)), build(b, own(b, 1000+n), needs(0))))
	if err != nil || n%2 == 0 {
		return err
	}
	return s.Cancel(f.ctx, made[0], requested(""), now)
}

// wakeTimeout limits how long a wake-up may take before the test gives up.
const wakeTimeout = 3 * time.Minute

// wakeTest waits on one handle for what another one writes. A wake-up may be
// missed, so the writer goes on until it is heard.
func (f *fixture) wakeTest(waiter, writer store.Store) {
	f.Helper()
	wake, end := waiter.Wake()
	other, endOther := waiter.Wake()
	defer endOther()
	ctx, cancel := context.WithTimeout(f.ctx, wakeTimeout)
	defer cancel()
	for round, c := range []<-chan struct{}{wake, other, wake} {
		for heard := false; !heard; {
			f.writeRevision(writer)
			select {
			case <-c:
				heard = true
			case <-ctx.Done():
				f.Fatalf("round %d: no wake-up", round)
			default:
			}
		}
	}
	end()
	end()         // harmless
	for range 5 { // nobody reads from other: the writer is not held up
		f.writeRevision(writer)
	}
}

// writeRevision makes one event.
func (f *fixture) writeRevision(s store.Store) {
	f.Helper()
	now := f.now()
	_, _, err := s.RecordRevisions(f.ctx, store.Poll{Project: "p", Now: now, Next: now,
		Revisions: []weir.Revision{{ID: fmt.Sprint(now.UnixNano())}}})
	f.ok(err)
}

func testPruneEvents(f *fixture) {
	f.poll("old", "a")
	f.poll("older", "a")
	cut := f.now().Add(time.Hour)
	late := cut.Add(time.Second)
	_, _, err := f.RecordRevisions(f.ctx, store.Poll{Project: "new", Revisions: f.revisions("a"), Now: late, Next: late})
	f.ok(err)
	all := must[[]weir.Event](f)(f.EventsAfter(f.ctx, 0, 100))
	var want []weir.Event
	for _, e := range all {
		if !e.At.Before(cut) {
			want = append(want, e)
		}
	}
	last := f.lastEvent()
	equal(f, "removed", must[int64](f)(f.PruneEvents(f.ctx, cut)), int64(len(all)-len(want)))
	equal(f, "left", must[[]weir.Event](f)(f.EventsAfter(f.ctx, 0, 100)), want)
	must[int64](f)(f.PruneEvents(f.ctx, late.Add(time.Hour)))
	equal(f, "left at last", len(must[[]weir.Event](f)(f.EventsAfter(f.ctx, 0, 100))), 0)
	f.poll("again", "a")
	next := must[[]weir.Event](f)(f.EventsAfter(f.ctx, last, 100))
	if len(next) == 0 {
		f.Errorf("numbers were used again after pruning: a reader at %d sees nothing", last)
	}
}
