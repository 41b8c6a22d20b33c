package verdict

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

// suiteOf makes a baseline of good tests and then bad ones.
func suiteOf(good, bad int) Baseline {
	var base Baseline
	for i := range good + bad {
		s := state(fmt.Sprintf("Test%03d", i), weir.Pass)
		if i >= good {
			s.Status = weir.Fail
		}
		base.States = append(base.States, s)
	}
	return base
}

// TestPanicHalfWay is the trap of totals: a suite of 60 good and 40 bad tests
// breaks off in its 31st test, and has one failure instead of 40.
func TestPanicHalfWay(t *testing.T) {
	t.Parallel()
	base := suiteOf(60, 40)
	in := weir.ResultSet{Incidents: []weir.Incident{{Kind: weir.Panicked, Suite: "pkg", Test: "Test030", Message: "nil map"}}}
	for i := range 30 {
		in.Results = append(in.Results, result(fmt.Sprintf("Test%03d", i), weir.Pass))
	}
	in.Results = append(in.Results, result("Test030", weir.Fault))
	failed := weir.Build{Outcome: weir.Failed}
	if bad := in.Count().Bad(); bad >= 40 {
		t.Fatalf("%d failures are no trap", bad)
	}
	c := Confirm(Compare(base, failed, in), in, in, failed)
	counts := weir.CountVerdicts(c.Changes)
	if want := (weir.VerdictCounts{NewlyFailing: 1, Vanished: 29, Masked: 40}); counts != want {
		t.Errorf("counted %+v, want %+v", counts, want)
	}
	l := NewLedger(base, failed, in)
	if l.Expected != 100 || l.Before != 100 || l.Reported != 31 || l.Executed != 31 || l.Masked() != 40 || l.Hidden() != 69 || len(l.Absent) != 69 {
		t.Errorf("the ledger has %d masked, %d hidden: %+v", l.Masked(), l.Hidden(), l)
	}
	for _, a := range l.Absent {
		if a.Cause != weir.Panicked || a.Message != "in Test030: nil map" || a.Since != 0 {
			t.Errorf("%+v", a)
		}
	}
	// The same again: nothing new is accused, and nothing is good meanwhile.
	base.States = merge(base.States, Apply(base, c, 7))
	if again := Compare(base, failed, in); len(again.Changes)+len(again.Quiet) > 0 {
		t.Errorf("the same again changes %+v", again)
	}
	l = NewLedger(base, failed, in)
	if l.Masked() != 40 || l.Hidden() != 69 || l.Before != 31 || l.Absent[0].Since != 7 {
		t.Errorf("the next ledger is %+v", l)
	}
	// Mended: what was bad is bad, quietly.
	in = weir.ResultSet{}
	for _, s := range suiteOf(60, 40).States {
		in.Results = append(in.Results, weir.Result{Test: s.Test, Status: s.Status})
	}
	c = Compare(base, failed, in)
	if want := (weir.VerdictCounts{Fixed: 30}); weir.CountVerdicts(c.Changes) != want || len(c.Quiet) != 40 {
		t.Errorf("mended, %+v changes and %d quiet ones", weir.CountVerdicts(c.Changes), len(c.Quiet))
	}
	base.States = merge(base.States, Apply(base, c, 8))
	if l = NewLedger(base, failed, in); len(l.Absent) > 0 || l.Executed != 100 || l.Before != 100 {
		t.Errorf("mended, the ledger is %+v", l)
	}
}

// merge puts new states into a baseline, as a store does.
func merge(states, moved []weir.TestState) []weir.TestState {
	byTest := map[weir.TestID]weir.TestState{}
	for _, s := range slices.Concat(states, moved) {
		byTest[s.Test] = s
	}
	var out []weir.TestState
	for _, s := range byTest {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b weir.TestState) int { return a.Test.Compare(b.Test) })
	return out
}

