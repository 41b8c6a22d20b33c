package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func flakeTests() []subtest {
	return []subtest{
		{"a flake and its runs", testFlake},
		{"runs that count only with others", testKnownRuns},
		{"flakes of a search", testSearchFlakes},
		{"flakes without runs", testOldFlakes},
		{"a page of many", testManyFlakes},
		{"the newest runs are kept", testMostFlakeRuns},
		{"renamed and removed", testFlakesRenamed},
		{"settled builds and their places", testSettledRuns},
		{"a digest is told once, or again", testDigest},
		{"one of many claims a digest", testDigestRace},
		{"hostile names", testHostileFlakes},
	}
}

// flaky lists flaky tests.
func (f *fixture) flaky(filter store.FlakyFilter) []store.FlakyTest {
	f.Helper()
	tests, all, err := f.FlakyTests(f.ctx, filter)
	f.ok(err)
	if len(tests) > all || filter.Limit == 0 && len(tests) != all {
		f.Errorf("%d of %d tests are listed", len(tests), all)
	}
	return tests
}

// flake settles a build of b in which a test was bad, and good when it ran again.
func (f *fixture) flake(b weir.Builder, n int, tests ...string) (bad, again weir.Build) {
	f.Helper()
	done := f.done(weir.CauseChange, b, n, weir.ReasonTests)
	f.judge(done.ID, weir.Unjudged, weir.Doubted)
	states, _, err := f.Baseline(f.ctx, b.ID)
	f.ok(err)
	again = f.done(weir.CauseRetry, b, n, weir.ReasonNone, retryOf(done.ID))
	s := f.settlement(done.ID, weir.Doubted, weir.Settled)
	for _, name := range tests {
		c := change(name, weir.Flaky, weir.Pass, weir.Fail)
		flakes := 0
		for _, old := range states {
			if old.Test == c.Test {
				flakes = old.Flakes
			}
		}
		s.Changes = append(s.Changes, c)
		s.States = append(s.States, weir.TestState{Test: c.Test, Status: weir.Pass, Since: 1, Flakes: flakes + 1, LastFlake: done.ID})
		s.Flakes = append(s.Flakes, store.FlakeRun{Test: c.Test, Build: done.ID, Bad: true}, store.FlakeRun{Test: c.Test, Build: again.ID})
	}
	f.ok(f.Settle(f.ctx, s))
	return f.get(done.ID), again
}

