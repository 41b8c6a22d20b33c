package verdict

import (
	"cmp"
	"slices"

	"github.com/weir-ci/weir"
)

// Ledger accounts for every test that a build should have run.
type Ledger struct {
	// Expected is how many tests the baseline knows. Steps are not tests.
	Expected int
	// Before is how many of them ran when they were last settled.
	Before int
	// Reported is how many of the expected ones reported, skipped ones included,
	// Executed how many ran. A renamed test counts for its old name.
	Reported, Executed int
	// Added is how many tests reported that the baseline does not know.
	Added int
	// Absent lists the expected tests that did not run or have another name now,
	// but for those that were skipped from the beginning: by cause in the order of
	// weir.IncidentKinds, then by test.
	Absent []Absence
}

// Absence is a test that should have run and did not.
type Absence struct {
	Test weir.TestID
	// Was is its status in the baseline. Skip or Absent with a Since: it was good,
	// and has not run since an earlier build.
	Was weir.Status
	// Since is the build since which it has not run; 0 if this one is the first.
	Since weir.BuildID
	// Cause says why; SkippedTest if the test itself was skipped.
	Cause weir.IncidentKind
	// Message says more, such as which test panicked, or why it was skipped.
	Message string
	// RenamedTo is the name under which the test ran, if Cause is RenamedTest.
	RenamedTo weir.TestID
}

// Masked is how many tests were bad and did not run: their failures are hidden
// and not fixed.
func (l Ledger) Masked() int {
	n := 0
	for _, a := range l.Absent {
		if a.Was.Bad() && a.Cause != weir.RenamedTest {
			n++
		}
	}
	return n
}

// Hidden is how many tests did not run though they should have, whatever they
// were. Renamed ones ran.
func (l Ledger) Hidden() int {
	n := 0
	for _, a := range l.Absent {
		if a.Cause != weir.RenamedTest {
			n++
		}
	}
	return n
}

// NewLedger holds the tests that a build reported against those that it should
// have. A build that says nothing has an empty ledger; one that did not get to
// its tests has run none of them.
func NewLedger(base Baseline, b weir.Build, set weir.ResultSet) Ledger {
	var l Ledger
	if !b.Outcome.SaysSomething() {
		return l
	}
	why := explain(set.Incidents)
	unreached := ""
	if !Reached(b) {
		unreached = firstBadStep(set)
	}
	var lost []*weir.TestState
	var added []*weir.Result
	pair(base.States, set.Results, func(s *weir.TestState, r *weir.Result) {
		switch {
		case s != nil && s.Test.Suite == weir.StepSuite, s == nil && r.Test.Suite == weir.StepSuite:
			return
		case s == nil:
			l.Added++
			added = append(added, r)
			return
		}
		l.Expected++
		if ran(s.Status) && s.Masked == 0 {
			l.Before++
		}
		if r == nil {
			lost = append(lost, s)
			return
		}
		l.Reported++
		switch {
		case ran(r.Status):
			l.Executed++
		case s.Status != weir.Skip || s.Masked != 0:
			l.Absent = append(l.Absent, Absence{Test: s.Test, Was: s.Status, Since: s.Masked, Cause: weir.SkippedTest, Message: r.Message})
		}
	})
	names := findRenames(lost, added, why)
	for _, s := range lost {
		a := Absence{Test: s.Test, Was: s.Status, Since: s.Masked}
		if r := names[s.Test]; r != nil {
			a.Cause, a.RenamedTo, a.Message = weir.RenamedTest, r.Test, "renamed to "+r.Test.String()
			l.Reported++
			l.Added--
			if ran(r.Status) {
				l.Executed++
			}
		} else if a.Cause, a.Message = why.of(s.Test); a.Cause == weir.Gone && !Reached(b) {
			a.Cause, a.Message = weir.DidNotBuild, unreached
		}
		l.Absent = append(l.Absent, a)
	}
	slices.SortFunc(l.Absent, func(a, b Absence) int {
		return cmp.Or(causeRank(a.Cause)-causeRank(b.Cause), a.Test.Compare(b.Test))
	})
	return l
}

// ran reports whether a test with this status was executed.
func ran(s weir.Status) bool { return s.Good() || s.Bad() }

// expected reports whether a test would have run in a build like the last one.
func expected(s weir.TestState) bool { return s.Masked == 0 && s.Status != weir.Absent }

// firstBadStep says what kept a build from its tests.
func firstBadStep(set weir.ResultSet) string {
	for _, r := range set.Results {
		if r.Test.Suite == weir.StepSuite && r.Status.Bad() {
			return "step " + r.Test.Name + ": " + r.Message
		}
	}
	return ""
}
