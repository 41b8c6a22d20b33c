package web

import (
	"github.com/weir-ci/weir"
)

// Mark is how something stands: a shape, a colour and a word. The shape and
// the word say the same as the colour, for those who do not see it.
type Mark struct {
	Kind string // names the symbol and the colour: pass, fail, broken, ...
	Word string // for people
}

// Kinds of marks; icons.templ draws a symbol for each.
const (
	markPass    = "pass"
	markFail    = "fail"
	markBroken  = "broken"
	markTimeout = "timeout"
	markInfra   = "infra"
	markOff     = "off" // cancelled, skipped
	markWait    = "wait"
	markRun     = "run"
	markNone    = "none" // nothing is known
	markFlaky   = "flaky"
	markNew     = "new"
)

var outcomeMarks = map[weir.Outcome]Mark{
	weir.Passed:           {markPass, "passed"},
	weir.Failed:           {markFail, "failed"},
	weir.Broken:           {markBroken, "broken"},
	weir.TimedOut:         {markTimeout, "timed out"},
	weir.Infra:            {markInfra, "infrastructure error"},
	weir.OutcomeCancelled: {markOff, "cancelled"},
	weir.Skipped:          {markOff, "skipped"},
}

var stateMarks = map[weir.State]Mark{
	weir.Blocked:   {markWait, "waits for a product"},
	weir.Queued:    {markWait, "queued"},
	weir.Leased:    {markRun, "starting"},
	weir.Running:   {markRun, "running"},
	weir.Finished:  {markNone, "finished"},
	weir.Cancelled: {markOff, "cancelled"},
}

// buildMark says how a build stands.
func buildMark(b weir.Build) Mark {
	if b.State.Final() {
		if m, ok := outcomeMarks[b.Outcome]; ok {
			return m
		}
	}
	if m, ok := stateMarks[b.State]; ok {
		return m
	}
	return Mark{markNone, "unknown"}
}

// attemptMark says how an attempt stands.
func attemptMark(a weir.Attempt) Mark {
	if a.Live() {
		return stateMarks[weir.Running]
	}
	if a.Reason.Code == weir.ReasonLost {
		return Mark{markInfra, "lost"}
	}
	if a.Reason.Code == weir.ReasonUndelivered {
		return Mark{markOff, "not delivered"}
	}
	if m, ok := outcomeMarks[a.Outcome]; ok {
		return m
	}
	return Mark{markNone, "ended"}
}

var stepMarks = map[weir.StepState]Mark{
	weir.StepWaiting: {markWait, "waiting"},
	weir.StepRunning: {markRun, "running"},
	weir.StepPassed:  {markPass, "passed"},
	weir.StepFailed:  {markFail, "failed"},
	weir.StepKilled:  {markTimeout, "killed"},
	weir.StepSkipped: {markOff, "skipped"},
}

func stepMark(s weir.StepState) Mark {
	if m, ok := stepMarks[s]; ok {
		return m
	}
	return Mark{markNone, "unknown"}
}

var statusMarks = map[weir.Status]Mark{
	weir.Pass:            {markPass, "passed"},
	weir.Fail:            {markFail, "failed"},
	weir.Fault:           {markBroken, "error"},
	weir.Skip:            {markOff, "skipped"},
	weir.ExpectedFailure: {markPass, "failed as expected"},
	weir.Absent:          {markNone, "absent"},
}

func statusMark(s weir.Status) Mark {
	if m, ok := statusMarks[s]; ok {
		return m
	}
	return Mark{markNone, "unknown"}
}

var verdictMarks = map[weir.Verdict]Mark{
	weir.Same:               {markNone, "same"},
	weir.New:                {markNew, "new"},
	weir.NewlyFailing:       {markFail, "newly failing"},
	weir.NewlySkipped:       {markOff, "newly skipped"},
	weir.FailingDifferently: {markFail, "failing differently"},
	weir.Masked:             {markNone, "masked"},
	weir.Vanished:           {markBroken, "vanished"},
	weir.Removed:            {markOff, "removed"},
	weir.Fixed:              {markPass, "fixed"},
	weir.Flaky:              {markFlaky, "flaky"},
	weir.InfraError:         {markInfra, "infrastructure error"},
}

func verdictMark(v weir.Verdict) Mark {
	if m, ok := verdictMarks[v]; ok {
		return m
	}
	return Mark{markNone, "unknown"}
}

var regressionMarks = map[weir.RegressionState]Mark{
	weir.Searching: {markRun, "searching"},
	weir.Located:   {markFail, "culprit found"},
	weir.Narrowed:  {markBroken, "narrowed down"},
	weir.Recovered: {markPass, "fixed"},
	weir.Dismissed: {markOff, "dismissed"},
	weir.Merged:    {markOff, "merged"},
}

func regressionMark(s weir.RegressionState) Mark {
	if m, ok := regressionMarks[s]; ok {
		return m
	}
	return Mark{markNone, "unknown"}
}

var observedMarks = map[weir.Observed]Mark{
	weir.ObservedGood: {markPass, "good"},
	weir.ObservedBad:  {markFail, "bad"},
	weir.ObservedNone: {markNone, "says nothing"},
}

var causeWords = map[weir.Cause]string{
	weir.CauseChange:  "change",
	weir.CauseForce:   "asked for",
	weir.CauseRetry:   "retry",
	weir.CauseProbe:   "bisection probe",
	weir.CauseProduct: "product for another build",
}

func causeWord(c weir.Cause) string {
	if w, ok := causeWords[c]; ok {
		return w
	}
	return "run"
}

var incidentWords = map[weir.IncidentKind]string{
	weir.DidNotBuild:  "the suite did not build",
	weir.Panicked:     "another test took the suite down",
	weir.Exited:       "the process ended before its suite did",
	weir.TimedOutTest: "a time limit ended the suite",
	weir.Truncated:    "the results end in the middle",
	weir.BailedOut:    "the suite gave up",
	weir.SkippedTest:  "skipped",
	weir.RenamedTest:  "renamed",
	weir.Gone:         "renamed or removed",
}

// testName renders a test for people. A step that stands for a test is called
// what it is.
func testName(t weir.TestID) string {
	if t.Suite == weir.StepSuite {
		return "step " + oneLine(t.Name, maxName)
	}
	return oneLine(t.String(), maxName)
}
