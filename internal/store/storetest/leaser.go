package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func leaserTests() []subtest {
	return []subtest{
		{"candidates by priority and age", testCandidateOrder},
		{"candidates of the platform, up to the limit", testCandidateLimit},
		{"a candidate says what the choice needs", testCandidateContent},
		{"a candidate says which worker it wishes for", testCandidateWishes},
		{"a candidate says which locks and products it wants", testCandidateLocks},
		{"whoever waits for locks is told", testLocksLetGo},
		{"no lane keeps out the others", testLanes},
		{"many lanes take turns", testManyLanes},
		{"a glance finds what is behind it", testGlance},
		{"two servers do not take one lock", testLockRace},
		{"what is leased", testLeased},
		{"no more than asked, offered, or queued", testLeaseBounds},
		{"products are filled in", testProductFilledIn},
		{"hello keeps what is its own", testHello},
		{"workers", testWorkers},
	}
}

// offered returns the candidates for a worker of linux/amd64, leasing none.
func (f *fixture) offered() (got []store.Candidate) {
	f.Helper()
	leased, err := f.Lease(f.ctx, f.ask(1), func(q store.Queue) []weir.BuildID {
		got = slices.Clone(q.Candidates)
		return nil
	})
	f.ok(err)
	equal(f, "leased without a choice", len(leased), 0)
	return got
}

func candidateIDs(cs []store.Candidate) (out []weir.BuildID) {
	for _, c := range cs {
		out = append(out, c.Build)
	}
	return out
}

func testCandidateOrder(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	low := f.change(a, 1, priority(-1))
	first, second := f.change(a, 2), f.change(b, 1)
	high := f.change(a, 3, priority(5))
	higher := f.change(b, 2, priority(6))
	f.create(weir.CauseChange, build(a, own(a, 4)), build(b, own(b, 3), needs(0), priority(99)))
	third := f.allBuilds()[1].ID // the blocked one is not offered
	want := []weir.BuildID{higher, high, first, second, third, low}
	equal(f, "order", candidateIDs(f.offered()), want)

	// A build that comes back to the queue keeps its age.
	f.finish(f.leaseBuild(first), weir.ReasonWorker)
	equal(f, "order after an infrastructure error", candidateIDs(f.offered()), want)
}

func testCandidateLimit(f *fixture) {
	a, mac := f.builder("a"), f.builderOn("a", darwin)
	var builds []store.NewBuild
	for i := range 20 {
		builds = append(builds, build(mac, own(mac, i), priority(10)))
	}
	f.create(weir.CauseChange, builds...)
	builds = nil
	for i := range store.CandidateLimit + 20 {
		builds = append(builds, build(a, own(a, i)))
	}
	all := f.create(weir.CauseChange, builds...)
	got := f.offered()
	if len(got) != store.CandidateLimit {
		f.Errorf("%d candidates, want %d", len(got), store.CandidateLimit)
	}
	for i, c := range got {
		if c.Builder.Platform != linux || c.Build != all[i] {
			f.Fatalf("candidate %d is build %d on %s", i, c.Build, c.Builder.Platform)
		}
	}
}

func testCandidateContent(f *fixture) {
	a := f.builder("a")
	run := f.run(weir.CauseForce, build(a, own(a, 1), priority(7), labels("gpu", "big")))
	_, made, err := f.CreateRun(f.ctx, run)
	f.ok(err)
	want := store.Candidate{Build: made[0], Builder: a, Cause: weir.CauseForce, Priority: 7, Queued: run.Now, Labels: []string{"gpu", "big"}, Lane: "p"}
	got := f.offered()
	if len(got) != 1 {
		f.Fatalf("%d candidates", len(got))
	}
	equal(f, "candidate", got[0], want)
	f.finish(f.leaseBuild(made[0]), weir.ReasonDiskFull)
	equal(f, "attempts of a candidate", f.offered()[0].Attempts, 1)
}

