package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func boardTests() []subtest {
	return []subtest{
		{"nothing yet", testNoBoards},
		{"builders, page by page", testBoardBuilders},
		{"the newest builds of builders", testLately},
		{"earlier builds of builders", testEarlier},
		{"as much of a build as a cell shows", testBoardBuild},
		{"builds by id", testBoardBuilds},
		{"a span of time", testSpan},
		{"what a worker ran", testRan},
		{"the load of workers", testLoad},
		{"how large it is", testSizes},
	}
}

func boardIDs(builds []store.BoardBuild) []weir.BuildID {
	out := []weir.BuildID{}
	for _, b := range builds {
		out = append(out, b.ID)
	}
	return out
}

func testNoBoards(f *fixture) {
	equal(f, "builders", len(must[[]weir.Builder](f)(f.Builders(f.ctx, 0, 10))), 0)
	equal(f, "lately", len(must[[]store.BoardBuild](f)(f.Lately(f.ctx, nil, 10))), 0)
	equal(f, "lately of none", len(must[[]store.BoardBuild](f)(f.Lately(f.ctx, []weir.BuilderID{1, 99}, 10))), 0)
	equal(f, "earlier", len(must[[]store.BoardBuild](f)(f.Earlier(f.ctx, []store.Before{{Builder: 1}, {Builder: 99, Build: 7}}, 10))), 0)
	equal(f, "earlier of none", len(must[[]store.BoardBuild](f)(f.Earlier(f.ctx, nil, 10))), 0)
	equal(f, "by id", len(must[[]store.BoardBuild](f)(f.BoardBuilds(f.ctx, nil))), 0)
	equal(f, "by unknown id", len(must[[]store.BoardBuild](f)(f.BoardBuilds(f.ctx, []weir.BuildID{0, -1, 7}))), 0)
	equal(f, "span", len(must[[]store.BoardBuild](f)(f.Span(f.ctx, store.SpanQuery{From: epoch, To: epoch.Add(time.Hour)}))), 0)
	equal(f, "ran", len(must[[]store.RanAttempt](f)(f.Ran(f.ctx, "w1", time.Time{}, 0))), 0)
	equal(f, "load", len(must[[]store.WorkerHour](f)(f.Load(f.ctx, "", epoch, epoch.Add(time.Hour)))), 0)
	z := must[store.Sizes](f)(f.Sizes(f.ctx))
	equal(f, "size", z.Bytes > 0 && z.Rows["builds"] == 0, true)
}

func testBoardBuilders(f *fixture) {
	var all []weir.Builder
	for i := range 5 {
		all = append(all, f.builder(fmt.Sprint("p", 5-i)))
	}
	equal(f, "all", must[[]weir.Builder](f)(f.Builders(f.ctx, 0, 0)), all)
	equal(f, "a page", must[[]weir.Builder](f)(f.Builders(f.ctx, all[1].ID, 2)), all[2:4])
	equal(f, "the end", len(must[[]weir.Builder](f)(f.Builders(f.ctx, all[4].ID, 2))), 0)
}

func testEarlier(f *fixture) {
	a, b, none := f.builder("a"), f.builder("b"), f.builder("none")
	var as, bs []weir.BuildID
	for i := range 4 {
		as = append(as, f.change(a, i))
		bs = append(bs, f.change(b, i))
	}
	earlier := func(per int, of ...store.Before) []weir.BuildID {
		f.Helper()
		return boardIDs(must[[]store.BoardBuild](f)(f.Earlier(f.ctx, of, per)))
	}
	equal(f, "in the order of the list, newest first", earlier(2, store.Before{Builder: b.ID, Build: bs[3]}, store.Before{Builder: none.ID}, store.Before{Builder: a.ID, Build: as[1] + 1}),
		[]weir.BuildID{bs[2], bs[1], as[1], as[0]})
	equal(f, "all", earlier(10, store.Before{Builder: a.ID}), []weir.BuildID{as[3], as[2], as[1], as[0]})
	equal(f, "none before", earlier(10, store.Before{Builder: a.ID, Build: as[0]}), []weir.BuildID{})
	equal(f, "an unknown builder", earlier(10, store.Before{Builder: 999}, store.Before{Builder: b.ID, Build: bs[1]}), []weir.BuildID{bs[0]})
	_, err := f.Earlier(f.ctx, make([]store.Before, 10_001), 1)
	f.code(err, weir.Invalid)
}

