package storetest

import (
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// word is what Ann says.
func (f *fixture) word(why string) weir.Word { return weir.Word{By: "ann", Why: why, At: f.now()} }

// read reads a regression.
func (f *fixture) read(id weir.RegressionID) weir.Regression {
	f.Helper()
	return must[weir.Regression](f)(f.Regression(f.ctx, id))
}

// last checks the newest transition of a regression, but for its time.
func (f *fixture) last(id weir.RegressionID, want weir.Transition) {
	f.Helper()
	all := must[[]weir.Transition](f)(f.Transitions(f.ctx, id))
	if len(all) == 0 {
		f.Fatalf("nothing became of regression %d", id)
	}
	got := all[len(all)-1]
	if got.At.IsZero() {
		f.Errorf("it is not known when regression %d was %s", id, got.Kind)
	}
	got.At = time.Time{}
	equal(f, "the last transition", got, want)
}

func testAcknowledge(f *fixture) {
	r := f.open(f.builder("a"), 1, "t1")
	w := f.word("on it")
	a := weir.Acknowledgement{Word: w, Until: w.At.Add(time.Hour)}
	f.ok(f.Acknowledge(f.ctx, r.ID, a))
	got := f.read(r.ID)
	equal(f, "acknowledgement", got.Acknowledged, a)
	equal(f, "holds at first and not at last", []bool{got.Acknowledged.In(w.At), got.Acknowledged.In(a.Until)}, []bool{true, false})
	f.last(r.ID, weir.Transition{Kind: weir.WasAcknowledged, To: weir.Searching, By: "ann", Note: "on it"})
	f.code(f.Advance(f.ctx, store.RegressionUpdate{Regression: r, Now: f.now()}), weir.Conflict)

	long := a
	long.Until = w.At.Add(weir.MaxAcknowledged + time.Second)
	f.code(f.Acknowledge(f.ctx, r.ID, long), weir.Invalid)
	f.code(f.Acknowledge(f.ctx, r.ID, weir.Acknowledgement{Until: a.Until}), weir.Invalid)
	f.code(f.Acknowledge(f.ctx, r.ID+100, a), weir.NotFound)
	f.ok(f.Acknowledge(f.ctx, r.ID, weir.Acknowledgement{Word: f.word("")}))
	equal(f, "taken back", f.read(r.ID).Acknowledged, weir.Acknowledgement{})
	f.last(r.ID, weir.Transition{Kind: weir.WasUnacknowledged, To: weir.Searching, By: "ann"})
	f.ok(f.Dismiss(f.ctx, r.ID, f.word("no")))
	f.code(f.Acknowledge(f.ctx, r.ID, a), weir.Conflict)
}

func testAssign(f *fixture) {
	r := f.open(f.builder("a"), 1, "t1")
	a := weir.Assignment{Word: f.word("she knows it"), To: "bea"}
	f.ok(f.Assign(f.ctx, r.ID, a))
	equal(f, "assignment", f.read(r.ID).Assigned, a)
	f.last(r.ID, weir.Transition{Kind: weir.WasAssigned, To: weir.Searching, By: "ann", Note: "to bea: she knows it"})

	f.code(f.Assign(f.ctx, r.ID, weir.Assignment{Word: f.word(""), To: strings.Repeat("x", weir.MaxAssignee+1)}), weir.Invalid)
	f.code(f.Assign(f.ctx, r.ID, weir.Assignment{To: "bea"}), weir.Invalid)
	f.code(f.Assign(f.ctx, r.ID+100, a), weir.NotFound)

	// It stays through a search, with what the search believes, and through a reopening.
	got := f.read(r.ID)
	got.Belief = weir.Belief{Steps: []weir.StepBelief{{Position: 1, Probability: 0.75}}, Nobody: 0.25}
	f.advance(store.RegressionUpdate{Regression: got})
	equal(f, "belief", f.read(r.ID).Belief, got.Belief)
	f.ok(f.Dismiss(f.ctx, r.ID, f.word("no")))
	f.code(f.Assign(f.ctx, r.ID, a), weir.Conflict)
	f.ok(f.Reopen(f.ctx, r.ID, f.word("yes")))
	equal(f, "still hers", f.read(r.ID).Assigned, a)
	equal(f, "believed once more", f.read(r.ID).Belief, weir.Belief{})

	f.ok(f.Assign(f.ctx, r.ID, weir.Assignment{Word: f.word("")}))
	equal(f, "taken back", f.read(r.ID).Assigned, weir.Assignment{})
	f.last(r.ID, weir.Transition{Kind: weir.WasAssigned, To: weir.Searching, By: "ann", Note: "to nobody"})
}

func testDismissReopen(f *fixture) {
	r := f.open(f.builder("a"), 1, "t1", "t2")
	f.code(f.Reopen(f.ctx, r.ID, f.word("")), weir.Conflict)
	f.code(f.Dismiss(f.ctx, r.ID, weir.Word{}), weir.Invalid)
	w := f.word("the machine was ill")
	f.ok(f.Dismiss(f.ctx, r.ID, w))
	got := f.read(r.ID)
	equal(f, "state", got.State, weir.Dismissed)
	equal(f, "closed", got.Closed, w.At)
	equal(f, "note", got.Note, "closed by ann: the machine was ill")
	f.last(r.ID, weir.Transition{Kind: weir.WasDismissed, To: weir.Dismissed, By: "ann", Note: w.Why})
	f.code(f.Dismiss(f.ctx, r.ID, f.word("")), weir.Conflict)

	f.ok(f.Reopen(f.ctx, r.ID, f.word("it was not")))
	got = f.read(r.ID)
	equal(f, "state", got.State, weir.Searching)
	equal(f, "closed", got.Closed.IsZero(), true)
	f.last(r.ID, weir.Transition{Kind: weir.WasReopened, To: weir.Searching, By: "ann", Note: "it was not"})

	// What a search has concluded is taken back, and what it saw is not.
	probed := f.done(weir.CauseProbe, r.Builder, 3, weir.ReasonTests)
	f.ok(f.Observe(f.ctx, r.ID, f.probe(probed, 1, bad, good)))
	got.State, got.Culprit = weir.Located, weir.Culprit{Project: "up", Revision: weir.Revision{ID: "b"}, Confidence: 1}
	f.advance(store.RegressionUpdate{Regression: got, Grounds: []weir.BuildID{probed.ID}})
	f.last(r.ID, weir.Transition{Kind: weir.WasLocated, To: weir.Located, Builds: []weir.BuildID{probed.ID}, Note: got.Note})
	fixed := f.settled(r.Builder, 7, weir.ReasonNone, change("t1", weir.Fixed, weir.Fail, weir.Pass), change("t2", weir.Fixed, weir.Fail, weir.Pass))
	f.last(r.ID, weir.Transition{Kind: weir.WasFixed, To: weir.Recovered, Builds: []weir.BuildID{fixed.ID}, Note: f.read(r.ID).Note})
	f.ok(f.Reopen(f.ctx, r.ID, f.word("")))
	got = f.read(r.ID)
	equal(f, "state", got.State, weir.Searching)
	equal(f, "culprit", got.Culprit, weir.Culprit{})
	equal(f, "fixed in", got.Victims[0].FixedIn, fixed.ID) // what is good stays good
	equal(f, "probes", len(must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID))), 1)
	f.code(f.Reopen(f.ctx, r.ID+100, f.word("")), weir.NotFound)
}

