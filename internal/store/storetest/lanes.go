package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func locks(uses ...weir.LockUse) option { return func(b *store.NewBuild) { b.Locks = uses } }

// looked is what a lease of w1 sees.
func (f *fixture) looked() (seen store.Queue) {
	f.Helper()
	_, err := f.Lease(f.ctx, f.ask(1), func(q store.Queue) []weir.BuildID {
		seen = q
		return nil
	})
	f.ok(err)
	return seen
}

func testCandidateLocks(f *fixture) {
	up, down := f.builder("up"), f.builder("down")
	db, port := weir.LockUse{Name: "db"}, weir.LockUse{Name: "port", Count: 2}
	free := f.leaseBuild(f.change(up, 0)).Build.ID
	equal(f, "nothing is queued", len(f.looked().Held), 0)
	first := f.leaseBuild(f.change(up, 1, locks(db, port)))
	plain := f.change(up, 2)
	q := f.looked()
	equal(f, "nobody asks for locks", len(q.Held), 0)
	equal(f, "a plain one", fmt.Sprint(q.Candidates[0].Build, q.Candidates[0].Locks, q.Candidates[0].Products), fmt.Sprint(plain, []weir.LockUse{}, []weir.Digest{}))
	wants := f.change(up, 3, locks(port), priority(5))
	q = f.looked()
	equal(f, "locks of a candidate", fmt.Sprint(q.Candidates[0].Build, q.Candidates[0].Locks), fmt.Sprint(wants, []weir.LockUse{port}))
	equal(f, "held", q.Held, []store.Held{{Build: first.Build.ID, Worker: "w1", Locks: []weir.LockUse{db, port}}})
	f.send(f.sync(first, 1))
	equal(f, "held while it runs", len(f.looked().Held), 1)
	f.finish(first, weir.ReasonWorker)
	equal(f, "let go", len(f.looked().Held), 0)
	equal(f, "wants them again", fmt.Sprint(f.looked().Candidates[1].Locks), fmt.Sprint([]weir.LockUse{db, port}))
	f.state(free, weir.Leased)

	ids := f.create(weir.CauseChange, build(up, own(up, 9)), build(down, weir.Pins{"down": "r9", "up": "r9"}, needs(0), locks(db), priority(99)))
	product := f.finishProduct(f.leaseBuild(ids[0]))
	c := f.looked().Candidates[0]
	equal(f, "products", fmt.Sprint(c.Build, c.Products, c.Locks), fmt.Sprint(ids[1], []weir.Digest{product.Digest}, []weir.LockUse{db}))
}

func testLocksLetGo(f *fixture) {
	a, mac := f.builder("a"), f.builderOn("a", darwin)
	db := locks(weir.LockUse{Name: "db"})
	f.worker("w1")
	told := func(what string, want bool, do func()) {
		f.Helper()
		before := f.lastEvent()
		do()
		mine := false
		for _, e := range must[[]weir.Event](f)(f.EventsAfter(f.ctx, before, 100)) {
			mine = mine || e.Kind == weir.EventQueue && e.Subject == string(darwin)
		}
		equal(f, "told after "+what, mine, want)
	}
	take := func(n int, o ...option) store.Leased { return f.leaseBuild(f.change(a, n, o...)) }
	plain, first := take(1), take(2, db)
	told("an end before anybody waits", false, func() { f.finish(first, weir.ReasonNone) })
	holds := take(3, db)
	f.change(mac, 1, db)
	told("the end of another one", false, func() { f.finish(plain, weir.ReasonNone) })
	told("its end", true, func() { f.finish(holds, weir.ReasonTests) })
	holds = take(4, db)
	told("an infrastructure error", true, func() { f.finish(holds, weir.ReasonWorker) })
	holds = f.leaseBuild(holds.Build.ID)
	told("its cancellation", true, func() { f.ok(f.Cancel(f.ctx, holds.Build.ID, requested("x"), f.now())) })
	take(5, db)
	told("its worker is lost", true, func() { must[[]weir.AttemptID](f)(f.Expire(f.ctx, f.now().Add(time.Hour))) })
}

// inLane makes builds of one run for a project.
func (f *fixture) inLane(lane string, builds ...store.NewBuild) []weir.BuildID {
	f.Helper()
	run := f.run(weir.CauseChange, builds...)
	run.Project = lane
	_, ids, err := f.CreateRun(f.ctx, run)
	f.ok(err)
	return ids
}

func many(b weir.Builder, first, n int, o ...option) (builds []store.NewBuild) {
	for i := range n {
		builds = append(builds, build(b, own(b, first+i), o...))
	}
	return builds
}

