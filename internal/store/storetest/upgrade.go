package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Populate fills an empty store with a little of everything: revisions, runs,
// builds in every state, attempts that ended in every way, steps, logs, test
// states, regressions, workers and tokens. What it writes is always the same.
//
// The databases in the testdata directories of packages sqlite and postgres
// were made with it, one for each version of the schema; see [Upgraded].
func Populate(t *testing.T, s store.Store) {
	t.Helper()
	f := newFixture(t, s)
	f.poll("up", "a b c")
	f.ok(f.RecordPollError(f.ctx, "a", "main", "does not answer", f.now(), f.now()))
	f.ok(f.AddToken(f.ctx, store.Token{Name: "w1", Hash: "aa11", Created: f.now()}))
	f.ok(f.AddToken(f.ctx, store.Token{Name: "w2", Hash: "bb22", Created: f.now()}))
	f.worker("w1")
	f.worker("w2")

	r := f.open(f.builder("a"), 1, "t1", "t2")
	probed := f.done(weir.CauseProbe, f.builder("a"), 3, weir.ReasonTests)
	f.ok(f.Observe(f.ctx, r.ID, f.probe(probed, 1, bad, good)))
	r = must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
	r.State, r.Culprit = weir.Located, weir.Culprit{Project: "up", Revision: weir.Revision{ID: "b", Position: 2}, Confidence: 0.95}
	r.Blame, r.Corners = weir.BlameInteraction, []weir.Corner{{NewDownstream: true, Pins: weir.Pins{"a": "r3", "up": "a"}, Build: probed.ID, Said: good}}
	f.advance(store.RegressionUpdate{Regression: r, States: []weir.TestState{
		{Test: testName("t1"), Status: weir.Fail, Since: r.Bad.Build}, {Test: testName("t2"), Status: weir.Pass, Since: r.Good.Build, Flakes: 2, LastFlake: r.Bad.Build}}})

	b := f.builder("b")
	f.settled(b, 1, weir.ReasonTests, change("t1", weir.NewlyFailing, weir.Pass, weir.Fail), change("t2", weir.New, "", weir.Pass))
	doubted := f.done(weir.CauseChange, b, 2, weir.ReasonStep)
	s1 := f.settlement(doubted.ID, weir.Unjudged, weir.Doubted)
	retry := f.run(weir.CauseRetry, build(b, own(b, 2), retryOf(doubted.ID), priority(3)))
	s1.Retry = &retry
	f.ok(f.Settle(f.ctx, s1))
	f.populateHidden()
	f.populateLife()
	f.populateQueue()
	f.populateStarts()
	f.populatePages()
	f.populateOwners()
}

// populateOwners makes what version 13 of the schema brought: what the owners of
// workers allow there.
func (f *fixture) populateOwners() {
	f.Helper()
	w := weir.Worker{Name: "w3", Platform: linux, Slots: 1, Version: "1.0", Seen: f.now(), Policy: []string{"projects: only b", "hours: 22:00 to 06:00"}}
	owned, _, err := f.Hello(f.ctx, w, nil)
	f.ok(err)
	ask := f.ask(1)
	ask.Worker = "w3"
	f.change(f.builder("i"), 1, priority(50))
	l := f.take(ask)[0]
	f.ok(f.Refuse(f.ctx, "w3", owned, []store.Refused{refusal(l, weir.RuleProjects, "only b may run here")}, f.now()))
	f.ok(f.Rest(f.ctx, "w3", owned, weir.Rest{Rule: weir.RuleHours, Text: "builds begin at 22:00", Until: epoch.Add(20 * time.Hour)}, f.now()))
}

// populatePages makes what version 12 of the schema brought: who did what, what
// tokens may do. Words of tests are there already.
func (f *fixture) populatePages() {
	f.Helper()
	f.ok(f.AddToken(f.ctx, store.Token{Name: "ci", Hash: "cc33", Created: f.now(), Scope: store.ScopeAPI, Rights: []store.Right{store.RightBuild, store.RightTriage}}))
	f.act("ann", "cancel", "build 3")
	f.ok(f.RecordAct(f.ctx, store.Act{At: f.now(), Who: "ci", Via: store.ViaAPI, Verb: "pause", On: "worker w1", Note: "hot", Code: "forbidden"}))
}

