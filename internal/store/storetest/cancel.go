package storetest

import (
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func cancelTests() []subtest {
	return []subtest{
		{"any unfinished build", testCancel},
		{"builds that need it", testCancelCascade},
		{"products for it alone", testCancelProducts},
		{"final builds conflict", testCancelFinal},
		{"the worker is told", testCancelTold},
		{"a live attempt's end is an event", testCancelEvent},
	}
}

func requested(text string) weir.Reason {
	return weir.Reason{Code: weir.ReasonRequested, Text: text}
}

func testCancel(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	queued, leased, running := f.change(a, 1), f.change(a, 2), f.change(a, 3)
	pair := f.create(weir.CauseChange, build(a, own(a, 4)), build(b, own(b, 4), needs(0)))
	f.leaseBuild(leased)
	_, err := f.Sync(f.ctx, f.sync(f.leaseBuild(running), 1))
	f.ok(err)
	for _, id := range []weir.BuildID{queued, leased, running, pair[1]} {
		now := f.now()
		f.ok(f.Cancel(f.ctx, id, requested("enough"), now))
		got := f.state(id, weir.Cancelled, weir.ReasonRequested)
		equal(f, "reason", got.Reason, requested("enough"))
		equal(f, "finished", got.Finished, now)
		for _, a := range must[[]weir.Attempt](f)(f.Attempts(f.ctx, id)) {
			if a.Live() || a.Outcome != weir.OutcomeCancelled || !a.Ended.Equal(now) {
				f.Errorf("attempt of a cancelled build: %+v", a)
			}
		}
	}
	f.state(pair[0], weir.Queued)
	f.code(f.Cancel(f.ctx, 999, requested(""), f.now()), weir.NotFound)
}

func testCancelCascade(f *fixture) {
	a, b, c, d := f.builder("a"), f.builder("b"), f.builder("c"), f.builder("d")
	builds := f.create(weir.CauseChange, build(a, own(a, 1)), build(b, own(b, 1), needs(0)),
		build(c, own(c, 1), needs(1)), build(d, own(d, 1)), build(d, own(d, 2), needs(2, 3)))
	f.leaseBuild(builds[0])
	f.ok(f.Cancel(f.ctx, builds[0], requested("x"), f.now()))
	for _, i := range []int{0, 1, 2, 4} {
		if got := f.state(builds[i], weir.Cancelled); got.Outcome != weir.OutcomeCancelled {
			f.Errorf("build %d: outcome %q", got.ID, got.Outcome)
		}
	}
	f.state(builds[3], weir.Queued)
}

func testCancelProducts(f *fixture) {
	a, b, c, d := f.builder("a"), f.builder("b"), f.builder("c"), f.builder("d")
	product := func(n store.NewBuild) store.NewBuild {
		n.Cause = weir.CauseProduct
		return n
	}
	builds := f.create(weir.CauseProbe, product(build(a, own(a, 1))), product(build(b, own(b, 1), needs(0))), build(c, own(c, 1), needs(1, 0)),
		product(build(a, own(a, 2))), build(c, own(c, 2), needs(3)), build(d, own(d, 2), needs(3)),
		product(build(a, own(a, 3))), build(c, own(c, 3), needs(6)))
	begun := f.leaseBuild(builds[6])
	for _, i := range []int{2, 4, 7} {
		f.ok(f.Cancel(f.ctx, builds[i], requested("x"), f.now()))
	}
	for i, want := range []weir.State{weir.Cancelled, weir.Cancelled, weir.Cancelled, // all for one
		weir.Queued, weir.Cancelled, weir.Blocked, // another one needs it
		weir.Leased, weir.Cancelled} { // it has begun
		f.state(builds[i], want)
	}
	_, err := f.Sync(f.ctx, f.sync(begun, 1))
	f.ok(err)
	f.ok(f.Cancel(f.ctx, builds[5], requested("x"), f.now()))
	f.state(builds[3], weir.Cancelled)
}

func testCancelFinal(f *fixture) {
	a := f.builder("a")
	done := f.done(weir.CauseChange, a, 1, weir.ReasonNone)
	gone := f.change(a, 2)
	f.ok(f.Cancel(f.ctx, gone, requested("first"), f.now()))
	before := []weir.Build{f.get(done.ID), f.get(gone)}
	f.code(f.Cancel(f.ctx, done.ID, requested("second"), f.now()), weir.Conflict)
	f.code(f.Cancel(f.ctx, gone, requested("second"), f.now()), weir.Conflict)
	equal(f, "builds", []weir.Build{f.get(done.ID), f.get(gone)}, before)
}

func testCancelTold(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	_, err := f.Sync(f.ctx, f.sync(l, 1, frame(0, 0, 0, "begun\n")))
	f.ok(err)
	f.ok(f.Cancel(f.ctx, l.Build.ID, requested("not needed"), f.now()))
	for seq := int64(2); seq < 4; seq++ {
		answer, err := f.Sync(f.ctx, f.sync(l, seq))
		f.ok(err)
		if answer.Cancel == nil || *answer.Cancel != requested("not needed") {
			f.Fatalf("sync of a cancelled attempt is told %+v", answer.Cancel)
		}
	}
	stranger := f.sync(l, 4)
	stranger.Token = "not-its-own"
	_, err = f.Sync(f.ctx, stranger)
	f.code(err, weir.Fenced)
	_, err = f.Finish(f.ctx, f.ending(l, weir.ReasonNone))
	f.code(err, weir.Fenced)
	f.state(l.Build.ID, weir.Cancelled, weir.ReasonRequested)
	w := f.worker("w1")
	keep := f.hello(w, []weir.AttemptID{l.Attempt})
	equal(f, "attempts to keep", len(keep), 0)
}

func testCancelEvent(f *fixture) {
	a := f.builder("a")
	cancels := func(id weir.BuildID) (n int) {
		f.Helper()
		before := f.lastEvent()
		f.ok(f.Cancel(f.ctx, id, requested("enough"), f.now()))
		for _, e := range must[[]weir.Event](f)(f.EventsAfter(f.ctx, before, 100)) {
			if e.Kind == weir.EventCancel && e.Subject == fmt.Sprint(id) {
				n++
			}
		}
		return n
	}
	equal(f, "a queued build", cancels(f.change(a, 1)), 0)
	equal(f, "a leased build", cancels(f.leaseBuild(f.change(a, 2)).Build.ID), 1)
	l := f.leaseBuild(f.change(a, 3))
	f.send(f.sync(l, 1))
	equal(f, "a running build", cancels(l.Build.ID), 1)
}
