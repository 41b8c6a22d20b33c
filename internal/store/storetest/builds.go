package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func buildsTests() []subtest {
	return []subtest{
		{"not found", testBuildNotFound},
		{"lists, filtered", testListBuilds},
		{"lists, page by page", testListPages},
		{"times are kept to the microsecond, in UTC", testTimes},
	}
}

func overviewTests() []subtest {
	return []subtest{
		{"runs, newest first", testRuns},
		{"builder heads", testBuilderHeads},
		{"queue depth", testQueueDepth},
	}
}

func testBuildNotFound(f *fixture) {
	for _, id := range []weir.BuildID{0, 999, -1} {
		_, err := f.Build(f.ctx, id)
		f.code(err, weir.NotFound)
		_, err = f.BuildSpec(f.ctx, id)
		f.code(err, weir.NotFound)
	}
	_, err := f.Store.Run(f.ctx, 999)
	f.code(err, weir.NotFound)
}

func testListBuilds(f *fixture) {
	a, mac, b := f.builder("a"), f.builderOn("a", darwin), f.builder("b")
	run, all, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, build(a, own(a, 1)), build(mac, own(mac, 1)), build(b, own(b, 1)), build(b, own(b, 2))))
	f.ok(err)
	more := f.change(a, 2)
	f.finish(f.leaseBuild(all[0]), weir.ReasonNone)
	f.leaseBuild(all[2])
	other := f.builder("c")
	again := f.create(weir.CauseRetry, build(other, own(other, 1), retryOf(all[0])))[0]
	f.finish(f.leaseBuild(again), weir.ReasonNone)
	for name, c := range map[string]struct {
		filter store.BuildFilter
		want   []weir.BuildID
	}{
		"all":        {store.BuildFilter{}, []weir.BuildID{again, more, all[3], all[2], all[1], all[0]}},
		"limit":      {store.BuildFilter{Limit: 2}, []weir.BuildID{again, more}},
		"run":        {store.BuildFilter{Run: run.ID}, []weir.BuildID{all[3], all[2], all[1], all[0]}},
		"project":    {store.BuildFilter{Project: "a"}, []weir.BuildID{more, all[1], all[0]}},
		"no project": {store.BuildFilter{Project: "%"}, []weir.BuildID{}},
		"builder":    {store.BuildFilter{Builder: a.ID}, []weir.BuildID{more, all[0]}},
		"state":      {store.BuildFilter{States: []weir.State{weir.Leased}}, []weir.BuildID{all[2]}},
		"states":     {store.BuildFilter{States: []weir.State{weir.Finished, weir.Queued}}, []weir.BuildID{again, more, all[3], all[1], all[0]}},
		"before":     {store.BuildFilter{Before: all[2]}, []weir.BuildID{all[1], all[0]}},
		"retries":    {store.BuildFilter{RetryOf: all[0]}, []weir.BuildID{again}},
		"no retries": {store.BuildFilter{RetryOf: all[1]}, []weir.BuildID{}},
		"everything": {store.BuildFilter{Run: run.ID, Project: "b", Builder: b.ID, States: []weir.State{weir.Queued}, Before: more, Limit: 5}, []weir.BuildID{all[3]}},
	} {
		got := must[[]weir.Build](f)(f.ListBuilds(f.ctx, c.filter))
		equal(f, name, ids(got), c.want)
		for _, b := range got {
			equal(f, "a listed build", b, f.get(b.ID))
		}
	}
}

func testListPages(f *fixture) {
	const builds = 1050
	a := f.builder("a")
	var run []store.NewBuild
	for i := range builds {
		run = append(run, build(a, own(a, i)))
	}
	all := f.create(weir.CauseChange, run...)
	slices.Reverse(all)
	equal(f, "default limit", ids(must[[]weir.Build](f)(f.ListBuilds(f.ctx, store.BuildFilter{}))), all[:100])
	for _, limit := range []int{1001, 1 << 30} {
		got := must[[]weir.Build](f)(f.ListBuilds(f.ctx, store.BuildFilter{Limit: limit}))
		equal(f, fmt.Sprint("limit ", limit), len(got), 1000)
	}
	var paged []weir.BuildID
	for filter := (store.BuildFilter{Limit: 400}); ; filter.Before = paged[len(paged)-1] {
		got := ids(must[[]weir.Build](f)(f.ListBuilds(f.ctx, filter)))
		if paged = append(paged, got...); len(got) < 400 {
			break
		}
	}
	equal(f, "pages", paged, all)
}