func testLately(f *fixture) {
	a, b, none := f.builder("a"), f.builder("b"), f.builder("none")
	var as, bs []weir.BuildID
	for i := range 4 {
		as = append(as, f.change(a, i))
		if i < 2 {
			bs = append(bs, f.create(weir.CauseForce, build(b, own(b, i)))[0])
		}
	}
	slices.Reverse(as)
	slices.Reverse(bs)
	lately := func(per int, of ...weir.BuilderID) []weir.BuildID {
		f.Helper()
		return boardIDs(must[[]store.BoardBuild](f)(f.Lately(f.ctx, of, per)))
	}
	equal(f, "all", lately(10), slices.Concat(as, bs))
	equal(f, "three of each", lately(3), slices.Concat(as[:3], bs))
	equal(f, "one of each", lately(1), []weir.BuildID{as[0], bs[0]})
	equal(f, "at least one", lately(-5), []weir.BuildID{as[0], bs[0]})
	equal(f, "far too many", lately(1<<40), slices.Concat(as, bs))
	equal(f, "of one", lately(2, b.ID), bs)
	equal(f, "of two, one twice", lately(2, b.ID, none.ID, b.ID, 999), bs)
}

func testBoardBuild(f *fixture) {
	b := f.builder("b")
	f.worker("w1")
	f.settled(b, 1, weir.ReasonTests, change("t1", weir.NewlyFailing, weir.Pass, weir.Fail))
	f.done(weir.CauseForce, b, 2, weir.ReasonStep)
	l := f.leaseBuild(f.change(b, 1))
	end := f.ending(l, weir.ReasonTests)
	end.Counts = weir.Counts{Pass: 5, Fail: 1}
	must[weir.Build](f)(f.Finish(f.ctx, end))
	f.change(b, 3)
	list := must[[]store.BoardBuild](f)(f.Lately(f.ctx, nil, 10))
	equal(f, "builds", len(list), 4)
	for _, got := range list {
		w := f.get(got.ID)
		equal(f, "a build", got, store.BoardBuild{ID: w.ID, Run: w.Run, Builder: w.Builder.ID, Cause: w.Cause, State: w.State, Outcome: w.Outcome,
			Reason: w.Reason.Code, Pins: w.Pins, Worker: w.Worker, Created: w.Created, Started: w.Started, Finished: w.Finished,
			Counts: w.Counts, Changes: w.Changes, Ledger: w.Ledger, Judged: w.Judgement})
	}
	equal(f, "what it found", list[3].Changes.NewlyFailing+list[1].Counts.Fail, 2)
}

func testBoardBuilds(f *fixture) {
	b := f.builder("b")
	one, two, three := f.change(b, 1), f.change(b, 2), f.change(b, 3)
	equal(f, "found", boardIDs(must[[]store.BoardBuild](f)(f.BoardBuilds(f.ctx, []weir.BuildID{one, 999, three, one}))), []weir.BuildID{three, one})
	_, err := f.BoardBuilds(f.ctx, make([]weir.BuildID, 1001))
	f.code(err, weir.Invalid)
	equal(f, "many", boardIDs(must[[]store.BoardBuild](f)(f.BoardBuilds(f.ctx, append(make([]weir.BuildID, 999), two)))), []weir.BuildID{two})
}

