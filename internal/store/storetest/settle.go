package storetest

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func settleTests() []subtest {
	return []subtest{
		{"every judgement", testJudgements},
		{"a conflict changes nothing", testSettleConflict},
		{"one of many judges wins", testSettleRace},
		{"a retry is a run like any other", testSettleRetry},
		{"10,000 states at once", testManyStates},
		{"more new tests than are kept", testManyNew},
		{"opens regressions", testSettleOpens},
		{"a fixed test closes its victim", testSettleCloses},
		{"a test fixed elsewhere closes nothing", testSettleClosesOwn},
	}
}

func testJudgements(f *fixture) {
	a := f.builder("a")
	for n, become := range []weir.Judgement{weir.Settled, weir.Unusable, weir.Answering, weir.Doubted} {
		done := f.done(weir.CauseChange, a, n, weir.ReasonTests)
		equal(f, "before", done.Judgement, weir.Unjudged)
		f.judge(done.ID, weir.Unjudged, become)
		equal(f, "after", f.get(done.ID).Judgement, become)
	}
	f.code(f.Settle(f.ctx, f.settlement(999, weir.Unjudged, weir.Settled)), weir.NotFound)
}

func testSettleConflict(f *fixture) {
	a := f.builder("a")
	done := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	f.judge(done.ID, weir.Unjudged, weir.Doubted)
	before, events := f.get(done.ID), f.lastEvent()

	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.States = []weir.TestState{{Test: testName("t"), Status: weir.Pass, Since: done.ID}}
	s.Changes = []weir.TestChange{change("t", weir.New, "", weir.Pass)}
	retry := f.run(weir.CauseRetry, build(a, own(a, 1), retryOf(done.ID)))
	s.Retry = &retry
	s.Open = []weir.Regression{f.regression(a, done, done, "t")}
	f.code(f.Settle(f.ctx, s), weir.Conflict)

	equal(f, "build", f.get(done.ID), before)
	states, last, err := f.Baseline(f.ctx, a.ID)
	f.ok(err)
	equal(f, "baseline", fmt.Sprint(len(states), last == nil), "0 true")
	equal(f, "changes", len(must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, done.ID, 0, 100))), 0)
	equal(f, "builds", len(f.allBuilds()), 1)
	equal(f, "runs", len(must[[]weir.Run](f)(f.Runs(f.ctx, 0, 10))), 1)
	equal(f, "regressions", len(must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{}))), 0)
	equal(f, "last event", f.lastEvent(), events)
}

func testSettleRace(f *fixture) {
	a := f.builder("a")
	done := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	var won atomic.Int32
	f.together(8, func(int) {
		s := f.settlement(done.ID, weir.Unjudged, weir.Doubted)
		retry := f.run(weir.CauseRetry, build(a, own(a, 1), retryOf(done.ID)))
		s.Retry = &retry
		s.Changes = []weir.TestChange{change("t", weir.New, "", weir.Pass)}
		switch err := f.Settle(f.ctx, s); weir.CodeOf(err) {
		case "":
			won.Add(1)
		case weir.Conflict:
		default:
			f.Errorf("Settle: %v", err)
		}
	})
	equal(f, "judges that won", won.Load(), 1)
	equal(f, "builds", len(f.allBuilds()), 2)
	equal(f, "changes", len(must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, done.ID, 0, 100))), 1)
}

func testSettleRetry(f *fixture) {
	up, a := f.builder("up"), f.builder("a")
	product := f.leaseBuild(f.change(up, 1))
	f.finishProduct(product)
	done := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	s := f.settlement(done.ID, weir.Unjudged, weir.Doubted)
	retry := f.run(weir.CauseRetry, build(up, own(up, 1), share(store.ShareAny)),
		build(a, own(a, 1), needs(0), retryOf(done.ID), priority(9)))
	s.Retry = &retry
	f.ok(f.Settle(f.ctx, s))
	doubts := must[[]store.Doubt](f)(f.Doubted(f.ctx))
	if len(doubts) != 1 || len(doubts[0].Retries) != 1 {
		f.Fatalf("doubts: %+v", doubts)
	}
	made := doubts[0].Retries[0]
	equal(f, "needs", must[[]weir.BuildID](f)(f.Needs(f.ctx, made.ID)), []weir.BuildID{product.Build.ID})
	equal(f, "run", must[weir.Run](f)(f.Store.Run(f.ctx, made.Run)), weir.Run{ID: made.Run, Cause: weir.CauseRetry,
		Project: retry.Project, Reason: retry.Reason, Created: retry.Now})
	f.finish(f.leaseBuild(made.ID), weir.ReasonNone)
	f.state(made.ID, weir.Finished, weir.ReasonNone)
}

