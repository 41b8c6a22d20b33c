package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func ownerTests() []subtest {
	return []subtest{
		{"what is refused is queued again at once", testRefuse},
		{"a refusal counts against nobody", testRefuseUncounted},
		{"what is not the worker's own is passed over", testRefusePassedOver},
		{"only the newest hello refuses", testRefuseEpoch},
		{"what cannot be refused", testRefuseInvalid},
		{"many are refused at once", testRefuseMany},
		{"refused twice", testRefuseTwice},
		{"refused too often", testRefuseOften},
		{"what is refused has waited all the time", testRefuseKeepsPlace},
		{"what a worker insists on it cannot refuse", testRefuseInsisted},
		{"a picky worker is not asked again", testPicky},
		{"refused builds starve nobody", testPickyStarves},
		{"another policy is asked again", testPolicyChanges},
		{"a policy is kept within limits", testPolicyKept},
		{"refusals are listed", testRefusals},
		{"old refusals are dropped", testRefusalsDropped},
		{"refusals go with their worker", testRefusalsForgotten},
		{"refusals stay with builders that get other names", testRefusalsRenamed},
		{"a refused build lets its locks go", testRefuseLocks},
		{"a rest", testRest},
		{"only the newest hello rests", testRestEpoch},
		{"refuse, finish, expire and lease at once", testRefuseRace},
	}
}

// refusal is one of an attempt.
func refusal(l store.Leased, rule weir.Rule, text string) store.Refused {
	return store.Refused{Attempt: l.Attempt, Rule: rule, Text: text}
}

// refuse refuses attempts as w1.
func (f *fixture) refuse(epoch int64, refused ...store.Refused) time.Time {
	f.Helper()
	now := f.now()
	f.ok(f.Refuse(f.ctx, "w1", epoch, refused, now))
	return now
}

// refusals lists what w1 refused.
func (f *fixture) refusals() []weir.Refusal {
	f.Helper()
	return must[[]weir.Refusal](f)(f.Refusals(f.ctx, "w1", f.now(), 0))
}

// picky lists what w1 is offered as a picky worker at a time; zero is now.
func (f *fixture) picky(at time.Time) (got []weir.BuildID) {
	f.Helper()
	ask := f.ask(1)
	ask.Picky = true
	if !at.IsZero() {
		ask.Now, ask.Deadline = at, at.Add(weir.LeaseTime)
	}
	none := must[[]store.Leased](f)(f.Lease(f.ctx, ask, func(q store.Queue) []weir.BuildID {
		got = candidateIDs(q.Candidates)
		return nil
	}))
	equal(f, "leased", len(none), 0)
	return got
}

func (f *fixture) attempts(id weir.BuildID) []weir.Attempt {
	f.Helper()
	return must[[]weir.Attempt](f)(f.Attempts(f.ctx, id))
}

func testRefuse(f *fixture) {
	a := f.builder("a")
	epoch := f.enter()
	id := f.change(a, 1)
	l := f.leaseBuild(id)
	var at time.Time
	f.tells("a refusal", func() { at = f.refuse(epoch, refusal(l, weir.RuleProjects, "only b may run here")) },
		event(weir.EventBuild, id), weir.Event{Kind: weir.EventQueue, Subject: string(linux)})
	b := f.state(id, weir.Queued)
	equal(f, "queued", b.Attempts, 1)
	got := f.attempts(id)[0]
	equal(f, "reason", got.Reason, weir.Reason{Code: weir.ReasonRefused, Text: "only b may run here"})
	equal(f, "outcome and end", fmt.Sprint(got.Outcome, got.Ended), fmt.Sprint(weir.Infra, at))
	want := weir.Refusal{Worker: "w1", Builder: a.ID, Build: id, Rule: weir.RuleProjects, Text: "only b may run here", Count: 1,
		First: at, Last: at, Until: at.Add(weir.RuleProjects.Lasts())}
	equal(f, "refusals", f.refusals(), []weir.Refusal{want})
	equal(f, "who refuses", must[[]weir.Refusal](f)(f.RefusalsOf(f.ctx, a.ID, f.now())), []weir.Refusal{want})
	if w := must[weir.Worker](f)(f.Worker(f.ctx, "w1")); w.Running != 0 || w.State(at) != weir.WorkerReady {
		f.Errorf("the worker is %s and runs %d", w.State(at), w.Running)
	}

	_, err := f.Sync(f.ctx, f.sync(l, 1))
	f.code(err, weir.Fenced)
	_, err = f.Finish(f.ctx, f.ending(l, weir.ReasonNone))
	f.code(err, weir.Fenced)
	f.worker("w2")
	ask := f.ask(1)
	ask.Worker, ask.Picky = "w2", true
	again := f.take(ask)
	equal(f, "another worker gets", again[0].Attempt, weir.AttemptID{Build: id, Number: 2})
	f.finish(again[0], weir.ReasonNone)
	f.state(id, weir.Finished, weir.ReasonNone)
}