// testBadAgain settles a build that breaks again what was fixed.
func testBadAgain(f *fixture) {
	r := f.open(f.builder("a"), 1, "t1", "t2")
	probed := f.done(weir.CauseProbe, r.Builder, 3, weir.ReasonTests)
	f.ok(f.Observe(f.ctx, r.ID, f.probe(probed, 1, bad, good)))
	r = f.read(r.ID)
	r.State, r.Culprit = weir.Located, weir.Culprit{Project: "up", Revision: weir.Revision{ID: "b"}, Confidence: 1}
	r.Confirmed = probed.ID
	r = f.advance(store.RegressionUpdate{Regression: r})
	again := r
	good := f.settled(r.Builder, 7, weir.ReasonNone, change("t1", weir.Fixed, weir.Fail, weir.Pass), change("t2", weir.Fixed, weir.Fail, weir.Pass))
	broken := f.done(weir.CauseChange, r.Builder, 8, weir.ReasonTests)
	again.Good, again.Bad = weir.Evidence{Build: good.ID, Pins: good.Pins}, weir.Evidence{Build: broken.ID, Pins: broken.Pins}
	again.Path = []weir.Leg{{Project: "a", From: 7, To: 8}}
	again.Suspects, again.Note, again.Confirmed = weir.Span{First: 1, Last: 1}, "bad again", 0
	again.Victims = again.Victims[:1]
	s := f.settlement(broken.ID, weir.Unjudged, weir.Settled)
	s.Reopen = []weir.Regression{again}
	f.ok(f.Settle(f.ctx, s))
	got := f.read(r.ID)
	want := again
	want.State, want.Culprit, want.Updated = weir.Searching, weir.Culprit{}, got.Updated
	equal(f, "bad again", got, want)
	equal(f, "probes", len(must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID))), 0)
	f.last(r.ID, weir.Transition{Kind: weir.WasReopened, To: weir.Searching, Builds: []weir.BuildID{broken.ID}, Note: "bad again"})

	other := f.done(weir.CauseChange, r.Builder, 9, weir.ReasonTests)
	s = f.settlement(other.ID, weir.Unjudged, weir.Settled)
	s.Reopen = []weir.Regression{again}
	f.code(f.Settle(f.ctx, s), weir.Conflict)
	equal(f, "judgement after a conflict", f.get(other.ID).Judgement, weir.Unjudged)
}