// testSpan makes builds an hour apart, but for two servers whose clocks differ.
func testSpan(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	var all []weir.BuildID
	for i, minute := range []int{0, 60, 59, 120, 180} {
		of := []weir.Builder{a, b}[i%2]
		run := f.run(weir.CauseChange, build(of, own(of, i)))
		run.Now = epoch.Add(time.Duration(minute) * time.Minute)
		_, ids, err := f.CreateRun(f.ctx, run)
		f.ok(err)
		all = append(all, ids[0])
	}
	for _, c := range []struct {
		name string
		q    store.SpanQuery
		want []int
	}{
		{"all", store.SpanQuery{}, []int{4, 3, 2, 1, 0}},
		{"from", store.SpanQuery{From: epoch.Add(time.Hour)}, []int{4, 3, 1}},
		{"to", store.SpanQuery{To: epoch.Add(time.Hour)}, []int{2, 0}},
		{"both", store.SpanQuery{From: epoch.Add(59 * time.Minute), To: epoch.Add(2*time.Hour + time.Microsecond)}, []int{3, 2, 1}},
		{"to is not in it", store.SpanQuery{From: epoch, To: epoch.Add(2 * time.Hour)}, []int{2, 1, 0}},
		{"nothing", store.SpanQuery{From: epoch.Add(61 * time.Minute), To: epoch.Add(2 * time.Hour)}, []int{}},
		{"backwards", store.SpanQuery{From: epoch.Add(2 * time.Hour), To: epoch}, []int{}},
		{"later", store.SpanQuery{From: epoch.Add(24 * time.Hour)}, []int{}},
		{"earlier", store.SpanQuery{To: epoch.Add(-24 * time.Hour)}, []int{}},
		{"not ended before", store.SpanQuery{From: epoch, Ended: epoch.Add(24 * time.Hour)}, []int{4, 3, 2, 1, 0}},
		{"of a builder", store.SpanQuery{Builders: []weir.BuilderID{b.ID}}, []int{3, 1}},
		{"of a builder in a time", store.SpanQuery{Builders: []weir.BuilderID{b.ID, 999}, From: epoch.Add(90 * time.Minute)}, []int{3}},
		{"before", store.SpanQuery{Before: all[3], From: epoch.Add(59 * time.Minute), To: epoch.Add(24 * time.Hour)}, []int{2, 1}},
		{"some", store.SpanQuery{Limit: 2}, []int{4, 3}},
	} {
		want := []weir.BuildID{}
		for _, i := range c.want {
			want = append(want, all[i])
		}
		equal(f, c.name, boardIDs(must[[]store.BoardBuild](f)(f.Span(f.ctx, c.q))), want)
	}
}

func testRan(f *fixture) {
	b := f.builder("b")
	w := f.worker("w1")
	f.worker("w2")
	lost := f.leaseBuild(f.change(b, 1))
	must[[]weir.AttemptID](f)(f.Expire(f.ctx, f.now().Add(time.Hour)))
	again := f.leaseBuild(lost.Build.ID)
	f.send(f.sync(again, 1))
	end := f.ending(again, weir.ReasonTests)
	load := 0.5
	end.Surroundings.Load = &load
	must[weir.Build](f)(f.Finish(f.ctx, end))
	live := f.leaseBuild(f.create(weir.CauseForce, build(b, own(b, 2)))[0])

	ran := must[[]store.RanAttempt](f)(f.Ran(f.ctx, w.Name, time.Time{}, 0))
	got := []weir.AttemptID{}
	for _, r := range ran {
		got = append(got, r.ID)
		equal(f, "builder", r.Builder, b)
	}
	equal(f, "attempts", got, []weir.AttemptID{live.Attempt, again.Attempt, lost.Attempt})
	if len(ran) != 3 {
		return
	}
	equal(f, "causes", []weir.Cause{ran[0].Cause, ran[2].Cause}, []weir.Cause{weir.CauseForce, weir.CauseChange})
	equal(f, "started", []bool{ran[0].Started.IsZero(), ran[1].Started.IsZero(), ran[2].Started.IsZero()}, []bool{true, false, true})
	attempts := must[[]weir.Attempt](f)(f.Attempts(f.ctx, again.Build.ID))
	equal(f, "an attempt", fmt.Sprint(ran[1].Leased, ran[1].Ended, ran[1].Outcome, ran[1].Reason, *ran[1].Surroundings.Load),
		fmt.Sprint(attempts[1].Leased, attempts[1].Ended, attempts[1].Outcome, attempts[1].Reason, load))
	page := must[[]store.RanAttempt](f)(f.Ran(f.ctx, w.Name, ran[0].Leased, 1))
	equal(f, "a page", len(page) == 1 && page[0].ID == again.Attempt, true)
	equal(f, "of another", len(must[[]store.RanAttempt](f)(f.Ran(f.ctx, "w2", time.Time{}, 5))), 0)
	equal(f, "of none", len(must[[]store.RanAttempt](f)(f.Ran(f.ctx, "w\x00%", time.Time{}, 5))), 0)
}