func testManyStates(f *fixture) {
	const tests, changed, forgotten = 10_000, 2000, 1000
	a := f.builder("a")
	done := f.done(weir.CauseChange, a, 1, weir.ReasonNone)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	for i := range tests {
		id := weir.TestID{Suite: fmt.Sprint("suite", i%7), Name: fmt.Sprint("test ", i)}
		s.States = append(s.States, weir.TestState{Test: id, Status: weir.Pass, Since: done.ID})
		if i < changed {
			s.Changes = append(s.Changes, weir.TestChange{Test: id, Verdict: weir.New, To: weir.Pass})
		}
	}
	f.ok(f.Settle(f.ctx, s))
	states, _, err := f.Baseline(f.ctx, a.ID)
	f.ok(err)
	equal(f, "states", len(states), tests)
	sorted := slices.IsSortedFunc(states, func(a, b weir.TestState) int { return a.Test.Compare(b.Test) })
	equal(f, "sorted", sorted, true)
	equal(f, "counts", f.get(done.ID).Changes, weir.VerdictCounts{New: changed})

	next := f.done(weir.CauseChange, a, 2, weir.ReasonNone)
	s = f.settlement(next.ID, weir.Unjudged, weir.Settled)
	for _, st := range states[:forgotten] {
		s.Forget = append(s.Forget, st.Test)
	}
	f.ok(f.Settle(f.ctx, s))
	left, _, err := f.Baseline(f.ctx, a.ID)
	f.ok(err)
	equal(f, "left", slices.Equal(left, states[forgotten:]), true)
}

// testManyNew settles a build with more new tests than are kept as changes of it.
func testManyNew(f *fixture) {
	const over = 3
	a := f.builder("a")
	done := f.done(weir.CauseChange, a, 1, weir.ReasonNone)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.Changes = []weir.TestChange{{Test: weir.TestID{Name: "z"}, Verdict: weir.NewlyFailing, From: weir.Pass, To: weir.Fail}}
	for i := range store.MaxNew + over {
		id := weir.TestID{Name: fmt.Sprintf("test %06d", i)}
		s.States = append(s.States, weir.TestState{Test: id, Status: weir.Pass, Since: done.ID})
		s.Changes = append(s.Changes, weir.TestChange{Test: id, Verdict: weir.New, To: weir.Pass})
	}
	f.ok(f.Settle(f.ctx, s))
	equal(f, "counts", f.get(done.ID).Changes, weir.VerdictCounts{New: store.MaxNew + over, NewlyFailing: 1})
	last := must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, done.ID, store.MaxNew, 10))
	equal(f, "last change", last, s.Changes[store.MaxNew:store.MaxNew+1])
	for _, c := range []weir.TestChange{s.Changes[store.MaxNew], s.Changes[store.MaxNew+over]} {
		history := f.events(a, c.Test, 10)
		if len(history) != 1 || history[0].Build != done.ID || history[0].Change != c || history[0].At.Before(epoch) {
			f.Errorf("history of %s: %+v", c.Test, history)
		}
	}
}

// regression describes a regression to be opened: these tests of b.
func (f *fixture) regression(b weir.Builder, good, bad weir.Build, tests ...string) weir.Regression {
	now := f.now()
	r := weir.Regression{State: weir.Searching, Builder: b, Opened: now, Updated: now,
		Good: weir.Evidence{Build: good.ID, Pins: good.Pins}, Bad: weir.Evidence{Build: bad.ID, Pins: bad.Pins},
		Path:     []weir.Leg{{Project: "up", Branch: "main", From: 3, To: 7}, {Project: b.Project, From: 1, To: 2}},
		Suspects: weir.Span{First: 1, Last: 5}, Note: "the search begins"}
	for _, name := range tests {
		r.Victims = append(r.Victims, weir.Victim{Builder: b, Test: testName(name), Verdict: weir.NewlyFailing, Message: name + " is bad", Build: bad.ID})
	}
	return r
}