// populateStarts makes what version 11 of the schema brought: jobs after jobs,
// locks, occasions, and what builds leave for people.
func (f *fixture) populateStarts() {
	f.Helper()
	g, h := f.builder("g"), f.builder("h")
	run := f.run(weir.CauseForce, build(g, own(g, 1), mayFail), build(h, own(h, 1), after(weir.WhenPassed, 0), locks(weir.LockUse{Name: "db"})),
		build(h, own(h, 2), after(weir.WhenFailed, 0)))
	run.Project, run.Config, run.By, run.Params = "g", "c0ffee", "ann", []weir.EnvVar{{Name: "level", Value: "3"}}
	_, ids, err := f.CreateRun(f.ctx, run)
	f.ok(err)
	f.ok(f.leaves(f.leaseBuild(ids[0]), weir.ReasonNone, func(e *store.Finish) {
		e.Artifacts = []weir.Artifact{artifact("dist/a", "a", f.now().Add(time.Hour))}
		e.Metrics, e.Summary = []weir.Metric{{Name: "time", Value: 1.25, Unit: "s"}}, "# done"
	}))
	f.leaseBuild(ids[1])
	_, _, err = f.pull(f.proposed("1", "h1"), build(g, at("g", "h1")))
	f.ok(err)
	must[weir.Proposal](f)(f.Propose(f.ctx, weir.Proposal{Project: "g", Forge: "github", Number: "2", Head: "h2", Fork: true, State: weir.ProposalHeld, Updated: f.now()}))
	f.ok(f.SetTicks(f.ctx, []store.Tick{{Project: "g", Job: "test", Cron: "0 3 * * *", At: epoch.Add(time.Hour)}}))
	f.ok(f.RecordBranches(f.ctx, "g", []string{"v1", "v2"}, f.now()))
	must[[]store.Tag](f)(f.RecordTags(f.ctx, "g", nil, f.now()))
	must[[]store.Tag](f)(f.RecordTags(f.ctx, "g", []store.Tag{{Project: "g", Name: "v1.0", Revision: "t1"}}, f.now()))
	f.ok(f.RecordConfig(f.ctx, store.Config{Version: "c0ffee", Since: f.now(), By: "start"}))
	f.ok(f.RecordRecipe(f.ctx, store.RepositoryRecipe{Project: "g", Revision: "r1", Origin: weir.RepositoryRecipe, Text: "jobs: {}", Read: f.now()}))
	_, _, err = f.RecordRevisions(f.ctx, store.Poll{Project: "g", Revisions: f.skipping("a -b"), Now: f.now(), Next: f.now()})
	f.ok(err)
	must[bool](f)(f.SeenDelivery(f.ctx, "delivery", f.now()))
}

// populateHidden settles a build in which tests do not run, and fail for other
// reasons than before.
func (f *fixture) populateHidden() {
	f.Helper()
	r := f.open(f.builder("e"), 1, "a", "h")
	done := f.done(weir.CauseChange, r.Builder, 5, weir.ReasonTests)
	s := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	s.States = hiding(done.ID)
	c := change("a", weir.FailingDifferently, weir.Fail, weir.Fail)
	c.Signature = "0123456789abcdef"
	s.Changes = []weir.TestChange{c}
	s.Renames = []store.Rename{{From: testName("h"), To: testName("i")}}
	s.Ledger = weir.Ledger{Expected: 7, Reported: 4, Executed: 2, Hidden: 4, Masked: 1, Cause: weir.DidNotBuild}
	f.ok(f.Settle(f.ctx, s))
	r = must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
	r.Victims[0].Verdict, r.Victims[0].Signature = c.Verdict, c.Signature
	f.advance(store.RegressionUpdate{Regression: r})
}

