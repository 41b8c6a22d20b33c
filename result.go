package weir

import "time"

// TestID names a test within a builder. Both parts are normalised: what
// changes from run to run (pointers, temporary paths) is masked.
type TestID struct {
	Suite string `json:"suite,omitempty"` // package, class or file; may be empty
	Name  string `json:"name"`
}

// StepSuite is the suite of the results that stand for a build's steps. A
// step that ends badly for a reason that no test explains is a failed "test"
// of this suite, so that a build that no longer compiles has a verdict, a
// baseline and a culprit like any test.
const StepSuite = "(step)"

// String renders the id for people: suite and name, with a space between.
func (t TestID) String() string {
	if t.Suite == "" {
		return t.Name
	}
	return t.Suite + " " + t.Name
}

// Compare orders test ids by suite, then by name.
func (t TestID) Compare(u TestID) int {
	if t.Suite != u.Suite {
		if t.Suite < u.Suite {
			return -1
		}
		return 1
	}
	switch {
	case t.Name < u.Name:
		return -1
	case t.Name > u.Name:
		return 1
	}
	return 0
}

// Status is what a test did in one build.
type Status string

// The closed set of statuses. Absent is not sent by anybody: it is what the
// farm concludes when an expected test did not report.
const (
	Pass            Status = "pass"
	Fail            Status = "fail"             // an assertion did not hold
	Fault           Status = "error"            // the test itself broke: exception, crash, set-up
	Skip            Status = "skip"             // not run, on purpose
	ExpectedFailure Status = "expected_failure" // failed, as its author said it would
	Absent          Status = "absent"           // expected, and did not report
)

// Statuses lists every status.
func Statuses() []Status { return []Status{Pass, Fail, Fault, Skip, ExpectedFailure, Absent} }

// Bad reports whether the status is a failure or an error.
func (s Status) Bad() bool { return s == Fail || s == Fault }

// Good reports whether the test ran and did what it should.
func (s Status) Good() bool { return s == Pass || s == ExpectedFailure }

// Result is what one test did in one build.
type Result struct {
	Test TestID `json:"test"`
	// Raw is the name before masking, when masking changed it.
	Raw      string        `json:"raw,omitempty"`
	Status   Status        `json:"status"`
	Duration time.Duration `json:"duration,omitempty"`
	// Message is the first thing to read: the assertion, or why it was
	// skipped. At most MaxResultMessage bytes.
	Message string `json:"message,omitempty"`
	// Output is the end of what the test printed. At most MaxResultOutput bytes.
	Output string `json:"output,omitempty"`
	// Mixed says that the suite itself ran the test several times in this
	// build, with different outcomes; Status is the last one.
	Mixed bool `json:"mixed,omitempty"`
}

// Limits on one result, in bytes.
const (
	MaxResultMessage = 4 << 10
	MaxResultOutput  = 64 << 10
	MaxTestName      = 1 << 10 // of suite and of name
)

// IncidentKind says what kept tests from reporting.
type IncidentKind string

// The kinds of incidents, in the order in which they are believed when
// several could explain an absent test.
const (
	DidNotBuild  IncidentKind = "did_not_build" // the suite did not compile or load
	Panicked     IncidentKind = "panic"         // one test took the rest of its suite down
	Exited       IncidentKind = "exit"          // the process ended before its suite did
	TimedOutTest IncidentKind = "timeout"       // a time limit ended the suite
	Truncated    IncidentKind = "truncated"     // the results file ends in the middle
	BailedOut    IncidentKind = "bail_out"      // the suite gave up by itself
	SkippedTest  IncidentKind = "skipped"       // the test itself was skipped; nobody sends this one or those below
	RenamedTest  IncidentKind = "renamed"       // a new test of nearly the same name has taken its place
	Gone         IncidentKind = "gone"          // nothing explains it
)

// IncidentKinds lists every kind.
func IncidentKinds() []IncidentKind {
	return []IncidentKind{DidNotBuild, Panicked, Exited, TimedOutTest, Truncated, BailedOut, SkippedTest, RenamedTest, Gone}
}

// Incident is something that kept tests of a suite from reporting.
type Incident struct {
	Kind  IncidentKind `json:"kind"`
	Suite string       `json:"suite,omitempty"` // which suite; empty: all of them
	Test  string       `json:"test,omitempty"`  // the test that did it, if known
	// Message is at most MaxResultMessage bytes.
	Message string `json:"message,omitempty"`
}

// ResultSet is everything the tests of one build reported.
type ResultSet struct {
	Results   []Result   `json:"results"`
	Incidents []Incident `json:"incidents,omitempty"`
}

// Counts sums up a result set. It is always recomputed from the results,
// never taken from what a tool claims.
type Counts struct {
	Pass            int `json:"pass"`
	Fail            int `json:"fail"`
	Fault           int `json:"error"`
	Skip            int `json:"skip"`
	ExpectedFailure int `json:"expected_failure"`
	Mixed           int `json:"mixed,omitempty"`
}

// Total is the number of tests that reported.
func (c Counts) Total() int { return c.Pass + c.Fail + c.Fault + c.Skip + c.ExpectedFailure }

// Bad is the number of failures and errors.
func (c Counts) Bad() int { return c.Fail + c.Fault }

// Executed is the number of tests that ran.
func (c Counts) Executed() int { return c.Total() - c.Skip }

// Count sums up the results. Results of StepSuite stand for steps and are
// not counted as tests.
func (s ResultSet) Count() Counts {
	var c Counts
	for _, r := range s.Results {
		if r.Test.Suite == StepSuite {
			continue
		}
		switch r.Status {
		case Pass:
			c.Pass++
		case Fail:
			c.Fail++
		case Fault:
			c.Fault++
		case Skip:
			c.Skip++
		case ExpectedFailure:
			c.ExpectedFailure++
		}
		if r.Mixed {
			c.Mixed++
		}
	}
	return c
}
