package storetest

import (
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func judgeTests() []subtest {
	return []subtest{
		{"final builds, oldest first", testToJudge},
		{"what is pending", testPending},
		{"one line is judged in order", testJudgeOrder},
		{"a doubted build blocks its line only", testDoubtBlocks},
		{"baseline and its newest build", testBaseline},
		{"doubted builds and their retries", testDoubted},
		{"changes of a build, worst first", testBuildChanges},
	}
}

// settlement is a judgement of a build that changes nothing else.
func (f *fixture) settlement(id weir.BuildID, expect, become weir.Judgement) store.Settlement {
	return store.Settlement{Build: id, Expect: expect, Become: become, Now: f.now()}
}

// judge records a judgement.
func (f *fixture) judge(id weir.BuildID, expect, become weir.Judgement) {
	f.Helper()
	f.ok(f.Settle(f.ctx, f.settlement(id, expect, become)))
}

// settled makes a build of b, finishes it with the reason and settles it with
// these changes.
func (f *fixture) settled(b weir.Builder, n int, reason weir.ReasonCode, changes ...weir.TestChange) weir.Build {
	f.Helper()
	done := f.done(weir.CauseChange, b, n, reason)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.Changes = changes
	f.ok(f.Settle(f.ctx, s))
	return f.get(done.ID)
}

func testName(name string) weir.TestID { return weir.TestID{Suite: "suite", Name: name} }

func change(name string, v weir.Verdict, from, to weir.Status) weir.TestChange {
	return weir.TestChange{Test: testName(name), Verdict: v, From: from, To: to}
}

// toJudge checks which builds wait for a judgement.
func (f *fixture) toJudge(what string, want ...weir.BuildID) {
	f.Helper()
	got := ids(must[[]weir.Build](f)(f.NextToJudge(f.ctx, 100)))
	equal(f, "to judge "+what, got, want)
}

func testPending(f *fixture) {
	pending := func(when string, want store.Pending) {
		f.Helper()
		equal(f, "pending "+when, must[store.Pending](f)(f.Pending(f.ctx)), want)
	}
	pending("in an empty store", store.Pending{})
	b := f.builder("a")
	good := f.done(weir.CauseChange, b, 1, weir.ReasonNone)
	pending("when a build is finished", store.Pending{Unjudged: true})
	f.judge(good.ID, weir.Unjudged, weir.Settled)
	pending("when it is settled", store.Pending{})
	bad := f.done(weir.CauseChange, b, 2, weir.ReasonTests)
	f.judge(bad.ID, weir.Unjudged, weir.Doubted)
	pending("when one is doubted", store.Pending{Doubted: true})
	s := f.settlement(bad.ID, weir.Doubted, weir.Settled)
	for _, name := range []string{"x", "y"} {
		r := weir.Regression{State: weir.Searching, Builder: b, Path: []weir.Leg{{Project: "p", From: 1, To: 2}},
			Good: weir.Evidence{Build: good.ID, Pins: good.Pins}, Bad: weir.Evidence{Build: bad.ID, Pins: bad.Pins}, Opened: f.now(), Updated: f.now(),
			Victims: []weir.Victim{{Builder: b, Test: testName(name), Verdict: weir.NewlyFailing, Build: bad.ID}}}
		s.Open = append(s.Open, r)
	}
	f.ok(f.Settle(f.ctx, s))
	pending("when there are searches", store.Pending{Searching: true})
	for i, r := range must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{})) {
		r.State = weir.Located
		now := f.now()
		f.ok(f.Advance(f.ctx, store.RegressionUpdate{Regression: r, Now: now}))
		want := store.Pending{Searching: i == 0}
		if i > 0 {
			want.Located, want.LocatedCount, want.LocatedAt = true, 2, now
		}
		pending(fmt.Sprintf("when %d have ended", i+1), want)
		if i > 0 {
			r = must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
			want.LocatedAt = f.now()
			f.ok(f.Relabel(f.ctx, r, nil, want.LocatedAt))
			pending("when one is changed", want)
		}
	}
}

func testToJudge(f *fixture) {
	a, b, c, d := f.builder("a"), f.builder("b"), f.builder("c"), f.builder("d")
	f.toJudge("in an empty store")
	first := f.done(weir.CauseChange, a, 1, weir.ReasonNone)
	f.change(b, 1)
	f.leaseBuild(f.change(c, 1))
	gone := f.change(d, 1)
	f.ok(f.Cancel(f.ctx, gone, requested(""), f.now()))
	broken := f.create(weir.CauseChange, build(a, own(a, 1), share(store.ShareAny)), build(f.builder("e"), at("e", "1"), needs(0)))[1]
	f.toJudge("of many states", first.ID, gone, broken)
	got := must[[]weir.Build](f)(f.NextToJudge(f.ctx, 2))
	equal(f, "limited", got, []weir.Build{f.get(first.ID), f.get(gone)})
	f.judge(gone, weir.Unjudged, weir.Unusable)
	f.judge(first.ID, weir.Unjudged, weir.Settled)
	f.toJudge("of the rest", broken)
}