func testCandidateWishes(f *fixture) {
	a := f.builder("a")
	wishing := func(prefer, avoid string) option {
		return func(b *store.NewBuild) { b.Prefer, b.Avoid = prefer, avoid }
	}
	made := f.create(weir.CauseRetry, build(a, own(a, 1)), build(a, own(a, 2), wishing("", "w1"), labels("gpu", "a\nb")),
		build(a, own(a, 3), wishing("w2", "")), build(a, own(a, 4), wishing("w 'ä'\n", "w1"), labels("gpu")))
	want := [][3]string{{"[]"}, {"[gpu a\nb]", "", "w1"}, {"[]", "w2", ""}, {"[gpu]", "w 'ä'\n", "w1"}}
	check := func() {
		f.Helper()
		for i, c := range f.offered() {
			equal(f, "wishes", [3]string{fmt.Sprint(c.Labels), c.Prefer, c.Avoid}, want[i])
		}
	}
	check()
	f.finish(f.leaseBuild(made[1]), weir.ReasonDiskFull) // its next attempt wishes the same
	check()
	// A build that stands in for a new one keeps its own wishes.
	equal(f, "stands in", f.create(weir.CauseProbe, build(a, own(a, 3), wishing("w9", ""), share(store.SharePending)))[0], made[2])
	check()
	equal(f, "what a worker is told", must[weir.Spec](f)(f.BuildSpec(f.ctx, made[1])).Job.Labels, []string{"gpu", "a\nb"})
}

func testLeased(f *fixture) {
	a := f.builder("a")
	f.worker("w1")
	for i := range 3 {
		f.change(a, i)
	}
	ask := f.ask(2)
	got := must[[]store.Leased](f)(f.Lease(f.ctx, ask, firstOffered(2)))
	if len(got) != 2 || got[0].Token == got[1].Token {
		f.Fatalf("leased: %+v", got)
	}
	for _, l := range got {
		if !slices.Contains(ask.Tokens, l.Token) {
			f.Errorf("token %q was not given", l.Token)
		}
		b := f.state(l.Build.ID, weir.Leased)
		equal(f, "leased build", l.Build, b)
		equal(f, "attempt", l.Attempt, weir.AttemptID{Build: b.ID, Number: 1})
		equal(f, "worker and attempts", fmt.Sprintf("%s:%d", b.Worker, b.Attempts), "w1:1")
		equal(f, "spec", l.Spec, must[weir.Spec](f)(f.BuildSpec(f.ctx, b.ID)))
		equal(f, "attempts", must[[]weir.Attempt](f)(f.Attempts(f.ctx, b.ID)), []weir.Attempt{
			{ID: l.Attempt, Worker: "w1", Leased: ask.Now, Deadline: ask.Deadline}})
	}
	equal(f, "left", len(f.offered()), 1)
}

func testLeaseBounds(f *fixture) {
	a, mac := f.builder("a"), f.builderOn("a", darwin)
	one, two := f.change(a, 1), f.change(a, 2)
	strange := f.change(mac, 1)
	pair := f.create(weir.CauseChange, build(a, own(a, 3)), build(a, own(a, 4), needs(0)))
	f.finish(f.leaseBuild(pair[0]), weir.ReasonNone)
	for name, c := range map[string]struct {
		tokens int
		pick   []weir.BuildID
	}{
		"another platform's": {1, []weir.BuildID{strange}},
		"not queued":         {1, []weir.BuildID{pair[0]}},
		"unknown":            {1, []weir.BuildID{999}},
	} {
		got, err := f.Lease(f.ctx, f.ask(c.tokens), func(store.Queue) []weir.BuildID { return c.pick })
		if len(got) != 0 {
			f.Errorf("%s: leased %+v, %v", name, got, err)
		}
	}
	got, err := f.Lease(f.ctx, f.ask(1), func(store.Queue) []weir.BuildID { return []weir.BuildID{one, one, two} })
	if err == nil && len(got) != 1 {
		f.Errorf("one token, %d leases", len(got))
	}
	got, err = f.Lease(f.ctx, f.ask(0), firstOffered(5))
	f.ok(err)
	equal(f, "leases without tokens", len(got), 0)
	ask := f.ask(1)
	ask.Platform = "plan9/mips"
	got, err = f.Lease(f.ctx, ask, firstOffered(1))
	f.ok(err)
	equal(f, "leases of a platform without builds", len(got), 0)
}

