package storetest

import (
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func finishTests() []subtest {
	return []subtest{
		{"every outcome", testFinishOutcomes},
		{"what is kept", testFinishContent},
		{"where it ran", testFinishSurroundings},
		{"twice", testFinishTwice},
		{"fenced", testFinishFenced},
		{"the last frames come with it", testFinishFrames},
		{"frames that do not fit", testFinishGap},
		{"infrastructure errors come back to the queue", testRequeue},
		{"a lease that runs out", testExpire},
		{"leases run out until none is left", testExpireExhausts},
	}
}

func cascadeTests() []subtest {
	return []subtest{
		{"through three levels", testCascade},
		{"a product unblocks, however the build ended", testProductUnblocks},
		{"a build waits for all it needs", testWaitsForAll},
		{"infrastructure errors do not cascade while attempts are left", testNoEarlyCascade},
		{"several builds that need one", testFan},
	}
}

func testFinishOutcomes(f *fixture) {
	a := f.builder("a")
	for i, reason := range weir.ReasonCodes() {
		l := f.leaseBuild(f.change(a, i))
		e := f.ending(l, reason)
		e.Reason.Text = "about " + string(reason)
		got := must[weir.Build](f)(f.Finish(f.ctx, e))
		equal(f, "build that Finish returns", got, f.get(l.Build.ID))
		attempt := must[[]weir.Attempt](f)(f.Attempts(f.ctx, l.Build.ID))[0]
		equal(f, "attempt", attempt.Outcome, reason.Outcome())
		equal(f, "attempt's reason", attempt.Reason, e.Reason)
		equal(f, "attempt's end", attempt.Ended, e.Now)
		switch {
		case e.Outcome == weir.Infra:
			f.state(l.Build.ID, weir.Queued)
			f.ok(f.Cancel(f.ctx, l.Build.ID, requested(""), f.now()))
		case e.Outcome == weir.OutcomeCancelled:
			if !got.State.Final() {
				f.Errorf("an attempt that was cancelled leaves the build %s", got.State)
			}
		default:
			b := f.state(l.Build.ID, weir.Finished, reason)
			equal(f, "reason", b.Reason, e.Reason)
			equal(f, "finished", b.Finished, e.Now)
		}
	}
}

func testFinishContent(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	f.send(f.sync(l, 1))
	e := f.ending(l, weir.ReasonTests)
	e.Steps = []weir.StepRecord{{Name: "test", State: weir.StepFailed, Started: f.now(), Ended: f.now(), ExitCode: 1}}
	e.Product = weir.Product{Digest: weir.DigestOf([]byte("p")), Prefix: "/weir/x", Size: 1 << 40}
	e.Results = weir.DigestOf([]byte("r"))
	e.Counts = weir.Counts{Pass: 1, Fail: 2, Fault: 3, Skip: 4, ExpectedFailure: 5, Mixed: 6}
	got := must[weir.Build](f)(f.Finish(f.ctx, e))
	equal(f, "product", got.Product, e.Product)
	equal(f, "results", got.Results, e.Results)
	equal(f, "counts", got.Counts, e.Counts)
	equal(f, "judgement", got.Judgement, weir.Unjudged)
	equal(f, "build as read", f.get(l.Build.ID), got)
}

func testFinishSurroundings(f *fixture) {
	a := f.builder("a")
	l := f.leaseBuild(f.change(a, 1))
	e := f.ending(l, weir.ReasonTests)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		e.Surroundings = weir.Surroundings{Load: &bad}
		_, err := f.Finish(f.ctx, e)
		f.code(err, weir.Invalid)
		e.Surroundings = weir.Surroundings{Clock: &bad}
		_, err = f.Finish(f.ctx, e)
		f.code(err, weir.Invalid)
	}
	yes, no, load, clock := true, false, 0.25, -3.5
	expect := func(id weir.BuildID, want weir.Surroundings) {
		f.Helper()
		attempts := must[[]weir.Attempt](f)(f.Attempts(f.ctx, id))
		if got := attempts[len(attempts)-1].Surroundings; !reflect.DeepEqual(got, want) {
			f.Errorf("surroundings of build %d: %+v, want %+v", id, got, want)
		}
	}
	e.Surroundings = weir.Surroundings{Root: &no, Load: &load, Network: &yes, Clock: &clock, Directory: "mill"}
	must[weir.Build](f)(f.Finish(f.ctx, e))
	expect(l.Build.ID, e.Surroundings)
	said := e.Surroundings
	e.Surroundings = weir.Surroundings{Directory: "else"} // a repetition says nothing new
	must[weir.Build](f)(f.Finish(f.ctx, e))
	expect(l.Build.ID, said)

	l = f.leaseBuild(f.change(a, 2))
	expect(l.Build.ID, weir.Surroundings{})
	e = f.ending(l, weir.ReasonWorker) // of an attempt that is tried again, too
	e.Surroundings.Directory = dirty
	must[weir.Build](f)(f.Finish(f.ctx, e))
	expect(l.Build.ID, weir.Surroundings{Directory: clean})
	l = f.leaseBuild(l.Build.ID)
	e = f.ending(l, weir.ReasonNone)
	e.Surroundings.Directory = strings.Repeat("\u20ac", store.MaxDirectory)
	must[weir.Build](f)(f.Finish(f.ctx, e))
	f.cut("directory", must[[]weir.Attempt](f)(f.Attempts(f.ctx, l.Build.ID))[1].Surroundings.Directory, store.MaxDirectory)
	expect(l.Build.ID, weir.Surroundings{Directory: strings.Repeat("\u20ac", store.MaxDirectory/3)})
}

