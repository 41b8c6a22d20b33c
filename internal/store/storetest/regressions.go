package storetest

import (
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func regressionTests() []subtest {
	return []subtest{
		{"lists, filtered", testRegressionFilter},
		{"not found", testRegressionNotFound},
		{"evidence", testEvidence},
		{"marks", testMarks},
		{"observations", testObserve},
		{"probes by position and age", testProbeOrder},
		{"probes that have yet to speak", testWaitingProbes},
	}
}

func testRegressionFilter(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	one, two, three := f.open(a, 1, "t1"), f.open(b, 1, "t1"), f.open(a, 5, "t2")
	two.State, two.Culprit = weir.Located, weir.Culprit{Project: "up", Revision: weir.Revision{ID: "abc", Position: 4}, Confidence: 0.95}
	f.ok(f.Advance(f.ctx, store.RegressionUpdate{Regression: two, Now: f.now()}))
	for name, c := range map[string]struct {
		filter store.RegressionFilter
		want   []weir.RegressionID
	}{
		"all":               {store.RegressionFilter{}, []weir.RegressionID{three.ID, two.ID, one.ID}},
		"before":            {store.RegressionFilter{Before: three.ID, Builder: a.ID}, []weir.RegressionID{one.ID}},
		"limit":             {store.RegressionFilter{Limit: 2}, []weir.RegressionID{three.ID, two.ID}},
		"states":            {store.RegressionFilter{States: []weir.RegressionState{weir.Located, weir.Merged}}, []weir.RegressionID{two.ID}},
		"two states":        {store.RegressionFilter{States: []weir.RegressionState{weir.Located, weir.Searching}}, []weir.RegressionID{three.ID, two.ID, one.ID}},
		"builder":           {store.RegressionFilter{Builder: a.ID}, []weir.RegressionID{three.ID, one.ID}},
		"builder and limit": {store.RegressionFilter{Builder: a.ID, Limit: 1}, []weir.RegressionID{three.ID}},
		"victim's project":  {store.RegressionFilter{Project: "b"}, []weir.RegressionID{two.ID}},
		"culprit's project": {store.RegressionFilter{Project: "up"}, []weir.RegressionID{two.ID}},
		"no such project":   {store.RegressionFilter{Project: "u%"}, nil},
		"everything":        {store.RegressionFilter{States: []weir.RegressionState{weir.Searching}, Builder: a.ID, Project: "a", Limit: 9}, []weir.RegressionID{three.ID, one.ID}},
	} {
		var got []weir.RegressionID
		for _, r := range must[[]weir.Regression](f)(f.Regressions(f.ctx, c.filter)) {
			got = append(got, r.ID)
		}
		equal(f, name, got, c.want)
		if n := must[store.RegressionCount](f)(f.CountRegressions(f.ctx, c.filter)); c.filter.Limit == 0 && c.filter.Before == 0 &&
			(n.Regressions != len(c.want) || n.Tests != len(c.want)) {
			f.T.Errorf("%s: counted %+v of %v", name, n, c.want)
		}
	}
	one = must[weir.Regression](f)(f.Regression(f.ctx, one.ID))
	one.Victims[0].FixedIn = one.Bad.Build
	f.ok(f.Advance(f.ctx, store.RegressionUpdate{Regression: one, Now: f.now()}))
	equal(f, "what is good again", must[store.RegressionCount](f)(f.CountRegressions(f.ctx, store.RegressionFilter{})), store.RegressionCount{Regressions: 3, Tests: 2})
}

func testRegressionNotFound(f *fixture) {
	_, err := f.Regression(f.ctx, 999)
	f.code(err, weir.NotFound)
	f.code(f.Advance(f.ctx, store.RegressionUpdate{Regression: weir.Regression{ID: 999, State: weir.Located}, Now: f.now()}), weir.NotFound)
	done := f.done(weir.CauseProbe, f.builder("a"), 1, weir.ReasonNone)
	f.code(f.Observe(f.ctx, 999, f.probe(done, 1)), weir.NotFound)
}

func testEvidence(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	var want []weir.BuildID
	early := f.done(weir.CauseChange, a, 0, weir.ReasonNone)
	for n, reason := range []weir.ReasonCode{weir.ReasonNone, weir.ReasonTests, weir.ReasonPrepare, weir.ReasonTimeout} {
		want = append(want, f.done(weir.CauseChange, a, n+1, reason).ID)
	}
	f.done(weir.CauseChange, a, 10, weir.ReasonNothing)
	gone := f.change(a, 11)
	f.ok(f.Cancel(f.ctx, gone, requested(""), f.now()))
	f.exhaust(f.change(a, 12), weir.ReasonWorker)
	want = append(want, f.done(weir.CauseProbe, a, 13, weir.ReasonNone).ID, f.done(weir.CauseRetry, a, 13, weir.ReasonTests).ID)
	want = append(want, f.change(a, 14), f.leaseBuild(f.change(a, 15)).Build.ID)
	f.done(weir.CauseChange, b, 1, weir.ReasonNone)
	want = append(want, f.create(weir.CauseProbe, build(b, own(b, 2)), build(a, own(a, 16), needs(0)))[1])

	got := must[[]weir.Build](f)(f.Evidence(f.ctx, a.ID, want[0]))
	equal(f, "evidence", ids(got), want)
	equal(f, "a build", got[1], f.get(want[1]))
	equal(f, "since the third", ids(must[[]weir.Build](f)(f.Evidence(f.ctx, a.ID, want[2]))), want[2:])
	all := ids(must[[]weir.Build](f)(f.Evidence(f.ctx, a.ID, 0)))
	equal(f, "since ever", all, append([]weir.BuildID{early.ID}, want...))
}

func testMarks(f *fixture) {
	a, b, c := f.builder("a"), f.builder("b"), f.builder("c")
	all := []weir.BuilderID{a.ID, b.ID, c.ID, 99}
	marks := func() map[weir.BuilderID]store.Mark {
		return must[map[weir.BuilderID]store.Mark](f)(f.Marks(f.ctx, all))
	}
	equal(f, "none are asked for", len(must[map[weir.BuilderID]store.Mark](f)(f.Marks(f.ctx, nil))), 0)
	f.done(weir.CauseChange, a, 1, weir.ReasonNone)
	first, second := f.change(a, 2), f.change(b, 1)
	want := map[weir.BuilderID]store.Mark{a.ID: {Newest: first, Unfinished: 1}, b.ID: {Newest: second, Unfinished: 1}, c.ID: {}, 99: {}}
	equal(f, "marks", marks(), want)
	f.ok(f.Cancel(f.ctx, first, requested(""), f.now()))
	want[a.ID] = store.Mark{Newest: first}
	equal(f, "marks when one has ended", marks(), want)
	want[c.ID] = store.Mark{Newest: f.change(c, 1), Unfinished: 1}
	equal(f, "marks when one is made", marks(), want)
}

// probe describes what a finished build said about a regression's victims.
func (f *fixture) probe(b weir.Build, position int, said ...weir.Observed) weir.Probe {
	p := weir.Probe{Build: b.ID, Position: position, State: b.State, Outcome: b.Outcome, Pins: b.Pins, Victims: said}
	for _, o := range said {
		switch o {
		case weir.ObservedGood:
			p.Good++
		case weir.ObservedBad:
			p.Bad++
		default:
			p.None++
		}
	}
	return p
}

const (
	good = weir.ObservedGood
	bad  = weir.ObservedBad
	none = weir.ObservedNone
)

func testObserve(f *fixture) {
	a := f.builder("a")
	r, other := f.open(a, 1, "t1", "t2", "t3"), f.open(a, 5, "t4")
	done := f.done(weir.CauseProbe, a, 9, weir.ReasonTests)
	equal(f, "probes before", len(must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID))), 0)
	p := f.probe(done, 3, good, bad, none)
	for range 2 { // the same observation twice is one
		f.ok(f.Observe(f.ctx, r.ID, p))
		equal(f, "probes", must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID)), []weir.Probe{p})
	}
	q := f.probe(done, 1, bad)
	f.ok(f.Observe(f.ctx, other.ID, q))
	equal(f, "the same build for another regression", must[[]weir.Probe](f)(f.Probes(f.ctx, other.ID)), []weir.Probe{q})
	equal(f, "probes of the first", must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID)), []weir.Probe{p})
	f.together(6, func(int) {
		if err := f.Observe(f.ctx, r.ID, p); err != nil {
			f.Errorf("Observe: %v", err)
		}
	})
	equal(f, "probes after many told the same", must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID)), []weir.Probe{p})
}

