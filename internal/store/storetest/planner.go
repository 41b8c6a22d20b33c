package storetest

import (
	"fmt"
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func plannerTests() []subtest {
	return []subtest{
		{"specifications are what was given", testSpecs},
		{"specifications made at once", testSpecRace},
		{"builders are found or made, in order", testEnsureBuilders},
		{"builders made at once are one", testEnsureBuildersRace},
		{"line heads", testLineHeads},
		{"a line that has moved on", testHeads},
		{"a run and its builds", testCreateRun},
		{"a build's own cause", testOwnCause},
		{"needs decide the first state", testNeeds},
		{"broken before it began", testBornBroken},
		{"a bad run makes nothing", testBadRun},
	}
}

func testEnsureBuilders(f *fixture) {
	keys := []weir.BuilderKey{
		{Project: "p", Job: "test", Platform: linux},
		{Project: "p", Job: "test", Platform: darwin},
		{Project: "p", Job: "test", Platform: linux, Cell: "go=1.26"},
		{Project: "p", Job: "test", Platform: linux, Branch: "main"},
		{Project: "p", Job: "test", Platform: linux, Upstreams: "a,b"},
		{Project: "p", Job: "lint", Platform: linux},
	}
	first := must[[]weir.Builder](f)(f.EnsureBuilders(f.ctx, keys[:3]))
	all := must[[]weir.Builder](f)(f.EnsureBuilders(f.ctx, keys))
	seen := map[weir.BuilderID]bool{}
	for i, b := range all {
		equal(f, "key", b.BuilderKey, keys[i])
		if b.ID < 1 || seen[b.ID] {
			f.Errorf("builder %d: id %d is not a new positive id", i, b.ID)
		}
		seen[b.ID] = true
	}
	equal(f, "builders that existed", all[:3], first)
	swapped := must[[]weir.Builder](f)(f.EnsureBuilders(f.ctx, []weir.BuilderKey{keys[4], keys[0], keys[4]}))
	equal(f, "order and repetition", swapped, []weir.Builder{all[4], all[0], all[4]})
	equal(f, "no keys", len(must[[]weir.Builder](f)(f.EnsureBuilders(f.ctx, nil))), 0)
}

func testEnsureBuildersRace(f *fixture) {
	var keys []weir.BuilderKey
	for i := range 10 {
		keys = append(keys, weir.BuilderKey{Project: fmt.Sprint("p", i), Job: "test", Platform: linux})
	}
	var mu sync.Mutex
	got := map[string]int{}
	f.together(8, func(i int) {
		mine := append(append([]weir.BuilderKey{}, keys[i:]...), keys[:i]...) // in different orders: no deadlock
		builders, err := f.EnsureBuilders(f.ctx, mine)
		if err != nil {
			f.Errorf("EnsureBuilders: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, b := range builders {
			got[fmt.Sprint(b.ID, " ", b.Name())]++
		}
	})
	if len(got) != len(keys) {
		f.Errorf("%d builders made of %d keys: %v", len(got), len(keys), got)
	}
}

func testLineHeads(f *fixture) {
	a, b, c := f.builder("a"), f.builder("b"), f.builder("c")
	f.change(a, 1)
	newest := f.create(weir.CauseForce, build(a, own(a, 2)))[0]
	f.create(weir.CauseRetry, build(a, own(a, 2), retryOf(newest)))
	f.create(weir.CauseProbe, build(a, own(a, 3)), build(c, own(c, 1)))
	done := f.done(weir.CauseChange, b, 1, weir.ReasonWorker) // infra, requeued: whatever its state
	heads := must[map[weir.BuilderID]weir.Build](f)(f.LineHeads(f.ctx, []weir.BuilderID{a.ID, b.ID, c.ID, 999}))
	if len(heads) != 2 {
		f.Errorf("heads: %+v", heads)
	}
	equal(f, "head of a", heads[a.ID], f.get(newest))
	equal(f, "head of b", heads[b.ID].ID, done.ID)
	equal(f, "heads of nothing", len(must[map[weir.BuilderID]weir.Build](f)(f.LineHeads(f.ctx, nil))), 0)
}

func testCreateRun(f *fixture) {
	a := f.builder("a")
	pins := weir.Pins{"a": "r1", "up": "u1"}
	want := store.NewRun{Cause: weir.CauseForce, Project: "a", Reason: "a person asked", Now: f.now(),
		Builds: []store.NewBuild{build(a, pins, labels("gpu"), priority(3)), build(a, at("a", "r2"))}}
	run, ids, err := f.CreateRun(f.ctx, want)
	f.ok(err)
	equal(f, "run", run, weir.Run{ID: run.ID, Cause: want.Cause, Project: "a", Reason: want.Reason, Created: want.Now})
	equal(f, "run as read", must[weir.Run](f)(f.Store.Run(f.ctx, run.ID)), run)
	if run.ID < 1 || len(ids) != 2 || ids[0] >= ids[1] {
		f.Fatalf("run %d has builds %v", run.ID, ids)
	}
	equal(f, "build", f.get(ids[0]), weir.Build{ID: ids[0], Run: run.ID, Cause: weir.CauseForce, Builder: a,
		Pins: pins, State: weir.Queued, Created: want.Now})
	equal(f, "second build", f.get(ids[1]).Pins, at("a", "r2"))
	equal(f, "spec", must[weir.Spec](f)(f.BuildSpec(f.ctx, ids[0])), want.Builds[0].Spec)

	next := f.change(a, 3)
	retry := f.get(f.create(weir.CauseRetry, build(a, own(a, 3), retryOf(next)))[0])
	equal(f, "retry of", retry.RetryOf, next)
	if retry.Run <= run.ID || retry.ID <= next {
		f.Errorf("ids do not grow: run %d after %d, build %d after %d", retry.Run, run.ID, retry.ID, next)
	}
}

func testOwnCause(f *fixture) {
	up, down := f.builder("up"), f.builder("down")
	start := f.done(weir.CauseChange, up, 0, weir.ReasonNone)
	line := f.change(up, 1)
	product := func(b *store.NewBuild) { b.Cause = weir.CauseProduct }
	builds := f.create(weir.CauseChange, build(up, own(up, 9), product), build(down, own(down, 1), needs(0)))
	equal(f, "cause", f.get(builds[0]).Cause, weir.CauseProduct)
	equal(f, "cause of the other", f.get(builds[1]).Cause, weir.CauseChange)
	run := must[weir.Run](f)(f.Store.Run(f.ctx, f.get(builds[0]).Run))
	equal(f, "cause of the run", run.Cause, weir.CauseChange)
	heads := must[map[weir.BuilderID]weir.Build](f)(f.LineHeads(f.ctx, []weir.BuilderID{up.ID, down.ID}))
	equal(f, "heads", []weir.BuildID{heads[up.ID].ID, heads[down.ID].ID}, []weir.BuildID{line, builds[1]})
	equal(f, "cause of a candidate", f.offered()[1].Cause, weir.CauseProduct)
	f.finishProduct(f.leaseBuild(builds[0]))
	f.toJudge("before the line", start.ID, builds[0])
	f.change(up, 2, superseding)
	f.state(line, weir.Cancelled, weir.ReasonSuperseded)
	alone := f.create(weir.CauseChange, build(up, own(up, 8), product))[0]
	f.change(up, 3, superseding)
	f.state(alone, weir.Queued)
}

func testNeeds(f *fixture) {
	up, down, last := f.builder("up"), f.builder("down"), f.builder("last")
	builds := f.create(weir.CauseChange,
		build(up, own(up, 1)),
		build(down, own(down, 1), needs(0)),
		build(last, own(last, 1), needs(1, 0)),
		build(down, own(down, 2)))
	for i, want := range []weir.State{weir.Queued, weir.Blocked, weir.Blocked, weir.Queued} {
		f.state(builds[i], want)
	}
	equal(f, "needs", must[[]weir.BuildID](f)(f.Needs(f.ctx, builds[1])), builds[:1])
	got := map[weir.BuildID]bool{}
	for _, id := range must[[]weir.BuildID](f)(f.Needs(f.ctx, builds[2])) {
		got[id] = true
	}
	equal(f, "needs of the last", got, map[weir.BuildID]bool{builds[0]: true, builds[1]: true})
	equal(f, "needs of the first", len(must[[]weir.BuildID](f)(f.Needs(f.ctx, builds[0]))), 0)

	f.finishProduct(f.leaseBuild(builds[0]))
	again := f.create(weir.CauseChange,
		build(up, own(up, 1), share(store.ShareAny)), build(down, own(down, 3), needs(0)))
	equal(f, "the product is shared", again[0], builds[0])
	f.state(again[1], weir.Queued)
}

func testBornBroken(f *fixture) {
	up, down, last := f.builder("up"), f.builder("down"), f.builder("last")
	for n, reason := range []weir.ReasonCode{weir.ReasonNone, weir.ReasonStep, weir.ReasonCheckout, weir.ReasonTimeout} {
		bad := f.done(weir.CauseChange, up, n, reason)
		if bad.Product.Digest != "" {
			f.Fatalf("product from nowhere: %+v", bad.Product)
		}
		builds := f.create(weir.CauseChange,
			build(up, own(up, n), share(store.ShareAny)),
			build(down, own(down, n), needs(0)),
			build(last, own(last, n), needs(1)),
			build(last, own(last, n+100)))
		equal(f, "the build without a product is shared", builds[0], bad.ID)
		b := f.state(builds[1], weir.Finished, weir.ReasonUpstreamBuild)
		f.state(builds[2], weir.Finished, weir.ReasonUpstreamBuild)
		f.state(builds[3], weir.Queued)
		if b.Finished.IsZero() || b.Attempts != 0 || b.Judgement != weir.Unjudged {
			f.Errorf("born broken: %+v", b)
		}
	}
}

func testBadRun(f *fixture) {
	a := f.builder("a")
	for name, builds := range map[string][]store.NewBuild{
		"needs a later one": {build(a, own(a, 1), needs(1)), build(a, own(a, 2))},
		"needs itself":      {build(a, own(a, 1), needs(0))},
		"needs a negative":  {build(a, own(a, 1)), build(a, own(a, 2), needs(-1))},
		"unknown builder":   {build(a, own(a, 1)), build(weir.Builder{ID: 999, BuilderKey: a.BuilderKey}, own(a, 2))},
	} {
		run, made, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, builds...))
		if err == nil {
			f.Errorf("%s: made run %d with %v", name, run.ID, made)
		}
		if c := weir.CodeOf(err); c != weir.Invalid && c != weir.NotFound {
			f.Errorf("%s: code %q of %v", name, c, err)
		}
	}
	equal(f, "builds made", len(f.allBuilds()), 0)
	equal(f, "runs made", len(must[[]weir.Run](f)(f.Runs(f.ctx, 0, 10))), 0)
}

