package storetest

import (
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func afterTests() []subtest {
	return []subtest{
		{"how what comes first must end", testAfterTable},
		{"skips go on to what is after them", testAfterChain},
		{"products and jobs at once", testAfterAndNeeds},
		{"a build that is made behind its needs' ends", testBornSkipped},
		{"cancelled with what comes first", testAfterCancelled},
		{"impossible orders", testBadAfter},
	}
}

func after(when weir.When, index ...int) option {
	return func(b *store.NewBuild) { b.After, b.When = index, when }
}

func mayFail(b *store.NewBuild) { b.Spec.Job.AllowFailure = true }

func testAfterTable(f *fixture) {
	first, then := f.builder("first"), f.builder("then")
	for i, c := range []struct {
		when    weir.When
		lenient bool
		ends    weir.ReasonCode
		goes    bool
	}{
		{weir.WhenPassed, false, weir.ReasonNone, true},
		{weir.WhenPassed, false, weir.ReasonTests, false},
		{weir.WhenPassed, false, weir.ReasonNothing, false},
		{weir.WhenPassed, true, weir.ReasonTests, true},
		{weir.WhenPassed, true, weir.ReasonTimeout, true},
		{weir.WhenFailed, false, weir.ReasonNone, false},
		{weir.WhenFailed, false, weir.ReasonTests, true},
		{weir.WhenFailed, true, weir.ReasonPrepare, true},
		{weir.WhenFailed, false, weir.ReasonQuiet, true},
		{weir.WhenAlways, false, weir.ReasonNone, true},
		{weir.WhenAlways, false, weir.ReasonTests, true},
		{weir.WhenAlways, false, weir.ReasonNothing, true},
	} {
		options := []option{}
		if c.lenient {
			options = append(options, mayFail)
		}
		ids := f.create(weir.CauseChange, build(first, own(first, i), options...), build(then, own(then, i), after(c.when, 0)))
		f.state(ids[1], weir.Blocked)
		equal(f, "comes first", must[[]weir.BuildID](f)(f.After(f.ctx, ids[1])), ids[:1])
		equal(f, "products", len(must[[]weir.BuildID](f)(f.Needs(f.ctx, ids[1]))), 0)
		f.finish(f.leaseBuild(ids[0]), c.ends)
		if c.goes {
			f.state(ids[1], weir.Queued)
			continue
		}
		b := f.state(ids[1], weir.Finished, weir.ReasonNeeds)
		if !strings.HasPrefix(b.Reason.Text, "first/test ") || b.Finished.IsZero() || b.Attempts != 0 {
			f.Errorf("case %d: skipped is %+v", i, b)
		}
	}
	// An infrastructure error is no failure of the job.
	ids := f.create(weir.CauseChange, build(first, own(first, 99)), build(then, own(then, 97), after(weir.WhenFailed, 0)),
		build(then, own(then, 98), after(weir.WhenPassed, 0)), build(then, own(then, 99), after(weir.WhenAlways, 0)))
	f.exhaust(ids[0], weir.ReasonWorker)
	f.state(ids[1], weir.Finished, weir.ReasonNeeds)
	f.state(ids[2], weir.Finished, weir.ReasonNeeds)
	f.state(ids[3], weir.Queued)
}

func testAfterChain(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	ids := f.create(weir.CauseChange, build(a, own(a, 1)), build(a, own(a, 2)),
		build(b, own(b, 1), after(weir.WhenPassed, 0, 1)), build(b, own(b, 2), after(weir.WhenPassed, 2)),
		build(b, own(b, 3), after(weir.WhenAlways, 3, 2)), build(b, own(b, 4), after(weir.WhenFailed, 0, 1)))
	f.finish(f.leaseBuild(ids[0]), weir.ReasonTests)
	for i, want := range []weir.State{weir.Finished, weir.Queued, weir.Finished, weir.Finished, weir.Queued, weir.Blocked} {
		f.state(ids[i], want)
	}
	f.state(ids[3], weir.Finished, weir.ReasonNeeds)
	f.finish(f.leaseBuild(ids[1]), weir.ReasonNone)
	f.state(ids[5], weir.Queued) // one of the two has failed
	f.toJudge("all that ended, also what was skipped", ids[0], ids[1], ids[2], ids[3])
}

func testAfterAndNeeds(f *fixture) {
	up, lint, down := f.builder("up"), f.builder("lint"), f.builder("down")
	both := func(n int, o ...option) []weir.BuildID {
		f.Helper()
		return f.create(weir.CauseChange, build(up, own(up, n)), build(lint, own(lint, n)),
			build(down, weir.Pins{"down": own(down, n)["down"], "up": own(up, n)["up"]}, append(o, needs(0), after(weir.WhenPassed, 1))...))
	}
	ids := both(1)
	product := f.finishProduct(f.leaseBuild(ids[0]))
	f.state(ids[2], weir.Blocked)
	f.finish(f.leaseBuild(ids[1]), weir.ReasonNone)
	f.state(ids[2], weir.Queued)
	for _, c := range f.offered() {
		if c.Build == ids[2] {
			equal(f, "products of a candidate", c.Products, []weir.Digest{product.Digest})
		}
	}
	equal(f, "inputs", f.leaseBuild(ids[2]).Spec.Inputs, []weir.UpstreamSpec{{Project: "up", Revision: "r1", Product: product}})

	ids = both(2) // the job says no, and the product is there
	f.finishProduct(f.leaseBuild(ids[0]))
	f.finish(f.leaseBuild(ids[1]), weir.ReasonStep)
	f.state(ids[2], weir.Finished, weir.ReasonNeeds)
	ids = both(3) // the other way round
	f.finish(f.leaseBuild(ids[1]), weir.ReasonNone)
	f.finish(f.leaseBuild(ids[0]), weir.ReasonStep)
	f.state(ids[2], weir.Finished, weir.ReasonUpstreamBuild)

	// One build for its product and to pass.
	ids = f.create(weir.CauseChange, build(up, own(up, 4)), build(down, weir.Pins{"down": "r4", "up": "r4"}, needs(0), after(weir.WhenPassed, 0)))
	equal(f, "needs", must[[]weir.BuildID](f)(f.Needs(f.ctx, ids[1])), must[[]weir.BuildID](f)(f.After(f.ctx, ids[1])))
	f.finishProduct(f.leaseBuild(ids[0]))
	f.state(ids[1], weir.Queued)
}

func testBornSkipped(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	bad := f.done(weir.CauseChange, a, 1, weir.ReasonTests)
	ids := f.create(weir.CauseChange, build(a, own(a, 1), share(store.ShareAny)), build(b, own(b, 1), after(weir.WhenPassed, 0)),
		build(b, own(b, 2), after(weir.WhenPassed, 1)), build(b, own(b, 3), after(weir.WhenFailed, 0)), build(a, own(a, 9)))
	equal(f, "shared", ids[0], bad.ID)
	f.state(ids[1], weir.Finished, weir.ReasonNeeds)
	f.state(ids[2], weir.Finished, weir.ReasonNeeds)
	f.state(ids[3], weir.Queued)
}

func testAfterCancelled(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	ids := f.create(weir.CauseChange, build(a, own(a, 1), mayFail), build(b, own(b, 1), after(weir.WhenAlways, 0)), build(b, own(b, 2), after(weir.WhenFailed, 1)))
	f.ok(f.Cancel(f.ctx, ids[0], requested("enough"), f.now()))
	for _, id := range ids {
		f.state(id, weir.Cancelled, weir.ReasonRequested)
	}
	// What comes first is not cancelled with what is after it, unless it is a product.
	ids = f.create(weir.CauseChange, build(a, own(a, 2)), build(b, own(b, 3), after(weir.WhenPassed, 0)))
	f.ok(f.Cancel(f.ctx, ids[1], requested("enough"), f.now()))
	f.state(ids[0], weir.Queued)
}

func testBadAfter(f *fixture) {
	a := f.builder("a")
	for name, builds := range map[string][]store.NewBuild{
		"after a later one": {build(a, own(a, 1), after("", 1)), build(a, own(a, 2))},
		"after itself":      {build(a, own(a, 1), after("", 0))},
		"when":              {build(a, own(a, 1)), build(a, own(a, 2), after("sometimes", 0))},
	} {
		_, _, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, builds...))
		if weir.CodeOf(err) != weir.Invalid {
			f.Errorf("%s: %v", name, err)
		}
	}
}