func testJudgeOrder(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	one, two, three := f.change(a, 1), f.change(a, 2), f.create(weir.CauseForce, build(a, own(a, 3)))[0]
	other := f.change(b, 1)
	f.finish(f.leaseBuild(three), weir.ReasonNone)
	f.finish(f.leaseBuild(two), weir.ReasonTests)
	f.finish(f.leaseBuild(other), weir.ReasonNone)
	f.toJudge("while the first is queued", other)
	l := f.leaseBuild(one)
	f.toJudge("while the first is leased", other)
	f.finish(l, weir.ReasonNone)
	f.toJudge("when the first is done", one, two, three, other)
	f.judge(other, weir.Unjudged, weir.Settled)
	f.judge(one, weir.Unjudged, weir.Settled)
	f.toJudge("after the first", two, three)
	f.judge(two, weir.Unjudged, weir.Unusable)
	f.toJudge("after an unusable one", three)
	f.judge(three, weir.Unjudged, weir.Settled)
	f.toJudge("at the end")
}

func testDoubtBlocks(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	bad := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	f.judge(bad.ID, weir.Unjudged, weir.Doubted)
	next := f.done(weir.CauseChange, a, 2, weir.ReasonTests)
	other := f.done(weir.CauseChange, b, 1, weir.ReasonNone)
	retry := f.done(weir.CauseRetry, a, 1, weir.ReasonNone, retryOf(bad.ID))
	probe := f.done(weir.CauseProbe, a, 7, weir.ReasonNone)
	f.toJudge("beside a doubted build", other.ID, retry.ID, probe.ID)
	f.judge(retry.ID, weir.Unjudged, weir.Answering)
	f.judge(probe.ID, weir.Unjudged, weir.Answering)
	f.judge(other.ID, weir.Unjudged, weir.Settled)
	f.toJudge("while it is doubted")
	f.judge(bad.ID, weir.Doubted, weir.Settled)
	f.toJudge("after the doubt", next.ID)

	// An unfinished retry or probe blocks nobody either.
	f.create(weir.CauseRetry, build(a, own(a, 2), retryOf(next.ID)))
	f.create(weir.CauseProbe, build(a, own(a, 8)))
	f.toJudge("beside an unfinished retry", next.ID)
}

func testBaseline(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	read := func() (states []weir.TestState, last weir.BuildID) {
		f.Helper()
		states, build, err := f.Baseline(f.ctx, a.ID)
		f.ok(err)
		if build != nil {
			equal(f, "newest settled build", *build, f.get(build.ID))
			last = build.ID
		}
		return states, last
	}
	states, last := read()
	equal(f, "of a new builder", fmt.Sprint(states, last), "[] 0")

	first := f.done(weir.CauseChange, a, 1, weir.ReasonNone)
	s := f.settlement(first.ID, weir.Unjudged, weir.Settled)
	s.States = []weir.TestState{
		{Test: weir.TestID{Suite: "b", Name: "y"}, Status: weir.Pass, Since: first.ID},
		{Test: weir.TestID{Suite: "b", Name: "X"}, Status: weir.Fail, Since: first.ID, Flakes: 2, LastFlake: first.ID},
		{Test: weir.TestID{Suite: "a.b", Name: "z"}, Status: weir.Skip, Since: first.ID},
		{Test: weir.TestID{Suite: "a", Name: "z z"}, Status: weir.Absent, Since: first.ID},
		{Test: weir.TestID{Name: "zz"}, Status: weir.ExpectedFailure, Since: first.ID},
	}
	f.ok(f.Settle(f.ctx, s))
	states, last = read()
	want := []weir.TestState{s.States[4], s.States[3], s.States[2], s.States[1], s.States[0]}
	equal(f, "states, sorted", states, want)
	equal(f, "last", last, first.ID)

	second := f.done(weir.CauseChange, a, 2, weir.ReasonTests)
	s = f.settlement(second.ID, weir.Unjudged, weir.Settled)
	want[1].Status, want[1].Since = weir.Pass, second.ID
	s.States = []weir.TestState{want[1]}
	s.Forget = []weir.TestID{want[3].Test, {Name: "never seen"}}
	f.ok(f.Settle(f.ctx, s))
	states, last = read()
	equal(f, "replaced and forgotten", states, []weir.TestState{want[0], want[1], want[2], want[4]})
	equal(f, "last", last, second.ID)

	f.judge(f.done(weir.CauseChange, a, 3, weir.ReasonTests).ID, weir.Unjudged, weir.Doubted)
	f.judge(f.done(weir.CauseProbe, a, 4, weir.ReasonTests).ID, weir.Unjudged, weir.Answering)
	_, last = read()
	equal(f, "last after a doubted build and a probe", last, second.ID)
	states, build, err := f.Baseline(f.ctx, b.ID)
	f.ok(err)
	if len(states) != 0 || build != nil {
		f.Errorf("another builder's baseline: %v %v", states, build)
	}
}