// said sums up runs: their builds, with an exclamation mark if they are bad.
func said(runs []store.SeenRun) string {
	var parts []string
	for _, r := range runs {
		part := fmt.Sprintf("%d@%d", r.Build, r.Number)
		if r.Bad {
			part += "!"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

func testFlake(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	equal(f, "flaky in an empty store", len(f.flaky(store.FlakyFilter{})), 0)
	f.settled(a, 1, weir.ReasonNone)
	root := true
	lead := f.leaseBuild(f.change(a, 2))
	e := f.ending(lead, weir.ReasonTests)
	e.Surroundings = weir.Surroundings{Root: &root, Directory: "a"}
	first := must[weir.Build](f)(f.Finish(f.ctx, e))
	f.judge(first.ID, weir.Unjudged, weir.Doubted)
	again := f.done(weir.CauseRetry, a, 2, weir.ReasonNone, retryOf(first.ID))
	s := f.settlement(first.ID, weir.Doubted, weir.Settled)
	s.States = []weir.TestState{{Test: testName("t"), Status: weir.Pass, Since: 1, Flakes: 1, LastFlake: first.ID}, {Test: testName("u"), Status: weir.Pass, Since: 1}}
	s.Flakes = []store.FlakeRun{{Test: testName("t"), Build: first.ID, Bad: true}, {Test: testName("t"), Build: again.ID}}
	f.ok(f.Settle(f.ctx, s))
	last := f.settled(a, 3, weir.ReasonNone)

	got := f.flaky(store.FlakyFilter{})
	if len(got) != 1 || len(got[0].Runs) != 2 {
		f.Fatalf("flaky are %+v", got)
	}
	first = f.get(first.ID)
	equal(f, "builder", got[0].Builder, a)
	equal(f, "state", got[0].State, s.States[0])
	equal(f, "last flake", got[0].LastFlake, point(2, first))
	equal(f, "newest", got[0].Newest, point(3, last))
	equal(f, "ran", got[0].Ran, 3)
	equal(f, "told", got[0].Told, "")
	bad, good := got[0].Runs[0], got[0].Runs[1]
	equal(f, "the bad run", fmt.Sprint(bad.Build, bad.Bad, bad.Number, bad.At.Equal(first.Finished), bad.Place.Worker, bad.Place.Directory, *bad.Place.Root),
		fmt.Sprint(first.ID, true, 2, true, "w1", "a", true))
	equal(f, "when it was leased", bad.Place.Leased, must[[]weir.Attempt](f)(f.Attempts(f.ctx, first.ID))[0].Leased)
	equal(f, "the good run", fmt.Sprint(good.Build, good.Bad, good.Number, good.Inputs == bad.Inputs, good.Inputs != ""), fmt.Sprint(again.ID, false, 2, true, true))

	f.flake(b, 1, "t", "v")
	for _, c := range []struct {
		filter store.FlakyFilter
		want   int
	}{{store.FlakyFilter{Project: "a"}, 1}, {store.FlakyFilter{Project: "b"}, 2}, {store.FlakyFilter{Builder: b.ID}, 2}, {store.FlakyFilter{Project: "c"}, 0},
		{store.FlakyFilter{Test: testName("t")}, 2}, {store.FlakyFilter{Builder: a.ID, Test: testName("v")}, 0}, {store.FlakyFilter{}, 3}} {
		equal(f, fmt.Sprintf("flaky with %+v", c.filter), len(f.flaky(c.filter)), c.want)
	}
}

// testKnownRuns records later runs at known revisions, and not those elsewhere.
func testKnownRuns(f *fixture) {
	a := f.builder("a")
	first, again := f.flake(a, 1, "t")
	later, elsewhere := f.done(weir.CauseChange, a, 1, weir.ReasonTests), f.done(weir.CauseProbe, a, 2, weir.ReasonTests)
	foreign := f.done(weir.CauseProbe, f.builder("b"), 1, weir.ReasonTests)
	unfinished := f.change(a, 5)
	s := f.settlement(later.ID, weir.Unjudged, weir.Settled)
	for _, b := range []weir.BuildID{later.ID, elsewhere.ID, first.ID} {
		s.Flakes = append(s.Flakes, store.FlakeRun{Test: testName("t"), Build: b, Bad: b != first.ID, Known: true},
			store.FlakeRun{Test: testName("u"), Build: b, Bad: true, Known: true})
	}
	for _, b := range []weir.BuildID{foreign.ID, unfinished, 1 << 40} {
		s.Flakes = append(s.Flakes, store.FlakeRun{Test: testName("t"), Build: b, Bad: true})
	}
	f.ok(f.Settle(f.ctx, s))
	equal(f, "runs", said(f.flaky(store.FlakyFilter{})[0].Runs), fmt.Sprintf("%d@1! %d@1 %d@2!", first.ID, again.ID, later.ID))
	// Among those of one judgement, one that counts in any case lets the others count.
	again2 := f.done(weir.CauseChange, a, 2, weir.ReasonTests)
	s = f.settlement(again2.ID, weir.Unjudged, weir.Settled)
	s.Flakes = []store.FlakeRun{{Test: testName("t"), Build: elsewhere.ID, Bad: true, Known: true}, {Test: testName("t"), Build: again2.ID}}
	f.ok(f.Settle(f.ctx, s))
	equal(f, "runs then", len(f.flaky(store.FlakyFilter{})[0].Runs), 5)
}

func testSearchFlakes(f *fixture) {
	r := f.open(f.builder("a"), 1, "t1", "t2")
	probe := f.done(weir.CauseProbe, r.Builder, 2, weir.ReasonNone)
	r.State, r.Note = weir.Dismissed, "flaky"
	stale := store.RegressionUpdate{Regression: r, Now: f.now(), States: []weir.TestState{{Test: testName("t1"), Status: weir.Pass, Since: 1, Flakes: 1, LastFlake: r.Bad.Build}},
		Flakes: []store.FlakeRun{{Test: testName("t1"), Build: r.Bad.Build, Bad: true}, {Test: testName("t1"), Build: probe.ID}}}
	f.advance(stale)
	f.code(f.Advance(f.ctx, stale), weir.Conflict)
	got := f.flaky(store.FlakyFilter{Project: "a"})
	if len(got) != 1 {
		f.Fatalf("flaky are %+v", got)
	}
	equal(f, "runs", said(got[0].Runs), fmt.Sprintf("%d@2! %d@2", r.Bad.Build, probe.ID))
}

// testOldFlakes lists tests that flaked before runs were recorded, and masked ones.
func testOldFlakes(f *fixture) {
	a := f.builder("a")
	one := f.settled(a, 1, weir.ReasonTests)
	two := f.settled(a, 2, weir.ReasonTests)
	done := f.done(weir.CauseChange, a, 3, weir.ReasonTests)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.States = []weir.TestState{{Test: testName("gone"), Status: weir.Pass, Since: one.ID, Flakes: 1, LastFlake: 1 << 40},
		{Test: testName("old"), Status: weir.Pass, Since: one.ID, Flakes: 4, LastFlake: one.ID},
		{Test: testName("masked"), Status: weir.Absent, Since: two.ID, Masked: two.ID, Flakes: 1, LastFlake: two.ID},
		{Test: testName("steady"), Status: weir.Pass, Since: one.ID}}
	f.ok(f.Settle(f.ctx, s))
	var got []string
	for _, t := range f.flaky(store.FlakyFilter{}) {
		got = append(got, fmt.Sprint(t.State.Test.Name, " ", t.LastFlake.Number, t.LastFlake.Build, t.Ran, t.Newest.Number, len(t.Runs)))
	}
	equal(f, "flaky", got, []string{fmt.Sprint("masked 2 ", two.ID, " 1 3 0"), fmt.Sprint("old 1 ", one.ID, " 3 3 0"), "gone 0 0 3 3 0"})
}

// testManyFlakes reads a page of many tests.
func testManyFlakes(f *fixture) {
	a := f.builder("a")
	var names []string
	for i := range 250 {
		names = append(names, fmt.Sprintf("t%03d", i))
	}
	f.flake(a, 1, names...)
	f.flake(a, 2, names[100:]...)
	got, all, err := f.FlakyTests(f.ctx, store.FlakyFilter{Project: "a", Limit: 200})
	f.ok(err)
	equal(f, "listed", fmt.Sprint(len(got), all), "200 250")
	for i, t := range got {
		want, runs := fmt.Sprintf("t%03d", 100+i), 4
		if i >= 150 {
			want, runs = fmt.Sprintf("t%03d", i-150), 2
		}
		if t.State.Test.Name != want || len(t.Runs) != runs || t.State.Flakes != runs/2 {
			f.Fatalf("test %d is %s with %d runs and %d flakes, want %s with %d", i, t.State.Test.Name, len(t.Runs), t.State.Flakes, want, runs)
		}
	}
}

func testMostFlakeRuns(f *fixture) {
	a := f.builder("a")
	const over = 3
	var runs []store.FlakeRun
	for i, id := range f.create(weir.CauseProbe, slices.Repeat([]store.NewBuild{build(a, own(a, 1))}, store.MaxFlakeRuns+over)...) {
		f.ok(f.Cancel(f.ctx, id, requested(""), f.now()))
		runs = append(runs, store.FlakeRun{Test: testName("t"), Build: id, Bad: i%2 == 0}, store.FlakeRun{Test: testName("u"), Build: id, Known: i < over})
	}
	done := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.States = []weir.TestState{{Test: testName("t"), Status: weir.Pass, Since: 1, Flakes: 1, LastFlake: done.ID}}
	s.Flakes = runs
	f.ok(f.Settle(f.ctx, s))
	got := f.flaky(store.FlakyFilter{})
	equal(f, "runs", len(got[0].Runs), store.MaxFlakeRuns)
	equal(f, "the oldest", fmt.Sprint(got[0].Runs[0].Build, got[0].Runs[0].Bad), fmt.Sprint(runs[2*over].Build, false))
}

func testFlakesRenamed(f *fixture) {
	a := f.builder("a")
	f.flake(a, 1, "old", "gone")
	f.ok(f.DigestTold(f.ctx, "a", []store.ToldFlake{{Builder: a.ID, Test: testName("old"), State: "flaky"}}, f.now()))
	done := f.done(weir.CauseChange, a, 2, weir.ReasonNone)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.Renames = []store.Rename{{From: testName("old"), To: testName("new")}}
	s.Forget = []weir.TestID{testName("old"), testName("gone")}
	s.States = []weir.TestState{{Test: testName("new"), Status: weir.Pass, Since: 1, Flakes: 1, LastFlake: 1}}
	f.ok(f.Settle(f.ctx, s))
	got := f.flaky(store.FlakyFilter{})
	if len(got) != 1 || got[0].State.Test != testName("new") || len(got[0].Runs) != 2 || got[0].Told != "flaky" {
		f.Fatalf("flaky are %+v", got)
	}
	done = f.done(weir.CauseChange, a, 3, weir.ReasonNone)
	s = f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.States = []weir.TestState{{Test: testName("gone"), Status: weir.Pass, Since: done.ID}}
	f.ok(f.Settle(f.ctx, s))
	equal(f, "flaky when it is back", len(f.flaky(store.FlakyFilter{Test: testName("gone")})[0].Runs), 2)
}

func testSettledRuns(f *fixture) {
	a, b, c := f.builder("a"), f.builder("b"), f.builder("c")
	report := func(b weir.Builder, n int, results bool) weir.Build {
		l := f.leaseBuild(f.change(b, n))
		e := f.ending(l, weir.ReasonTests)
		if results {
			e.Results, e.Counts = weir.DigestOf([]byte("results")), weir.Counts{Pass: 1}
		}
		e.Surroundings.Directory = fmt.Sprint("d", n)
		done := must[weir.Build](f)(f.Finish(f.ctx, e))
		f.judge(done.ID, weir.Unjudged, weir.Settled)
		return done
	}
	report(a, 1, true)
	two := report(a, 2, true)
	report(a, 3, false)
	four := report(a, 4, true)
	other := report(b, 1, true)
	report(c, 1, true)
	got := must[[]store.SettledRun](f)(f.SettledRuns(f.ctx, []weir.BuilderID{b.ID, a.ID, 1 << 40}, 3))
	var texts []string
	for _, r := range got {
		texts = append(texts, fmt.Sprint(r.Builder, r.Number, r.Build, r.Place.Worker, r.Place.Directory, r.Place.Leased.IsZero(), r.At.IsZero()))
	}
	equal(f, "settled runs", texts, []string{fmt.Sprint(a.ID, 2, two.ID, "w1", "d2", false, false), fmt.Sprint(a.ID, 4, four.ID, "w1", "d4", false, false),
		fmt.Sprint(b.ID, 1, other.ID, "w1", "d1", false, false)})
	equal(f, "of one", len(must[[]store.SettledRun](f)(f.SettledRuns(f.ctx, []weir.BuilderID{a.ID}, 0))), 3)
	equal(f, "of none", len(must[[]store.SettledRun](f)(f.SettledRuns(f.ctx, nil, 0))), 0)
}

func testDigest(f *fixture) {
	const week = 7 * 24 * time.Hour
	a, b := f.builder("a"), f.builder("b")
	f.flake(a, 1, "t", "u")
	now := f.now()
	claim := func(project string, after time.Duration, want bool) {
		f.Helper()
		equal(f, fmt.Sprintf("claim of %s after %s", project, after), must[bool](f)(f.ClaimDigest(f.ctx, project, week, now.Add(after))), want)
	}
	claim("a", 0, true)
	claim("a", time.Second, false)
	claim("b", time.Second, true)
	claim("a", store.DigestTime-time.Second, false)
	claim("a", store.DigestTime, true) // who had claimed it is dead
	told := []store.ToldFlake{{Builder: a.ID, Test: testName("t"), State: "flaky"}, {Builder: a.ID, Test: testName("gone"), State: "quiet"},
		{Builder: b.ID, Test: testName("t"), State: "flaky"}} // the last is another project's
	f.ok(f.DigestTold(f.ctx, "a", told, now.Add(store.DigestTime)))
	said := func(want ...string) {
		f.Helper()
		var got []string
		for _, t := range f.flaky(store.FlakyFilter{}) {
			got = append(got, t.State.Test.Name+" "+t.Told)
		}
		equal(f, "told", got, want)
	}
	said("t flaky", "u ")
	claim("a", week, false)
	claim("a", week+store.DigestTime, true)
	f.ok(f.DigestTold(f.ctx, "a", []store.ToldFlake{{Builder: a.ID, Test: testName("u"), State: "quiet"}}, now.Add(2*week)))
	said("t ", "u quiet")
	claim("a", 2*week+time.Second, false)
	f.ok(f.DigestTold(f.ctx, "a", nil, now.Add(9*week))) // by a clock that was ahead
	claim("a", 3*week, true)
	_, err := f.ClaimDigest(f.ctx, "a", time.Minute, now)
	f.code(err, weir.Invalid)
}

func testDigestRace(f *fixture) {
	now := f.now()
	var got atomic.Int64
	f.together(8, func(int) {
		switch ok, err := f.ClaimDigest(f.ctx, "a", time.Hour, now); {
		case err != nil:
			f.Errorf("ClaimDigest: %v", err)
		case ok:
			got.Add(1)
		}
	})
	equal(f, "claims", got.Load(), 1)
}

func testHostileFlakes(f *fixture) {
	a := f.builder("a")
	done := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	nasty := weir.TestID{Suite: "s\x00\xff", Name: "'; DROP TABLE flake_runs; --"}
	s.States = []weir.TestState{{Test: nasty, Status: weir.Pass, Since: 1, Flakes: 1, LastFlake: -5}}
	s.Flakes = []store.FlakeRun{{Test: nasty, Build: done.ID, Bad: true}, {Test: nasty, Build: done.ID}, {Test: nasty, Build: -1}}
	f.ok(f.Settle(f.ctx, s))
	got := f.flaky(store.FlakyFilter{Test: nasty})
	if len(got) != 1 || said(got[0].Runs) != fmt.Sprintf("%d@1!", done.ID) {
		f.Fatalf("flaky are %+v", got)
	}
	f.ok(f.DigestTold(f.ctx, "a\x00", []store.ToldFlake{{Builder: -1, Test: nasty, State: strings.Repeat("x", 1000)}}, f.now()))
	long := f.settlement(f.done(weir.CauseChange, a, 2, weir.ReasonTests).ID, weir.Unjudged, weir.Settled)
	long.Flakes = []store.FlakeRun{{Test: weir.TestID{Name: strings.Repeat("x", weir.MaxTestName+1)}, Build: 1}}
	f.code(f.Settle(f.ctx, long), weir.Invalid)
}
