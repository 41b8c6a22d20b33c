package storetest

import (
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func shareTests() []subtest {
	return []subtest{
		{"which build may stand in", testShareTable},
		{"guests and strangers stand in for their like only", testShareTrust},
		{"everything shared makes no run", testAllShared},
		{"partly shared", testPartlyShared},
		{"the same change from many servers is built once", testShareRace},
	}
}

func supersedeTests() []subtest {
	return []subtest{
		{"a newer revision takes the place in the queue", testSupersede},
		{"builds that others need stay", testSupersedeNeeded},
		{"as their jobs want it", testSupersedePolicy},
		{"a newer head of a pull request", testSupersedeHead},
		{"what runs ends while it is superseded", testSupersedeRace},
	}
}

func testShareTable(f *fixture) {
	states := []struct {
		name    string
		prepare func(id weir.BuildID)
		pending bool // ShareNone never; SharePending: pending; ShareAny: any
		any     bool
	}{
		{"queued", func(weir.BuildID) {}, true, true},
		{"leased", func(id weir.BuildID) { f.leaseBuild(id) }, true, true},
		{"running", func(id weir.BuildID) {
			_, err := f.Sync(f.ctx, f.sync(f.leaseBuild(id), 1))
			f.ok(err)
		}, true, true},
		{"passed", func(id weir.BuildID) { f.finish(f.leaseBuild(id), weir.ReasonNone) }, false, true},
		{"failed", func(id weir.BuildID) { f.finish(f.leaseBuild(id), weir.ReasonTests) }, false, true},
		{"broken", func(id weir.BuildID) { f.finish(f.leaseBuild(id), weir.ReasonPrepare) }, false, true},
		{"timed out", func(id weir.BuildID) { f.finish(f.leaseBuild(id), weir.ReasonQuiet) }, false, true},
		{"skipped", func(id weir.BuildID) { f.finish(f.leaseBuild(id), weir.ReasonNothing) }, false, false},
		{"infra", func(id weir.BuildID) { f.exhaust(id, weir.ReasonWorker) }, false, false},
		{"cancelled", func(id weir.BuildID) {
			f.ok(f.Cancel(f.ctx, id, weir.Reason{Code: weir.ReasonRequested}, f.now()))
		}, false, false},
	}
	for _, s := range states {
		for mode, shared := range map[store.Share]bool{store.ShareNone: false, store.SharePending: s.pending, store.ShareAny: s.any} {
			b := f.builder(string(mode) + "-" + s.name[:4])
			old := f.change(b, 1)
			s.prepare(old)
			got := f.create(weir.CauseProbe, build(b, own(b, 1), share(mode)))[0]
			if (got == old) != shared {
				f.Errorf("%s, %s: build %d stands in for a new one: %t, want %t", s.name, mode, old, got == old, shared)
			}
			if s.name != "queued" && s.name != "passed" {
				continue
			}
			for what, other := range map[string]store.NewBuild{
				"other pins":    build(b, own(b, 2), share(mode)),
				"more pins":     build(b, weir.Pins{b.Project: "r1", "up": "u1"}, share(mode)),
				"other builder": build(f.builderOn(b.Project, darwin), own(b, 1), share(mode)),
			} {
				if f.create(weir.CauseProbe, other)[0] == old {
					f.Errorf("%s, %s: shared with %s", s.name, mode, what)
				}
			}
		}
	}
}

func testShareTrust(f *fixture) {
	stranger := func(n *store.NewBuild) { n.Spec.Untrusted = true }
	quotes := func(n *store.NewBuild) { n.Spec.Job.Steps = []weir.Step{{Run: `echo '"untrusted":true'`}} }
	for what, c := range map[string]struct {
		old, new         weir.Cause
		oldMade, newMade func(*store.NewBuild)
		shared           bool
	}{
		"pull-for-change":     {weir.CausePull, weir.CauseChange, nil, nil, false},
		"rerun-for-change":    {weir.CauseRerun, weir.CauseChange, nil, nil, false},
		"cron-for-change":     {weir.CauseCron, weir.CauseChange, nil, nil, true},
		"change-for-pull":     {weir.CauseChange, weir.CausePull, nil, stranger, true},
		"stranger-for-pull":   {weir.CausePull, weir.CausePull, stranger, nil, false},
		"stranger-for-probe":  {weir.CauseRerun, weir.CauseProbe, stranger, nil, false},
		"stranger-for-itself": {weir.CausePull, weir.CauseRerun, stranger, stranger, true},
		"quoted":              {weir.CausePull, weir.CausePull, quotes, nil, true},
	} {
		for _, mode := range []store.Share{store.SharePending, store.ShareAny} {
			b := f.builder(what + "-" + string(mode))
			make := func(cause weir.Cause, made func(*store.NewBuild)) weir.BuildID {
				n := build(b, own(b, 1), share(mode))
				if made != nil {
					made(&n)
				}
				return f.create(cause, n)[0]
			}
			if shared := make(c.old, c.oldMade) == make(c.new, c.newMade); shared != c.shared {
				f.Errorf("%s, %s: shared: %t, want %t", what, mode, shared, c.shared)
			}
		}
	}
}

func testAllShared(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	first := f.create(weir.CauseChange, build(a, own(a, 1)), build(b, own(b, 1)))
	runs := must[[]weir.Run](f)(f.Runs(f.ctx, 0, 10))
	run, builds, err := f.CreateRun(f.ctx, f.run(weir.CauseForce,
		build(b, own(b, 1), share(store.SharePending)), build(a, own(a, 1), share(store.ShareAny))))
	f.ok(err)
	equal(f, "run", run.ID, 0)
	equal(f, "ids in the order asked", builds, []weir.BuildID{first[1], first[0]})
	equal(f, "runs", must[[]weir.Run](f)(f.Runs(f.ctx, 0, 10)), runs)
	equal(f, "builds", len(f.allBuilds()), 2)
}

func testPartlyShared(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	old := f.change(a, 1)
	run, builds, err := f.CreateRun(f.ctx, f.run(weir.CauseChange,
		build(b, own(b, 2)), build(a, own(a, 1), share(store.ShareAny)), build(b, own(b, 1), needs(1))))
	f.ok(err)
	equal(f, "the shared one stands in its place", builds[1], old)
	if run.ID == 0 || f.get(old).Run == run.ID {
		f.Errorf("run %d; the shared build is of run %d", run.ID, f.get(old).Run)
	}
	made := must[[]weir.Build](f)(f.ListBuilds(f.ctx, store.BuildFilter{Run: run.ID}))
	equal(f, "builds of the run, newest first", ids(made), []weir.BuildID{builds[2], builds[0]})
	f.state(builds[2], weir.Blocked)
	equal(f, "needs", must[[]weir.BuildID](f)(f.Needs(f.ctx, builds[2])), []weir.BuildID{old})
}

func testShareRace(f *fixture) {
	const servers, platforms = 8, 4
	up, down := f.builder("up"), f.builder("down")
	var mu sync.Mutex
	made, runs := map[weir.BuildID]bool{}, 0
	f.together(servers, func(int) {
		var builds []store.NewBuild
		for i := range platforms {
			builds = append(builds, build(up, own(up, i), share(store.ShareAny)))
			builds = append(builds, build(down, own(down, i), share(store.ShareAny), needs(2*i)))
		}
		run, got, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, builds...))
		if err != nil {
			f.Errorf("CreateRun: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, id := range got {
			made[id] = true
		}
		if run.ID != 0 {
			runs++
		}
	})
	equal(f, "different builds returned", len(made), 2*platforms)
	equal(f, "builds made", len(f.allBuilds()), 2*platforms)
	equal(f, "runs made", len(must[[]weir.Run](f)(f.Runs(f.ctx, 0, 100))), runs)
}