func testRefuseUncounted(f *fixture) {
	id := f.change(f.builder("a"), 1)
	var epoch int64
	for i := range weir.MaxAttempts {
		var err error
		epoch, _, err = f.Hello(f.ctx, weir.Worker{Name: "w1", Platform: linux, Slots: 4, Policy: []string{fmt.Sprint("commands: ", i)}, Seen: f.now()}, nil)
		f.ok(err)
		f.refuse(epoch, refusal(f.leaseBuild(id), weir.RuleCommands, "no"))
		f.state(id, weir.Queued)
	}
	w := must[weir.Worker](f)(f.Worker(f.ctx, "w1"))
	equal(f, "strikes", fmt.Sprint(w.Strikes, w.Barred.IsZero()), "0 true")
	hour := f.now().Truncate(time.Hour)
	equal(f, "what it did", len(must[[]store.WorkerHour](f)(f.Load(f.ctx, "", hour, hour.Add(2*time.Hour)))), 0)
	// A worker that only says so when it ends an attempt is counted.
	f.exhaust(id, weir.ReasonRefused)
}

// testRefuseOften lets a worker that changes its mind again and again refuse a build no
// more, though it is not asked for it: its next lease gives it back.
func testRefuseOften(f *fixture) {
	id := f.change(f.builder("a"), 1)
	for i := range weir.MaxAttempts + 1 {
		epoch, _, err := f.Hello(f.ctx, weir.Worker{Name: "w1", Platform: linux, Slots: 4, Policy: []string{fmt.Sprint("commands: ", i)}, Seen: f.now()}, nil)
		f.ok(err)
		equal(f, "offered", len(f.picky(time.Time{})), 1)
		f.refuse(epoch, refusal(f.leaseBuild(id), weir.RuleCommands, "no"))
		equal(f, "offered afterwards", len(f.picky(time.Time{})), 0)
	}
	f.state(id, weir.Leased)
	equal(f, "counted", f.refusals()[0].Count, weir.MaxAttempts+1)
}

// testRefuseKeepsPlace lets a build that was refused wait for as long as it has waited.
func testRefuseKeepsPlace(f *fixture) {
	epoch := f.enter()
	f.worker("w2")
	id := f.change(f.builder("a"), 1)
	queued := func() (at time.Time) {
		ask := f.ask(1)
		ask.Worker = "w2"
		must[[]store.Leased](f)(f.Lease(f.ctx, ask, func(q store.Queue) []weir.BuildID {
			at = q.Candidates[0].Queued
			return nil
		}))
		return at
	}
	before := queued()
	f.refuse(epoch, refusal(f.leaseBuild(id), weir.RuleProjects, "no"))
	equal(f, "queued", queued(), before)
}

