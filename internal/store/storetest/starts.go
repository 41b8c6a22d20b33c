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

func startsTests() []subtest {
	return []subtest{
		{"runs know what set them off", testRunContent},
		{"the timetable keeps its times", testTicks},
		{"two servers make one run of a tick", testTickRace},
		{"branches come and go", testRefBranches},
		{"tags are built once", testTags},
		{"pull requests and their heads", testPropose},
		{"heads are approved and refused", testDecide},
		{"two servers build one head", testProposalRace},
		{"pull requests by project and state", testProposalList},
		{"deliveries come once", testDeliveries},
		{"impossible starts", testBadStarts},
	}
}

func testRunContent(f *fixture) {
	a := f.builder("a")
	nr := f.run(weir.CauseForce, build(a, own(a, 1)))
	nr.Config, nr.By, nr.Of, nr.Params = "c0ffee", "ann", 7, []weir.EnvVar{{Name: "level", Value: "3\x00"}, {Name: "who"}}
	run, _, err := f.CreateRun(f.ctx, nr)
	f.ok(err)
	want := weir.Run{ID: run.ID, Cause: nr.Cause, Project: "p", Reason: "because", Created: nr.Now, Config: "c0ffee", By: "ann", Params: nr.Params, Of: 7}
	equal(f, "made", run, want)
	equal(f, "kept", must[weir.Run](f)(f.Store.Run(f.ctx, run.ID)), want)
	equal(f, "listed", must[[]weir.Run](f)(f.Runs(f.ctx, 0, 10)), []weir.Run{want})
}

func tick(job, cron string, at, next time.Time) store.Tick {
	return store.Tick{Project: "p", Job: job, Cron: cron, At: at, Next: next}
}

// times renders the timetable.
func (f *fixture) times() string {
	f.Helper()
	var b strings.Builder
	for _, t := range must[[]store.Tick](f)(f.Ticks(f.ctx)) {
		last := "never"
		if !t.Last.IsZero() {
			last = t.Last.Sub(epoch).Truncate(time.Minute).String()
		}
		fmt.Fprintf(&b, "%s %s at %s last %s; ", t.Job, t.Cron, t.At.Sub(epoch), last)
	}
	return b.String()
}

func testTicks(f *fixture) {
	at := func(minutes int) time.Time { return epoch.Add(time.Duration(minutes) * time.Minute) }
	f.ok(f.SetTicks(f.ctx, []store.Tick{tick("b", "x", at(20), time.Time{}), tick("a", "x", at(10), time.Time{}), tick("a", "y", at(20), time.Time{})}))
	equal(f, "at first", f.times(), "a x at 10m0s last never; a y at 20m0s last never; b x at 20m0s last never; ")
	// Those that are known keep their times, and the others go.
	f.ok(f.SetTicks(f.ctx, []store.Tick{tick("a", "x", at(99), time.Time{}), tick("a", "y", at(5), time.Time{}), tick("c", "z", at(30), time.Time{})}))
	equal(f, "later", f.times(), "a x at 10m0s last never; a y at 20m0s last never; c z at 30m0s last never; ")
	f.ok(f.SkipTick(f.ctx, tick("a", "x", at(10), at(40))))
	f.code(f.SkipTick(f.ctx, tick("a", "x", at(10), at(50))), weir.Conflict)
	f.code(f.SkipTick(f.ctx, tick("gone", "x", at(10), at(50))), weir.Conflict)

	b := f.builder("b")
	nr := f.run(weir.CauseCron, build(b, own(b, 1), share(store.ShareAny)))
	due := tick("a", "y", at(20), at(80))
	nr.Occasion.Tick, nr.Now = &due, at(21)
	run, _, err := f.CreateRun(f.ctx, nr)
	f.ok(err)
	equal(f, "moved on", f.times(), "c z at 30m0s last never; a x at 40m0s last never; a y at 1h20m0s last 21m0s; ")
	_, _, err = f.CreateRun(f.ctx, nr)
	f.code(err, weir.Conflict)
	// Nothing new to make: the tick has come all the same.
	again := tick("a", "y", at(80), at(140))
	nr.Occasion.Tick, nr.Now = &again, at(81)
	none, _, err := f.CreateRun(f.ctx, nr)
	f.ok(err)
	equal(f, "no other run", none.ID == 0 && run.ID != 0, true)
	equal(f, "moved on again", f.times(), "c z at 30m0s last never; a x at 40m0s last never; a y at 2h20m0s last 21m0s; ")
	// Nobody wants it: it has come without a run.
	nobody := tick("c", "z", at(30), at(60))
	empty := f.run(weir.CauseCron)
	empty.Occasion.Tick, empty.Now = &nobody, at(81)
	none, made, err := f.CreateRun(f.ctx, empty)
	f.ok(err)
	equal(f, "nothing is made", none.ID == 0 && len(made) == 0, true)
	equal(f, "nothing made, moved on", strings.Contains(f.times(), "c z at 1h0m0s last never"), true)
	// A run that cannot be made leaves the tick.
	third := tick("a", "y", at(140), at(200))
	nr.Occasion.Tick, nr.Builds = &third, []store.NewBuild{build(weir.Builder{ID: 999}, own(b, 2))}
	_, _, err = f.CreateRun(f.ctx, nr)
	f.code(err, weir.NotFound)
	equal(f, "not moved", strings.Contains(f.times(), "a y at 2h20m0s"), true)
	f.ok(f.SetTicks(f.ctx, nil))
	equal(f, "empty", f.times(), "")
}

