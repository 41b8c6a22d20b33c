package verdict

import (
	"slices"

	"github.com/weir-ci/weir"
)

// Baseline is what is settled about a builder.
type Baseline struct {
	States []weir.TestState // sorted by test
	// Empty says that the builder has no settled build: everything is new
	// and nobody can be accused.
	Empty bool
}

// Comparison is a build held against a baseline.
type Comparison struct {
	// Changes lists the tests whose verdict is not Same, the worst first.
	Changes []weir.TestChange
	// Quiet lists tests whose state moves without a verdict, such as from
	// pass to an expected failure, or from skipped to failing.
	Quiet []weir.TestChange
	// Renames lists the tests that go on under another name. The old name is
	// among Changes, as Removed with the cause RenamedTest, the new one among
	// Quiet: Apply gives it the state of the old one, flakes included.
	Renames []Rename
}

// Rename is a test that goes on under another name.
type Rename struct{ From, To weir.TestID }

// Reached reports whether a build with this outcome says something about
// tests, and not only about its steps.
func Reached(b weir.Build) bool {
	switch b.Outcome {
	case weir.Passed, weir.Failed, weir.TimedOut:
		return true
	}
	return false
}

// Compare holds the results of a build against the baseline. A build that did
// not reach its tests is compared by its steps only.
func Compare(base Baseline, b weir.Build, set weir.ResultSet) Comparison {
	var c Comparison
	if len(base.States) == 0 && Reached(b) { // all are new, and may be very many
		c.Changes = make([]weir.TestChange, 0, len(set.Results))
	}
	why := explain(set.Incidents)
	fresh := func(r *weir.Result) {
		c.add(weir.TestChange{Test: r.Test, Verdict: weir.New, To: r.Status, Message: r.Message, Signature: signatureOf(*r)}, true)
	}
	var lost []*weir.TestState
	var added []*weir.Result
	pair(base.States, set.Results, func(s *weir.TestState, r *weir.Result) {
		switch {
		case s == nil && !Reached(b) && r.Test.Suite != weir.StepSuite:
			// a test of a build that did not reach its tests
		case s == nil && len(base.States) > 0:
			added = append(added, r)
		case s == nil:
			fresh(r)
		case s.Test.Suite != weir.StepSuite && !Reached(b):
			// its tests were not reached
		case r != nil:
			c.add(judge(*s, *r, why))
		case s.Test.Suite != weir.StepSuite: // a step that did not run says nothing
			lost = append(lost, s)
		}
	})
	names := findRenames(lost, added, why)
	for _, s := range lost {
		if r := names[s.Test]; r != nil {
			c.rename(*s, *r)
		} else {
			c.add(judge(*s, weir.Result{Test: s.Test, Status: weir.Absent}, why))
		}
	}
	taken := make(map[weir.TestID]bool, len(names))
	for _, r := range names {
		taken[r.Test] = true
	}
	for _, r := range added {
		if !taken[r.Test] {
			fresh(r)
		}
	}
	if len(c.Changes) == 0 {
		c.Changes = nil
	}
	sortChanges(c.Changes)
	return c
}

// rename notes that a test goes on under another name.
func (c *Comparison) rename(s weir.TestState, r weir.Result) {
	c.Renames = append(c.Renames, Rename{From: s.Test, To: r.Test})
	c.Changes = append(c.Changes, weir.TestChange{Test: s.Test, Verdict: weir.Removed, From: s.Status, To: weir.Absent,
		Cause: weir.RenamedTest, Message: "renamed to " + r.Test.String()})
	c.Quiet = append(c.Quiet, weir.TestChange{Test: r.Test, Verdict: weir.Same, From: s.Status, To: r.Status,
		Message: r.Message, Signature: signatureOf(r)})
}

func (c *Comparison) add(change weir.TestChange, moved bool) {
	switch {
	case !moved:
	case change.Verdict == weir.Same:
		c.Quiet = append(c.Quiet, change)
	default:
		c.Changes = append(c.Changes, change)
	}
}