func testRefusePassedOver(f *fixture) {
	a := f.builder("a")
	epoch := f.enter()
	f.worker("w2")
	ask := f.ask(1)
	ask.Worker = "w2"
	f.change(a, 1)
	foreign := f.take(ask)[0]
	done := f.leaseBuild(f.change(a, 2))
	f.finish(done, weir.ReasonNone)
	cancelled := f.leaseBuild(f.change(a, 3))
	f.ok(f.Cancel(f.ctx, cancelled.Build.ID, requested("enough"), f.now()))
	failed := f.leaseBuild(f.change(a, 4))
	f.finish(failed, weir.ReasonDiskFull)
	newer := f.leaseBuild(failed.Build.ID)
	lost := f.leaseBuild(f.change(a, 5))
	early := f.ask(1)
	early.Deadline = early.Now
	f.change(a, 6, priority(9))
	overdue := f.take(early)[0]
	must[[]weir.AttemptID](f)(f.Expire(f.ctx, f.now()))
	before := f.lastEvent()
	unknown := store.Leased{Attempt: weir.AttemptID{Build: 9999, Number: 1}}
	var all []store.Refused
	for _, l := range []store.Leased{foreign, done, cancelled, failed, overdue, unknown} {
		all = append(all, refusal(l, weir.RuleProjects, "no"))
	}
	f.refuse(epoch, all...)
	equal(f, "events", f.lastEvent(), before)
	equal(f, "refusals", len(f.refusals()), 0)
	f.state(foreign.Build.ID, weir.Leased)
	f.state(newer.Build.ID, weir.Leased)
	equal(f, "why it was lost", f.attempts(overdue.Build.ID)[0].Reason.Code, weir.ReasonLost)

	// What lies between is refused all the same; that a lease has run out does not matter
	// as long as nobody has ended it.
	late := f.now().Add(time.Hour)
	f.ok(f.Refuse(f.ctx, "w1", epoch, append(all, refusal(lost, weir.RuleProjects, "no")), late))
	f.state(lost.Build.ID, weir.Queued)
	equal(f, "refused", f.attempts(lost.Build.ID)[0].Reason.Code, weir.ReasonRefused)
	equal(f, "lost", len(must[[]weir.AttemptID](f)(f.Expire(f.ctx, late))), 2) // the others
}

func testRefuseEpoch(f *fixture) {
	old := f.enter()
	epoch := f.enter()
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	before := f.lastEvent()
	for _, wrong := range []int64{0, old, epoch + 1} {
		for _, worker := range []string{"w1", "w9", ""} {
			f.code(f.Refuse(f.ctx, worker, wrong, []store.Refused{refusal(l, weir.RuleProjects, "no")}, f.now()), weir.Conflict)
			f.code(f.Refuse(f.ctx, worker, wrong, nil, f.now()), weir.Conflict)
		}
	}
	f.code(f.Refuse(f.ctx, "w2", epoch, []store.Refused{refusal(l, weir.RuleProjects, "no")}, f.now()), weir.Conflict)
	equal(f, "events", f.lastEvent(), before)
	f.state(l.Build.ID, weir.Leased)
	f.refuse(epoch, refusal(l, weir.RuleProjects, "no"))
	f.state(l.Build.ID, weir.Queued)
}

func testRefuseInvalid(f *fixture) {
	epoch := f.enter()
	l := f.leaseBuild(f.change(f.builder("a"), 1))
	for _, rule := range append(weir.Rules(), "", "never heard of", weir.Rule(dirty)) {
		if rule.Lasts() == 0 {
			f.code(f.Refuse(f.ctx, "w1", epoch, []store.Refused{refusal(l, rule, "no")}, f.now()), weir.Invalid)
		}
	}
	f.code(f.Refuse(f.ctx, "w1", epoch, make([]store.Refused, store.MaxRefused+1), f.now()), weir.Invalid)
	f.state(l.Build.ID, weir.Leased)
	f.refuse(epoch, refusal(l, weir.RuleStrangers, dirty+strings.Repeat("ä", weir.MaxReason)))
	for what, text := range map[string]string{"text of a refusal": f.refusals()[0].Text, "reason": f.attempts(l.Build.ID)[0].Reason.Text} {
		if !strings.HasPrefix(text, clean) {
			f.Errorf("%s is %.60q", what, text)
		}
		f.cut(what, text, weir.MaxReason)
	}
}

func testRefuseMany(f *fixture) {
	epoch := f.enter()
	var builds []store.NewBuild
	for i := range store.MaxRefused {
		b := f.builder(fmt.Sprint("a", i%5))
		builds = append(builds, build(b, own(b, i)))
	}
	ids := f.create(weir.CauseChange, builds...)
	var refused []store.Refused
	for len(refused) < store.MaxRefused {
		ls := f.lease(store.CandidateLimit)
		for _, l := range ls {
			refused = append(refused, refusal(l, weir.RuleProjects, "no"))
		}
	}
	slices.Reverse(refused)
	f.refuse(epoch, refused...)
	for _, id := range ids {
		f.state(id, weir.Queued)
	}
	count := 0
	for _, r := range f.refusals() {
		count += r.Count
	}
	equal(f, "refused", fmt.Sprint(count, len(f.refusals())), fmt.Sprint(store.MaxRefused, 5))
	equal(f, "offered", len(f.picky(time.Time{})), 0)
}