func testFinishTwice(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	e := f.ending(l, weir.ReasonTests)
	first := must[weir.Build](f)(f.Finish(f.ctx, e))
	second := must[weir.Build](f)(f.Finish(f.ctx, e))
	equal(f, "second answer", second, first)
	other := f.ending(l, weir.ReasonNone)
	third := must[weir.Build](f)(f.Finish(f.ctx, other))
	equal(f, "answer to a late change of mind", third, first)

	// The same for an attempt whose build came back to the queue.
	l = f.leaseBuild(f.change(f.builder("a"), 2))
	e = f.ending(l, weir.ReasonWorker)
	must[weir.Build](f)(f.Finish(f.ctx, e))
	must[weir.Build](f)(f.Finish(f.ctx, e))
	b := f.state(l.Build.ID, weir.Queued)
	equal(f, "attempts", b.Attempts, 1)
	again := f.leaseBuild(l.Build.ID)
	must[weir.Build](f)(f.Finish(f.ctx, e))
	f.state(l.Build.ID, weir.Leased)
	f.finish(again, weir.ReasonNone)
	must[weir.Build](f)(f.Finish(f.ctx, e))
	f.state(l.Build.ID, weir.Finished, weir.ReasonNone)
}

func testFinishFrames(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	f.send(f.sync(l, 1, frame(0, 0, 0, "one\n")))
	e := f.ending(l, weir.ReasonTests)
	e.Frames = []weir.LogFrame{frame(0, 4, 1, "two\n"), frame(1, 0, 0, "other"), frame(0, 8, 2, "three\n")}
	f.tells("the last frames", func() { must[weir.Build](f)(f.Finish(f.ctx, e)) }, event(weir.EventLog, l.Build.ID))
	must[weir.Build](f)(f.Finish(f.ctx, e)) // said twice, kept once
	equal(f, "log", f.log(l.Attempt, 0)+f.log(l.Attempt, 1), "one\ntwo\nthree\nother")

	// An attempt that never synced.
	l = f.leaseBuild(f.change(f.builder("a"), 2))
	e = f.ending(l, weir.ReasonWorker)
	e.Frames = frames(0, "a", "b\n", "c")
	must[weir.Build](f)(f.Finish(f.ctx, e))
	f.leaseBuild(l.Build.ID)
	must[weir.Build](f)(f.Finish(f.ctx, e))
	equal(f, "log of an attempt without syncs", f.log(l.Attempt, 0), "ab\nc")
}

func testFinishGap(f *fixture) {
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	f.send(f.sync(l, 1, frame(0, 0, 0, "one\n")))
	for name, fs := range map[string][]weir.LogFrame{
		"a gap":              {frame(0, 5, 1, "x")},
		"known already":      {frame(0, 0, 0, "one\n"), frame(0, 4, 1, "x")},
		"an overlap":         {frame(0, 2, 0, "e\nx")},
		"a gap after a step": {frame(1, 0, 0, "fits\n"), frame(0, 4, 1, "fits\n"), frame(0, 10, 2, "x")},
		"another step's":     {frame(1, 4, 0, "x")},
	} {
		e := f.ending(l, weir.ReasonTests)
		e.Frames, e.Steps = fs, []weir.StepRecord{{Name: "never", State: weir.StepPassed}}
		before := f.lastEvent()
		_, err := f.Finish(f.ctx, e)
		if weir.CodeOf(err) != weir.Conflict {
			f.Errorf("%s: %v", name, err)
		}
		f.state(l.Build.ID, weir.Running)
		equal(f, name+": log", f.log(l.Attempt, 0)+f.log(l.Attempt, 1), "one\n")
		equal(f, name+": step", must[[]weir.StepRecord](f)(f.Steps(f.ctx, l.Attempt))[0].Name, "test")
		equal(f, name+": last event", f.lastEvent(), before)
	}
	e := f.ending(l, weir.ReasonTests)
	e.Frames = []weir.LogFrame{{Step: -1, Size: 1}}
	_, err := f.Finish(f.ctx, e)
	f.code(err, weir.Invalid)
	f.finish(l, weir.ReasonTests)
}

