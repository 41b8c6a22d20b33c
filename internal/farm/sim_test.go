package farm

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/farm/aftermath"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// The simulation drives whole farms through synthetic worlds, one pass after
// the other, on a real database, without goroutines or waiting. Two farms on
// one store take turns and are thrown away and made anew at random points,
// workers vanish, machines fail, tests flake. When the world stands still, the
// properties in simcheck_test.go must hold.
//
// WEIR_SIM=1000 tries so many worlds instead of the few that a normal test run
// has time for (about a second each); WEIR_SIM_SEED=7 tries that one only. The
// race detector, which has nothing to find here, makes the database ten times
// slower, so it gets one world, and that a small one; scripts/test plays the
// others without it.
const firstWorld, lastWorld, shortWorld = 14, 18, 9

func TestSimulation(t *testing.T) {
	t.Parallel()
	first, last := uint64(firstWorld), uint64(lastWorld)
	if raceDetector {
		first, last = shortWorld, shortWorld
	}
	if n, err := strconv.ParseUint(os.Getenv("WEIR_SIM"), 10, 64); err == nil {
		first, last = 1, n
	}
	if n, err := strconv.ParseUint(os.Getenv("WEIR_SIM_SEED"), 10, 64); err == nil {
		first, last = n, n
	}
	var sum simTally
	t.Run("worlds", func(t *testing.T) {
		for seed := first; seed <= last; seed++ {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				t.Parallel()
				s := newSim(t, seed)
				s.live()
				sum.add(s.check())
			})
		}
	})
	sum.report(t)
}

// sim is a world, its farms, and its workers.
type sim struct {
	t       *testing.T
	ctx     context.Context
	rng     *rand.Rand
	world   *simWorld
	now     time.Time
	store   store.Store
	blobs   blob.Store
	farms   []*Farm
	workers []weir.Worker
	held    []protocol.Assignment
	holder  map[weir.AttemptID]string
	looked  time.Time
	calm    bool // nothing fails any more by chance
	trouble float64
	tally   *simTally
}

func newSim(t *testing.T, seed uint64) *sim {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0x5eed))
	world := newSimWorld(rng)
	world.nasty = newSimNasty(seed)
	s := startSim(t, world)
	s.trouble = 0.1 * rng.Float64()
	for range rng.IntN(2) {
		s.farms = append(s.farms, s.newFarm())
	}
	s.workers = nil
	for i := range 1 + rng.IntN(3) {
		s.workers = append(s.workers, weir.Worker{Name: "w" + strconv.Itoa(i), Platform: simPlatform, Slots: 1 + rng.IntN(4)})
	}
	return s
}