func testRefuseTwice(f *fixture) {
	a := f.builder("a")
	epoch := f.enter()
	one, two, three := f.change(a, 1), f.change(a, 2), f.change(a, 3)
	l, m, n := f.leaseBuild(one), f.leaseBuild(two), f.leaseBuild(three)
	first := f.refuse(epoch, refusal(l, weir.RuleStrangers, "no strangers"))
	before := f.lastEvent()
	f.refuse(epoch, refusal(l, weir.RuleStrangers, "no strangers")) // the same message again
	equal(f, "events", f.lastEvent(), before)
	equal(f, "count", f.refusals()[0].Count, 1)
	last := f.refuse(epoch, refusal(m, weir.RuleProjects, "only b"))
	want := weir.Refusal{Worker: "w1", Builder: a.ID, Build: two, Rule: weir.RuleProjects, Text: "only b", Count: 2, First: first, Last: last, Until: last.Add(weir.RuleProjects.Lasts())}
	equal(f, "refused for another reason", f.refusals(), []weir.Refusal{want})
	want.Last = f.refuse(epoch, refusal(n, weir.RuleCommands, "no curl"))
	want.Build, want.Rule, want.Text, want.Count = three, weir.RuleCommands, "no curl", 3
	equal(f, "the longer time stays", f.refusals(), []weir.Refusal{want})
}

// testRefuseInsisted: a worker that asks for what it refuses, and refuses it, gets it
// again as slowly as one that forgets what it is given.
func testRefuseInsisted(f *fixture) {
	epoch := f.enter()
	id := f.change(f.builder("a"), 1)
	at := f.refuse(epoch, refusal(f.leaseBuild(id), weir.RuleCommands, "no"))
	l := f.take(f.turn(epoch, 1, 1))[0]
	before := f.lastEvent()
	f.refuse(epoch, refusal(l, weir.RuleCommands, "no"))
	equal(f, "events", f.lastEvent(), before)
	f.state(id, weir.Leased)
	equal(f, "refused last", f.refusals()[0].Last, at)
	f.take(f.turn(epoch, 2, 0))
	f.state(id, weir.Queued)
	equal(f, "why it ended", f.attempts(id)[1].Reason.Code, weir.ReasonUndelivered)
	// Once the time is over it may refuse again.
	ask := f.ask(1)
	ask.Now = at.Add(weir.RuleCommands.Lasts())
	ask.Deadline = ask.Now.Add(weir.LeaseTime)
	f.ok(f.Refuse(f.ctx, "w1", epoch, []store.Refused{refusal(f.take(ask)[0], weir.RuleCommands, "no")}, ask.Now))
	f.state(id, weir.Queued)
	equal(f, "count", f.refusals()[0].Count, 2)
}

func testPicky(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	epoch := f.enter()
	one, two, other := f.change(a, 1), f.change(a, 2), f.change(b, 1)
	equal(f, "offered", f.picky(time.Time{}), []weir.BuildID{one, two, other})
	at := f.refuse(epoch, refusal(f.leaseBuild(one), weir.RuleCommands, "no"))
	equal(f, "offered", f.picky(time.Time{}), []weir.BuildID{other})
	equal(f, "offered to one that is not picky", candidateIDs(f.offered()), []weir.BuildID{one, two, other})
	f.worker("w2")
	ask := f.ask(3)
	ask.Worker, ask.Picky = "w2", true
	equal(f, "another picky worker gets", len(f.take(ask)), 3)
	for _, id := range []weir.BuildID{one, two, other} {
		f.ok(f.Cancel(f.ctx, id, requested("done"), f.now()))
	}
	three := f.change(a, 3)
	until := at.Add(weir.RuleCommands.Lasts())
	equal(f, "just before it is asked again", len(f.picky(until.Add(-time.Microsecond))), 0)
	equal(f, "who refuses just before", len(must[[]weir.Refusal](f)(f.RefusalsOf(f.ctx, a.ID, until.Add(-time.Microsecond)))), 1)
	equal(f, "asked again", f.picky(until), []weir.BuildID{three})
	equal(f, "who refuses", len(must[[]weir.Refusal](f)(f.RefusalsOf(f.ctx, a.ID, until))), 0)
}

