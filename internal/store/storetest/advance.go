package storetest

import (
	"sync/atomic"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func advanceTests() []subtest {
	return []subtest{
		{"state, suspects, note", testAdvance},
		{"stale", testAdvanceStale},
		{"one of many wins", testAdvanceRace},
		{"a closed regression stays as it is", testAdvanceClosed},
		{"probes are made with it", testAdvanceProbes},
		{"states of the baseline are replaced with it", testAdvanceStates},
		{"split takes the observations along", testSplit},
		{"merge moves the victims", testMerge},
		{"a bad merge changes nothing", testBadMerge},
		{"blame and corners", testBlame},
		{"acknowledging", testAcknowledge},
		{"assigning", testAssign},
		{"dismissing and reopening", testDismissReopen},
		{"bad again", testBadAgain},
		{"merging by hand", testMergeByHand},
		{"merging what is bad again", testMergeBadAgain},
		{"splitting by hand", testSplitByHand},
		{"splitting what was merged", testSplitMerged},
		{"asking", testAsk},
	}
}

// advance records a step of a search and reads the regression back.
func (f *fixture) advance(u store.RegressionUpdate) weir.Regression {
	f.Helper()
	if u.Now.IsZero() {
		u.Now = f.now()
	}
	f.ok(f.Advance(f.ctx, u))
	return must[weir.Regression](f)(f.Regression(f.ctx, u.Regression.ID))
}

func testAdvance(f *fixture) {
	r := f.open(f.builder("a"), 1, "t1", "t2")
	r.Suspects, r.Note = weir.Span{First: 2, Last: 3}, "two left"
	r.Victims[0].Message = "better said"
	now := f.now()
	got := f.advance(store.RegressionUpdate{Regression: r, Now: now})
	r.Updated = now
	equal(f, "a step", got, r)

	r.State, r.Suspects, r.Note = weir.Located, weir.Span{First: 3, Last: 3}, "found"
	r.Culprit = weir.Culprit{Project: "up", Confidence: 0.999, Revision: weir.Revision{
		ID: "abc", Position: 6, Author: "A <a@example.org>", Time: f.now(), Message: "break it"}}
	now = f.now()
	got = f.advance(store.RegressionUpdate{Regression: r, Now: now})
	r.Updated = now
	equal(f, "located", got, r)

	r.State = weir.Recovered
	r.Closed = f.now()
	got = f.advance(store.RegressionUpdate{Regression: r, Now: r.Closed})
	equal(f, "state", got.State, weir.Recovered)
	equal(f, "culprit stays", got.Culprit, r.Culprit)
	equal(f, "closed", got.Closed, r.Closed)
}

func testAdvanceStale(f *fixture) {
	a := f.builder("a")
	r := f.open(a, 1, "t1")
	stale := r
	r.Note = "first"
	fresh := f.advance(store.RegressionUpdate{Regression: r})
	stale.Note, stale.State = "second", weir.Dismissed
	err := f.Advance(f.ctx, store.RegressionUpdate{Regression: stale, Now: f.now(),
		Probes: []store.NewRun{f.run(weir.CauseProbe, build(a, own(a, 9)))},
		Split:  []weir.Regression{f.regression(a, weir.Build{}, weir.Build{}, "t9")}})
	f.code(err, weir.Conflict)
	equal(f, "regression", must[weir.Regression](f)(f.Regression(f.ctx, r.ID)), fresh)
	equal(f, "regressions", len(must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{}))), 1)
	equal(f, "builds", len(f.allBuilds()), 2)

	// A judge that closes a victim changes the regression too.
	f.settled(a, 7, weir.ReasonNone, change("t1", weir.Fixed, weir.Fail, weir.Pass))
	fresh.Note = "too late"
	f.code(f.Advance(f.ctx, store.RegressionUpdate{Regression: fresh, Now: f.now()}), weir.Conflict)
}

func testAdvanceRace(f *fixture) {
	a := f.builder("a")
	r := f.open(a, 1, "t1")
	var won atomic.Int32
	f.together(6, func(int) {
		u := store.RegressionUpdate{Regression: r, Now: f.now(), Probes: []store.NewRun{f.run(weir.CauseProbe, build(a, own(a, 9)))}}
		switch err := f.Advance(f.ctx, u); weir.CodeOf(err) {
		case "":
			won.Add(1)
		case weir.Conflict:
		default:
			f.Errorf("Advance: %v", err)
		}
	})
	equal(f, "searchers that won", won.Load(), 1)
	equal(f, "builds: good, bad and one probe", len(f.allBuilds()), 3)
}

