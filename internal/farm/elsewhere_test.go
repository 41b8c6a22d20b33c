package farm

import (
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/schedule"
)

// illFarm is a farm on whose worker a, and only there, test t0 has begun to fail:
// a has run a build of the newest revisions, which is doubted. others are there
// too, and take nothing meanwhile.
func illFarm(t *testing.T, change func(*simWorld, *weir.Worker), others ...string) (s *sim, retry weir.Build) {
	t.Helper()
	w := smallWorld("up")
	a := weir.Worker{Name: "a", Platform: simPlatform, Slots: 4}
	change(w, &a)
	s = startSim(t, w)
	s.workers = []weir.Worker{a}
	s.poll()
	s.until("at rest", true, s.atRest)
	w.ill = map[string][]string{"a": {"t0"}}
	s.move("up", 2)
	doubted := weir.BuildID(0)
	s.until("doubted", false, func() bool {
		for _, name := range others {
			_, err := s.farms[0].Hello(s.ctx, name, protocol.Hello{Version: protocol.Version, Platform: simPlatform, Slots: 1})
			s.must(err)
		}
		line := s.line("d")
		last := line[len(line)-1]
		doubted = last.ID
		return last.Judgement == weir.Doubted
	})
	doubts, err := s.store.Doubted(s.ctx)
	s.must(err)
	if len(doubts) != 1 || doubts[0].Build.ID != doubted || len(doubts[0].Retries) != 1 {
		t.Fatalf("doubted is %d: %+v", doubted, doubts)
	}
	return s, doubts[0].Retries[0]
}

func (s *sim) build(id weir.BuildID) weir.Build {
	s.t.Helper()
	b, err := s.store.Build(s.ctx, id)
	s.must(err)
	return b
}

// TestWhatFailsOnOneWorkerOnly: the repetition goes to another worker, on which
// the test is good, and nobody is accused.
func TestWhatFailsOnOneWorkerOnly(t *testing.T) {
	t.Parallel()
	s, retry := illFarm(t, func(*simWorld, *weir.Worker) {}, "b")
	for range 5 { // a may not have it
		s.now = s.now.Add(time.Second)
		s.lease(s.workers[0])
	}
	if b := s.build(retry.ID); b.State != weir.Queued {
		t.Fatalf("the repetition is %s on %s", b.State, b.Worker)
	}
	s.workers[0].Name = "b"
	s.until("at rest", true, s.atRest)
	if b := s.build(retry.ID); b.Worker != "b" || b.Outcome != weir.Passed {
		t.Errorf("the repetition has %s on %s", b.Outcome, b.Worker)
	}
	line := s.line("d")
	if b := line[len(line)-1]; b.Worker != "a" || b.Changes.Flaky != 1 || len(s.regressions()) != 0 {
		t.Errorf("a build on %s has %+v and accuses %+v", b.Worker, b.Changes, s.regressions())
	}
}

// TestRepetitionDoesNotWaitForEver: the other worker is gone before it comes
// for the repetition.
func TestRepetitionDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	s, retry := illFarm(t, func(*simWorld, *weir.Worker) {}, "b")
	began := s.now
	s.until("run again", false, func() bool { return s.build(retry.ID).State.Final() })
	if waited := s.now.Sub(began); waited < schedule.WishTime || waited > schedule.WishTime+time.Minute {
		t.Errorf("it waited for %s", waited)
	}
	if b := s.build(retry.ID); b.Worker != "a" || b.Outcome != weir.Failed {
		t.Errorf("the repetition has %s on %s", b.Outcome, b.Worker)
	}
}

// TestNobodyElseToRunIt: a repetition that no other worker could run does not wait.
func TestNobodyElseToRunIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*simWorld, *weir.Worker)
		others []string
	}{
		{"there is one worker", func(*simWorld, *weir.Worker) {}, nil},
		{"the other one offers too little", func(w *simWorld, a *weir.Worker) {
			w.farm.Projects[1].Jobs[0].Labels, a.Labels = []string{"gpu"}, []string{"gpu"}
		}, []string{"b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, retry := illFarm(t, c.change, c.others...)
			s.lease(s.workers[0])
			if b := s.build(retry.ID); b.State != weir.Leased || b.Worker != "a" {
				t.Errorf("the repetition is %s on %q", b.State, b.Worker)
			}
		})
	}
	t.Run("the other one is paused", func(t *testing.T) {
		t.Parallel()
		s := startSim(t, smallWorld("up"))
		s.workers[0].Name = "a"
		_, err := s.farms[0].Hello(s.ctx, "b", protocol.Hello{Version: protocol.Version, Platform: simPlatform, Slots: 1})
		s.must(err)
		s.must(s.store.Pause(s.ctx, "b", "for a test", s.now))
		s.poll()
		s.until("at rest", true, s.atRest)
		s.world.ill = map[string][]string{"a": {"t0"}}
		s.move("up", 2)
		s.until("accused", false, func() bool { return len(s.regressions()) == 1 }) // within less than it would wait
	})
}