// testPickyStarves puts more refused builds than a lease looks at in front of one that
// is not, in its lane and in others.
func testPickyStarves(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	epoch := f.enter()
	f.refuse(epoch, refusal(f.leaseBuild(f.change(a, 0)), weir.RuleProjects, "no"))
	var builds []store.NewBuild
	for i := range store.CandidateLimit + 100 {
		builds = append(builds, build(a, own(a, i+1), priority(i%3)))
	}
	f.create(weir.CauseChange, builds...)
	run := f.run(weir.CauseChange, builds[:50]...)
	run.Project = "another lane"
	_, _, err := f.CreateRun(f.ctx, run)
	f.ok(err)

	before := f.lastEvent()
	ask := f.turn(epoch, 1, 1)
	ask.Picky = true
	equal(f, "leased of what it refuses", len(f.take(ask)), 0)
	equal(f, "events", f.lastEvent(), before)
	last := f.change(b, 1)
	equal(f, "offered", f.picky(time.Time{}), []weir.BuildID{last})
	ask.Glance = 4
	equal(f, "leased", f.take(ask)[0].Build.ID, last)
	waiting := f.ask(1)
	waiting.Worker = "w2"
	equal(f, "others get", len(f.take(waiting)), 1)
}

func testPolicyChanges(f *fixture) {
	a := f.builder("a")
	w := weir.Worker{Name: "w1", Platform: linux, Slots: 4, Version: "1.0", Policy: []string{"projects: b"}}
	hello := func(policy ...string) int64 {
		w.Policy, w.Seen = policy, f.now()
		epoch, _, err := f.Hello(f.ctx, w, nil)
		f.ok(err)
		return epoch
	}
	epoch := hello("projects: b")
	id := f.change(a, 1)
	f.refuse(epoch, refusal(f.leaseBuild(id), weir.RuleProjects, "no"))
	before := f.lastEvent()
	epoch = hello("projects: b")
	equal(f, "events of the same policy", f.lastEvent(), before)
	equal(f, "offered under the same policy", len(f.picky(time.Time{})), 0)
	for _, policy := range [][]string{{"projects: a, b"}, {"projects: a, b", "hours: nights"}, nil} {
		f.tells("another policy", func() { epoch = hello(policy...) }, event(weir.EventWorker, "w1"))
		equal(f, "policy", must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Policy, policy)
		got := f.refusals()
		if len(got) != 1 || got[0].Active(w.Seen) || !got[0].Until.Equal(w.Seen) {
			f.Errorf("refusals under another policy are %+v", got)
		}
		equal(f, "who refuses", len(must[[]weir.Refusal](f)(f.RefusalsOf(f.ctx, a.ID, w.Seen))), 0)
		equal(f, "offered", f.picky(time.Time{}), []weir.BuildID{id})
		f.refuse(epoch, refusal(f.leaseBuild(id), weir.RuleProjects, "no"))
		equal(f, "offered", len(f.picky(time.Time{})), 0)
	}
}

func testPolicyKept(f *fixture) {
	long := make([]string, 2*weir.MaxPolicyRules)
	for i := range long {
		long[i] = dirty + strings.Repeat("ä", weir.MaxPolicyText)
	}
	f.hello(weir.Worker{Name: "w1", Platform: linux, Policy: append([]string{""}, long...), Seen: f.now()}, nil)
	w := must[weir.Worker](f)(f.Worker(f.ctx, "w1"))
	if n := len(w.Policy); n > weir.MaxPolicyRules || n < weir.MaxPolicyRules-1 || !strings.HasPrefix(w.Policy[0], clean) {
		f.Fatalf("%d rules are kept, first %.60q", n, w.Policy)
	}
	f.cut("a rule", w.Policy[0], weir.MaxPolicyText)
	before := f.lastEvent()
	w.Policy, w.Seen = append([]string{""}, long...), f.now()
	f.hello(w, nil)
	equal(f, "events of the same policy", f.lastEvent(), before)
	equal(f, "listed", must[[]weir.Worker](f)(f.Workers(f.ctx))[0].Policy, must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Policy)
}