func testTimes(f *fixture) {
	zone := time.FixedZone("far", 5*3600+1800)
	at := time.Date(2031, 12, 31, 23, 59, 59, 123456789, zone)
	a := f.builder("a")
	run := f.run(weir.CauseChange, build(a, own(a, 1)))
	run.Now = at
	_, made, err := f.CreateRun(f.ctx, run)
	f.ok(err)
	got := f.get(made[0]).Created
	if !got.Equal(at.Truncate(time.Microsecond)) || got.Location() != time.UTC {
		f.Errorf("%v was kept as %v", at, got)
	}
	old := time.Date(1969, 7, 20, 20, 17, 40, 0, time.UTC) // commits may claim any time
	_, _, err = f.RecordRevisions(f.ctx, store.Poll{Project: "p", Now: f.now(), Next: f.now(), Revisions: []weir.Revision{{ID: "old", Time: old}, {ID: "none"}}})
	f.ok(err)
	equal(f, "a time before 1970", must[weir.Revision](f)(f.Revision(f.ctx, "p", "", "old")).Time, old)
	equal(f, "no time", must[weir.Revision](f)(f.Revision(f.ctx, "p", "", "none")).Time.IsZero(), true)
}

func testRuns(f *fixture) {
	a := f.builder("a")
	var all []weir.RunID
	for i := range 5 {
		run, _, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, build(a, own(a, i))))
		f.ok(err)
		all = append([]weir.RunID{run.ID}, all...)
	}
	list := func(before weir.RunID, limit int) (got []weir.RunID) {
		f.Helper()
		for _, r := range must[[]weir.Run](f)(f.Runs(f.ctx, before, limit)) {
			equal(f, "a listed run", r, must[weir.Run](f)(f.Store.Run(f.ctx, r.ID)))
			got = append(got, r.ID)
		}
		return got
	}
	equal(f, "all", list(0, 10), all)
	equal(f, "limit", list(0, 2), all[:2])
	equal(f, "before", list(all[1], 2), all[2:4])
	equal(f, "before the first", len(list(all[4], 2)), 0)
}

func testBuilderHeads(f *fixture) {
	a, b, idle := f.builder("a"), f.builder("b"), f.builder("idle")
	var want []weir.BuildID
	for n := range 4 {
		want = append([]weir.BuildID{f.settled(a, n, weir.ReasonNone).ID}, want...)
	}
	want = append([]weir.BuildID{f.done(weir.CauseChange, a, 5, weir.ReasonNone).ID}, want...) // not judged yet
	f.judge(f.done(weir.CauseProbe, a, 6, weir.ReasonTests).ID, weir.Unjudged, weir.Answering)
	doubted := f.done(weir.CauseChange, b, 1, weir.ReasonTests).ID
	f.judge(doubted, weir.Unjudged, weir.Doubted)
	f.change(a, 7) // waits
	l := f.leaseBuild(f.change(a, 8))
	f.send(f.sync(l, 1))
	want = append([]weir.BuildID{l.Build.ID}, want...)
	probe := f.leaseBuild(f.create(weir.CauseProbe, build(a, own(a, 9)))[0])
	f.send(f.sync(probe, 1))

	heads := func(recent int) map[weir.BuilderID][]weir.BuildID {
		f.Helper()
		got := map[weir.BuilderID][]weir.BuildID{}
		for _, h := range must[[]store.BuilderHead](f)(f.BuilderHeads(f.ctx, recent)) {
			if _, twice := got[h.Builder.ID]; twice {
				f.Errorf("builder %d is listed twice", h.Builder.ID)
			}
			got[h.Builder.ID] = ids(h.Recent)
			for _, b := range h.Recent {
				equal(f, "a recent build", b, f.get(b.ID))
			}
		}
		return got
	}
	for _, recent := range []int{1, 3, 5, 50} {
		equal(f, fmt.Sprint("recent ", recent), heads(recent), map[weir.BuilderID][]weir.BuildID{
			a.ID: want[:min(recent, len(want))], b.ID: {doubted}, idle.ID: {}})
	}
}

func testQueueDepth(f *fixture) {
	depth := func() string {
		got := must[map[weir.State]int](f)(f.QueueDepth(f.ctx))
		return fmt.Sprint(got[weir.Blocked], got[weir.Queued], got[weir.Leased], got[weir.Running])
	}
	equal(f, "of an empty store", depth(), "0 0 0 0")
	a := f.builder("a")
	builds := f.create(weir.CauseChange, build(a, own(a, 1)), build(a, own(a, 2), needs(0)), build(a, own(a, 3), needs(0)))
	for n := range 4 {
		f.change(a, 10+n)
	}
	equal(f, "queued and blocked", depth(), "2 5 0 0")
	l := f.leaseBuild(builds[0])
	equal(f, "leased", depth(), "2 4 1 0")
	f.send(f.sync(l, 1))
	equal(f, "running", depth(), "2 4 0 1")
	f.finishProduct(l)
	equal(f, "unblocked", depth(), "0 6 0 0")
}
