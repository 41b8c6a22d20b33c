package farm

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// manyWorld has up and so many downstreams of it, d0, d1 and so on, each with the test t.
func manyWorld(downstreams int) *simWorld {
	w := smallWorld("up")
	w.farm.Projects, w.tests = w.farm.Projects[:1], map[string][]string{}
	for i := range downstreams {
		name := fmt.Sprint("d", i)
		w.addProject(name, []weir.Upstream{{Project: "up", Job: "build"}}, "test")
		w.tests[name] = []string{"t"}
	}
	return w
}

// breakMany lets revisions of up break a downstream each, which all fail alike or
// not, and stops when they are accused. They were last good at different times.
func breakMany(t *testing.T, alike bool, at ...int) *sim {
	t.Helper()
	s := startSim(t, manyWorld(len(at)))
	s.calm = true
	s.workers[0].Slots = 2
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.apart = map[string]simEnd{}
	for k, up := range []int{5, 9} {
		for i := range at {
			if i%3 > k {
				name := fmt.Sprint("d", i)
				s.world.apart[weir.Pins{"up": simRevision("up", up), name: simRevision(name, 1)}.Key()] = simEnd{outcome: weir.Broken, reason: weir.ReasonPrepare}
			}
		}
		s.move("up", up)
		s.until("at rest", true, s.atRest)
	}
	for i, at := range at {
		like := 7
		if !alike {
			like = 10 + i
		}
		s.world.faults = append(s.world.faults, simFault{Project: "up", At: at, Victim: fmt.Sprint("d", i), Tests: []string{"t"}, Kind: weir.NewlyFailing, Like: like})
	}
	s.move("up", 70)
	s.until("accused", false, func() bool { return len(s.regressions()) == len(at) })
	return s
}

// effort is what a search took.
type effort struct{ products, probes, cancelled int }

func (s *sim) effort() (e effort) {
	for _, b := range s.farms[0].config.Load().Builders {
		for _, b := range s.history(b.ID) {
			switch {
			case b.State == weir.Cancelled:
				e.cancelled++
			case b.Cause == weir.CauseProduct:
				e.products++
			case b.Cause == weir.CauseProbe:
				e.probes++
			}
		}
	}
	return e
}

// open lists what is open once nothing is left to merge, oldest first.
func (s *sim) open() (all []weir.Regression) {
	s.until("at rest", true, s.atRest)
	for more := true; more; {
		var err error
		more, err = s.farms[0].search(s.ctx)
		s.must(err)
	}
	for _, r := range slices.Backward(s.regressions()) {
		if r.State.Open() {
			all = append(all, r)
		}
	}
	return all
}

// TestOneBreakOfManyProjects: projects that one revision of an upstream broke
// become one regression. They share what is built, whether they fail alike or
// not, and those that do take few runs each.
func TestOneBreakOfManyProjects(t *testing.T) {
	t.Parallel()
	alone := func() effort {
		s := breakMany(t, true, 24)
		s.open()
		return s.effort()
	}()
	cases := []struct {
		alike            bool
		projects         int
		products, probes int // at most
	}{{true, 2, 12, 30}, {true, 5, 14, 55}, {false, 5, 14, 75}}
	if raceDetector { // which makes the database ten times slower
		cases = cases[:1]
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.projects, " alike ", c.alike), func(t *testing.T) {
			t.Parallel()
			s := breakMany(t, c.alike, slices.Repeat([]int{24}, c.projects)...)
			open := s.open()
			if len(open) != 1 || open[0].Culprit.Revision.ID != "up-24" || len(weir.VictimsByProject(open[0].Victims)) != c.projects {
				t.Fatalf("regressions are %+v", open)
			}
			got := s.effort()
			t.Logf("%d products and %d runs; apart %d and %d", got.products, got.probes, c.projects*alone.products, c.projects*alone.probes)
			if got.products > c.products || got.probes > c.probes || got.products >= c.projects*alone.products {
				t.Errorf("%d products and %d runs", got.products, got.probes)
			}
			log, err := s.store.Transitions(s.ctx, open[0].ID)
			s.must(err)
			joined := 0
			for _, tr := range log {
				if tr.Kind == weir.WasJoined {
					if joined++; tr.Other == 0 || len(tr.Builds) < 2 {
						t.Errorf("what regression %d showed is not told: %+v", tr.Other, tr)
					}
				}
			}
			if merged := len(s.regressions()) - 1; joined == 0 || merged != c.projects-1 {
				t.Errorf("%d regressions have joined of %d", joined, merged)
			}
		})
	}
}