func testFinishFenced(f *fixture) {
	a := f.builder("a")
	fenced := func(what string, e store.Finish) {
		f.Helper()
		b, err := f.Finish(f.ctx, e)
		if weir.CodeOf(err) != weir.Fenced {
			f.Errorf("%s: build %+v, error %v", what, b, err)
		}
	}
	l := f.leaseBuild(f.change(a, 1))
	for _, token := range []string{"", "guessed"} {
		e := f.ending(l, weir.ReasonNone)
		e.Token = token
		fenced("token "+token, e)
	}
	for _, id := range []weir.AttemptID{{Build: l.Build.ID, Number: 2}, {Build: 999, Number: 1}, {}} {
		e := f.ending(l, weir.ReasonNone)
		e.Attempt = id
		fenced("attempt "+id.String(), e)
	}
	f.state(l.Build.ID, weir.Leased)
	must[[]weir.AttemptID](f)(f.Expire(f.ctx, f.now().Add(time.Hour)))
	fenced("an expired attempt", f.ending(l, weir.ReasonNone))
	f.state(l.Build.ID, weir.Queued)
	again := f.leaseBuild(l.Build.ID)
	fenced("an expired attempt whose build runs again", f.ending(l, weir.ReasonNone))
	f.finish(again, weir.ReasonNone)
	fenced("an expired attempt whose build is finished", f.ending(l, weir.ReasonTests))
	f.state(l.Build.ID, weir.Finished, weir.ReasonNone)
}

func testRequeue(f *fixture) {
	id := f.change(f.builder("a"), 1)
	for n := 1; n <= weir.MaxAttempts; n++ {
		l := f.leaseBuild(id)
		equal(f, "attempt", l.Attempt, weir.AttemptID{Build: id, Number: n})
		f.send(f.sync(l, 1))
		b := f.finish(l, weir.ReasonSourceDown)
		want := weir.Queued
		if n == weir.MaxAttempts {
			want = weir.Finished
		}
		equal(f, "state", b.State, want)
		if b.State == weir.Queued && (b.Outcome != "" || !b.Finished.IsZero()) {
			f.Errorf("a build in the queue has an outcome: %+v", b)
		}
	}
	f.state(id, weir.Finished, weir.ReasonSourceDown)
	equal(f, "attempts", len(must[[]weir.Attempt](f)(f.Attempts(f.ctx, id))), weir.MaxAttempts)
	equal(f, "offered", len(f.offered()), 0)
}

func testExpire(f *fixture) {
	a := f.builder("a")
	first, second, third := f.leaseBuild(f.change(a, 1)), f.leaseBuild(f.change(a, 2)), f.leaseBuild(f.change(a, 3))
	f.send(f.sync(second, 1))
	f.finish(third, weir.ReasonNone)
	live := f.sync(first, 1)
	live.Deadline = live.Now.Add(time.Hour)
	f.send(live)
	now := live.Now.Add(30 * time.Minute)
	ended := must[[]weir.AttemptID](f)(f.Expire(f.ctx, now))
	equal(f, "ended", ended, []weir.AttemptID{second.Attempt})
	equal(f, "ended at the second look", len(must[[]weir.AttemptID](f)(f.Expire(f.ctx, now))), 0)
	f.state(first.Build.ID, weir.Running)
	f.state(second.Build.ID, weir.Queued)
	f.state(third.Build.ID, weir.Finished)
	got := must[[]weir.Attempt](f)(f.Attempts(f.ctx, second.Build.ID))[0]
	if got.Outcome != weir.Infra || got.Reason.Code != weir.ReasonLost || !got.Ended.Equal(now) {
		f.Errorf("expired attempt: %+v", got)
	}
	again := f.leaseBuild(second.Build.ID)
	equal(f, "next attempt", again.Attempt.Number, 2)
}

func testExpireExhausts(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	builds := f.create(weir.CauseChange, build(a, own(a, 1)), build(b, own(b, 1), needs(0)))
	for range weir.MaxAttempts {
		l := f.leaseBuild(builds[0])
		ended := must[[]weir.AttemptID](f)(f.Expire(f.ctx, f.now().Add(time.Hour)))
		equal(f, "ended", ended, []weir.AttemptID{l.Attempt})
	}
	f.state(builds[0], weir.Finished, weir.ReasonLost)
	f.state(builds[1], weir.Finished, weir.ReasonProductMissing)
}