func testMergeByHand(f *fixture) {
	one, two := f.open(f.builder("a"), 1, "t1"), f.open(f.builder("b"), 1, "t2", "t3")
	f.code(f.Merge(f.ctx, one.ID, one.ID, f.word("")), weir.Invalid)
	f.code(f.Merge(f.ctx, one.ID, two.ID+100, f.word("")), weir.NotFound)
	f.ok(f.Merge(f.ctx, two.ID, one.ID, f.word("the same")))
	got := f.read(one.ID)
	equal(f, "victims", len(got.Victims), 3)
	f.last(one.ID, weir.Transition{Kind: weir.WasJoined, To: weir.Searching, By: "ann", Other: two.ID, Note: "the same"})
	got = f.read(two.ID)
	equal(f, "state", got.State, weir.Merged)
	equal(f, "into", got.MergedInto, one.ID)
	equal(f, "victims left", len(got.Victims), 0)
	f.last(two.ID, weir.Transition{Kind: weir.WasMerged, To: weir.Merged, By: "ann", Other: one.ID, Note: "the same"})
	f.code(f.Merge(f.ctx, two.ID, one.ID, f.word("")), weir.Conflict)
	f.code(f.Merge(f.ctx, one.ID, two.ID, f.word("")), weir.Conflict)
	f.code(f.Reopen(f.ctx, two.ID, f.word("")), weir.Conflict)

	// Nobody is accused of what another one did.
	three, four := f.open(f.builder("c"), 1, "t1"), f.open(f.builder("d"), 1, "t2")
	for i, r := range []weir.Regression{three, four} {
		r.State, r.Culprit = weir.Located, weir.Culprit{Project: "up", Revision: weir.Revision{ID: []string{"b", "c"}[i]}, Confidence: 1}
		f.advance(store.RegressionUpdate{Regression: r})
	}
	f.code(f.Merge(f.ctx, four.ID, three.ID, f.word("the same")), weir.Conflict)
	equal(f, "state", f.read(four.ID).State, weir.Located)
}

// testMergeBadAgain merges a regression into one that had its test before.
func testMergeBadAgain(f *fixture) {
	a := f.builder("a")
	one := f.open(a, 1, "t1", "t2")
	f.settled(a, 8, weir.ReasonNone, change("t1", weir.Fixed, weir.Fail, weir.Pass))
	two := f.open(a, 9, "t1")
	f.ok(f.Merge(f.ctx, two.ID, one.ID, f.word("the same again")))
	got := f.read(one.ID)
	if len(got.Victims) != 2 || got.Victims[0].Test != testName("t1") || got.Victims[0].FixedIn != 0 || got.Victims[0].Build != two.Victims[0].Build {
		f.Errorf("a test that is bad again counts as good: %+v", got.Victims)
	}
}

