package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func raceTests() []subtest {
	return []subtest{
		{"leasers give each build away once", func(f *fixture) { f.leaseRace(f.Store) }},
		{"doubled leases, expiry and hellos", func(f *fixture) { f.turnRace(f.Store) }},
		{"absences are claimed by one", testClaimAbsenceRace},
		{"expire, finish, sync and cancel of one attempt", testAttemptRace},
		{"a farm in disorder", testDisorder},
		{"finishes that unblock one build", testUnblockRace},
	}
}

// leaseRace lets 16 goroutines lease 200 builds, through the handles given.
func (f *fixture) leaseRace(handles ...store.Store) {
	f.Helper()
	const builds, leasers = 200, 16
	a := f.builder("a")
	var run []store.NewBuild
	for i := range builds {
		run = append(run, build(a, own(a, i), priority(i%3)))
	}
	all := f.create(weir.CauseChange, run...)
	given := f.leaseAll(leasers, handles...)
	tokens := map[string]bool{}
	for _, id := range all {
		leases := given[id]
		if len(leases) != 1 || leases[0].Attempt.Number != 1 {
			f.Errorf("build %d was leased %d times", id, len(leases))
			continue
		}
		tokens[leases[0].Token] = true
	}
	equal(f, "builds given", len(given), builds)
	equal(f, "different tokens", len(tokens), builds)
}

// testAttemptRace ends one attempt in four ways at once. Whichever comes
// first decides; the others are refused, and nothing is half done.
func testAttemptRace(f *fixture) {
	a, b := f.builder("a"), f.builder("b")
	for n := range 12 {
		builds := f.create(weir.CauseChange, build(a, own(a, n)), build(b, own(b, n), needs(0)))
		l := f.leaseBuild(builds[0])
		end := f.ending(l, weir.ReasonNone)
		end.Product = weir.Product{Digest: weir.DigestOf(nil), Prefix: "/x", Size: 1}
		reports := []store.Sync{f.sync(l, 1, frame(0, 0, 0, "one\n")), f.sync(l, 2, frame(0, 4, 1, "two\n"))}
		late := f.now().Add(2 * weir.LeaseTime)
		f.together(6, func(i int) {
			var err error
			switch i {
			case 0:
				_, err = f.Expire(f.ctx, late)
			case 1, 2:
				_, err = f.Finish(f.ctx, end)
			case 3, 4:
				_, err = f.Sync(f.ctx, reports[i-3])
			case 5:
				if n%2 == 0 {
					err = f.Cancel(f.ctx, builds[0], requested("race"), late)
				}
			}
			if c := weir.CodeOf(err); c != "" && c != weir.Fenced && (i != 5 || c != weir.Conflict) {
				f.Errorf("goroutine %d: code %q, %v", i, c, err)
			}
		})
		got := f.get(builds[0])
		attempts := must[[]weir.Attempt](f)(f.Attempts(f.ctx, builds[0]))
		if len(attempts) != 1 || attempts[0].Live() {
			f.Fatalf("round %d: attempts %+v of a build that is %s", n, attempts, got.State)
		}
		agree := map[weir.State]weir.Outcome{weir.Finished: weir.Passed, weir.Queued: weir.Infra}
		if want, ok := agree[got.State]; ok && attempts[0].Outcome != want {
			f.Errorf("round %d: build is %s, its attempt ended %s", n, got.State, attempts[0].Outcome)
		}
		if got.State == weir.Finished {
			f.state(builds[1], weir.Queued)
		}
		f.invariants()
		for _, id := range builds { // nothing to lease is left for the next round
			if !f.get(id).State.Final() {
				f.ok(f.Cancel(f.ctx, id, requested("round over"), f.now()))
			}
		}
	}
}