func testProbeOrder(f *fixture) {
	a := f.builder("a")
	r := f.open(a, 1, "t1")
	var got []string
	for n, position := range []int{5, 2, 5, 0, 2} {
		done := f.done(weir.CauseProbe, a, 10+n, weir.ReasonNone)
		f.ok(f.Observe(f.ctx, r.ID, f.probe(done, position, good)))
	}
	for _, p := range must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID)) {
		got = append(got, fmt.Sprintf("%d%s", p.Position, p.Pins["a"]))
	}
	equal(f, "probes", got, []string{"0r13", "2r11", "2r14", "5r10", "5r12"})
}

// testWaitingProbes lists builds that nobody has heard yet, and none that stand
// beside the path: at another revision of a project that does not move on it.
func testWaitingProbes(f *fixture) {
	a := f.builder("a")
	f.poll("up", "u1 u2 u3")
	pins := func(up, own string) weir.Pins { return weir.Pins{"up": up, "a": own} }
	at := func(pins weir.Pins) weir.Build {
		return f.finish(f.leaseBuild(f.create(weir.CauseChange, build(a, pins))[0]), weir.ReasonTests)
	}
	for _, aim := range []weir.Aim{weir.AimBreak, weir.AimFix} {
		good, bad := at(pins("u1", "r1")), at(pins("u3", "r1"))
		r := f.regression(a, good, bad, "t1")
		r.Path = []weir.Leg{{Project: "up", From: 1, To: 3}}
		s := f.settlement(bad.ID, weir.Unjudged, weir.Settled)
		s.Open = []weir.Regression{r}
		f.ok(f.Settle(f.ctx, s))
		r = must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{Limit: 1}))[0]
		if aim != weir.AimBreak {
			r.Aim, r.Of, r.Opened = aim, r.ID, f.now()
			r.ID = must[weir.RegressionID](f)(f.Ask(f.ctx, r))
		}
		run := f.run(weir.CauseProbe, build(a, pins("u2", "r1")), build(a, pins("u1", "r2")), build(a, pins("u1", "r1")))
		run.Regression = r.ID
		_, _, err := f.CreateRun(f.ctx, run)
		f.ok(err)
		var got []int
		for _, p := range must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID)) {
			got = append(got, p.Position)
		}
		want := map[weir.Aim][]int{weir.AimBreak: {0, 1}, weir.AimFix: {1, 2}}
		equal(f, fmt.Sprintf("positions, aim %q", aim), got, want[aim])
	}
}