// open opens a regression with these tests of b and reads it back.
func (f *fixture) open(b weir.Builder, n int, tests ...string) weir.Regression {
	f.Helper()
	good := f.settled(b, n, weir.ReasonNone)
	bad := f.done(weir.CauseChange, b, n+1, weir.ReasonTests)
	s := f.settlement(bad.ID, weir.Unjudged, weir.Settled)
	s.Open = []weir.Regression{f.regression(b, good, bad, tests...)}
	f.ok(f.Settle(f.ctx, s))
	newest := must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{Limit: 1}))
	if len(newest) != 1 {
		f.Fatalf("no regression was opened")
	}
	return must[weir.Regression](f)(f.Regression(f.ctx, newest[0].ID))
}

func testSettleOpens(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	good := f.settled(a, 1, weir.ReasonNone)
	bad := f.done(weir.CauseChange, a, 2, weir.ReasonTests)
	s := f.settlement(bad.ID, weir.Unjudged, weir.Settled)
	one, two := f.regression(a, good, bad, "t1", "t2"), f.regression(b, good, bad, "t3")
	one.ID = 77 // ignored
	one.Victims[1].Verdict, one.Victims[1].Cause = weir.Vanished, weir.Exited
	s.Open = []weir.Regression{one, two}
	f.ok(f.Settle(f.ctx, s))
	got := must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{}))
	if len(got) != 2 || got[0].ID <= got[1].ID || got[1].ID < 1 || got[1].ID == 77 {
		f.Fatalf("regressions, newest first: %+v", got)
	}
	for i, want := range []weir.Regression{one, two} {
		r := must[weir.Regression](f)(f.Regression(f.ctx, got[1-i].ID))
		if r.Opened.IsZero() || r.Updated.IsZero() {
			f.Errorf("opened %v, updated %v", r.Opened, r.Updated)
		}
		want.ID, want.Opened, want.Updated = r.ID, r.Opened, r.Updated
		equal(f, "regression", r, want)
	}
}

func testSettleCloses(f *fixture) {
	for state, then := range map[weir.RegressionState]weir.RegressionState{
		weir.Searching: weir.Searching, // until the search ends
		weir.Located:   weir.Recovered,
		weir.Narrowed:  weir.Recovered,
	} {
		a := f.builder(string(state))
		r := f.open(a, 1, "t1", "t2")
		if state != weir.Searching {
			r.State = state
			r = f.advance(store.RegressionUpdate{Regression: r})
		}
		first := f.settled(a, 3, weir.ReasonTests, change("t1", weir.Fixed, weir.Fail, weir.Pass), change("t9", weir.Fixed, weir.Fail, weir.Pass))
		half := must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
		equal(f, "state with one victim left", half.State, state)
		equal(f, "fixed in", fixedIn(half), []weir.BuildID{first.ID, 0})

		// Bad again and fixed again does not change when it was fixed first.
		f.settled(a, 4, weir.ReasonTests, change("t1", weir.Fixed, weir.Fail, weir.Pass))
		second := f.settled(a, 5, weir.ReasonNone, change("t2", weir.Fixed, weir.Fail, weir.Pass))
		done := must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
		equal(f, string(state)+" with no victim left", done.State, then)
		equal(f, "fixed in", fixedIn(done), []weir.BuildID{first.ID, second.ID})
		if done.Closed.IsZero() == (then == weir.Recovered) || !done.Updated.After(r.Updated) {
			f.Errorf("%s: closed %v, updated %v, was %v", state, done.Closed, done.Updated, r.Updated)
		}
	}
}

// fixedIn lists where the victims of a regression were fixed.
func fixedIn(r weir.Regression) (out []weir.BuildID) {
	for _, v := range r.Victims {
		out = append(out, v.FixedIn)
	}
	return out
}

func testSettleClosesOwn(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	r := f.open(a, 1, "t1")
	fixed := change("t1", weir.Fixed, weir.Fail, weir.Pass)
	f.settled(b, 1, weir.ReasonNone, fixed)
	done := f.done(weir.CauseChange, a, 3, weir.ReasonNone)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.Changes = []weir.TestChange{change("t1", weir.Flaky, weir.Fail, weir.Pass), {Test: weir.TestID{Suite: "other", Name: "t1"}, Verdict: weir.Fixed, To: weir.Pass}}
	f.ok(f.Settle(f.ctx, s))
	equal(f, "regression", must[weir.Regression](f)(f.Regression(f.ctx, r.ID)), r)
}