// testDisorder lets servers plan, lease, report, finish, expire and cancel at
// random, and then looks at what is left.
func testDisorder(f *fixture) {
	const servers, rounds = 6, 12
	var builders []weir.Builder
	for i := range 3 {
		builders = append(builders, f.builder(fmt.Sprint("p", i)))
	}
	var mu sync.Mutex
	var held []store.Leased
	take := func(rnd *rand.Rand) (store.Leased, bool) {
		mu.Lock()
		defer mu.Unlock()
		if len(held) == 0 {
			return store.Leased{}, false
		}
		return held[rnd.IntN(len(held))], true // kept: others may use the same
	}
	f.together(servers, func(i int) {
		rnd := rand.New(rand.NewPCG(uint64(i), 1))
		for range rounds {
			var err error
			l, ok := take(rnd)
			switch what := rnd.IntN(6); {
			case what == 0 || !ok && what < 5:
				err = f.disorderlyRun(rnd, builders)
			case what == 1:
				if rnd.IntN(4) == 0 {
					_, err = f.Expire(f.ctx, f.now().Add(time.Hour))
				}
			case what == 2:
				_, err = f.Sync(f.ctx, f.sync(l, int64(rnd.IntN(9)), frame(0, 0, 0, "x\n")))
			case what == 3:
				e := f.ending(l, []weir.ReasonCode{weir.ReasonNone, weir.ReasonTests, weir.ReasonWorker}[rnd.IntN(3)])
				if e.Outcome == weir.Passed {
					e.Product = weir.Product{Digest: weir.DigestOf(nil), Prefix: "/x", Size: 1}
				}
				_, err = f.Finish(f.ctx, e)
			case what == 4:
				err = f.Cancel(f.ctx, l.Build.ID, requested("disorder"), f.now())
			default:
				var got []store.Leased
				got, err = f.Lease(f.ctx, f.ask(2), firstOffered(2))
				mu.Lock()
				held = append(held, got...)
				mu.Unlock()
			}
			allowed := []weir.Code{"", weir.Fenced, weir.Conflict}
			if c := weir.CodeOf(err); !slices.Contains(allowed, c) {
				f.Errorf("server %d: code %q, %v", i, c, err)
			}
		}
	})
}

// disorderlyRun makes a chain of builds that other runs may share.
func (f *fixture) disorderlyRun(rnd *rand.Rand, builders []weir.Builder) error {
	var run []store.NewBuild
	for i, b := range builders {
		n := build(b, own(b, rnd.IntN(4)), share([]store.Share{store.ShareNone, store.SharePending, store.ShareAny}[rnd.IntN(3)]))
		if i > 0 {
			n.Needs = []int{i - 1}
		}
		n.Supersede = rnd.IntN(4) == 0
		run = append(run, n)
	}
	_, _, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, run...))
	return err
}

// testUnblockRace finishes all the builds that one build needs at once: it is
// queued by the last one, whichever that is.
func testUnblockRace(f *fixture) {
	for round := range 5 {
		var run []store.NewBuild
		var all []int
		for i := range 4 {
			b := f.builder(fmt.Sprint("up", i))
			run, all = append(run, build(b, own(b, round))), append(all, i)
		}
		down := f.builder("down")
		builds := f.create(weir.CauseChange, append(run, build(down, own(down, round), needs(all...)))...)
		var ends []store.Finish
		for _, id := range builds[:4] {
			e := f.ending(f.leaseBuild(id), weir.ReasonNone)
			e.Product = weir.Product{Digest: weir.DigestOf(nil), Prefix: "/x", Size: 1}
			ends = append(ends, e)
		}
		f.together(4, func(i int) {
			if _, err := f.Finish(f.ctx, ends[i]); err != nil {
				f.Errorf("Finish: %v", err)
			}
		})
		f.state(builds[4], weir.Queued)
	}
}