func testDoubted(f *fixture) {
	a := f.builder("a")
	equal(f, "of an empty store", len(must[[]store.Doubt](f)(f.Doubted(f.ctx))), 0)
	bad := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	fine := f.done(weir.CauseChange, a, 2, weir.ReasonNone)
	s := f.settlement(bad.ID, weir.Unjudged, weir.Doubted)
	retry := f.run(weir.CauseRetry, build(a, own(a, 1), retryOf(bad.ID)))
	s.Retry = &retry
	f.ok(f.Settle(f.ctx, s))
	second := f.create(weir.CauseRetry, build(a, own(a, 1), retryOf(bad.ID)))[0]
	f.create(weir.CauseRetry, build(a, own(a, 2), retryOf(fine.ID)))

	got := must[[]store.Doubt](f)(f.Doubted(f.ctx))
	if len(got) != 1 || len(got[0].Retries) != 2 {
		f.Fatalf("doubted: %+v", got)
	}
	equal(f, "build", got[0].Build, f.get(bad.ID))
	first := got[0].Retries[0]
	equal(f, "oldest retry", first, f.get(first.ID))
	equal(f, "newest retry", got[0].Retries[1], f.get(second))
	if first.Cause != weir.CauseRetry || first.RetryOf != bad.ID || first.State != weir.Queued || first.ID >= second {
		f.Errorf("retry made by Settle: %+v", first)
	}
	f.judge(bad.ID, weir.Doubted, weir.Settled)
	equal(f, "after the doubt", len(must[[]store.Doubt](f)(f.Doubted(f.ctx))), 0)
}

func testBuildChanges(f *fixture) {
	a := f.builder("a")
	changes := []weir.TestChange{
		change("n", weir.New, "", weir.Pass), change("k", weir.Flaky, weir.Pass, weir.Fail),
		change("f", weir.Fixed, weir.Fail, weir.Pass), change("s", weir.NewlySkipped, weir.Pass, weir.Skip),
		change("b", weir.NewlyFailing, weir.Pass, weir.Fault), change("B", weir.NewlyFailing, weir.Pass, weir.Fail),
		change("v2", weir.Vanished, weir.Pass, weir.Absent), change("v1", weir.Vanished, weir.Pass, weir.Absent),
		change("a", weir.NewlyFailing, weir.Pass, weir.Fail),
	}
	changes[6].Cause, changes[6].Message = weir.Panicked, "took the rest down"
	done := f.settled(a, 1, weir.ReasonTests, changes...)
	equal(f, "counts", done.Changes, weir.CountVerdicts(changes))
	got := must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, done.ID, 0, 100))
	if len(got) != len(changes) {
		f.Fatalf("%d changes, want %d", len(got), len(changes))
	}
	equal(f, "worst", got[:3], []weir.TestChange{changes[5], changes[8], changes[4]})
	groups := 1
	for i := 1; i < len(got); i++ {
		before, c := got[i-1], got[i]
		if c.Verdict.Worse() && !before.Verdict.Worse() {
			f.Errorf("%s stands behind %s", c.Verdict, before.Verdict)
		}
		if c.Verdict != before.Verdict {
			groups++
		} else if before.Test.Compare(c.Test) >= 0 {
			f.Errorf("%v stands behind %v", c.Test, before.Test)
		}
		if c.Test.Name == "v2" {
			equal(f, "vanished test", c, changes[6])
		}
	}
	equal(f, "a page of changes", must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, done.ID, 2, 3)), got[2:5])
	equal(f, "the last page", must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, done.ID, 8, 3)), got[8:])
	equal(f, "behind the last page", len(must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, done.ID, 9, 3))), 0)
	equal(f, "verdicts stand together: groups", groups, 6)
	equal(f, "changes of a build without", len(must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, f.settled(a, 2, weir.ReasonNone).ID, 0, 100))), 0)
}
