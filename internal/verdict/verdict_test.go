package verdict

import (
	"testing"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

var passed = weir.Build{State: weir.Finished, Outcome: weir.Passed}

func set(results ...weir.Result) weir.ResultSet { return weir.ResultSet{Results: results} }

func result(name string, s weir.Status) weir.Result {
	return weir.Result{Test: weir.TestID{Suite: "pkg", Name: name}, Status: s}
}

func state(name string, s weir.Status) weir.TestState {
	return weir.TestState{Test: weir.TestID{Suite: "pkg", Name: name}, Status: s}
}

// TestCompareEveryPair goes through every pair of statuses: what it was, what
// it is, which verdict, and whether the settled state moves.
func TestCompareEveryPair(t *testing.T) {
	t.Parallel()
	const stays, quiet = weir.Verdict("stays"), weir.Same
	want := map[weir.Status]map[weir.Status]weir.Verdict{
		weir.Pass: {weir.Pass: stays, weir.Fail: weir.NewlyFailing, weir.Fault: weir.NewlyFailing,
			weir.Skip: weir.NewlySkipped, weir.ExpectedFailure: quiet, weir.Absent: weir.Vanished},
		weir.ExpectedFailure: {weir.Pass: quiet, weir.Fail: weir.NewlyFailing, weir.Fault: weir.NewlyFailing,
			weir.Skip: weir.NewlySkipped, weir.ExpectedFailure: stays, weir.Absent: weir.Vanished},
		weir.Fail: {weir.Pass: weir.Fixed, weir.Fail: stays, weir.Fault: quiet, weir.Skip: weir.Masked,
			weir.ExpectedFailure: weir.Fixed, weir.Absent: weir.Masked},
		weir.Fault: {weir.Pass: weir.Fixed, weir.Fail: quiet, weir.Fault: stays, weir.Skip: weir.Masked,
			weir.ExpectedFailure: weir.Fixed, weir.Absent: weir.Masked},
		weir.Skip: {weir.Pass: weir.Fixed, weir.Fail: quiet, weir.Fault: quiet, weir.Skip: stays,
			weir.ExpectedFailure: weir.Fixed, weir.Absent: stays},
		weir.Absent: {weir.Pass: weir.Fixed, weir.Fail: quiet, weir.Fault: quiet, weir.Skip: quiet,
			weir.ExpectedFailure: weir.Fixed, weir.Absent: stays},
	}
	for _, from := range weir.Statuses() {
		for _, to := range weir.Statuses() {
			var s weir.ResultSet
			if to != weir.Absent {
				s = set(result("T", to))
			}
			c := Compare(Baseline{States: []weir.TestState{state("T", from)}}, passed, s)
			got := stays
			switch {
			case len(c.Changes) == 1:
				got = c.Changes[0].Verdict
			case len(c.Quiet) == 1:
				got = quiet
			}
			if w, ok := want[from][to]; !ok || got != w {
				t.Errorf("%s -> %s is %q, want %q", from, to, got, w)
			}
		}
	}
}

func TestCompareUnreached(t *testing.T) {
	t.Parallel()
	base := Baseline{States: []weir.TestState{state("T", weir.Pass),
		{Test: weir.TestID{Suite: weir.StepSuite, Name: "build"}, Status: weir.Pass},
		{Test: weir.TestID{Suite: weir.StepSuite, Name: "test"}, Status: weir.Pass}}}
	b := weir.Build{Outcome: weir.Broken, Reason: weir.Reason{Code: weir.ReasonPrepare}}
	c := Compare(base, b, set(weir.Result{Test: weir.TestID{Suite: weir.StepSuite, Name: "build"}, Status: weir.Fail}))
	if len(c.Changes) != 1 || c.Changes[0].Test.Name != "build" || c.Changes[0].Verdict != weir.NewlyFailing {
		t.Errorf("a build that did not reach its tests changes %+v, want only its step", c.Changes)
	}
	for _, o := range []weir.Outcome{weir.Infra, weir.OutcomeCancelled, weir.Skipped} {
		if c := Compare(base, weir.Build{Outcome: o}, weir.ResultSet{}); len(c.Changes)+len(c.Quiet) > 0 {
			t.Errorf("outcome %s changes %+v", o, c)
		}
	}
}

func TestAbsenceHasACause(t *testing.T) {
	t.Parallel()
	base := Baseline{States: []weir.TestState{state("T", weir.Pass)}}
	tests := []struct {
		incidents []weir.Incident
		cause     weir.IncidentKind
		message   string
	}{
		{nil, weir.Gone, ""},
		{[]weir.Incident{{Kind: weir.Panicked, Suite: "other"}}, weir.Gone, ""},
		{[]weir.Incident{{Kind: weir.Panicked, Suite: "pkg", Test: "U", Message: "nil map"}}, weir.Panicked, "in U: nil map"},
		{[]weir.Incident{{Kind: weir.Exited}, {Kind: weir.DidNotBuild, Suite: "pkg", Message: "x.go:1"}}, weir.DidNotBuild, "x.go:1"},
	}
	for _, tt := range tests {
		c := Compare(base, passed, weir.ResultSet{Incidents: tt.incidents})
		if len(c.Changes) != 1 || c.Changes[0].Cause != tt.cause || c.Changes[0].Message != tt.message {
			t.Errorf("%+v gives %+v, want cause %q %q", tt.incidents, c.Changes, tt.cause, tt.message)
		}
	}
}

func TestNewFailureInsideARedBuild(t *testing.T) {
	t.Parallel()
	base := Baseline{States: []weir.TestState{state("Old", weir.Fail), state("Stable", weir.Pass)}}
	c := Compare(base, weir.Build{Outcome: weir.Failed}, set(result("Old", weir.Fail), result("Stable", weir.Fail)))
	if len(c.Changes) != 1 || c.Changes[0].Test.Name != "Stable" {
		t.Errorf("changes %+v, want only the new failure", c.Changes)
	}
}

func TestExcuse(t *testing.T) {
	t.Parallel()
	gone := func(n int, cause weir.IncidentKind) (out []weir.TestChange) {
		for i := range n {
			out = append(out, weir.TestChange{Test: weir.TestID{Name: string(rune('a' + i))}, Verdict: weir.Vanished, Cause: cause})
		}
		return out
	}
	tests := []struct {
		name    string
		changes []weir.TestChange
		known   int
		want    weir.Verdict
	}{
		{"a few of many", gone(3, weir.Gone), 40, weir.Removed},
		{"all of a small suite", gone(3, weir.Gone), 3, weir.Removed},
		{"a tenth of a suite", gone(4, weir.Gone), 40, weir.Removed},
		{"half of a suite", gone(20, weir.Gone), 40, weir.Vanished},
		{"a crash", gone(1, weir.Panicked), 40, weir.Vanished},
	}
	for _, tt := range tests {
		for _, c := range Excuse(tt.changes, tt.known) {
			if c.Verdict != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, c.Verdict, tt.want)
			}
		}
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	accuse := func(name string, v weir.Verdict, cause weir.IncidentKind) weir.TestChange {
		return weir.TestChange{Test: weir.TestID{Suite: "pkg", Name: name}, Verdict: v, Cause: cause}
	}
	first := set(result("F", weir.Fail), result("S", weir.Skip))
	tests := []struct {
		name   string
		change weir.TestChange
		second weir.ResultSet
		want   weir.Verdict
	}{
		{"fails again", accuse("F", weir.NewlyFailing, ""), first, weir.NewlyFailing},
		{"passes on retry", accuse("F", weir.NewlyFailing, ""), set(result("F", weir.Pass)), weir.Flaky},
		{"retry did not get to it", accuse("F", weir.NewlyFailing, ""), set(), weir.NewlyFailing},
		{"skipped again", accuse("S", weir.NewlySkipped, ""), first, weir.NewlySkipped},
		{"absent again", accuse("V", weir.Vanished, weir.Panicked), first, weir.Vanished},
		{"reports again", accuse("V", weir.Vanished, weir.Gone), set(result("F", weir.Fail), result("S", weir.Skip), result("V", weir.Fail)), weir.Flaky},
		{"names change each time", accuse("V", weir.Vanished, weir.Gone), set(result("F", weir.Fail), result("S", weir.Skip), result("V2", weir.Pass)), weir.Flaky},
		{"good news stays", accuse("F", weir.Fixed, ""), first, weir.Fixed},
	}
	for _, tt := range tests {
		got := Confirm(Comparison{Changes: []weir.TestChange{tt.change}}, first, tt.second, weir.Build{Outcome: weir.Failed}).Changes
		if got[0].Verdict != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got[0].Verdict, tt.want)
		}
	}
}

