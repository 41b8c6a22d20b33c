package storetest

import (
	"fmt"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func signatureTests() []subtest {
	return []subtest{
		{"states keep what failures say and what does not run", testStatesSay},
		{"absent tests, by cause", testAbsent},
		{"changes, victims and their signatures", testChangesSay},
		{"verdicts from worst to best", testVerdictOrder},
		{"ledgers of builds", testLedger},
		{"another failure fixes who failed differently", testFailsOtherwise},
		{"victims follow their tests to new names", testRenamedVictims},
	}
}

// hiding lists states with signatures, and of tests that do not run.
func hiding(b weir.BuildID) []weir.TestState {
	return []weir.TestState{
		{Test: testName("a"), Status: weir.Fail, Since: b, Signature: "0123456789abcdef fedcba9876543210 0000000000000000 ffffffffffffffff"},
		{Test: testName("b"), Status: weir.Fail, Since: b, Signature: weir.AnySignature, Masked: b, Cause: weir.Panicked},
		{Test: testName("c"), Status: weir.Absent, Since: b, Masked: b, Cause: weir.DidNotBuild},
		{Test: testName("d"), Status: weir.Skip, Since: b, Masked: b, Cause: weir.SkippedTest},
		{Test: testName("e"), Status: weir.Absent, Since: b, Masked: b, Cause: weir.DidNotBuild},
		{Test: testName("f"), Status: weir.Skip, Since: b},
		{Test: testName("g"), Status: weir.Pass, Since: b},
	}
}

func testStatesSay(f *fixture) {
	a := f.builder("a")
	read := func() []weir.TestState {
		states, _, err := f.Baseline(f.ctx, a.ID)
		f.ok(err)
		return states
	}
	done := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.States = hiding(done.ID)
	f.ok(f.Settle(f.ctx, s))
	equal(f, "states", read(), s.States)

	next := f.done(weir.CauseChange, a, 2, weir.ReasonTests)
	want := slices.Clone(s.States)
	want[0].Signature = ""
	want[1] = weir.TestState{Test: testName("b"), Status: weir.Pass, Since: next.ID}
	want[6].Masked, want[6].Cause = next.ID, weir.BailedOut
	s = f.settlement(next.ID, weir.Unjudged, weir.Settled)
	s.States = []weir.TestState{want[0], want[1], want[6]}
	f.ok(f.Settle(f.ctx, s))
	equal(f, "states after a change", read(), want)
}

func testAbsent(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	read := func(b weir.Builder, limit int) []string {
		states, all, err := f.Absent(f.ctx, b.ID, limit)
		f.ok(err)
		equal(f, "all absent", all, map[bool]int{true: 4}[b.ID == a.ID])
		var names []string
		for _, s := range states {
			names = append(names, s.Test.Name)
		}
		return names
	}
	done := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.States = hiding(done.ID)
	f.ok(f.Settle(f.ctx, s))
	equal(f, "absent", read(a, 0), []string{"c", "e", "b", "d"})
	equal(f, "the first", read(a, 1), []string{"c"})
	equal(f, "of another builder", len(read(b, 0)), 0)
	states, _, err := f.Absent(f.ctx, a.ID, 10)
	f.ok(err)
	equal(f, "one that is masked", states[2], s.States[1])
}

func testChangesSay(f *fixture) {
	a := f.builder("a")
	good := f.settled(a, 1, weir.ReasonNone)
	bad := f.done(weir.CauseChange, a, 2, weir.ReasonTests)
	s := f.settlement(bad.ID, weir.Unjudged, weir.Settled)
	c := change("t1", weir.FailingDifferently, weir.Fail, weir.Fault)
	c.Signature = "0123456789abcdef"
	r := f.regression(a, good, bad, "t1", "t2")
	r.Victims[0].Verdict, r.Victims[0].Signature = c.Verdict, c.Signature
	s.Changes, s.Open = []weir.TestChange{c}, []weir.Regression{r}
	f.ok(f.Settle(f.ctx, s))
	equal(f, "changes", must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, bad.ID, 0, 10)), s.Changes)
	equal(f, "history", f.events(a, c.Test, 1)[0].Change, c)
	got := must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{}))[0]
	equal(f, "victims", got.Victims, r.Victims)
	got.Victims[1].Was = testName("old")
	f.ok(f.Advance(f.ctx, store.RegressionUpdate{Regression: got, Now: f.now()}))
	equal(f, "victims after a step", must[weir.Regression](f)(f.Regression(f.ctx, got.ID)).Victims, got.Victims)
}