// populateQueue makes builds in every state that is left.
func (f *fixture) populateQueue() {
	f.Helper()
	c, d, mac := f.builder("c"), f.builder("d"), f.builderOn("c", darwin)
	ids := f.create(weir.CauseForce, build(c, own(c, 1), labels("gpu")), build(d, weir.Pins{"d": "r1", "c": "r1"}, needs(0)), build(mac, own(mac, 1)))
	lost := f.leaseBuild(ids[0])
	f.send(f.sync(lost, 1, frame(0, 0, 0, "lost\n")))
	must[[]weir.AttemptID](f)(f.Expire(f.ctx, f.now().Add(time.Hour)))
	failed := f.leaseBuild(ids[0])
	f.finish(failed, weir.ReasonDiskFull)
	f.send(f.sync(f.leaseBuild(ids[0]), 4, frames(0, "alpha\nbe", "ta\n", "gamma")...)) // running, blocks ids[1]
	f.leaseBuild(f.change(d, 2))                                                        // leased
	stopped := f.leaseBuild(f.change(d, 3))
	f.ok(f.Cancel(f.ctx, stopped.Build.ID, requested("enough"), f.now()))
	product := f.leaseBuild(f.change(d, 4))
	f.send(f.sync(product, 1, frames(0, "one\n", "two\n")...))
	end := f.ending(product, weir.ReasonTests)
	end.Steps = []weir.StepRecord{{Name: "test", State: weir.StepFailed, Started: f.now(), Ended: f.now(), ExitCode: 3, Note: "three"}}
	end.Product = weir.Product{Digest: weir.DigestOf([]byte("product")), Prefix: "/weir/d", Size: 42}
	end.Results, end.Counts = weir.DigestOf([]byte("results")), weir.Counts{Pass: 5, Fail: 1}
	must[weir.Build](f)(f.Finish(f.ctx, end))
	f.change(d, 5, priority(-1))
	f.change(d, 6)
}

// Reading is what the ports tell of the whole store, as JSON.
func Reading(t *testing.T, s store.Store) []byte {
	t.Helper()
	f := newFixture(t, s)
	all := map[string]any{
		"sources":     must[[]store.Source](f)(f.Sources(f.ctx)),
		"tips":        must[[]weir.Tip](f)(f.Tips(f.ctx)),
		"revisions":   must[[]weir.Revision](f)(f.RevisionRange(f.ctx, "up", "", 0, 100)),
		"tokens":      must[[]store.Token](f)(f.Tokens(f.ctx)),
		"workers":     must[[]weir.Worker](f)(f.Workers(f.ctx)),
		"runs":        must[[]weir.Run](f)(f.Runs(f.ctx, 0, 100)),
		"heads":       must[[]store.BuilderHead](f)(f.BuilderHeads(f.ctx, 10)),
		"queue":       must[map[weir.State]int](f)(f.QueueDepth(f.ctx)),
		"events":      must[[]weir.Event](f)(f.EventsAfter(f.ctx, 0, 0)),
		"judge":       must[[]weir.Build](f)(f.NextToJudge(f.ctx, 100)),
		"doubted":     must[[]store.Doubt](f)(f.Doubted(f.ctx)),
		"regressions": must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{})),
		"searches":    must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{Aims: weir.Aims()})),
		"w1's token":  must[store.Token](f)(f.FindToken(f.ctx, "aa11")),
		"times":       must[[]store.Tick](f)(f.Ticks(f.ctx)),
		"branches":    must[map[string][]string](f)(f.Branches(f.ctx)),
		"due tags":    must[[]store.Tag](f)(f.DueTags(f.ctx, 0)),
		"proposals":   must[[]weir.Proposal](f)(f.Proposals(f.ctx, store.ProposalFilter{})),
		"configs":     must[[]store.Config](f)(f.Configs(f.ctx, 0)),
		"acts":        must[[]store.Act](f)(f.Acts(f.ctx, store.ActFilter{})),
		"tests":       must[[]store.FoundTest](f)(f.FindTests(f.ctx, []string{"t"}, 100)),
		"refusals":    must[[]weir.Refusal](f)(f.Refusals(f.ctx, "w3", epoch, 0)),
		"recipes":     must[[]store.RepositoryRecipe](f)(f.Recipes(f.ctx)),
	}
	for _, r := range must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{})) {
		all[fmt.Sprint("regression ", r.ID)] = must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
		all[fmt.Sprint("transitions of ", r.ID)] = must[[]weir.Transition](f)(f.Transitions(f.ctx, r.ID))
		all[fmt.Sprint("probes of ", r.ID)] = must[[]weir.Probe](f)(f.Probes(f.ctx, r.ID))
	}
	for _, b := range f.allBuilds() {
		of := func(what string) string { return fmt.Sprint(what, " of build ", b.ID) }
		all[fmt.Sprint("build ", b.ID)] = b
		all[of("specification")] = must[weir.Spec](f)(f.BuildSpec(f.ctx, b.ID))
		all[of("needs")] = must[[]weir.BuildID](f)(f.Needs(f.ctx, b.ID))
		all[of("what comes before")] = must[[]weir.BuildID](f)(f.After(f.ctx, b.ID))
		all[of("artifacts")] = must[[]weir.Artifact](f)(f.Artifacts(f.ctx, b.ID))
		all[of("notes")] = must[store.Notes](f)(f.Notes(f.ctx, b.ID))
		all[of("changes")] = must[[]weir.TestChange](f)(f.BuildChanges(f.ctx, b.ID, 0, 100))
		states, _, err := f.Baseline(f.ctx, b.Builder.ID)
		f.ok(err)
		all[of("baseline")] = states
		absent, _, err := f.Absent(f.ctx, b.Builder.ID, 100)
		f.ok(err)
		all[of("absent")] = absent
		past := must[store.TestHistory](f)(f.History(f.ctx, b.Builder.ID, testName("t1"), 10))
		all[of("history of t1")], all[of("past of t1")] = past.Events, past
		attempts := must[[]weir.Attempt](f)(f.Attempts(f.ctx, b.ID))
		all[of("attempts")] = attempts
		for _, a := range attempts {
			all[fmt.Sprint("steps of ", a.ID)] = must[[]weir.StepRecord](f)(f.Steps(f.ctx, a.ID))
			all[fmt.Sprint("sizes of logs of ", a.ID)] = must[[]store.LogSize](f)(f.LogSizes(f.ctx, a.ID))
			all[fmt.Sprint("log of ", a.ID)] = f.log(a.ID, 0)
		}
	}
	data, err := json.MarshalIndent(all, "", " ")
	f.ok(err)
	return append(data, '\n')
}