func testSpecs(f *fixture) {
	up, down := f.builder("up"), f.builder("down")
	var run []store.NewBuild
	for i := range 4 {
		run = append(run, build(up, own(up, i)), build(down, weir.Pins{"down": fmt.Sprint("r", i), "up": "r9", "lib": fmt.Sprint("v", i%2)}))
	}
	other := build(up, own(up, 7))
	other.Spec.Revision = "not the pinned one"
	none := build(down, weir.Pins{"down": "r1", "up": "r2"})
	none.Spec.Inputs[0].Revision, none.Spec.ProductKey = "", "odd"
	strange := build(down, own(down, 8))
	strange.Spec.Inputs = []weir.UpstreamSpec{{Project: "not pinned", Revision: "x"}}
	run = append(run, other, none, strange, store.NewBuild{Builder: up.ID, Pins: own(up, 9)})
	ids := f.create(weir.CauseChange, run...)
	for i, id := range ids {
		equal(f, fmt.Sprint("specification ", i), must[weir.Spec](f)(f.BuildSpec(f.ctx, id)), run[i].Spec)
	}
}

// testSpecRace has several servers plan builds of the same new specification.
func testSpecRace(f *fixture) {
	const planners = 6
	var builders []weir.Builder
	for i := range planners {
		builders = append(builders, f.builder(fmt.Sprint("p", i)))
	}
	made := make([]weir.BuildID, planners)
	f.together(planners, func(i int) {
		nb := build(builders[i], own(builders[i], i))
		nb.Spec.Project, nb.Spec.Source, nb.Spec.Revision, nb.Spec.ProductKey = "same", weir.Source{}, "", ""
		_, ids, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, nb))
		if err != nil {
			f.Errorf("CreateRun: %v", err)
			return
		}
		made[i] = ids[0]
	})
	for _, id := range made {
		equal(f, "project of a specification", must[weir.Spec](f)(f.BuildSpec(f.ctx, id)).Project, "same")
	}
}