func testCascade(f *fixture) {
	a, b, c, d := f.builder("a"), f.builder("b"), f.builder("c"), f.builder("d")
	end := func(reason weir.ReasonCode) func(weir.BuildID) {
		return func(id weir.BuildID) { f.finish(f.leaseBuild(id), reason) }
	}
	for n, step := range []struct {
		end   func(weir.BuildID)
		state weir.State
		then  weir.ReasonCode
	}{
		{end(weir.ReasonNone), weir.Finished, weir.ReasonUpstreamBuild}, // passed, but no product
		{end(weir.ReasonStep), weir.Finished, weir.ReasonUpstreamBuild},
		{end(weir.ReasonCheckout), weir.Finished, weir.ReasonUpstreamBuild},
		{end(weir.ReasonTimeout), weir.Finished, weir.ReasonUpstreamBuild},
		{func(id weir.BuildID) { f.exhaust(id, weir.ReasonDiskFull) }, weir.Finished, weir.ReasonProductMissing},
		{func(id weir.BuildID) { f.ok(f.Cancel(f.ctx, id, requested(""), f.now())) }, weir.Cancelled, weir.ReasonRequested},
	} {
		builds := f.create(weir.CauseChange, build(a, own(a, n)), build(b, own(b, n), needs(0)),
			build(c, own(c, n), needs(1)), build(d, own(d, n), needs(2)), build(d, own(d, 100+n)))
		step.end(builds[0])
		for level, id := range builds[1:4] {
			got := f.get(id)
			if got.State != step.state || got.Outcome != step.then.Outcome() || got.Finished.IsZero() || got.Attempts != 0 {
				f.Errorf("case %d, level %d: %s, %q, reason %q, finished %v; want %s, %q", n, level+1,
					got.State, got.Outcome, got.Reason.Code, got.Finished, step.state, step.then.Outcome())
			}
			if step.state == weir.Finished && got.Reason.Code != step.then {
				f.Errorf("case %d, level %d: reason %q, want %q", n, level+1, got.Reason.Code, step.then)
			}
		}
		f.state(builds[4], weir.Queued)
	}
}

func testProductUnblocks(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	for n, reason := range []weir.ReasonCode{weir.ReasonNone, weir.ReasonTests} {
		builds := f.create(weir.CauseChange, build(a, own(a, n)),
			build(b, weir.Pins{"b": "r1", "a": own(a, n)["a"]}, needs(0)))
		e := f.ending(f.leaseBuild(builds[0]), reason)
		e.Product = weir.Product{Digest: weir.DigestOf([]byte(reason)), Prefix: "/x", Size: 1}
		must[weir.Build](f)(f.Finish(f.ctx, e))
		f.state(builds[1], weir.Queued)
		equal(f, "product for the next", f.leaseBuild(builds[1]).Spec.Inputs[0].Product, e.Product)
	}
}

func testWaitsForAll(f *fixture) {
	a, b, c := f.builder("a"), f.builder("b"), f.builder("c")
	for n, order := range [][2]int{{0, 1}, {1, 0}} {
		builds := f.create(weir.CauseChange, build(a, own(a, n)), build(b, own(b, n)), build(c, own(c, n), needs(0, 1)))
		f.finishProduct(f.leaseBuild(builds[order[0]]))
		f.state(builds[2], weir.Blocked)
		f.finishProduct(f.leaseBuild(builds[order[1]]))
		f.state(builds[2], weir.Queued)
	}
	builds := f.create(weir.CauseChange, build(a, own(a, 9)), build(b, own(b, 9)), build(c, own(c, 9), needs(0, 1)))
	f.finish(f.leaseBuild(builds[0]), weir.ReasonStep)
	f.state(builds[2], weir.Finished, weir.ReasonUpstreamBuild)
	f.finishProduct(f.leaseBuild(builds[1]))
	f.state(builds[2], weir.Finished, weir.ReasonUpstreamBuild)
}

func testNoEarlyCascade(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	builds := f.create(weir.CauseChange, build(a, own(a, 1)), build(b, own(b, 1), needs(0)))
	f.finish(f.leaseBuild(builds[0]), weir.ReasonWorker)
	must[[]weir.AttemptID](f)(f.Expire(f.ctx, f.leaseBuild(builds[0]).Build.Created.Add(24*time.Hour)))
	f.state(builds[1], weir.Blocked)
	f.finishProduct(f.leaseBuild(builds[0]))
	f.state(builds[1], weir.Queued)
}

func testFan(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	run := []store.NewBuild{build(a, own(a, 1))}
	for i := range 40 {
		run = append(run, build(b, own(b, i), needs(0)))
	}
	builds := f.create(weir.CauseChange, run...)
	late := f.create(weir.CauseProbe, build(a, own(a, 1), share(store.SharePending)), build(b, own(b, 99), needs(0)))
	f.finishProduct(f.leaseBuild(builds[0]))
	for _, id := range append(builds[1:], late[1]) {
		f.state(id, weir.Queued)
	}
}