func testTickRace(f *fixture) {
	b := f.builder("b")
	due := tick("a", "x", epoch.Add(time.Minute), epoch.Add(time.Hour))
	f.ok(f.SetTicks(f.ctx, []store.Tick{due}))
	var made atomic.Int64
	f.together(8, func(i int) {
		nr := f.run(weir.CauseCron, build(b, own(b, i)))
		nr.Occasion.Tick = &due
		switch _, _, err := f.CreateRun(f.ctx, nr); weir.CodeOf(err) {
		case "":
			made.Add(1)
		case weir.Conflict:
		default:
			f.Errorf("CreateRun: %v", err)
		}
		if err := f.SetTicks(f.ctx, []store.Tick{due, tick("b", fmt.Sprint(i), due.At, time.Time{})}); err != nil {
			f.Errorf("SetTicks: %v", err)
		}
	})
	equal(f, "runs of one tick", made.Load(), 1)
	equal(f, "builds", len(f.allBuilds()), 1)
	equal(f, "ticks", len(must[[]store.Tick](f)(f.Ticks(f.ctx))) >= 2, true)
}

func testRefBranches(f *fixture) {
	now := f.now()
	f.ok(f.RecordBranches(f.ctx, "p", []string{"v2", "v1", "v1", "", strings.Repeat("x", store.MaxRefName+1)}, now))
	f.ok(f.RecordBranches(f.ctx, "q", []string{"main"}, now))
	equal(f, "branches", must[map[string][]string](f)(f.Branches(f.ctx)), map[string][]string{"p": {"v1", "v2"}, "q": {"main"}})
	before := f.lastEvent()
	f.ok(f.RecordBranches(f.ctx, "p", []string{"v1", "v2"}, now))
	equal(f, "told of nothing new", f.lastEvent(), before)
	f.ok(f.RecordBranches(f.ctx, "p", []string{"v2", "v3"}, now))
	equal(f, "one gone, one new", must[map[string][]string](f)(f.Branches(f.ctx))["p"], []string{"v2", "v3"})
	f.ok(f.RecordBranches(f.ctx, "p", []string{"v1"}, now))
	equal(f, "one back", must[map[string][]string](f)(f.Branches(f.ctx))["p"], []string{"v1"})
	f.ok(f.RecordBranches(f.ctx, "p", nil, now))
	equal(f, "none", len(must[map[string][]string](f)(f.Branches(f.ctx))["p"]), 0)
	f.code(f.RecordBranches(f.ctx, "", []string{"x"}, now), weir.Invalid)
}

func tags(pairs ...string) (list []store.Tag) {
	for _, p := range pairs {
		name, revision, _ := strings.Cut(p, "@")
		list = append(list, store.Tag{Project: "p", Name: name, Revision: revision})
	}
	return list
}