func TestLedgerCauses(t *testing.T) {
	t.Parallel()
	base := Baseline{}
	for _, suite := range []string{"build", "exit", "panic", "time", "cut", "bail", "fine"} {
		base.States = append(base.States, weir.TestState{Test: weir.TestID{Suite: suite, Name: "TestIt"}, Status: weir.Pass})
	}
	in := weir.ResultSet{Incidents: []weir.Incident{{Kind: weir.BailedOut, Suite: "bail"}, {Kind: weir.Truncated, Suite: "cut"},
		{Kind: weir.TimedOutTest, Suite: "time"}, {Kind: weir.Panicked, Suite: "panic"}, {Kind: weir.Exited, Suite: "exit"},
		{Kind: weir.DidNotBuild, Suite: "build"}, {Kind: weir.Gone, Suite: "fine", Message: "forged"}, {Kind: weir.RenamedTest, Message: "forged"},
		{Kind: weir.SkippedTest, Message: "forged"}, {Kind: weir.SkippedTest, Suite: "fine", Message: "forged"},
		{Kind: "no such kind", Message: "forged"}}}
	for _, name := range []string{"TestGone", "TestReadsFile", "TestSkips", "TestWasSkipped", "TestStaysSkipped"} {
		s := weir.TestState{Test: weir.TestID{Suite: "fine", Name: name}, Status: weir.Pass}
		if strings.HasSuffix(name, "Skipped") {
			s.Status = weir.Skip
		}
		base.States = append(base.States, s)
	}
	fine := func(name string, s weir.Status, message string) weir.Result {
		return weir.Result{Test: weir.TestID{Suite: "fine", Name: name}, Status: s, Message: message}
	}
	in.Results = []weir.Result{fine("TestIt", weir.Pass, ""), fine("TestReadsFiles", weir.Pass, ""), fine("TestSkips", weir.Skip, "no network"),
		fine("TestStaysSkipped", weir.Skip, ""), fine("TestQuiteNew", weir.Pass, "")}
	l := NewLedger(base, weir.Build{Outcome: weir.Failed}, in)
	var got []string
	for _, a := range l.Absent {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s: %s %s", a.Test, a.Was, a.Cause, a.Message)))
	}
	want := []string{"build TestIt pass: did_not_build", "panic TestIt pass: panic", "exit TestIt pass: exit", "time TestIt pass: timeout",
		"cut TestIt pass: truncated", "bail TestIt pass: bail_out", "fine TestSkips pass: skipped no network",
		"fine TestReadsFile pass: renamed renamed to fine TestReadsFiles", "fine TestGone pass: gone", "fine TestWasSkipped skip: gone"}
	if !slices.Equal(got, want) {
		t.Errorf("the causes are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if l.Expected != 12 || l.Before != 10 || l.Reported != 4 || l.Executed != 2 || l.Added != 1 || l.Hidden() != 9 {
		t.Errorf("the ledger is %+v, %d hidden", l, l.Hidden())
	}
}

// TestMassSkip makes sure that a suite that skips all of its tests does not
// look complete from the second build on.
func TestMassSkip(t *testing.T) {
	t.Parallel()
	base := suiteOf(3, 2)
	base.States = append(base.States, state("TestNever", weir.Skip))
	var in weir.ResultSet
	for _, s := range base.States {
		in.Results = append(in.Results, weir.Result{Test: s.Test, Status: weir.Skip, Message: "no network"})
	}
	for build := weir.BuildID(7); build < 10; build++ {
		l := NewLedger(base, passed, in)
		if l.Expected != 6 || l.Reported != 6 || l.Executed != 0 || l.Hidden() != 5 || l.Masked() != 2 {
			t.Errorf("in build %d the ledger is %+v", build, l)
		}
		for _, a := range l.Absent {
			if a.Cause != weir.SkippedTest || a.Message != "no network" || build > 7 && a.Since != 7 {
				t.Errorf("build %d: %+v", build, a)
			}
		}
		base.States = merge(base.States, Apply(base, Compare(base, passed, in), build))
	}
}

func TestLedgerOfUnreachedTests(t *testing.T) {
	t.Parallel()
	base := suiteOf(2, 1)
	base.States = append(base.States, weir.TestState{Test: weir.TestID{Suite: weir.StepSuite, Name: "build"}, Status: weir.Pass})
	in := set(weir.Result{Test: weir.TestID{Suite: weir.StepSuite, Name: "build"}, Status: weir.Fail, Message: "exit status 2"})
	l := NewLedger(base, weir.Build{Outcome: weir.Broken}, in)
	if l.Expected != 3 || l.Executed != 0 || l.Masked() != 1 || len(l.Absent) != 3 || l.Absent[0].Cause != weir.DidNotBuild ||
		l.Absent[0].Message != "step build: exit status 2" {
		t.Errorf("a build that did not get to its tests has %+v", l)
	}
	if l := NewLedger(base, weir.Build{Outcome: weir.Infra}, in); l.Expected != 0 || len(l.Absent) > 0 {
		t.Errorf("a build that says nothing has %+v", l)
	}
}

// TestLedgerAddsUp checks the sums of any ledger.
func TestLedgerAddsUp(t *testing.T) {
	t.Parallel()
	statuses := []weir.Status{weir.Pass, weir.Fail, weir.Fault, weir.Skip, weir.ExpectedFailure}
	rapid.Check(t, func(t *rapid.T) {
		var base Baseline
		var in weir.ResultSet
		for _, name := range rapid.SliceOfDistinct(rapid.StringMatching(`Test(Parse|Parser|Read|Reads|Write)(Files?|Dirs?)(/[a-c])?`), rapid.ID).Draw(t, "names") {
			if rapid.Bool().Draw(t, "known") {
				s := state(name, rapid.SampledFrom(weir.Statuses()).Draw(t, "was"))
				if s.Status == weir.Absent || !s.Status.Good() && rapid.Bool().Draw(t, "masked") {
					s.Masked, s.Cause = 3, weir.Gone
				}
				base.States = append(base.States, s)
			}
			if rapid.Bool().Draw(t, "reports") {
				in.Results = append(in.Results, result(name, rapid.SampledFrom(statuses).Draw(t, "is")))
			}
		}
		base.States = merge(base.States, nil)
		l := NewLedger(base, passed, in)
		skipped, renamed, silent := 0, 0, 0
		to := map[weir.TestID]bool{}
		for _, a := range l.Absent {
			switch a.Cause {
			case weir.SkippedTest:
				skipped++
			case weir.RenamedTest:
				renamed++
				if to[a.RenamedTo] {
					t.Fatalf("%s is two tests", a.RenamedTo)
				}
				to[a.RenamedTo] = true
			default:
				silent++
			}
		}
		if l.Expected != len(base.States) || l.Reported != l.Expected-silent || l.Executed > l.Reported || l.Reported+l.Added != len(in.Results) ||
			l.Hidden() != skipped+silent || l.Masked() > l.Hidden() {
			t.Fatalf("%+v does not add up", l)
		}
		c := Compare(base, passed, in)
		if len(c.Renames) != renamed {
			t.Fatalf("%d renames in the ledger, %d in the comparison", renamed, len(c.Renames))
		}
	})
}