func testSplitByHand(f *fixture) {
	r := f.open(f.builder("a"), 1, "t1", "t2", "t3")
	probed := f.done(weir.CauseProbe, r.Builder, 3, weir.ReasonTests)
	f.ok(f.Observe(f.ctx, r.ID, f.probe(probed, 2, bad, good, bad)))
	key := func(name string) store.VictimKey { return store.VictimKey{Builder: r.Builder.ID, Test: testName(name)} }
	split := func(keys ...store.VictimKey) (weir.RegressionID, error) {
		return f.Split(f.ctx, r.ID, keys, f.word("another thing"))
	}
	for _, keys := range [][]store.VictimKey{nil, {key("t1"), key("t2"), key("t3")}, {key("t9")}, {{Builder: 99, Test: testName("t1")}}} {
		_, err := split(keys...)
		f.code(err, weir.Invalid)
	}
	made := must[weir.RegressionID](f)(split(key("t2")))
	got, part := f.read(r.ID), f.read(made)
	equal(f, "who stays", []string{got.Victims[0].Test.Name, got.Victims[1].Test.Name}, []string{"t1", "t3"})
	equal(f, "who leaves", part.Victims[0].Test, testName("t2"))
	equal(f, "state", part.State, weir.Searching)
	equal(f, "path", part.Path, r.Path)
	equal(f, "what was seen of who stays", must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID))[0].Victims, []weir.Observed{bad, bad})
	equal(f, "what was seen of who leaves", must[[]weir.Probe](f)(f.Probes(f.ctx, made))[0].Victims, []weir.Observed{good})
	f.last(r.ID, weir.Transition{Kind: weir.WasSplit, To: weir.Searching, By: "ann", Other: made, Note: "another thing"})
}

// testSplitMerged takes out again what had come from another builder: it goes on
// where it was.
func testSplitMerged(f *fixture) {
	one, two, three := f.open(f.builder("a"), 1, "t1"), f.open(f.builder("b"), 1, "t2"), f.open(f.builder("c"), 1, "t3")
	f.ok(f.Merge(f.ctx, three.ID, two.ID, f.word("")))
	f.ok(f.Merge(f.ctx, two.ID, one.ID, f.word("")))
	for _, from := range []weir.Regression{two, three} {
		v := from.Victims[0]
		made := must[weir.RegressionID](f)(f.Split(f.ctx, one.ID, []store.VictimKey{{Builder: v.Builder.ID, Test: v.Test}}, f.word("")))
		part := f.read(made)
		equal(f, "builder", part.Builder, from.Builder)
		equal(f, "ends", []weir.Evidence{part.Good, part.Bad}, []weir.Evidence{from.Good, from.Bad})
		equal(f, "path", part.Path, from.Path)
		equal(f, "suspects", part.Suspects, from.Suspects)
	}
	equal(f, "who stays", len(f.read(one.ID).Victims), 1)
}

