package storetest

import (
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func superseded(s weir.Superseded) option {
	return func(b *store.NewBuild) { b.Spec.Job.Superseded = s }
}

func testSupersedePolicy(f *fixture) {
	for _, c := range []struct {
		policy         weir.Superseded
		waits, running weir.State
	}{
		{weir.SupersededWaiting, weir.Cancelled, weir.Leased},
		{weir.SupersededRunning, weir.Cancelled, weir.Cancelled},
		{weir.SupersededNever, weir.Queued, weir.Leased},
	} {
		b := f.builder("p-" + string(c.policy))
		p := superseded(c.policy)
		first := f.leaseBuild(f.change(b, 0, p)).Build.ID
		waits, running := f.change(b, 1, p), f.change(b, 2, p)
		l := f.leaseBuild(running)
		timed := f.create(weir.CauseCron, build(b, own(b, 3), p))[0]
		forced := f.create(weir.CauseForce, build(b, own(b, 4), p))[0]
		before := f.lastEvent()
		newest := f.change(b, 9, superseding)
		for id, want := range map[weir.BuildID]weir.State{first: weir.Leased, waits: c.waits, running: c.running,
			timed: c.waits, forced: weir.Queued, newest: weir.Queued} {
			f.state(id, want)
		}
		if c.running != weir.Cancelled {
			continue
		}
		f.state(running, weir.Cancelled, weir.ReasonSuperseded)
		answer := must[store.SyncAnswer](f)(f.Sync(f.ctx, f.sync(l, 1)))
		if answer.Cancel == nil || answer.Cancel.Code != weir.ReasonSuperseded {
			f.Errorf("the worker is told %+v", answer.Cancel)
		}
		told := 0
		for _, e := range must[[]weir.Event](f)(f.EventsAfter(f.ctx, before, 100)) {
			if e.Kind == weir.EventCancel && e.Subject == fmt.Sprint(running) {
				told++
			}
		}
		equal(f, "cancel events", told, 1)
	}
}

// proposed records a pull request with an approved head.
func (f *fixture) proposed(number, head string) weir.Proposal {
	f.Helper()
	return must[weir.Proposal](f)(f.Propose(f.ctx, weir.Proposal{Project: "p", Forge: "gitea", Number: number, Title: "title", Author: "ann", AuthorID: "7",
		Head: head, Ref: "refs/pull/" + number + "/head", Base: "main", State: weir.ProposalApproved, Created: f.now(), Updated: f.now()}))
}

// pull makes a run for the head of a pull request.
func (f *fixture) pull(p weir.Proposal, builds ...store.NewBuild) (weir.Run, []weir.BuildID, error) {
	f.Helper()
	run := f.run(weir.CausePull, builds...)
	run.Occasion = store.Occasion{Proposal: p.ID, ProposalHead: p.Head}
	return f.CreateRun(f.ctx, run)
}

func testSupersedeHead(f *fixture) {
	a, b, deploy := f.builder("a"), f.builder("b"), f.builder("deploy")
	_, old, err := f.pull(f.proposed("1", "h1"), build(a, at("a", "h1")), build(b, at("b", "h1"), after(weir.WhenPassed, 0)),
		build(deploy, at("deploy", "h1"), superseded(weir.SupersededNever)), build(a, at("a", "base"), share(store.ShareAny)))
	f.ok(err)
	_, others, err := f.pull(f.proposed("2", "x1"), build(a, at("a", "x1")))
	f.ok(err)
	f.leaseBuild(old[0])
	line := f.change(a, 1)
	_, fresh, err := f.pull(f.proposed("1", "h2"), build(a, at("a", "h2")), build(a, at("a", "base"), share(store.ShareAny)))
	f.ok(err)
	for id, want := range map[weir.BuildID]weir.State{old[0]: weir.Cancelled, old[1]: weir.Cancelled, old[2]: weir.Queued,
		others[0]: weir.Queued, line: weir.Queued, fresh[0]: weir.Queued, fresh[1]: weir.Queued} {
		f.state(id, want)
	}
	equal(f, "stands in", fresh[1], old[3])
	f.state(old[0], weir.Cancelled, weir.ReasonSuperseded)
}

// testSupersedeRace finishes builds while newer runs cancel them: each ends once,
// one way or the other.
func testSupersedeRace(f *fixture) {
	const rounds = 6
	a, b := f.builder("a"), f.builder("b")
	p := superseded(weir.SupersededRunning)
	f.change(a, 0)
	f.change(b, 0)
	for n := 1; n <= rounds; n++ {
		ids := f.create(weir.CauseChange, build(a, own(a, 10*n), p), build(b, own(b, 10*n), p, after(weir.WhenAlways, 0)), build(a, own(a, 10*n+1), p))
		leases := []store.Leased{f.leaseBuild(ids[0]), f.leaseBuild(ids[2])}
		f.together(4, func(i int) {
			if i < 2 {
				if _, err := f.Finish(f.ctx, f.ending(leases[i], weir.ReasonTests)); err != nil && weir.CodeOf(err) != weir.Fenced {
					f.Errorf("Finish: %v", err)
				}
				return
			}
			if _, _, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, build(b, own(b, 10*n+5), p, superseding, share(store.ShareAny)),
				build(a, own(a, 10*n+5), p, superseding, share(store.ShareAny)))); err != nil {
				f.Errorf("CreateRun: %v", err)
			}
		})
		for _, id := range ids {
			if got := f.get(id); !got.State.Final() && got.State != weir.Queued {
				f.Errorf("build %d is %s", id, got.State)
			}
		}
	}
}