func testRefusals(f *fixture) {
	epoch := f.enter()
	var want []weir.BuilderID
	for i := range 4 {
		b := f.builder(fmt.Sprint("a", i))
		f.refuse(epoch, refusal(f.leaseBuild(f.change(b, 1)), weir.RuleProjects, "no"))
		want = append([]weir.BuilderID{b.ID}, want...)
	}
	list := func(worker string, now time.Time, limit int) (got []weir.BuilderID) {
		f.Helper()
		for _, r := range must[[]weir.Refusal](f)(f.Refusals(f.ctx, worker, now, limit)) {
			got = append(got, r.Builder)
		}
		return got
	}
	equal(f, "newest first", list("w1", f.now(), 0), want)
	equal(f, "two", list("w1", f.now(), 2), want[:2])
	equal(f, "another worker's", len(list("w2", f.now(), 0)), 0)
	equal(f, "long ago", len(list("w1", f.now().Add(store.RefusalsKept), 0)), 0)
	last := f.refusals()[0].Last
	equal(f, "at the end of that time", list("w1", last.Add(store.RefusalsKept), 0), want[:1])
	equal(f, "of a builder that does not exist", len(must[[]weir.Refusal](f)(f.RefusalsOf(f.ctx, 9999, f.now()))), 0)
}

func testRefusalsDropped(f *fixture) {
	epoch := f.enter()
	a, b := f.builder("a"), f.builder("b")
	at := f.refuse(epoch, refusal(f.leaseBuild(f.change(a, 1)), weir.RuleProjects, "no"))
	late := at.Add(store.RefusalsKept + time.Second)
	ask := f.ask(1)
	ask.Now, ask.Deadline = late, late.Add(weir.LeaseTime)
	f.change(b, 1, priority(9))
	l := f.take(ask)[0]
	equal(f, "until it refuses again", len(f.refusals()), 1)
	f.ok(f.Refuse(f.ctx, "w1", epoch, []store.Refused{refusal(l, weir.RuleProjects, "no")}, late))
	got := f.refusals() // as it was asked for long before
	if len(got) != 1 || got[0].Builder != b.ID {
		f.Errorf("kept are %+v", got)
	}
}

func testRefusalsForgotten(f *fixture) {
	epoch := f.enter()
	a := f.builder("a")
	f.refuse(epoch, refusal(f.leaseBuild(f.change(a, 1)), weir.RuleProjects, "no"))
	f.ok(f.Forget(f.ctx, "w1", f.now().Add(time.Hour)))
	equal(f, "refusals", len(f.refusals())+len(must[[]weir.Refusal](f)(f.RefusalsOf(f.ctx, a.ID, f.now()))), 0)
	f.enter()
	equal(f, "offered", len(f.picky(time.Time{})), 1)
}

func testRefusalsRenamed(f *fixture) {
	epoch := f.enter()
	a := f.builder("a")
	id := f.change(a, 1)
	l := f.leaseBuild(id)
	f.ok(f.Rename(f.ctx, []store.Renaming{{Project: "a", NewProject: "b"}}, f.now()))
	f.refuse(epoch, refusal(l, weir.RuleProjects, "no"))
	f.ok(f.Rename(f.ctx, []store.Renaming{{Project: "b", Job: "test", NewJob: "check"}}, f.now()))
	equal(f, "refusals", f.refusals()[0].Builder, a.ID)
	equal(f, "offered", len(f.picky(time.Time{})), 0)
}

func testRefuseLocks(f *fixture) {
	epoch := f.enter()
	a, mac := f.builder("a"), f.builderOn("a", darwin)
	holds := f.leaseBuild(f.change(a, 1, locks(weir.LockUse{Name: "db"})))
	f.change(mac, 1, locks(weir.LockUse{Name: "db"}))
	f.tells("a lock is free", func() { f.refuse(epoch, refusal(holds, weir.RuleProjects, "no")) },
		weir.Event{Kind: weir.EventQueue, Subject: string(darwin)})
}