func testAsk(f *fixture) {
	r := f.open(f.builder("a"), 1, "t1")
	ask := r
	ask.ID, ask.Aim, ask.Of, ask.Asked, ask.Opened = 0, weir.AimFix, r.ID, f.word("when was it mended"), f.now()
	id := must[weir.RegressionID](f)(f.Ask(f.ctx, ask))
	equal(f, "asked again", must[weir.RegressionID](f)(f.Ask(f.ctx, ask)), id)
	elsewhere := ask
	elsewhere.Good.Build, elsewhere.Bad.Build = ask.Bad.Build, ask.Good.Build
	got := f.read(id)
	equal(f, "aim and of", []any{got.Aim, got.Of, got.Asked}, []any{ask.Aim, ask.Of, ask.Asked})
	f.last(id, weir.Transition{Kind: weir.WasOpened, To: weir.Searching, By: "ann", Builds: []weir.BuildID{r.Good.Build, r.Bad.Build},
		Other: r.ID, Note: "when was it mended"})

	lists := func(filter store.RegressionFilter) []weir.RegressionID {
		var out []weir.RegressionID
		for _, r := range must[[]weir.Regression](f)(f.Regressions(f.ctx, filter)) {
			out = append(out, r.ID)
		}
		return out
	}
	equal(f, "open episodes", lists(store.RegressionFilter{}), []weir.RegressionID{r.ID})
	equal(f, "asked for", lists(store.RegressionFilter{Of: r.ID}), []weir.RegressionID{id})
	equal(f, "of an aim", lists(store.RegressionFilter{Aims: []weir.Aim{weir.AimFix, weir.AimAsked}}), []weir.RegressionID{id})
	equal(f, "all", lists(store.RegressionFilter{Aims: weir.Aims()}), []weir.RegressionID{id, r.ID})

	equal(f, "closed since", lists(store.RegressionFilter{ClosedSince: f.now().Add(-time.Hour), Aims: weir.Aims()}), nil)
	f.ok(f.Dismiss(f.ctx, r.ID, f.word("flaky")))
	equal(f, "closed in the last hour", lists(store.RegressionFilter{ClosedSince: f.now().Add(-time.Hour), Aims: weir.Aims()}), []weir.RegressionID{r.ID})
	equal(f, "closed later", lists(store.RegressionFilter{ClosedSince: f.now().Add(time.Hour), Aims: weir.Aims()}), nil)
	search := f.read(id)
	search.State = weir.Located
	f.advance(store.RegressionUpdate{Regression: search})
	done := f.settled(r.Builder, 90, weir.ReasonNone, change("t1", weir.Fixed, weir.Fail, weir.Pass))
	equal(f, "the state of an answer", f.read(id).State, weir.Located)
	equal(f, "its test is good", fixedIn(f.read(id)), []weir.BuildID{done.ID})
	second := must[weir.RegressionID](f)(f.Ask(f.ctx, elsewhere))
	equal(f, "asked between two other builds", second != id, true)
	elsewhere.Path = []weir.Leg{{Project: "up", Branch: "main^abc", From: 1, To: 3}}
	equal(f, "asked on another path", must[weir.RegressionID](f)(f.Ask(f.ctx, elsewhere)) == second, false)

	free := ask
	free.Aim, free.Of = weir.AimAsked, 0
	one := must[weir.RegressionID](f)(f.Ask(f.ctx, free))
	equal(f, "two that belong to none", one != must[weir.RegressionID](f)(f.Ask(f.ctx, free)), true)
	for _, wrong := range []func(*weir.Regression){
		func(r *weir.Regression) { r.Aim = weir.AimBreak }, func(r *weir.Regression) { r.Aim = "x" },
		func(r *weir.Regression) { r.Victims = nil }, func(r *weir.Regression) { r.Path = nil },
	} {
		w := free
		wrong(&w)
		_, err := f.Ask(f.ctx, w)
		f.code(err, weir.Invalid)
	}
	free.Of = r.ID + 100
	_, err := f.Ask(f.ctx, free)
	f.code(err, weir.NotFound)
}

// populateLife has people talk about a regression.
func (f *fixture) populateLife() {
	f.Helper()
	r := f.open(f.builder("f"), 1, "t1", "t2")
	w := f.word("on it")
	f.ok(f.Acknowledge(f.ctx, r.ID, weir.Acknowledgement{Word: w, Until: w.At.Add(time.Hour)}))
	r = f.read(r.ID)
	r.Confirmed, r.Checks = r.Bad.Build, weir.Checks{Workers: []string{"w1"}}
	r = f.advance(store.RegressionUpdate{Regression: r})
	ask := r
	ask.ID, ask.Aim, ask.Of, ask.Opened = 0, weir.AimFix, r.ID, f.now()
	must[weir.RegressionID](f)(f.Ask(f.ctx, ask))
	must[weir.RegressionID](f)(f.Split(f.ctx, r.ID, []store.VictimKey{{Builder: r.Builder.ID, Test: testName("t2")}}, f.word("")))
}