func testAdvanceClosed(f *fixture) {
	a := f.builder("a")
	for n, final := range []weir.RegressionState{weir.Dismissed, weir.Recovered} {
		r := f.open(a, 10*n, "t1")
		r.State, r.Closed = final, f.now()
		closed := f.advance(store.RegressionUpdate{Regression: r})
		again := closed
		again.State, again.Note = weir.Searching, "once more"
		f.code(f.Advance(f.ctx, store.RegressionUpdate{Regression: again, Now: f.now()}), weir.Conflict)
		equal(f, "closed regression", must[weir.Regression](f)(f.Regression(f.ctx, r.ID)), closed)
	}
}

func testAdvanceProbes(f *fixture) {
	up, a := f.builder("up"), f.builder("a")
	r := f.open(a, 1, "t1")
	first := f.run(weir.CauseProbe, build(up, own(up, 1), share(store.ShareAny)), build(a, weir.Pins{"a": "r1", "up": "r1"}, needs(0), share(store.ShareAny)))
	second := f.run(weir.CauseProbe, build(up, own(up, 1), share(store.ShareAny)), build(a, weir.Pins{"a": "r2", "up": "r1"}, needs(0), share(store.ShareAny)))
	first.Regression, second.Regression = r.ID, r.ID
	f.advance(store.RegressionUpdate{Regression: r, Probes: []store.NewRun{first, second}})
	runs := must[[]weir.Run](f)(f.Runs(f.ctx, 0, 2))
	if len(runs) != 2 || runs[0].Cause != weir.CauseProbe || runs[0].Regression != r.ID || runs[1].Regression != r.ID {
		f.Fatalf("runs: %+v", runs)
	}
	equal(f, "builds of the first", len(must[[]weir.Build](f)(f.ListBuilds(f.ctx, store.BuildFilter{Run: runs[1].ID}))), 2)
	made := must[[]weir.Build](f)(f.ListBuilds(f.ctx, store.BuildFilter{Run: runs[0].ID}))
	if len(made) != 1 {
		f.Fatalf("builds of the second, which shares the product: %+v", made)
	}
	f.state(made[0].ID, weir.Blocked)
}

func testAdvanceStates(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	r := f.open(a, 1, "t1", "t2")
	baseline := func(b weir.Builder) []weir.TestState {
		f.Helper()
		states, _, err := f.Baseline(f.ctx, b.ID)
		f.ok(err)
		return states
	}
	states := []weir.TestState{{Test: testName("t1"), Status: weir.Fail, Since: r.Bad.Build}, {Test: testName("t2"), Status: weir.Fail, Since: r.Bad.Build}}
	r = f.advance(store.RegressionUpdate{Regression: r, States: states})
	equal(f, "baseline", baseline(a), states)
	states[1] = weir.TestState{Test: testName("t2"), Status: weir.Pass, Since: r.Good.Build, Flakes: 3, LastFlake: r.Bad.Build}
	stale := r
	r = f.advance(store.RegressionUpdate{Regression: r, States: states[1:]})
	equal(f, "baseline with one state replaced", baseline(a), states)
	equal(f, "another builder's", len(baseline(b)), 0)
	f.code(f.Advance(f.ctx, store.RegressionUpdate{Regression: stale, Now: f.now(), States: states[:1]}), weir.Conflict)
	equal(f, "baseline after a conflict", baseline(a), states)
}