func testVerdictOrder(f *fixture) {
	order := []weir.Verdict{weir.NewlyFailing, weir.FailingDifferently, weir.Vanished, weir.NewlySkipped, weir.Masked,
		weir.Flaky, weir.Removed, weir.Fixed, weir.New, weir.InfraError}
	equal(f, "verdicts but for the same", len(order), len(weir.Verdicts())-1)
	var changes []weir.TestChange
	for i, v := range order {
		changes = append(changes, change(string(rune('z'-i)), v, weir.Fail, weir.Fail))
	}
	done := f.settled(f.builder("a"), 1, weir.ReasonTests, changes...)
	equal(f, "changes", must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, done.ID, 0, 100)), changes)
}

func testLedger(f *fixture) {
	a := f.builder("a")
	want := weir.Ledger{Expected: 10_000, Reported: 9960, Executed: 9950, Hidden: 40, Masked: 3, Cause: weir.Panicked, ByCause: 30, Message: "in TestX: boom"}
	for n, ledger := range []weir.Ledger{want, {}} {
		done := f.done(weir.CauseChange, a, n, weir.ReasonTests)
		s := f.settlement(done.ID, weir.Unjudged, weir.Doubted)
		s.Ledger = ledger
		f.ok(f.Settle(f.ctx, s))
		equal(f, "ledger", f.get(done.ID).Ledger, ledger)
		s.Expect, s.Become = weir.Doubted, weir.Settled
		f.ok(f.Settle(f.ctx, s))
		equal(f, "ledger of a settled build", f.get(done.ID).Ledger, ledger)
	}
}

// failing settles a build in which tests fail with these signatures.
func (f *fixture) failing(b weir.Builder, n int, failures ...store.Failure) weir.Build {
	f.Helper()
	done := f.done(weir.CauseChange, b, n, weir.ReasonTests)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.Failing = failures
	f.ok(f.Settle(f.ctx, s))
	return done
}

func testFailsOtherwise(f *fixture) {
	a := f.builder("a")
	r := f.open(a, 1, "t1", "t2", "t3")
	for i := range r.Victims[:2] {
		r.Victims[i].Verdict, r.Victims[i].Signature = weir.FailingDifferently, "aa"
	}
	r.State = weir.Located
	r = f.advance(store.RegressionUpdate{Regression: r})
	same := store.Failure{Test: testName("t1"), Signature: "aa"}
	f.failing(a, 3, same, store.Failure{Test: testName("t2")}, store.Failure{Test: testName("t3"), Signature: "bb"})
	equal(f, "a regression that nothing is said of", must[weir.Regression](f)(f.Regression(f.ctx, r.ID)), r)
	other := f.failing(a, 4, same, store.Failure{Test: testName("t2"), Signature: "bb"})
	f.failing(f.builder("b"), 1, store.Failure{Test: testName("t1"), Signature: "bb"})
	r = must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
	equal(f, "fixed in", fixedIn(r), []weir.BuildID{0, other.ID, 0})
	equal(f, "state", r.State, weir.Located)
	f.last(r.ID, weir.Transition{Kind: weir.WasJudged, To: weir.Located, Builds: []weir.BuildID{other.ID},
		Note: fmt.Sprintf("%s: fails in build %d as well, for another reason", testName("t2"), other.ID)})
}

func testRenamedVictims(f *fixture) {
	a := f.builder("a")
	r, closed := f.open(a, 1, "t1", "t2"), f.open(a, 5, "t1")
	closed.State = weir.Dismissed
	closed = f.advance(store.RegressionUpdate{Regression: closed})
	for n, names := range [][2]string{{"t1", "u1"}, {"u1", "v1"}} {
		done := f.done(weir.CauseChange, a, 10+n, weir.ReasonTests)
		s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
		s.Renames = []store.Rename{{From: testName(names[0]), To: testName(names[1])}, {From: testName("x"), To: testName("y")}}
		f.ok(f.Settle(f.ctx, s))
		now := must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
		equal(f, "name", now.Victims[0].Test, testName(names[1]))
		equal(f, "name on the path", now.Victims[0].Was, testName("t1"))
		equal(f, "the other victim", now.Victims[1], r.Victims[1])
		if !now.Updated.After(r.Updated) {
			f.Errorf("updated %v, was %v", now.Updated, r.Updated)
		}
	}
	equal(f, "a closed regression", must[weir.Regression](f)(f.Regression(f.ctx, closed.ID)), closed)
	done := f.settled(a, 20, weir.ReasonNone, change("v1", weir.Fixed, weir.Fail, weir.Pass))
	equal(f, "fixed in", fixedIn(must[weir.Regression](f)(f.Regression(f.ctx, r.ID))), []weir.BuildID{done.ID, 0})
}