func testRest(f *fixture) {
	epoch := f.enter()
	id := f.change(f.builder("a"), 1)
	worker := func() weir.Worker {
		f.Helper()
		return must[weir.Worker](f)(f.Worker(f.ctx, "w1"))
	}
	rest := weir.Rest{Rule: weir.RuleHours, Text: "builds begin at 22:00", Until: f.now().Add(time.Hour)}
	told := event(weir.EventWorker, "w1")
	f.tells("a rest", func() { f.ok(f.Rest(f.ctx, "w1", epoch, rest, f.now())) }, told)
	equal(f, "rest", worker().Rest, rest)
	equal(f, "listed", must[[]weir.Worker](f)(f.Workers(f.ctx))[0].Rest, rest)
	equal(f, "state", worker().State(f.now()), weir.WorkerResting)
	before := f.lastEvent()
	late := f.now().Add(time.Minute)
	f.ok(f.Rest(f.ctx, "w1", epoch, rest, late))
	equal(f, "events of the same rest", f.lastEvent(), before)
	equal(f, "seen", worker().Seen, late)
	equal(f, "leased", len(f.take(f.turn(epoch, 1, 1))), 0)
	equal(f, "leased without an epoch", len(f.take(f.ask(1))), 0)
	f.tells("another rest", func() {
		f.ok(f.Rest(f.ctx, "w1", epoch, weir.Rest{Rule: weir.RuleLoad, Text: dirty + strings.Repeat("ä", weir.MaxReason)}, f.now()))
	}, told)
	f.cut("text of a rest", worker().Rest.Text, weir.MaxReason)
	f.tells("the end of a rest", func() { f.ok(f.Rest(f.ctx, "w1", epoch, weir.Rest{Text: "over"}, f.now())) }, told)
	equal(f, "rest", worker().Rest, weir.Rest{})
	equal(f, "leased", f.take(f.turn(epoch, 2, 1))[0].Build.ID, id)

	f.ok(f.Rest(f.ctx, "w1", epoch, rest, f.now()))
	f.tells("a hello", func() { f.enter() }, told)
	equal(f, "rest after a hello", worker().Rest, weir.Rest{})
	equal(f, "state", worker().State(f.now()), weir.WorkerReady)
}

func testRestEpoch(f *fixture) {
	old := f.enter()
	epoch := f.enter()
	before := f.lastEvent()
	for _, wrong := range []int64{0, old, epoch + 1} {
		f.code(f.Rest(f.ctx, "w1", wrong, weir.Rest{Rule: weir.RuleHours}, f.now()), weir.Conflict)
		f.code(f.Rest(f.ctx, "w1", wrong, weir.Rest{}, f.now()), weir.Conflict)
	}
	f.code(f.Rest(f.ctx, "w2", epoch, weir.Rest{Rule: weir.RuleHours}, f.now()), weir.Conflict)
	for _, rule := range append(weir.Rules(), "never heard of", weir.Rule(dirty)) {
		if rule.Lasts() > 0 || !slices.Contains(weir.Rules(), rule) {
			f.code(f.Rest(f.ctx, "w1", epoch, weir.Rest{Rule: rule, Text: "x"}, f.now()), weir.Invalid)
		}
	}
	equal(f, "events", f.lastEvent(), before)
	equal(f, "rest", must[weir.Worker](f)(f.Worker(f.ctx, "w1")).Rest, weir.Rest{})
}

// testRefuseRace ends attempts in several ways at once. Whichever comes first decides,
// nothing is half done, and nothing waits in a circle.
func testRefuseRace(f *fixture) {
	for n := range 8 {
		a, epoch := f.builder(fmt.Sprint("a", n)), f.enter()
		ids := f.create(weir.CauseChange, build(a, own(a, 10*n)), build(a, own(a, 10*n+1)), build(a, own(a, 10*n+2)))
		var ls []store.Leased
		var refused []store.Refused
		for _, id := range ids {
			ls = append(ls, f.leaseBuild(id))
			refused = append([]store.Refused{refusal(ls[len(ls)-1], weir.RuleProjects, "no")}, refused...)
		}
		ends := []store.Finish{f.ending(ls[0], weir.ReasonNone), f.ending(ls[1], weir.ReasonNone)}
		late, turn, now := f.now().Add(2*weir.LeaseTime), f.turn(epoch, 1, 4), f.now()
		turn.Picky = true
		f.together(6, func(i int) {
			var err error
			switch i {
			case 0, 1:
				_, err = f.Finish(f.ctx, ends[i])
			case 2:
				_, err = f.Expire(f.ctx, late)
			case 3:
				_, err = f.Lease(f.ctx, turn, firstOffered(4))
			default:
				err = f.Refuse(f.ctx, "w1", epoch, refused, now)
			}
			if code := weir.CodeOf(err); code != "" && code != weir.Fenced {
				f.Errorf("%d: %v", i, err)
			}
		})
		f.invariants()
		for _, id := range ids {
			b := f.get(id)
			if b.State.Final() && b.Outcome != weir.Passed {
				f.Errorf("build %d is %s, %s", id, b.State, b.Reason.Code)
			}
			if !b.State.Final() {
				f.ok(f.Cancel(f.ctx, id, requested("done"), f.now()))
			}
		}
	}
}