// TestSettling checks, for any two result sets, that settling a build leaves a
// baseline against which the same results are quiet, except for what is
// masked, and that nothing is accused by an empty baseline.
func TestSettling(t *testing.T) {
	t.Parallel()
	reported := []weir.Status{weir.Pass, weir.Fail, weir.Fault, weir.Skip, weir.ExpectedFailure}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) weir.ResultSet {
			var s weir.ResultSet
			for _, n := range rapid.SliceOfDistinct(rapid.StringMatching(`[a-e]`), rapid.ID).Draw(t, label) {
				s.Results = append(s.Results, result(n, rapid.SampledFrom(reported).Draw(t, n)))
			}
			return s
		}
		a, b := draw("a"), draw("b")
		c := Compare(Baseline{Empty: true}, passed, a)
		if weir.CountVerdicts(c.Changes).Worse() > 0 {
			t.Fatalf("an empty baseline accuses: %+v", c.Changes)
		}
		base := Baseline{States: Apply(Baseline{}, c, 1)}
		c = Compare(base, passed, b)
		states := map[weir.TestID]weir.TestState{}
		for _, s := range base.States {
			states[s.Test] = s
		}
		for _, s := range Apply(base, c, 2) {
			states[s.Test] = s
		}
		base = Baseline{}
		for _, s := range states {
			base.States = append(base.States, s)
		}
		if again := Compare(base, passed, b); len(again.Changes)+len(again.Quiet) > 0 {
			t.Fatalf("the same results again are not quiet: %+v", again)
		}
	})
}
