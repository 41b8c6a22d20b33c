package weir

// Verdict is a test's result held against the builder's baseline.
type Verdict string

// The closed set of verdicts.
const (
	Same         Verdict = "same"          // as before, good or bad: quiet
	New          Verdict = "new"           // never seen on this builder
	NewlyFailing Verdict = "newly_failing" // was good, fails
	NewlySkipped Verdict = "newly_skipped" // ran before, is skipped
	Vanished     Verdict = "vanished"      // reported before, did not now
	Removed      Verdict = "removed"       // reported before; its own project has taken it out
	Fixed        Verdict = "fixed"         // was failing, skipped or absent; is good
	Flaky        Verdict = "flaky"         // both outcomes at the same revisions
	InfraError   Verdict = "infra_error"   // the farm's fault: nothing is said
)

// Verdicts lists every verdict.
func Verdicts() []Verdict {
	return []Verdict{Same, New, NewlyFailing, NewlySkipped, Vanished, Removed, Fixed, Flaky, InfraError}
}

// Worse reports whether the verdict accuses somebody, once confirmed.
func (v Verdict) Worse() bool { return v == NewlyFailing || v == NewlySkipped || v == Vanished }

// TestChange is one test whose verdict in a build is not Same.
type TestChange struct {
	Test    TestID  `json:"test"`
	Verdict Verdict `json:"verdict"`
	From    Status  `json:"from,omitempty"` // status in the baseline; empty for New
	To      Status  `json:"to"`
	// Cause says why a vanished test did not report; empty otherwise.
	Cause   IncidentKind `json:"cause,omitempty"`
	Message string       `json:"message,omitempty"`
}

// TestState is the settled state of one test on one builder: its baseline.
type TestState struct {
	Test   TestID  `json:"test"`
	Status Status  `json:"status"`
	Since  BuildID `json:"since"` // the build that brought it into this status
	// Flakes counts how often the test had both outcomes at equal revisions.
	Flakes    int     `json:"flakes,omitempty"`
	LastFlake BuildID `json:"last_flake,omitempty"`
}

// VerdictCounts counts the tests of a build whose verdict is not Same.
type VerdictCounts struct {
	New          int `json:"new,omitempty"`
	NewlyFailing int `json:"newly_failing,omitempty"`
	NewlySkipped int `json:"newly_skipped,omitempty"`
	Vanished     int `json:"vanished,omitempty"`
	Fixed        int `json:"fixed,omitempty"`
	Flaky        int `json:"flaky,omitempty"`
}

// Worse is the number of tests that accuse somebody.
func (c VerdictCounts) Worse() int { return c.NewlyFailing + c.NewlySkipped + c.Vanished }

// CountVerdicts counts changes by verdict.
func CountVerdicts(changes []TestChange) VerdictCounts {
	var c VerdictCounts
	for _, ch := range changes {
		switch ch.Verdict {
		case New:
			c.New++
		case NewlyFailing:
			c.NewlyFailing++
		case NewlySkipped:
			c.NewlySkipped++
		case Vanished:
			c.Vanished++
		case Fixed:
			c.Fixed++
		case Flaky:
			c.Flaky++
		}
	}
	return c
}