func testLoad(f *fixture) {
	b := f.builder("b")
	hour := epoch.Truncate(time.Hour).Add(24 * time.Hour)
	at := func(minutes int) time.Time { return hour.Add(time.Duration(minutes) * time.Minute) }
	run := func(worker string, made, leased, ended int, reason weir.ReasonCode) store.Leased {
		nr := f.run(weir.CauseForce, build(b, own(b, made)))
		nr.Now = at(made)
		_, ids, err := f.CreateRun(f.ctx, nr)
		f.ok(err)
		ask := store.LeaseAsk{Worker: worker, Platform: linux, Now: at(leased), Deadline: at(leased + 60), Tokens: []string{fmt.Sprint(worker, made)}}
		l := must[[]store.Leased](f)(f.Lease(f.ctx, ask, func(store.Queue) []weir.BuildID { return ids }))[0]
		if ended > 0 {
			must[weir.Build](f)(f.Finish(f.ctx, store.Finish{Attempt: l.Attempt, Token: l.Token, Now: at(ended), Outcome: reason.Outcome(), Reason: weir.Reason{Code: reason}}))
		}
		return l
	}
	f.worker("w1")
	f.worker("w2")
	run("w1", 0, 10, 30, weir.ReasonNone)
	run("w1", 1, 31, 45, weir.ReasonTests)
	run("w2", 2, 46, 61, weir.ReasonDiskFull)
	run("w1", 3, 50, 0, "") // runs still
	load := func(worker string, from, to int) []store.WorkerHour {
		f.Helper()
		return must[[]store.WorkerHour](f)(f.Load(f.ctx, worker, at(from), at(to)))
	}
	first := store.WorkerHour{Worker: "w1", Hour: at(0), Ended: 2, Busy: 34 * time.Minute, Waited: 40 * time.Minute}
	second := load("w2", 0, 120)
	equal(f, "another worker", len(second) == 1 && second[0].Hour.Equal(at(60)) && second[0].Ended == 1 && second[0].Infra == 1 && second[0].Lost == 0 && second[0].Busy == 15*time.Minute, true)
	equal(f, "all", load("", 0, 120), append([]store.WorkerHour{first}, second...))
	equal(f, "one hour", load("", 0, 60), []store.WorkerHour{first})
	equal(f, "a part of it", load("", 45, 60), []store.WorkerHour{{Worker: "w1", Hour: at(0), Ended: 1, Busy: 14 * time.Minute, Waited: 30 * time.Minute}})
	equal(f, "nothing", len(load("", 200, 300))+len(load("w1", 60, 0))+len(load("w3", 0, 120)), 0)
	must[[]weir.AttemptID](f)(f.Expire(f.ctx, at(130)))
	lost := load("w1", 60, 180)
	equal(f, "lost", len(lost) == 1 && lost[0].Hour.Equal(at(120)) && lost[0].Lost == 1 && lost[0].Ended == 0 && lost[0].Infra == 0, true)
	_, err := f.Load(f.ctx, "", at(0), at(32*24*60))
	f.code(err, weir.Invalid)
	must[[]store.WorkerHour](f)(f.Load(f.ctx, "", at(0), at(31*24*60)))
}

func testSizes(f *fixture) {
	for _, p := range []string{"a", "b", "c"} {
		b := f.builder(p)
		f.settled(b, 1, weir.ReasonTests, change("t1", weir.NewlyFailing, weir.Pass, weir.Fail))
	}
	z := must[store.Sizes](f)(f.Sizes(f.ctx))
	equal(f, "bytes", z.Bytes > 1000, true)
	for table, want := range map[string]int64{"builders": 3, "runs": 3, "builds": 3, "attempts": 3, "test_changes": 3} {
		equal(f, table, z.Rows[table], want)
	}
	equal(f, "events", z.Rows["events"] > 3, true)
}
