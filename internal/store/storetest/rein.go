package storetest

import (
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// testRein leases, fails and strikes on a clock that is an hour ahead, and
// sets it right again.
func testRein(f *fixture) {
	horizon := func() store.Horizon {
		return store.Horizon{Now: f.now(), Lease: weir.LeaseTime, Retry: time.Minute, Barred: time.Minute}
	}
	f.enter()
	a := f.builder("a")
	again, kept := f.change(a, 1), f.change(a, 2)
	e := f.ending(f.leaseBuild(again), weir.ReasonSourceDown)
	e.Retry = e.Now.Add(time.Hour)
	must[weir.Build](f)(f.Finish(f.ctx, e))
	right := f.leaseBuild(kept)
	wrong := f.change(a, 3)
	ask := f.ask(1)
	ask.Deadline = ask.Deadline.Add(time.Hour)
	f.take(ask)
	f.state(wrong, weir.Leased)
	f.strike(f.builder("b"), 100, time.Hour)

	h := horizon()
	f.ok(f.Rein(f.ctx, h))
	f.ok(f.Rein(f.ctx, h)) // there is nothing left to do
	for id, want := range map[weir.BuildID]time.Time{wrong: h.Now.Add(h.Lease), kept: must[[]weir.Attempt](f)(f.Attempts(f.ctx, right.Build.ID))[0].Deadline} {
		equal(f, "deadline", must[[]weir.Attempt](f)(f.Attempts(f.ctx, id))[0].Deadline, want)
	}
	if w := must[weir.Worker](f)(f.Worker(f.ctx, "w1")); w.Barred.After(h.Now) {
		f.Errorf("the worker is barred until %s, and it is %s", w.Barred, h.Now)
	}
	equal(f, "the first one offered", f.offered()[0].Build, again)
	equal(f, "lost", len(must[[]weir.AttemptID](f)(f.Expire(f.ctx, h.Now.Add(h.Lease)))), 2)
}