func testTags(f *fixture) {
	b := f.builder("b")
	record := func(what string, want []store.Tag, pairs ...string) {
		f.Helper()
		equal(f, what, must[[]store.Tag](f)(f.RecordTags(f.ctx, "p", tags(pairs...), f.now())), want)
	}
	take := func(tag store.Tag) error {
		f.Helper()
		nr := f.run(weir.CauseTag, build(b, own(b, 1), share(store.ShareAny)))
		nr.Occasion.Tag = &tag
		_, _, err := f.CreateRun(f.ctx, nr)
		return err
	}
	record("the first time", nil, "v1@a", "v2@b")
	record("a new one", tags("v3@c"), "v1@a", "v2@b", "v3@c", "v3@d", "@x", "v9@")
	record("one moved, one gone", tags("v1@e"), "v1@e", "v3@c")
	equal(f, "due, oldest first", must[[]store.Tag](f)(f.DueTags(f.ctx, 10)), tags("v3@c", "v1@e"))
	equal(f, "one of them", must[[]store.Tag](f)(f.DueTags(f.ctx, 1)), tags("v3@c"))
	f.code(take(tags("v3@d")[0]), weir.Conflict)
	f.ok(take(tags("v3@c")[0]))
	f.code(take(tags("v3@c")[0]), weir.Conflict)
	f.code(take(tags("v8@c")[0]), weir.Conflict)
	equal(f, "due", must[[]store.Tag](f)(f.DueTags(f.ctx, 10)), tags("v1@e"))
	record("gone while it is due", nil, "v2@b", "v3@c")
	equal(f, "due while it is gone", len(must[[]store.Tag](f)(f.DueTags(f.ctx, 10))), 0)
	record("back", tags("v1@e"), "v1@e", "v2@b", "v3@c")
	record("nothing new", nil, "v1@e", "v2@b", "v3@c")
	f.ok(take(tags("v2@b")[0])) // a person wants an old one
	record("nothing at all", nil)
	record("all back", tags("v1@e"), "v1@e", "v2@b", "v3@c")

	equal(f, "of a project without any", len(must[[]store.Tag](f)(f.RecordTags(f.ctx, "q", nil, f.now()))), 0)
	equal(f, "its first one", len(must[[]store.Tag](f)(f.RecordTags(f.ctx, "q", tags("v1@a"), f.now()))), 1)

	var made atomic.Int64
	f.together(6, func(int) {
		if _, err := f.RecordTags(f.ctx, "p", tags("v4@z"), f.now()); err != nil {
			f.Errorf("RecordTags: %v", err)
		}
		switch err := take(tags("v4@z")[0]); weir.CodeOf(err) {
		case "":
			made.Add(1)
		case weir.Conflict:
		default:
			f.Errorf("CreateRun: %v", err)
		}
	})
	equal(f, "runs of one tag", made.Load(), 1)
}

func (f *fixture) proposal(id weir.ProposalID) weir.Proposal {
	f.Helper()
	return must[weir.Proposal](f)(f.Proposal(f.ctx, id))
}