func testSupersede(f *fixture) {
	a, other := f.builder("a"), f.builder("other")
	start := f.change(a, 0)
	queued, leased := f.change(a, 1), f.change(a, 2)
	f.leaseBuild(leased)
	retry := f.create(weir.CauseRetry, build(a, own(a, 1), retryOf(queued)))[0]
	probe := f.create(weir.CauseProbe, build(a, own(a, 3)))[0]
	forced := f.create(weir.CauseForce, build(a, own(a, 4)))[0]
	up := f.change(other, 1)
	waiting := f.create(weir.CauseChange, build(other, own(other, 1), share(store.SharePending)), build(a, own(a, 5), needs(0)))
	equal(f, "shared", waiting[0], up)
	same := f.create(weir.CauseChange, build(a, own(a, 9)))[0]
	done := f.done(weir.CauseChange, a, 6, weir.ReasonTests)

	f.create(weir.CauseChange, build(a, own(a, 9), superseding))
	for id, want := range map[weir.BuildID]weir.State{
		start: weir.Queued, queued: weir.Cancelled, forced: weir.Queued, waiting[1]: weir.Cancelled,
		leased: weir.Leased, retry: weir.Queued, probe: weir.Queued, same: weir.Queued,
		up: weir.Queued, done.ID: weir.Finished,
	} {
		f.state(id, want)
	}
	f.state(queued, weir.Cancelled, weir.ReasonSuperseded)
	f.state(waiting[1], weir.Cancelled, weir.ReasonSuperseded)

	kept := f.change(a, 10)
	f.state(kept, weir.Queued)
	f.state(same, weir.Queued) // without Supersede nothing is cancelled
}

func testSupersedeNeeded(f *fixture) {
	up, down := f.builder("up"), f.builder("down")
	builds := f.create(weir.CauseProbe, build(up, own(up, 1)))
	chain := f.create(weir.CauseChange, build(up, own(up, 2)), build(down, own(down, 1), needs(0)))
	f.create(weir.CauseChange, build(up, own(up, 3), superseding))
	f.state(builds[0], weir.Queued)
	f.state(chain[0], weir.Queued)
	f.state(chain[1], weir.Blocked)
}
