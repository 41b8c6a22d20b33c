package weir

import (
	"fmt"
	"strings"
)

// Verdict is a test's result held against the builder's baseline.
type Verdict string

// The closed set of verdicts.
const (
	Same               Verdict = "same"                // as before, good or bad: quiet
	New                Verdict = "new"                 // never seen on this builder
	NewlyFailing       Verdict = "newly_failing"       // was good, fails
	FailingDifferently Verdict = "failing_differently" // was failing, fails for another reason
	NewlySkipped       Verdict = "newly_skipped"       // ran before, is skipped
	Vanished           Verdict = "vanished"            // reported before, did not now
	Masked             Verdict = "masked"              // was failing, is skipped or absent: hidden, not fixed
	Removed            Verdict = "removed"             // reported before; its own project has taken it out, or renamed it
	Fixed              Verdict = "fixed"               // was failing, skipped or absent; is good
	Flaky              Verdict = "flaky"               // both outcomes at the same revisions
	InfraError         Verdict = "infra_error"         // the farm's fault: nothing is said
)

// Verdicts lists every verdict.
func Verdicts() []Verdict {
	return []Verdict{Same, New, NewlyFailing, FailingDifferently, NewlySkipped, Vanished, Masked, Removed, Fixed, Flaky,
		InfraError}
}

// Worse reports whether the verdict accuses somebody, once confirmed.
func (v Verdict) Worse() bool {
	return v == NewlyFailing || v == FailingDifferently || v == NewlySkipped || v == Vanished
}

// AnySignature stands for the signature of a failure that says something else
// each time it is looked at. No failure differs from it.
const AnySignature = "*"

// TestChange is one test whose verdict in a build is not Same.
type TestChange struct {
	Test    TestID  `json:"test"`
	Verdict Verdict `json:"verdict"`
	From    Status  `json:"from,omitempty"` // status in the baseline; empty for New
	To      Status  `json:"to"`
	// Cause says why a vanished or masked test did not run, and that a removed
	// one was renamed; empty otherwise.
	Cause   IncidentKind `json:"cause,omitempty"`
	Message string       `json:"message,omitempty"`
	// Signature is what the failure says, without what changes from run to run,
	// while To is bad: 16 hex digits. Empty if it says nothing; AnySignature if
	// it is known to say something else each time.
	Signature string `json:"signature,omitempty"`
}

// TestState is the settled state of one test on one builder: its baseline.
type TestState struct {
	Test   TestID  `json:"test"`
	Status Status  `json:"status"`
	Since  BuildID `json:"since"` // the build that brought it into this status
	// Flakes counts how often the test had both outcomes at equal revisions.
	Flakes    int     `json:"flakes,omitempty"`
	LastFlake BuildID `json:"last_flake,omitempty"`
	// Signature is what its failure says while Status is bad: the signatures
	// since it was last good, the newest first, with spaces between, at most
	// four; or AnySignature. Empty: unknown.
	Signature string `json:"signature,omitempty"`
	// Masked is the build since which a test that was good or bad has not run
	// although it should: a bad one that is skipped or absent keeps its Status, a
	// good one has the Status Skip or Absent. 0: it runs, or never has, or not known.
	Masked BuildID `json:"masked,omitempty"`
	// Cause says why a masked test does not run; empty otherwise.
	Cause IncidentKind `json:"cause,omitempty"`
}

// VerdictCounts counts the tests of a build whose verdict is not Same.
type VerdictCounts struct {
	New                int `json:"new,omitempty"`
	NewlyFailing       int `json:"newly_failing,omitempty"`
	FailingDifferently int `json:"failing_differently,omitempty"`
	NewlySkipped       int `json:"newly_skipped,omitempty"`
	Vanished           int `json:"vanished,omitempty"`
	Masked             int `json:"masked,omitempty"`
	Fixed              int `json:"fixed,omitempty"`
	Flaky              int `json:"flaky,omitempty"`
}

// Worse is the number of tests that accuse somebody.
func (c VerdictCounts) Worse() int {
	return c.NewlyFailing + c.FailingDifferently + c.NewlySkipped + c.Vanished
}

// CountVerdicts counts changes by verdict.
func CountVerdicts(changes []TestChange) VerdictCounts {
	var c VerdictCounts
	for _, ch := range changes {
		switch ch.Verdict {
		case New:
			c.New++
		case NewlyFailing:
			c.NewlyFailing++
		case FailingDifferently:
			c.FailingDifferently++
		case NewlySkipped:
			c.NewlySkipped++
		case Vanished:
			c.Vanished++
		case Masked:
			c.Masked++
		case Fixed:
			c.Fixed++
		case Flaky:
			c.Flaky++
		}
	}
	return c
}

// Ledger accounts for the tests that a build should have run. It is zero if
// all of them did.
type Ledger struct {
	// Expected is how many tests the baseline knows, Reported how many of them
	// reported, skipped ones included, Executed how many ran.
	Expected int `json:"expected"`
	Reported int `json:"reported"`
	Executed int `json:"executed"`
	// Hidden is how many did not run though they should have, Masked how many of
	// those were failing before: they are not fixed.
	Hidden int `json:"hidden"`
	Masked int `json:"masked,omitempty"`
	// Cause says why most of the hidden ones did not run, ByCause how many those
	// are, and Message more, such as which test panicked; at most 200 bytes.
	Cause   IncidentKind `json:"cause,omitempty"`
	ByCause int          `json:"by_cause,omitempty"`
	Message string       `json:"message,omitempty"`
}

// Due is how many tests should have run. Those that were always skipped are
// expected, but not due.
func (l Ledger) Due() int { return l.Executed + l.Hidden }

// Tests is how many tests of a build ran, and how many should have; c counts what
// reported. Where some are hidden it goes by the baseline, so that new tests do not
// make up for them.
func (l Ledger) Tests(c Counts) (executed, due int) {
	if l.Due() > 0 {
		return l.Executed, l.Due()
	}
	return c.Executed(), c.Executed()
}

// String says in one line what did not run, and why; empty if everything did.
// Message is in it as it came.
func (l Ledger) String() string {
	if l == (Ledger{}) {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s expected tests ran, %s hidden", grouped(l.Executed), grouped(l.Due()), grouped(l.Hidden))
	if l.ByCause < l.Hidden && l.ByCause > 0 {
		fmt.Fprintf(&b, ", %s of them", grouped(l.ByCause))
	}
	cause, ok := hiddenBy[l.Cause]
	if !ok {
		cause = "for an unknown reason"
	}
	b.WriteString(" " + cause)
	switch {
	case l.Cause == Panicked && strings.HasPrefix(l.Message, "in "): // the test that did it
		b.WriteString(" " + l.Message)
	case l.Message != "":
		b.WriteString(": " + l.Message)
	}
	if l.Masked > 0 {
		fmt.Fprintf(&b, "; %s failed before, which this does not fix", grouped(l.Masked))
	}
	return b.String()
}

// hiddenBy goes on behind "hidden".
var hiddenBy = map[IncidentKind]string{
	DidNotBuild: "by what did not build", Panicked: "by a panic", Exited: "by an early end of the process", TimedOutTest: "by a time limit",
	Truncated: "by results that end in the middle", BailedOut: "by a suite that gave up", SkippedTest: "by a skip",
}

// grouped writes a number that is not negative with commas.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
