package farm

import (
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
)

func TestLostResultsHoldUpNobody(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	finished := func() bool { b := s.line("d"); return len(b) > 0 && b[len(b)-1].State.Final() }
	for !finished() { // nothing is judged yet
		_, err := s.farms[0].plan(s.ctx)
		s.must(err)
		s.lease(s.workers[0])
		s.finishSome()
	}
	s.must(s.blobs.Remove(s.ctx, s.line("d")[0].Results))
	s.farms[0] = s.newFarm() // one that does not remember it
	s.until("at rest", true, s.atRest)
	if b := s.line("d")[0]; b.Judgement != weir.Unusable {
		t.Errorf("a build without its results is %s", b.Judgement)
	}
	if b := s.line("up")[0]; b.Judgement != weir.Settled {
		t.Errorf("a build with results is %s", b.Judgement)
	}
}

// TestBuilderLeavesWhileDoubted: the retry comes to nothing, and another one
// cannot be made.
func TestBuilderLeavesWhileDoubted(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.breaks("d", 2, "t0")
	s.move("d", 2)
	s.until("doubted", false, func() bool { b := s.line("d"); return b[len(b)-1].Judgement == weir.Doubted })
	doubts, err := s.store.Doubted(s.ctx)
	s.must(err)
	s.must(s.store.Cancel(s.ctx, doubts[0].Retries[0].ID, weir.Reason{Code: weir.ReasonRequested}, s.now))
	s.world.farm = &recipe.Farm{Projects: s.world.farm.Projects[:1]}
	s.must(s.farms[0].Configure(s.ctx, s.world.farm))
	s.until("at rest", true, s.atRest)
}

// TestUpstreamChangesItsBranch: the old revisions and the new ones have no
// path between them.
func TestUpstreamChangesItsBranch(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	// The other branch of this world has the same names for other things.
	s.world.farm.Projects[0].Source.Branch = "next"
	s.world.tips["up"] = 3
	s.world.breaks("up", 2, "t0")
	s.must(s.farms[0].Configure(s.ctx, s.world.farm))
	s.poll()
	s.until("at rest", true, s.atRest)
}

// TestBreakBehindAFlake: while a flake is searched for, a later revision
// really breaks the test. The flake's end must not hide that.
func TestBreakBehindAFlake(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.breaks("up", 2, "t0")
	s.move("up", 3)
	s.until("accused", false, func() bool { return len(s.regressions()) == 1 })
	s.world.faults = nil // it was a flake
	s.world.breaks("up", 5, "t0")
	s.move("up", 6)
	s.until("judged", false, func() bool { b := s.line("d"); return len(b) == 3 && b[2].Judgement == weir.Settled })
	s.until("at rest", true, s.atRest) // the flake is dismissed
	s.move("up", 8)
	s.until("at rest", true, s.atRest)
	if r := s.regressions()[0]; r.Culprit.Revision.ID != "up-5" {
		t.Errorf("regression %d is %s: %s", r.ID, r.State, r.Note)
	}
}

// TestOnePassJudgesALine: builds that move nothing are settled together; what
// is behind one that is doubted waits.
func TestOnePassJudgesALine(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.breaks("d", 5, "t0")
	for tip := 2; tip <= 6; tip++ {
		s.move("d", tip)
		for done := false; !done; {
			_, err := s.farms[0].plan(s.ctx)
			s.must(err)
			s.lease(s.workers[0])
			s.finishSome()
			line := s.line("d")
			done = len(line) == tip && line[tip-1].State.Final()
		}
	}
	_, err := s.farms[0].judge(s.ctx)
	s.must(err)
	for i, want := range []weir.Judgement{weir.Settled, weir.Settled, weir.Settled, weir.Settled, weir.Doubted, weir.Unjudged} {
		if got := s.line("d")[i].Judgement; got != want {
			t.Errorf("the judgement of build %d of the line is %q, not %q", i+1, got, want)
		}
	}
}