// turnRace lets workers lease with every message doubled, through the handles
// given, while others expire leases. Each worker does what a worker does: one
// lease after the other, of whose two answers it takes one and may lose both.
// Whatever is given twice must have been taken back before.
func (f *fixture) turnRace(handles ...store.Store) {
	f.Helper()
	const workers, rounds, builds = 4, 12, 40
	a := f.builder("a")
	var run []store.NewBuild
	for i := range builds {
		run = append(run, build(a, own(a, i)))
	}
	f.create(weir.CauseChange, run...)
	f.together(workers+1, func(i int) {
		if i == workers {
			for range rounds {
				if _, err := handles[i%len(handles)].Expire(f.ctx, f.now().Add(weir.LeaseTime/2)); err != nil {
					f.Errorf("Expire: %v", err)
				}
			}
			return
		}
		w := racer{fixture: f, name: fmt.Sprint("w", i), handles: handles, rnd: rand.New(rand.NewPCG(uint64(i), 3))}
		for range rounds {
			w.round()
		}
	})
	f.invariants()
	given := map[weir.BuildID]int{}
	for _, b := range f.allBuilds() {
		for _, at := range must[[]weir.Attempt](f)(f.Attempts(f.ctx, b.ID)) {
			if at.Outcome == weir.Passed {
				given[b.ID]++
			}
		}
	}
	for id, n := range given {
		if n != 1 {
			f.Errorf("build %d passed %d times", id, n)
		}
	}
}

// racer is a worker that leases through a network that doubles and loses.
type racer struct {
	*fixture
	name       string
	handles    []store.Store
	rnd        *rand.Rand
	epoch, seq int64
	held       []store.Leased
}

func (w *racer) round() {
	if w.epoch == 0 || w.rnd.IntN(6) == 0 {
		epoch, _, err := w.handles[0].Hello(w.ctx, weir.Worker{Name: w.name, Platform: linux, Slots: 4, Seen: w.now()}, w.holds())
		if err != nil || epoch <= w.epoch {
			w.Errorf("%s: epoch %d after %d, %v", w.name, epoch, w.epoch, err)
		}
		w.epoch, w.seq = epoch, 0
	}
	w.seq++
	var answers [2][]store.Leased
	var wg sync.WaitGroup
	for i := range answers {
		ask := w.turn(w.epoch, w.seq, 1+w.rnd.IntN(2), w.holds()...)
		ask.Worker = w.name
		wg.Go(func() {
			got, err := w.handles[i%len(w.handles)].Lease(w.ctx, ask, firstOffered(len(ask.Tokens)))
			if c := weir.CodeOf(err); c != "" && c != weir.Conflict {
				w.Errorf("%s: code %q, %v", w.name, c, err)
			}
			answers[i] = got
		})
	}
	wg.Wait()
	if len(answers[0]) > 0 && len(answers[1]) > 0 {
		w.Errorf("%s: lease %d gave work twice: %+v", w.name, w.seq, answers)
	}
	if got := append(answers[0], answers[1]...); w.rnd.IntN(3) > 0 { // else the answer is lost
		w.held = append(w.held, got...)
	}
	if len(w.held) > 0 && w.rnd.IntN(2) == 0 {
		_, err := w.handles[0].Finish(w.ctx, w.ending(w.held[0], weir.ReasonNone))
		if c := weir.CodeOf(err); c != "" && c != weir.Fenced {
			w.Errorf("%s: finish: code %q, %v", w.name, c, err)
		}
		w.held = w.held[1:]
	}
}

func (w *racer) holds() (ids []weir.AttemptID) {
	for _, l := range w.held {
		ids = append(ids, l.Attempt)
	}
	return ids
}

// testClaimAbsenceRace has several servers ask who is away: one is told.
func testClaimAbsenceRace(f *fixture) {
	f.worker("w1")
	f.ok(f.AddToken(f.ctx, store.Token{Name: "w1", Hash: "a1", Created: f.now(), Owner: "zoe@example.org"}))
	late := f.now().Add(2 * time.Hour)
	var mu sync.Mutex
	told := 0
	f.together(6, func(int) {
		got, err := f.ClaimAbsences(f.ctx, late, late.Add(-time.Hour))
		if err != nil {
			f.Errorf("ClaimAbsences: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		told += len(got)
	})
	equal(f, "servers that were told", told, 1)
}