func testProductFilledIn(f *fixture) {
	up, lib, down := f.builder("up"), f.builder("lib"), f.builder("down")
	builds := f.create(weir.CauseChange, build(up, own(up, 1)), build(lib, own(lib, 1)),
		build(down, weir.Pins{"down": "r1", "up": "r1", "lib": "r1", "plain": "v1"}, needs(0, 1)))
	product := f.finishProduct(f.leaseBuild(builds[0]))
	f.state(builds[2], weir.Blocked)
	other := f.finishProduct(f.leaseBuild(builds[1]))
	f.state(builds[2], weir.Queued)
	l := f.leaseBuild(builds[2])
	equal(f, "inputs", l.Spec.Inputs, []weir.UpstreamSpec{
		{Project: "lib", Revision: "r1", Product: other}, {Project: "plain", Revision: "v1"},
		{Project: "up", Revision: "r1", Product: product}})
	equal(f, "product of the build", f.get(builds[0]).Product, product)
}

func testHello(f *fixture) {
	a := f.builder("a")
	w := f.worker("w1")
	var held []weir.AttemptID
	var leases []store.Leased
	for i := range 4 {
		l := f.leaseBuild(f.change(a, i))
		leases, held = append(leases, l), append(held, l.Attempt)
	}
	f.finish(leases[1], weir.ReasonNone)
	f.finish(leases[2], weir.ReasonWorker) // lost to a second attempt
	second := f.leaseBuild(leases[2].Build.ID)
	held = append(held, second.Attempt, weir.AttemptID{Build: 999, Number: 1}, weir.AttemptID{Build: held[0].Build, Number: 7})
	keep := f.hello(w, held)
	equal(f, "kept", keep, []weir.AttemptID{leases[0].Attempt, leases[3].Attempt, second.Attempt})
	stranger := f.worker("w2")
	keep = f.hello(stranger, held)
	equal(f, "kept by another worker", len(keep), 0)
	f.state(leases[0].Build.ID, weir.Leased)
}

func testWorkers(f *fixture) {
	f.worker("zoe")
	w := f.worker("adam")
	w.Labels, w.Slots, w.Version, w.Host, w.Platform, w.Seen = []string{"a", "b"}, 9, "2.0", "new", darwin, f.now().Add(time.Hour)
	_, _, err := f.Hello(f.ctx, w, nil)
	f.ok(err)
	f.worker("w1")
	b := f.builder("b")
	f.change(b, 1)
	f.change(b, 2)
	leases := f.lease(2)
	got := must[[]weir.Worker](f)(f.Workers(f.ctx))
	if len(got) != 3 || got[1].Name != "w1" || got[2].Name != "zoe" {
		f.Fatalf("workers by name: %+v", got)
	}
	equal(f, "adam", got[0], w)
	equal(f, "running on w1", got[1].Running, 2)
	f.finish(leases[0], weir.ReasonNone)
	equal(f, "running on w1 after one ended", must[[]weir.Worker](f)(f.Workers(f.ctx))[1].Running, 1)

	seen := got[1].Seen
	s := f.sync(leases[1], 1)
	s.Now = s.Now.Add(time.Minute)
	_, err = f.Sync(f.ctx, s)
	f.ok(err)
	if now := must[[]weir.Worker](f)(f.Workers(f.ctx))[1].Seen; now.Before(seen) {
		f.Errorf("w1 was seen at %v, later at %v", seen, now)
	}
}

// leaseAll leases until nothing is left, from n goroutines, and returns how
// often each build was given away.
func (f *fixture) leaseAll(n int, handles ...store.Store) map[weir.BuildID][]store.Leased {
	f.Helper()
	var mu sync.Mutex
	given := map[weir.BuildID][]store.Leased{}
	f.together(n, func(i int) {
		s := handles[i%len(handles)]
		for {
			var offered int
			got, err := s.Lease(f.ctx, f.ask(1+i%4), func(q store.Queue) []weir.BuildID {
				offered = len(q.Candidates)
				return firstOffered(1 + i%4)(q)
			})
			if err != nil {
				f.Errorf("Lease: %v", err)
				return
			}
			mu.Lock()
			for _, l := range got {
				given[l.Build.ID] = append(given[l.Build.ID], l)
			}
			mu.Unlock()
			if offered == 0 {
				return
			}
		}
	})
	return given
}