// judge compares one known test. moved is false when its state stays as it is.
func judge(s weir.TestState, r weir.Result, why explanations) (change weir.TestChange, moved bool) {
	change = weir.TestChange{Test: s.Test, Verdict: weir.Same, From: s.Status, To: r.Status, Message: r.Message, Signature: signatureOf(r)}
	if r.Status == weir.Absent {
		change.Cause, change.Message = why.of(s.Test)
	}
	switch {
	case s.Status.Bad() && r.Status.Bad():
		return stillBad(s, change)
	case s.Status.Bad() && !r.Status.Good():
		return hidden(s, change)
	case s.Status == r.Status:
		// Only why it is absent can be news, and no cause is known of what was
		// recorded without one.
		return change, r.Status == weir.Absent && s.Masked != 0 && s.Cause != change.Cause
	case s.Status.Good():
		switch {
		case r.Status.Good(): // pass and expected failure
		case r.Status.Bad():
			change.Verdict = weir.NewlyFailing
		case r.Status == weir.Skip:
			change.Verdict = weir.NewlySkipped
		case r.Status == weir.Absent:
			change.Verdict = weir.Vanished
		}
		return change, true
	case r.Status.Good():
		change.Verdict = weir.Fixed
		return change, true
	case r.Status == weir.Absent:
		return change, false // was skipped, does not even report now
	default:
		return change, true // skipped or absent before, bad now: it was not good, so nobody broke it
	}
}

// stillBad compares a failure with the one before. One that says what it said
// before since the test was last good is no news, for whoever mended what came
// in between has broken nothing.
func stillBad(s weir.TestState, change weir.TestChange) (weir.TestChange, bool) {
	if differs(s.Signature, change.Signature) {
		change.Verdict = weir.FailingDifferently
		return change, true
	}
	return change, s.Status != change.To || s.Masked != 0 || remember(s.Signature, change.Signature) != s.Signature
}

// hidden is about a bad test that did not run. It says so once, and then only
// keeps up with the reason.
func hidden(s weir.TestState, change weir.TestChange) (weir.TestChange, bool) {
	if change.To == weir.Skip {
		change.Cause = weir.SkippedTest
	}
	if s.Masked == 0 {
		change.Verdict = weir.Masked
		return change, true
	}
	return change, s.Cause != change.Cause
}

// Excuse turns vanished tests into removed ones where their own project's
// change took them out: nothing upstream has moved, no incident explains the
// absence, and they are few. A suite that loses many tests at once speaks up
// whoever did it, because that is how a broken test discovery looks.
func Excuse(changes []weir.TestChange, known int) []weir.TestChange {
	gone := 0
	for _, c := range changes {
		if c.Verdict == weir.Vanished && c.Cause == weir.Gone {
			gone++
		}
	}
	if Many(gone, known) {
		return changes
	}
	out := slices.Clone(changes)
	for i, c := range out {
		if c.Verdict == weir.Vanished && c.Cause == weir.Gone {
			out[i].Verdict, out[i].Cause = weir.Removed, ""
		}
	}
	sortChanges(out)
	return out
}

// Many reports whether so many of the known tests are gone that it is not
// taken for tidying up: more than three, and more than a tenth.
func Many(gone, known int) bool { return gone > 3 && gone*10 > known }

// rank orders verdicts for people: what accuses first.
var rank = map[weir.Verdict]int{weir.NewlyFailing: 0, weir.FailingDifferently: 1, weir.Vanished: 2, weir.NewlySkipped: 3,
	weir.Masked: 4, weir.Flaky: 5, weir.Removed: 6, weir.Fixed: 7, weir.New: 8, weir.InfraError: 9, weir.Same: 10}

func sortChanges(changes []weir.TestChange) {
	slices.SortFunc(changes, func(a, b weir.TestChange) int {
		if d := rank[a.Verdict] - rank[b.Verdict]; d != 0 {
			return d
		}
		return a.Test.Compare(b.Test)
	})
}