func testPropose(f *fixture) {
	first := weir.Proposal{Project: "p", Forge: "gitea", Number: "12", Title: strings.Repeat("ä", weir.MaxTitle), URL: "https://example.org/12", Author: "ann", AuthorID: "7",
		Head: "h1", Ref: "refs/pull/12/head", Base: "main", Fork: true, State: weir.ProposalHeld, Created: f.now(), Updated: f.now()}
	got := must[weir.Proposal](f)(f.Propose(f.ctx, first))
	want := first
	want.ID, want.Title = got.ID, strings.Repeat("ä", weir.MaxTitle/2)
	equal(f, "made", got, want)
	equal(f, "kept", f.proposal(got.ID), want)
	first.Title, want.Title = "short", "short"

	say := func(what string, change func(p *weir.Proposal), told bool) weir.Proposal {
		f.Helper()
		change(&first)
		first.Updated = f.now()
		before := f.lastEvent()
		p := must[weir.Proposal](f)(f.Propose(f.ctx, first))
		equal(f, what+" is kept", f.proposal(got.ID), p)
		equal(f, what+" is told", f.lastEvent() > before, told)
		return p
	}
	say("a title", func(*weir.Proposal) {}, true)
	equal(f, "the same again", say("nothing", func(*weir.Proposal) {}, false).Updated.Before(first.Updated), true)
	f.ok(f.Decide(f.ctx, got.ID, "h1", weir.ProposalApproved, "bob", f.now()))
	p := say("another title", func(p *weir.Proposal) { p.Title = "other" }, true)
	equal(f, "the decision stays", string(p.State)+p.By+p.Title, "approvedbobother")
	p = say("a new head", func(p *weir.Proposal) { p.Head = "h2" }, true)
	equal(f, "nobody has decided", string(p.State)+p.By, "held")
	p = say("an approved head", func(p *weir.Proposal) { p.Head, p.State = "h3", weir.ProposalApproved }, true)
	equal(f, "approved", p.State, weir.ProposalApproved)

	a := f.builder("a")
	run, _, err := f.pull(p, build(a, at("a", "h3"), share(store.ShareAny)))
	f.ok(err)
	equal(f, "the run's", must[weir.Run](f)(f.Store.Run(f.ctx, run.ID)).Proposal, p.ID)
	built := f.proposal(p.ID)
	equal(f, "built", fmt.Sprint(built.State, built.Run), fmt.Sprint("built", run.ID))
	equal(f, "built already", say("the same again", func(*weir.Proposal) {}, false).State, weir.ProposalBuilt)
	p = say("its end", func(p *weir.Proposal) { p.State = weir.ProposalClosed }, true)
	equal(f, "closed", fmt.Sprint(p.State, p.Run), fmt.Sprint("closed", run.ID))
	p = say("open again", func(p *weir.Proposal) { p.State = weir.ProposalHeld }, true)
	equal(f, "with the head that was built", p.State, weir.ProposalBuilt)
	say("its end", func(p *weir.Proposal) { p.State = weir.ProposalClosed }, true)
	p = say("another head", func(p *weir.Proposal) { p.State, p.Head = weir.ProposalApproved, "h4" }, true)
	equal(f, "of an older run", fmt.Sprint(p.State, p.Run), fmt.Sprint("approved", run.ID))
	// All builds exist: their run stands in.
	none, _, err := f.pull(p, build(a, at("a", "h3"), share(store.ShareAny)))
	f.ok(err)
	equal(f, "no run", none.ID, 0)
	built = f.proposal(p.ID)
	equal(f, "built by others", fmt.Sprint(built.State, built.Run), fmt.Sprint("built", run.ID))
}

func testDecide(f *fixture) {
	held := f.proposed("1", "h1")
	first := held
	first.Number, first.Head, first.State = "2", "h1", weir.ProposalHeld
	p := must[weir.Proposal](f)(f.Propose(f.ctx, first))
	decide := func(head string, s weir.ProposalState) error {
		return f.Decide(f.ctx, p.ID, head, s, "bob", f.now())
	}
	f.code(decide("h0", weir.ProposalApproved), weir.Conflict)
	f.code(decide("h1", weir.ProposalBuilt), weir.Invalid)
	f.code(f.Decide(f.ctx, 999, "h1", weir.ProposalApproved, "bob", f.now()), weir.NotFound)
	f.ok(decide("h1", weir.ProposalRefused))
	equal(f, "refused", f.proposal(p.ID).By, "bob")
	_, _, err := f.pull(p, build(f.builder("a"), at("a", "h1")))
	f.code(err, weir.Conflict)
	f.ok(decide("h1", weir.ProposalApproved)) // on second thoughts
	f.code(decide("h1", weir.ProposalApproved), weir.Conflict)
	f.code(f.Decide(f.ctx, held.ID, "h1", weir.ProposalRefused, "bob", f.now()), weir.Conflict)
	other := p
	other.Head = "h0"
	_, _, err = f.pull(other, build(f.builder("a"), at("a", "h0")))
	f.code(err, weir.Conflict)
	_, err = f.Proposal(f.ctx, 999)
	f.code(err, weir.NotFound)
}

