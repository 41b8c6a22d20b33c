package farm

import (
	"testing"

	"github.com/weir-ci/weir"
)

// victims lists the names of open victims of a regression.
func victims(r weir.Regression) (open []string) {
	for _, v := range r.Victims {
		if v.FixedIn == 0 {
			open = append(open, v.Test.Name)
		}
	}
	return open
}

// TestPanicHidesFailures: a package panics half-way. What failed before behind
// the panic is not fixed, and the regression keeps its victims.
func TestPanicHidesFailures(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.breaks("up", 3, "t0", "t2", "t3")
	s.move("up", 4)
	s.until("at rest", true, s.atRest)
	before := s.regressions()[0]
	if len(victims(before)) != 3 || before.State != weir.Located {
		t.Fatalf("regression is %s, with the victims %v", before.State, victims(before))
	}

	s.world.panics = map[string]string{simRevision("d", 2): "t1"}
	s.move("d", 2)
	s.until("at rest", true, s.atRest)
	line := s.line("d")
	b := line[len(line)-1]
	want := weir.Ledger{Expected: 4, Reported: 2, Executed: 2, Hidden: 2, Masked: 2, Cause: weir.Panicked, ByCause: 2, Message: "in t1: boom"}
	if b.Ledger != want || b.Ledger.Due() != 4 {
		t.Errorf("ledger is %+v", b.Ledger)
	}
	if b.Changes.Fixed != 0 || b.Changes.Masked != 2 || b.Changes.NewlyFailing != 1 {
		t.Errorf("changes are %+v", b.Changes)
	}
	after, err := s.store.Regression(s.ctx, before.ID)
	s.must(err)
	if len(victims(after)) != 3 || after.State != weir.Located {
		t.Errorf("regression is %s now, with the victims %v", after.State, victims(after))
	}
	absent, all, err := s.store.Absent(s.ctx, b.Builder.ID, 0)
	s.must(err)
	if all != 2 || absent[0].Test.Name != "t2" || absent[0].Status != weir.Fail || absent[0].Masked != b.ID || absent[0].Cause != weir.Panicked {
		t.Errorf("%d are absent: %+v", all, absent)
	}

	detail, err := s.farms[0].Build(s.ctx, b.ID)
	s.must(err)
	if len(detail.Hidden) != 2 || detail.Build.Ledger.String() !=
		"2 of 4 expected tests ran, 2 hidden by a panic in t1: boom; 2 failed before, which this does not fix" {
		t.Errorf("the build says %s: %+v", detail.Build.Ledger, detail.Hidden)
	}

	// The panic goes on without a word, and its end brings back what it hid.
	s.world.panics[simRevision("d", 3)] = "t1"
	s.move("d", 3)
	s.until("at rest", true, s.atRest)
	line = s.line("d")
	if again := line[len(line)-1]; again.Ledger != want || again.Changes != (weir.VerdictCounts{}) {
		t.Errorf("ledger of the next build is %+v, changes %+v", again.Ledger, again.Changes)
	}
	s.move("d", 4)
	s.until("at rest", true, s.atRest)
	line = s.line("d")
	if last := line[len(line)-1]; last.Ledger != (weir.Ledger{}) || last.Changes != (weir.VerdictCounts{Fixed: 1}) {
		t.Errorf("ledger without the panic is %+v, changes %+v", last.Ledger, last.Changes)
	}
	if detail, err = s.farms[0].Build(s.ctx, b.ID); err != nil || len(detail.Hidden) != 0 {
		t.Errorf("an older build lists %+v, %v", detail.Hidden, err)
	}
	if _, all, err := s.store.Absent(s.ctx, b.Builder.ID, 0); all != 0 || err != nil {
		t.Errorf("%d are absent still, %v", all, err)
	}
}

// TestFailsDifferentlyInsideRed: a second fault behind a first one has its own
// culprit, and whoever mends it mends only that.
func TestFailsDifferentlyInsideRed(t *testing.T) {
	t.Parallel()
	s := startSim(t, smallWorld("up"))
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.breaks("up", 2, "t0")
	s.move("up", 3)
	s.until("at rest", true, s.atRest)
	s.world.faults = append(s.world.faults, simFault{Project: "up", At: 6, Fixed: 12, Victim: "d", Tests: []string{"t0"}, Kind: weir.FailingDifferently})
	s.move("up", 9)
	s.until("at rest", true, s.atRest)
	all := s.regressions() // newest first
	if len(all) != 2 || all[0].Culprit.Revision.ID != "up-6" || all[0].Victims[0].Verdict != weir.FailingDifferently {
		t.Fatalf("regressions are %+v", all)
	}
	s.move("up", 13)
	s.until("at rest", true, s.atRest)
	all = s.regressions()
	if len(all) != 2 || all[0].State != weir.Recovered || all[1].State != weir.Located || len(victims(all[1])) != 1 {
		t.Errorf("regressions are %+v", all)
	}
}

// TestRenamedWhileSearched: the builds of a search know a test by its old name.
func TestRenamedWhileSearched(t *testing.T) {
	t.Parallel()
	world := smallWorld("up")
	world.tests["d"] = []string{"test_parses_dates", "t1"}
	s := startSim(t, world)
	s.poll()
	s.until("at rest", true, s.atRest)
	s.world.breaks("up", 5, "test_parses_dates")
	s.move("up", 9)
	s.until("accused", false, func() bool { return len(s.regressions()) > 0 })
	s.world.renames = map[string]simRename{"test_parses_dates": {at: 2, to: "test_parse_dates"}}
	s.move("d", 2)
	s.until("judged", false, func() bool { line := s.line("d"); return line[len(line)-1].Judgement == weir.Settled && len(line) == 3 })
	v := s.regressions()[0].Victims[0]
	if v.Test.Name != "test_parse_dates" || v.Was.Name != "test_parses_dates" {
		t.Errorf("the victim is called %s, and was %s", v.Test, v.Was)
	}
	s.until("at rest", true, s.atRest)
	if r := s.regressions()[0]; r.Culprit.Revision.ID != "up-5" || len(s.regressions()) != 1 {
		t.Errorf("regression is %s: %s", r.State, r.Note)
	}
}