func testLanes(f *fixture) {
	a := f.builder("a")
	late := f.inLane("", build(a, own(a, 0), priority(-5)))[0] // a lane without a name is one, too
	crowd := f.inLane("crowd", many(a, 1, 3*store.CandidateLimit, priority(9))...)
	small := f.inLane("small", many(a, 5000, 3, priority(1))...)
	odd := f.inLane("o\x1ed\x1fd\n lane", build(a, own(a, 5999), priority(-9)))[0]
	old := f.inLane("other", build(a, own(a, 6000), priority(-9)))[0]
	other := f.inLane("other", many(a, 7000, store.CandidateLimit)...)
	q := f.looked()
	equal(f, "candidates", len(q.Candidates), store.CandidateLimit)
	lanes := map[string]int{}
	for i, c := range q.Candidates {
		lanes[c.Lane]++
		if i > 0 && (c.Priority > q.Candidates[i-1].Priority || c.Priority == q.Candidates[i-1].Priority && c.Build < q.Candidates[i-1].Build) {
			f.Errorf("build %d comes behind %d", c.Build, q.Candidates[i-1].Build)
		}
	}
	equal(f, "of the small lanes", lanes[""]*10+lanes["small"], 13)
	if lanes["crowd"] < 20 || lanes["other"] < 20 {
		f.Errorf("candidates by lane: %v", lanes)
	}
	seen := candidateIDs(q.Candidates)
	for what, id := range map[string]weir.BuildID{"first of the crowd": crowd[0], "the lane without a name": late, "first of the small lane": small[0],
		"the lane with an odd name": odd, "oldest of the other lane": old, "first of the other lane": other[0]} {
		if !slices.Contains(seen, id) {
			f.Errorf("%s is not among the candidates", what)
		}
	}
	equal(f, "foremost", seen[0], crowd[0])
}

func testManyLanes(f *fixture) {
	const lanes = 2*store.LaneLimit + 10
	a := f.builder("a")
	want := map[weir.BuildID]bool{}
	for i := range lanes {
		want[f.inLane(fmt.Sprintf("lane%03d", i), many(a, 10*i, 6)...)[0]] = true
	}
	urgent := f.inLane("zz", build(a, own(a, 9999), priority(50)))[0]
	for range 3 {
		q := f.looked()
		equal(f, "foremost in every look", q.Candidates[0].Build, urgent)
		if len(q.Candidates) > store.CandidateLimit {
			f.Errorf("%d candidates", len(q.Candidates))
		}
		for _, c := range q.Candidates {
			delete(want, c.Build)
		}
	}
	equal(f, "lanes that three looks did not see", len(want), 0)
	// Nothing is lost when lanes end behind the place where the next look begins.
	f.worker("w1")
	left := len(f.leaseAll(3, f.Store))
	equal(f, "leased", left, 6*lanes+1)
}

func testGlance(f *fixture) {
	a := f.builder("a")
	f.inLane("a", many(a, 0, 40)...)
	odd := f.inLane("a", build(a, own(a, 99), labels("odd")))[0]
	looks := []int{}
	ask := f.ask(1)
	ask.Glance = 4
	got := must[[]store.Leased](f)(f.Lease(f.ctx, ask, func(q store.Queue) (picked []weir.BuildID) {
		looks = append(looks, len(q.Candidates))
		for _, c := range q.Candidates {
			if len(c.Labels) > 0 {
				picked = append(picked, c.Build)
			}
		}
		return picked
	}))
	if len(got) != 1 || got[0].Build.ID != odd || fmt.Sprint(looks) != "[4 41]" {
		f.Errorf("leased %d builds after looking at %v", len(got), looks)
	}
	f.inLane("b", many(a, 100, 2)...)
	f.inLane("c", build(a, own(a, 200)))
	looks = nil
	ask = f.ask(1)
	ask.Glance = 7
	must[[]store.Leased](f)(f.Lease(f.ctx, ask, func(q store.Queue) []weir.BuildID {
		looks = append(looks, len(q.Candidates))
		return nil
	}))
	equal(f, "looks when nothing is taken", len(looks) == 2 && looks[0] < 15 && looks[1] == 43, true)
	ask = f.ask(1)
	ask.Glance, ask.Platform = 5, "plan9/386"
	equal(f, "of an empty queue", len(must[[]store.Leased](f)(f.Lease(f.ctx, ask, firstOffered(1)))), 0)
}

// testLockRace has workers on several goroutines lease builds that all want the
// one share of a lock: choose takes one if nobody holds it.
func testLockRace(f *fixture) { f.lockRace(f.Store) }

func (f *fixture) lockRace(handles ...store.Store) {
	f.Helper()
	const workers, builds = 6, 30
	a := f.builder("a")
	f.create(weir.CauseChange, many(a, 0, builds, locks(weir.LockUse{Name: "db"}))...)
	f.together(workers, func(i int) {
		s := handles[i%len(handles)]
		for range 3 * builds {
			ask := f.ask(2)
			ask.Worker = fmt.Sprint("w", i)
			done := false
			got, err := s.Lease(f.ctx, ask, func(q store.Queue) []weir.BuildID {
				done = len(q.Candidates) == 0
				if len(q.Held) > 1 {
					f.Errorf("the lock is held by %+v", q.Held)
				}
				if done || len(q.Held) > 0 {
					return nil
				}
				return []weir.BuildID{q.Candidates[i%len(q.Candidates)].Build}
			})
			if err != nil {
				f.Errorf("Lease: %v", err)
				return
			}
			for _, l := range got {
				if _, err := s.Finish(f.ctx, f.ending(l, weir.ReasonNone)); err != nil {
					f.Errorf("Finish: %v", err)
				}
			}
		}
	})
}