func testProposalRace(f *fixture) {
	a := f.builder("a")
	var made atomic.Int64
	ids := make([]weir.ProposalID, 8)
	f.together(len(ids), func(i int) {
		p, err := f.Propose(f.ctx, weir.Proposal{Project: "p", Forge: "github", Number: "1", Head: "h", Ref: "r", State: weir.ProposalApproved, Updated: f.now()})
		if err != nil {
			f.Errorf("Propose: %v", err)
			return
		}
		ids[i] = p.ID
		run := f.run(weir.CausePull, build(a, own(a, i)))
		run.Occasion = store.Occasion{Proposal: p.ID, ProposalHead: "h"}
		switch _, _, err := f.CreateRun(f.ctx, run); weir.CodeOf(err) {
		case "":
			made.Add(1)
		case weir.Conflict:
		default:
			f.Errorf("CreateRun: %v", err)
		}
	})
	equal(f, "proposals", len(slices.Compact(ids)), 1)
	equal(f, "runs", made.Load(), 1)
	equal(f, "builds", len(f.allBuilds()), 1)
}

func testProposalList(f *fixture) {
	for i, state := range []weir.ProposalState{weir.ProposalHeld, weir.ProposalApproved, weir.ProposalClosed, weir.ProposalHeld} {
		_, err := f.Propose(f.ctx, weir.Proposal{Project: fmt.Sprint("p", i%2), Forge: "gitlab", Number: fmt.Sprint(i), Head: "h", State: state, Updated: f.now()})
		f.ok(err)
	}
	_, err := f.Propose(f.ctx, weir.Proposal{Project: "p0", Forge: "gitlab", Number: "0", Head: "new", State: weir.ProposalHeld, Updated: f.now()})
	f.ok(err)
	for want, filter := range map[string]store.ProposalFilter{
		"0321": {}, "02": {Project: "p0"}, "03": {States: []weir.ProposalState{weir.ProposalHeld}}, "032": {Limit: 3},
		"1": {States: []weir.ProposalState{weir.ProposalApproved, weir.ProposalBuilt}},
	} {
		got := ""
		for _, p := range must[[]weir.Proposal](f)(f.Proposals(f.ctx, filter)) {
			got += p.Number
		}
		equal(f, "listed", got, want)
	}
}

func testDeliveries(f *fixture) {
	now := f.now()
	seen := func(id string, at time.Time) bool {
		f.Helper()
		return must[bool](f)(f.SeenDelivery(f.ctx, id, at))
	}
	long := strings.Repeat("x", 1<<16)
	equal(f, "first", seen("a", now), false)
	equal(f, "again", seen("a", now.Add(time.Hour)), true)
	equal(f, "a long one", seen(long, now), false)
	equal(f, "a long one again", seen(long, now), true)
	equal(f, "just known", seen("a", now.Add(store.DeliveryTime)), true)
	equal(f, "forgotten", seen("a", now.Add(store.DeliveryTime+time.Second)), false)
	var first atomic.Int64
	f.together(8, func(int) {
		got, err := f.SeenDelivery(f.ctx, "race", now)
		if err != nil {
			f.Errorf("SeenDelivery: %v", err)
		}
		if !got {
			first.Add(1)
		}
	})
	equal(f, "first of several", first.Load(), 1)
}

func testBadStarts(f *fixture) {
	now := f.now()
	f.code(f.SetTicks(f.ctx, []store.Tick{{Project: "p", Job: "", Cron: "x", At: now}}), weir.Invalid)
	f.code(f.SetTicks(f.ctx, []store.Tick{{Project: "p", Job: "j", Cron: strings.Repeat("x", 1000), At: now}}), weir.Invalid)
	f.code(f.SkipTick(f.ctx, tick("a", "x", now, now)), weir.Invalid)
	for _, p := range []weir.Proposal{
		{Forge: "f", Number: "1", Head: "h", State: weir.ProposalHeld},
		{Project: "p", Forge: "f", Number: "1", State: weir.ProposalHeld},
		{Project: "p", Forge: "f", Number: "1", Head: strings.Repeat("h", 300), State: weir.ProposalHeld},
		{Project: "p", Forge: "f", Number: "1", Head: "h", State: weir.ProposalBuilt},
	} {
		_, err := f.Propose(f.ctx, p)
		f.code(err, weir.Invalid)
	}
	nr := f.run(weir.CauseCron)
	nr.Occasion = store.Occasion{Proposal: 1, Tag: &store.Tag{}}
	_, _, err := f.CreateRun(f.ctx, nr)
	f.code(err, weir.Invalid)
}