// startSim makes one farm with one worker for a world.
func startSim(t *testing.T, world *simWorld) *sim {
	t.Helper()
	s := &sim{t: t, ctx: t.Context(), rng: world.rng, world: world, holder: map[weir.AttemptID]string{},
		now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	var err error
	if s.store, err = sqlite.Open(s.ctx, filepath.Join(dir, "weir.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.must(s.store.Close()) })
	s.must(s.store.Migrate(s.ctx))
	if s.blobs, err = blob.NewDir(filepath.Join(dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	s.farms = []*Farm{s.newFarm()}
	s.workers = []weir.Worker{{Name: "w", Platform: simPlatform, Slots: 4}}
	return s
}

func (s *sim) newFarm() *Farm {
	f := New(Options{Store: s.store, Blobs: s.blobs, Sources: s.world, Now: func() time.Time { return s.now }, Host: simPlatform})
	s.must(f.Configure(s.ctx, s.world.farm))
	return f
}

func (s *sim) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", s.t.Name(), err)
	}
}

// farm is the server that does the next thing; sometimes it has just begun.
func (s *sim) farm() *Farm {
	i := s.rng.IntN(len(s.farms))
	if s.rng.IntN(40) == 0 {
		s.farms[i] = s.newFarm()
	}
	return s.farms[i]
}

// live lets some changes happen, some of them while the farm is still busy
// with the ones before, and ends when nothing is left to do.
func (s *sim) live() {
	if s.rng.IntN(2) == 0 {
		s.world.grow() // a history from before the first look
	}
	s.poll()
	s.rest(1 + s.rng.IntN(200))
	for range 2 + s.rng.IntN(3) {
		s.world.grow()
		s.befall()
		s.poll()
		s.rest(1 + s.rng.IntN(200))
	}
	// The last change finds everything at rest, and no bad luck.
	s.calm = true
	s.settle()
	s.world.grow()
	s.poll()
	s.settle()
	for range 100 { // and what mended what is looked at when nobody waits
		s.now = s.now.Add(31 * time.Second)
		s.pass()
	}
	s.settle()
}

func (s *sim) poll() {
	for _, p := range s.world.farm.Projects {
		s.now = s.now.Add(time.Hour)
		s.farm().polled.forget()
		_, err := s.farm().poller.Look(s.ctx, p, time.Minute)
		s.must(err)
	}
}

// rest makes a number of passes.
func (s *sim) rest(passes int) {
	for range passes {
		s.pass()
	}
}

// maxPasses is how many passes a world may take to come to rest.
const maxPasses = 6000

// settle makes passes until nothing is left to do. While nobody may work, it
// lets the time pass that one would have to wait.
func (s *sim) settle() {
	s.t.Helper()
	for n := range maxPasses {
		s.pass()
		if n%20 == 0 && s.quiet() {
			return
		}
		if n%20 == 0 {
			s.wait()
		}
	}
	s.t.Fatalf("not at rest after %d passes: %s", maxPasses, s.unrest())
}

// wait goes on to when a worker may work again, if nothing runs and all are in
// quarantine. A revision that no machine can build fails on each of them, and is a
// strike against each: where nothing else is left to do, nothing clears
// them of it, and they wait up to an hour for every try.
func (s *sim) wait() {
	workers, err := s.store.Workers(s.ctx)
	s.must(err)
	if len(s.held) > 0 || len(workers) < len(s.workers) {
		return
	}
	first := slices.MinFunc(workers, func(a, b weir.Worker) int { return a.Barred.Compare(b.Barred) }).Barred
	if s.now.Before(first) {
		s.now = first
	}
}

// pass is one thing that happens.
func (s *sim) pass() {
	s.now = s.now.Add(time.Duration(1+s.rng.IntN(3)) * time.Second)
	var err error
	switch s.rng.IntN(7) {
	case 0:
		_, err = s.farm().plan(s.ctx)
	case 1:
		_, err = s.farm().judge(s.ctx)
	case 2:
		if _, err = s.farm().search(s.ctx); err == nil && s.now.Sub(s.looked) >= aftermath.LookEvery {
			s.looked = s.now
			_, err = s.farm().aftermath.Look(s.ctx)
		}
	case 3:
		err = s.farm().expire(s.ctx)
	case 4, 5:
		s.lease(s.workers[s.rng.IntN(len(s.workers))])
	case 6:
		s.finishSome()
	}
	s.must(err)
}

// lease lets a worker come for work. Some that come do nothing with it.
func (s *sim) lease(w weir.Worker) {
	_, err := s.farm().Hello(s.ctx, w.Name, protocol.Hello{Version: protocol.Version, Platform: w.Platform, Slots: w.Slots})
	s.must(err)
	busy := 0
	for _, a := range s.held {
		if s.holder[a.Attempt] == w.Name {
			busy++
		}
	}
	if busy >= w.Slots {
		return
	}
	answer, _, err := s.farm().tryLease(s.ctx, w, protocol.Lease{Free: w.Slots - busy})
	s.must(err)
	for _, a := range answer.Attempts {
		if s.unlucky() {
			continue // the machine is gone
		}
		s.held = append(s.held, a)
		s.holder[a.Attempt] = w.Name
	}
}

func (s *sim) unlucky() bool { return !s.calm && s.rng.Float64() < s.trouble }

// finishSome reports on running attempts and ends some of them.
func (s *sim) finishSome() {
	s.held = slices.DeleteFunc(s.held, func(a protocol.Assignment) bool {
		if s.rng.IntN(4) == 0 {
			answer, err := s.farm().Sync(s.ctx, a.Attempt, protocol.Sync{Token: a.Token, Seq: s.now.Unix(),
				Steps: []weir.StepRecord{{Name: "make", State: weir.StepRunning, Started: s.now}}})
			return s.dropped(err) || answer.Cancel != nil
		}
		s.finish(a)
		return true
	})
}

// dropped reports whether an attempt is not the worker's any more.
func (s *sim) dropped(err error) bool {
	if weir.CodeOf(err) == weir.Fenced {
		return true
	}
	s.must(err)
	return false
}

func (s *sim) finish(a protocol.Assignment) {
	end := s.world.runOn(s.holder[a.Attempt], a.Spec)
	s.spoil(a, &end)
	if s.unlucky() {
		end = simEnd{outcome: weir.Infra, reason: weir.ReasonWorker}
	}
	fin := protocol.Finish{Token: a.Token, Outcome: end.outcome, Reason: weir.Reason{Code: end.reason}}
	f := s.farm()
	if end.outcome != weir.Infra {
		data, err := encodeSet(end.set)
		s.must(err)
		fin.Results = s.put(f, data)
	}
	if end.product {
		content := a.Spec.ProductKey
		if s.world.content != nil {
			content = s.world.content(a.Spec.Revision)
		}
		fin.Product = weir.Product{Digest: s.put(f, []byte(content)), Prefix: "/p/" + a.Spec.ProductKey}
	}
	s.dropped(f.Finish(s.ctx, a.Attempt, fin))
}

func (s *sim) put(f *Farm, data []byte) weir.Digest {
	d := weir.DigestOf(data)
	s.must(f.PutBlob(s.ctx, d, bytes.NewReader(data)))
	return d
}