func testSplit(f *fixture) {
	a := f.builder("a")
	r := f.open(a, 1, "t1", "t2", "t3")
	early, late := f.done(weir.CauseProbe, a, 10, weir.ReasonTests), f.done(weir.CauseProbe, a, 11, weir.ReasonTests)
	f.ok(f.Observe(f.ctx, r.ID, f.probe(early, 2, good, bad, none)))
	f.ok(f.Observe(f.ctx, r.ID, f.probe(late, 4, bad, bad, good)))

	apart := r
	apart.ID, apart.Victims, apart.Suspects, apart.Note = 0, []weir.Victim{r.Victims[1]}, weir.Span{First: 1, Last: 2}, "went elsewhere"
	keep := r
	keep.Victims = []weir.Victim{r.Victims[0], r.Victims[2]}
	keep.Suspects = weir.Span{First: 3, Last: 4}
	got := f.advance(store.RegressionUpdate{Regression: keep, Split: []weir.Regression{apart}})
	equal(f, "victims that stay", got.Victims, keep.Victims)

	all := must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{}))
	if len(all) != 2 || all[0].ID <= r.ID {
		f.Fatalf("regressions: %+v", all)
	}
	opened := must[weir.Regression](f)(f.Regression(f.ctx, all[0].ID))
	apart.ID, apart.Opened, apart.Updated = opened.ID, opened.Opened, opened.Updated
	equal(f, "opened regression", opened, apart)
	equal(f, "its observations", must[[]weir.Probe](f)(f.Probes(f.ctx, opened.ID)),
		[]weir.Probe{f.probe(early, 2, bad), f.probe(late, 4, bad)})
	equal(f, "observations that stay", must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID)),
		[]weir.Probe{f.probe(early, 2, good, none), f.probe(late, 4, bad, good)})
}

func testMerge(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	into, from := f.open(a, 1, "t1"), f.open(b, 1, "t2", "t3")
	done := f.done(weir.CauseProbe, a, 10, weir.ReasonTests)
	f.ok(f.Observe(f.ctx, into.ID, f.probe(done, 2, bad)))
	u := store.RegressionUpdate{Regression: from, Now: f.now(), MergeInto: into.ID}
	u.Regression.State, u.Regression.MergedInto, u.Regression.Closed = weir.Merged, into.ID, u.Now
	got := f.advance(u)
	equal(f, "victims left", len(got.Victims), 0)
	if got.State != weir.Merged || got.MergedInto != into.ID || got.Closed.IsZero() {
		f.Errorf("merged regression: %+v", got)
	}
	target := must[weir.Regression](f)(f.Regression(f.ctx, into.ID))
	equal(f, "victims of both", target.Victims, append(into.Victims, from.Victims...))
	equal(f, "state of the target", target.State, weir.Searching)
	if !target.Updated.After(into.Updated) {
		f.Errorf("the target was changed and says %v", target.Updated)
	}
	equal(f, "its observations: nothing is known of new victims", must[[]weir.Probe](f)(f.Probes(f.ctx, into.ID)),
		[]weir.Probe{f.probe(done, 2, bad, none, none)})
	list := must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{Builder: b.ID}))
	if len(list) != 1 || list[0].ID != into.ID {
		f.Errorf("regressions with a victim on b: %+v", list)
	}
	target.State = weir.Located
	f.advance(store.RegressionUpdate{Regression: target})
	f.settled(b, 8, weir.ReasonNone, change("t2", weir.Fixed, weir.Fail, weir.Pass), change("t3", weir.Fixed, weir.Fail, weir.Pass))
	equal(f, "state with one victim left", must[weir.Regression](f)(f.Regression(f.ctx, into.ID)).State, weir.Located)
	f.settled(a, 8, weir.ReasonNone, change("t1", weir.Fixed, weir.Fail, weir.Pass))
	equal(f, "state with none left", must[weir.Regression](f)(f.Regression(f.ctx, into.ID)).State, weir.Recovered)
	equal(f, "the merged one stays", must[weir.Regression](f)(f.Regression(f.ctx, from.ID)).State, weir.Merged)
}

func testBadMerge(f *fixture) {
	r := f.open(f.builder("a"), 1, "t1")
	for _, into := range []weir.RegressionID{999, r.ID} {
		u := store.RegressionUpdate{Regression: r, Now: f.now(), MergeInto: into}
		u.Regression.State, u.Regression.MergedInto = weir.Merged, into
		if c := weir.CodeOf(f.Advance(f.ctx, u)); c != weir.NotFound && c != weir.Invalid && c != weir.Conflict {
			f.Errorf("merge into %d: code %q", into, c)
		}
		equal(f, "regression", must[weir.Regression](f)(f.Regression(f.ctx, r.ID)), r)
	}
}
