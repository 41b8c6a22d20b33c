package storetest

import (
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func historyTests() []subtest {
	return []subtest{
		{"changes of a test", testHistoryEvents},
		{"settled builds are numbered", testNumbers},
		{"what is kept of one test", testHistoryState},
		{"further runs at the same revisions", testHistoryRepeats},
		{"a long history", testLongHistory},
		{"builders that know a test", testKnownOn},
	}
}

// past reads what is kept of a test of a builder.
func (f *fixture) past(b weir.Builder, id weir.TestID, limit int) store.TestHistory {
	f.Helper()
	return must[store.TestHistory](f)(f.History(f.ctx, b.ID, id, limit))
}

// events reads the changes of a test of a builder.
func (f *fixture) events(b weir.Builder, id weir.TestID, limit int) []store.TestEvent {
	f.Helper()
	return f.past(b, id, limit).Events
}

func point(number int, b weir.Build) store.SettledBuild {
	return store.SettledBuild{Number: number, Build: b.ID, At: b.Finished}
}

func testHistoryEvents(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	changes := []weir.TestChange{
		change("t", weir.New, "", weir.Pass),
		change("t", weir.NewlyFailing, weir.Pass, weir.Fail),
		change("t", weir.Fixed, weir.Fail, weir.Pass),
	}
	changes[1].Message, changes[1].Signature = "1 is not 2", "0123456789abcdef"
	var want []store.TestEvent
	var before weir.Pins
	for n, c := range changes {
		done := f.settled(a, n, weir.ReasonTests, c, change("other", weir.Flaky, weir.Pass, weir.Fail))
		want = append([]store.TestEvent{{SettledBuild: point(2*n+1, done), Pins: done.Pins, Before: before, Outcome: done.Outcome, Change: c}}, want...)
		before = f.settled(a, 10+n, weir.ReasonTests).Pins
	}
	f.settled(b, 1, weir.ReasonTests, changes[1])
	equal(f, "history", f.events(a, testName("t"), 10), want)
	equal(f, "newest", f.events(a, testName("t"), 2), want[:2])
	equal(f, "history of another suite's test", len(f.events(a, weir.TestID{Name: "t"}, 10)), 0)
}

func testNumbers(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	equal(f, "nothing is settled", f.past(a, testName("t"), 1), store.TestHistory{})
	first := f.settled(a, 1, weir.ReasonNone)
	f.settled(b, 1, weir.ReasonNone)
	lost := f.done(weir.CauseChange, a, 2, weir.ReasonTests)
	f.judge(lost.ID, weir.Unjudged, weir.Unusable)
	answer := f.done(weir.CauseProbe, a, 1, weir.ReasonNone)
	f.judge(answer.ID, weir.Unjudged, weir.Answering)
	doubted := f.done(weir.CauseChange, a, 3, weir.ReasonTests)
	f.judge(doubted.ID, weir.Unjudged, weir.Doubted)
	h := f.past(a, testName("t"), 1)
	equal(f, "first", h.First, point(1, first))
	equal(f, "last while one is doubted", h.Last, point(1, first))
	f.judge(doubted.ID, weir.Doubted, weir.Settled)
	forced := f.done(weir.CauseForce, a, 3, weir.ReasonTests)
	f.judge(forced.ID, weir.Unjudged, weir.Settled)
	f.judge(forced.ID, weir.Settled, weir.Settled)
	h = f.past(a, testName("t"), 1)
	equal(f, "first", h.First, point(1, first))
	equal(f, "last", h.Last, point(3, forced))
	equal(f, "two of three", must[[]store.SettledBuild](f)(f.SettledAt(f.ctx, a.ID, []int{3, 0, 1, 9})), []store.SettledBuild{h.First, h.Last})
	equal(f, "one", must[[]store.SettledBuild](f)(f.SettledAt(f.ctx, a.ID, []int{3})), []store.SettledBuild{h.Last})
	equal(f, "none", len(must[[]store.SettledBuild](f)(f.SettledAt(f.ctx, a.ID, nil))), 0)
	equal(f, "last of another builder", f.past(b, testName("t"), 1).Last.Number, 1)
}

func testHistoryState(f *fixture) {
	a := f.builder("a")
	f.settled(a, 1, weir.ReasonNone)
	done := f.done(weir.CauseChange, a, 2, weir.ReasonTests)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.States = []weir.TestState{{Test: testName("t"), Status: weir.Fail, Since: done.ID, Flakes: 2, Signature: "0123456789abcdef"},
		{Test: testName("u"), Status: weir.Pass, Since: 1 << 40}}
	f.ok(f.Settle(f.ctx, s))
	done = f.get(done.ID)
	last := f.settled(a, 3, weir.ReasonNone)
	h := f.past(a, testName("t"), 10)
	if h.State == nil {
		f.Fatal("a test without state")
	}
	equal(f, "state", *h.State, s.States[0])
	equal(f, "since", h.Since, point(2, done))
	equal(f, "last", h.Last, point(3, last))
	equal(f, "changes", len(h.Events), 0)
	h = f.past(a, testName("u"), 10)
	equal(f, "since a build that is gone", h.Since, store.SettledBuild{})
	equal(f, "unknown test", f.past(a, testName("v"), 10).State == nil, true)
}

func testHistoryRepeats(f *fixture) {
	a := f.builder("a")
	r := f.open(a, 1, "t1", "t2") // settled at 1 and 2
	at := func(n int) weir.Build { return f.done(weir.CauseProbe, a, n, weir.ReasonTests) }
	one, two, three, elsewhere := at(2), at(1), at(2), at(7)
	f.ok(f.Observe(f.ctx, r.ID, f.probe(one, 1, bad, good)))
	f.ok(f.Observe(f.ctx, r.ID, f.probe(two, 0, good, none)))
	f.ok(f.Observe(f.ctx, r.ID, f.probe(three, 1, good, bad)))
	f.ok(f.Observe(f.ctx, r.ID, f.probe(elsewhere, 2, bad, bad)))
	f.ok(f.Observe(f.ctx, r.ID, f.probe(f.get(r.Bad.Build), 1, bad, bad))) // which is settled itself
	equal(f, "repeats of the first", f.past(a, testName("t1"), 1).Repeats,
		[]store.Repeat{{Number: 2, Build: one.ID, Bad: true}, {Number: 1, Build: two.ID}, {Number: 2, Build: three.ID}})
	equal(f, "repeats of the second", f.past(a, testName("t2"), 1).Repeats,
		[]store.Repeat{{Number: 2, Build: one.ID}, {Number: 2, Build: three.ID, Bad: true}})
	equal(f, "repeats of another", len(f.past(a, testName("t3"), 1).Repeats), 0)
}

// testLongHistory reads more changes than are told in detail.
func testLongHistory(f *fixture) {
	const over = 5
	a := f.builder("a")
	for i := range store.DetailedHistory + over {
		c := change("t", weir.NewlyFailing, weir.Pass, weir.Fail)
		c.Message, c.Signature = "no", "0123456789abcdef"
		if i%2 == 1 {
			c = change("t", weir.Fixed, weir.Fail, weir.Pass)
		}
		f.settled(a, i, weir.ReasonTests, c)
	}
	all := f.events(a, testName("t"), store.MaxHistory)
	equal(f, "changes", len(all), store.DetailedHistory+over)
	for i, e := range all {
		c := weir.TestChange{Verdict: weir.NewlyFailing, From: weir.Pass, To: weir.Fail, Signature: "0123456789abcdef"}
		if (len(all)-1-i)%2 == 1 {
			c = weir.TestChange{Verdict: weir.Fixed, From: weir.Fail, To: weir.Pass}
		}
		if i < store.DetailedHistory {
			c.Test, c.Message = testName("t"), map[bool]string{true: "no"}[c.To == weir.Fail]
		}
		detailed := len(e.Pins) > 0 && len(e.Before) > 0 && e.Outcome != ""
		if e.Number != len(all)-i || e.Change != c || detailed != (i < store.DetailedHistory) || e.At.Before(epoch) {
			f.Fatalf("change %d is %+v", i, e)
		}
	}
	equal(f, "some", fmt.Sprint(f.events(a, testName("t"), 3)), fmt.Sprint(all[:3]))
	equal(f, "nearly all", len(f.events(a, testName("t"), store.DetailedHistory+1)), store.DetailedHistory+1)
}

func testKnownOn(f *fixture) {
	a, mac, b := f.builder("a"), f.builderOn("a", darwin), f.builder("b")
	other := must[[]weir.Builder](f)(f.EnsureBuilders(f.ctx, []weir.BuilderKey{{Project: "a", Job: "lint", Platform: linux}}))[0]
	know := func(b weir.Builder) {
		done := f.done(weir.CauseChange, b, 1, weir.ReasonTests)
		s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
		s.States = []weir.TestState{{Test: testName("t"), Status: weir.Pass, Since: done.ID}}
		f.ok(f.Settle(f.ctx, s))
	}
	know(a)
	know(b)
	know(other)
	f.settled(mac, 1, weir.ReasonTests, change("t", weir.Removed, weir.Pass, weir.Absent))
	on := func(project, job, test string) []weir.Builder {
		return must[[]weir.Builder](f)(f.KnownOn(f.ctx, project, job, testName(test)))
	}
	equal(f, "all", on("a", "", "t"), []weir.Builder{other, mac, a})
	equal(f, "of one job", on("a", "lint", "t"), []weir.Builder{other})
	equal(f, "of another project", on("b", "test", "t"), []weir.Builder{b})
	equal(f, "nowhere", len(on("a", "", "u"))+len(on("c", "", "t")), 0)
}