// Upgraded holds a store that migrations have carried to head against what it
// told before (see [Reading]): all of that is told still, and the builds go on.
func Upgraded(t *testing.T, s store.Store, before []byte) {
	t.Helper()
	var then, now any
	for data, into := range map[*any][]byte{&then: before, &now: Reading(t, s)} {
		d := json.NewDecoder(bytes.NewReader(into))
		d.UseNumber()
		if err := d.Decode(data); err != nil {
			t.Fatal(err)
		}
	}
	told(t, "the store", then, now)
	f := newFixture(t, s)
	f.findable()
	f.ticks.Add(int64(24 * time.Hour / time.Millisecond))
	f.invariants()
	must[[]weir.AttemptID](f)(f.Expire(f.ctx, f.now()))
	for _, b := range slices.Backward(f.allBuilds()) {
		if b := f.get(b.ID); b.State == weir.Queued {
			f.send(f.sync(f.leaseBuild(b.ID), 1, frame(0, 0, 0, "again\n")))
		}
	}
	f.change(f.builder("b"), 9)
	f.invariants()
}

// findable checks that every test of a baseline is found by its name.
func (f *fixture) findable() {
	f.Helper()
	for _, b := range must[[]weir.Builder](f)(f.Builders(f.ctx, 0, 0)) {
		states, _, err := f.Baseline(f.ctx, b.ID)
		f.ok(err)
		for _, st := range states {
			want := store.FoundTest{Project: b.Project, Job: b.Job, Test: st.Test}
			if found := must[[]store.FoundTest](f)(f.FindTests(f.ctx, []string{st.Test.Suite, st.Test.Name}, 100)); !slices.Contains(found, want) {
				f.Errorf("%+v is not found, only %+v", want, found)
			}
		}
	}
}

// told checks that everything in then is in now too. New fields may have come.
func told(t *testing.T, where string, then, now any) {
	t.Helper()
	switch then := then.(type) {
	case map[string]any:
		now, _ := now.(map[string]any)
		for name, v := range then {
			told(t, where+" / "+name, v, now[name])
		}
	case []any:
		now, _ := now.([]any)
		if len(now) != len(then) {
			t.Errorf("%s: %d entries before, %d now", where, len(then), len(now))
			return
		}
		for i, v := range then {
			told(t, fmt.Sprint(where, " / ", i), v, now[i])
		}
	default:
		if then != now {
			t.Errorf("%s: %v before, %v now", where, then, now)
		}
	}
}