// TestSameMessageTwoBreaks: to fail alike is no proof.
func TestSameMessageTwoBreaks(t *testing.T) {
	t.Parallel()
	s := breakMany(t, true, 24, 40)
	open := s.open()
	if len(open) != 2 {
		t.Fatalf("regressions are %+v", open)
	}
	for i, want := range []string{"up-24", "up-40"} {
		if r := open[i]; r.Culprit.Revision.ID != want || r.Follows != 0 || len(r.Victims) != 1 {
			t.Errorf("regression %d follows %d, and accuses %s", r.ID, r.Follows, r.Culprit.Revision.ID)
		}
	}
}

// TestFollowersWait: one that follows makes no probes while its leader makes
// progress, and begins by itself when it does not.
func TestFollowersWait(t *testing.T) {
	t.Parallel()
	s := breakMany(t, true, 24, 24)
	probes := func() (n [2]int) {
		for i := range n {
			all, err := s.store.Probes(s.ctx, weir.RegressionID(i+1))
			s.must(err)
			for _, p := range all {
				if !p.State.Final() {
					n[i]++
				}
			}
		}
		return n
	}
	for range 3 {
		_, err := s.farms[0].search(s.ctx)
		s.must(err)
	}
	if r := s.regressions()[0]; r.ID != 2 || r.Follows != 1 {
		t.Fatalf("regression %d follows %d: %s", r.ID, r.Follows, r.Note)
	}
	if n := probes(); n[0] == 0 || n[1] != 0 {
		t.Errorf("the leader has %d probes, and the follower %d", n[0], n[1])
	}
	s.now = s.now.Add(3 * time.Hour)
	_, err := s.farms[0].search(s.ctx)
	s.must(err)
	if n := probes(); n[1] == 0 {
		t.Error("the follower waits for ever")
	}
	if open := s.open(); len(open) != 1 || len(open[0].Victims) != 2 {
		t.Errorf("regressions are %+v", open)
	}
}

// TestIdenticalProducts: where several revisions of an upstream have one
// product, what is seen with one holds for the others.
func TestIdenticalProducts(t *testing.T) {
	t.Parallel()
	took := [2]effort{}
	for i := range took {
		s := breakMany(t, true, 24)
		if i == 1 {
			s.world.content = func(revision string) string { return fmt.Sprint(simPosition(revision) / 6) }
		}
		if open := s.open(); len(open) != 1 || open[0].Culprit.Revision.ID != "up-24" {
			t.Fatalf("regressions are %+v", open)
		}
		took[i] = s.effort()
	}
	t.Logf("all different %+v, six alike each %+v", took[0], took[1])
	if took[1].probes >= took[0].probes {
		t.Errorf("%d runs, and %d where all products differ", took[1].probes, took[0].probes)
	}
}

// TestNeedlessProbes: what a search asked for and does not need is cancelled when
// it ends, with the products that were to be built for it.
func TestNeedlessProbes(t *testing.T) {
	t.Parallel()
	s := breakMany(t, true, 24)
	s.workers[0].Slots = 1
	idle := weir.Worker{Name: "idle", Platform: "linux/arm64", Slots: 16} // makes searches broad
	s.until("found", true, func() bool {
		s.lease(idle)
		return s.regressions()[0].State != weir.Searching
	})
	if r := s.regressions()[0]; r.Culprit.Revision.ID != "up-24" {
		t.Errorf("regression is %s: %s", r.State, r.Note)
	}
	s.open() // a revert may be asked for still
	for _, b := range s.farms[0].config.Load().Builders {
		for _, b := range s.history(b.ID) {
			if b.State == weir.Cancelled && b.Reason.Code != weir.ReasonSuperseded {
				t.Errorf("build %d (%s) is %s: %s", b.ID, b.Cause, b.State, b.Reason.Text)
			}
		}
	}
	t.Logf("%+v", s.effort())
	if s.effort().cancelled == 0 {
		t.Error("nothing was cancelled")
	}
}

// TestLateEvidence: what speaks against a culprit is recorded after it was named.
func TestLateEvidence(t *testing.T) {
	t.Parallel()
	s := breakMany(t, true, 24)
	r := s.open()[0]
	s.world.faults[0].At = 20
	run, err := s.farms[0].config.Load().Add(store.NewRun{Cause: weir.CauseProbe, Project: "d0", Now: s.now}, r.Builder.ID,
		[]weir.Pins{{"up": "up-22", "d0": "d0-1"}}, 0, func(b *store.NewBuild) { b.Share = store.ShareNone })
	s.must(err)
	_, _, err = s.store.CreateRun(s.ctx, run)
	s.must(err)
	s.until("at rest", true, s.atRest)
	s.now = s.now.Add(time.Minute)
	_, err = s.farms[0].search(s.ctx)
	s.must(err)
	probes, err := s.store.Probes(s.ctx, r.ID)
	s.must(err)
	if !slices.ContainsFunc(probes, func(p weir.Probe) bool { return p.Pins["up"] == "up-22" && p.Bad == 1 }) {
		t.Errorf("nobody has heard of it: %+v", probes)
	}
}
