package page

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
	KindPass    = "pass"
	KindFail    = "fail"
	KindBroken  = "broken"
	KindTimeout = "timeout"
	KindInfra   = "infra"
	KindOff     = "off" // cancelled, skipped
	KindWait    = "wait"
	KindRun     = "run"
	KindNone    = "none" // nothing is known
	KindFlaky   = "flaky"
	KindNew     = "new"
	KindFixed   = "fixed" // good again
	KindGone    = "gone"  // a test that should have reported and did not
	KindSkip    = "skip"  // skipped: on purpose, and yet it says nothing
	KindPause   = "pause" // held back
	KindRest    = "rest"  // at rest, as its owner wishes
)

// KindView is what a kind of mark means, for legends and docs/design-language.md.
type KindView struct{ Kind, Shape, Means string }

// Kinds lists every kind of mark, the loud ones first.
func Kinds() []KindView {
	return []KindView{
		{KindFail, "a filled square with a cross", "failed: a step or a test says no; a culprit is known"},
		{KindBroken, "a filled triangle with an exclamation mark", "broken: it did not get as far as the tests; look at it"},
		{KindTimeout, "a clock", "timed out, killed"},
		{KindGone, "a dashed square with a question mark", "vanished: tests that should have reported and did not"},
		{KindFlaky, "a square, half filled across the diagonal", "flaky: good and bad with the same inputs"},
		{KindInfra, "an open diamond with an exclamation mark", "the farm's fault or a machine's, never the project's"},
		{KindNew, "a circle with a plus", "new: there is nothing to hold it against"},
		{KindRun, "a circle, half filled", "running, starting, searching"},
		{KindWait, "a dashed circle", "waiting: queued, or for a product"},
		{KindPause, "a circle with two bars", "held back by a person or after errors"},
		{KindRest, "a crescent", "a worker at rest, as its owner wishes"},
		{KindSkip, "a circle with an arrowhead", "skipped"},
		{KindOff, "a circle, struck through", "cancelled, dismissed, merged, removed"},
		{KindFixed, "an open circle with a tick and an arrow", "fixed: it was bad and is good again"},
		{KindPass, "a filled circle with a tick", "passed, good, here"},
		{KindNone, "a dash", "the same as before, or nothing is known"},
	}
}

var outcomeMarks = map[weir.Outcome]Mark{
	weir.Passed:           {KindPass, "passed"},
	weir.Failed:           {KindFail, "failed"},
	weir.Broken:           {KindBroken, "broken"},
	weir.TimedOut:         {KindTimeout, "timed out"},
	weir.Infra:            {KindInfra, "infrastructure error"},
	weir.OutcomeCancelled: {KindOff, "cancelled"},
	weir.Skipped:          {KindSkip, "skipped"},
}

var stateMarks = map[weir.State]Mark{
	weir.Blocked:   {KindWait, "waits for a product"},
	weir.Queued:    {KindWait, "queued"},
	weir.Leased:    {KindRun, "starting"},
	weir.Running:   {KindRun, "running"},
	weir.Finished:  {KindNone, "finished"},
	weir.Cancelled: {KindOff, "cancelled"},
}

// BuildMark says how a build stands.
func BuildMark(b weir.Build) Mark {
	if b.State.Final() {
		if b.Hollow() {
			return HollowMark()
		}
		if m, ok := outcomeMarks[b.Outcome]; ok {
			return m
		}
	}
	if m, ok := stateMarks[b.State]; ok {
		return m
	}
	return Mark{KindNone, "unknown"}
}

// HollowMark says that a build passed and shows nothing by that; see weir.Hollow.
func HollowMark() Mark { return Mark{KindGone, "passed, no test ran"} }

// AttemptMark says how an attempt stands.
func AttemptMark(a weir.Attempt) Mark {
	if a.Live() {
		return stateMarks[weir.Running]
	}
	if a.Reason.Code == weir.ReasonLost {
		return Mark{KindInfra, "lost"}
	}
	if a.Reason.Code == weir.ReasonUndelivered {
		return Mark{KindOff, "not delivered"}
	}
	if a.Reason.Code == weir.ReasonRefused {
		return Mark{KindOff, "refused"}
	}
	if m, ok := outcomeMarks[a.Outcome]; ok {
		return m
	}
	return Mark{KindNone, "ended"}
}

var stepMarks = map[weir.StepState]Mark{
	weir.StepWaiting: {KindWait, "waiting"},
	weir.StepRunning: {KindRun, "running"},
	weir.StepPassed:  {KindPass, "passed"},
	weir.StepFailed:  {KindFail, "failed"},
	weir.StepKilled:  {KindTimeout, "killed"},
	weir.StepSkipped: {KindSkip, "skipped"},
}

// StepMark says how a step stands.
func StepMark(s weir.StepState) Mark {
	if m, ok := stepMarks[s]; ok {
		return m
	}
	return Mark{KindNone, "unknown"}
}

var statusMarks = map[weir.Status]Mark{
	weir.Pass:            {KindPass, "passed"},
	weir.Fail:            {KindFail, "failed"},
	weir.Fault:           {KindBroken, "error"},
	weir.Skip:            {KindSkip, "skipped"},
	weir.ExpectedFailure: {KindPass, "failed as expected"},
	weir.Absent:          {KindNone, "absent"},
}

// StatusMark says what a test reported.
func StatusMark(s weir.Status) Mark {
	if m, ok := statusMarks[s]; ok {
		return m
	}
	return Mark{KindNone, "unknown"}
}

var verdictMarks = map[weir.Verdict]Mark{
	weir.Same:               {KindNone, "same"},
	weir.New:                {KindNew, "new"},
	weir.NewlyFailing:       {KindFail, "newly failing"},
	weir.NewlySkipped:       {KindSkip, "newly skipped"},
	weir.FailingDifferently: {KindFail, "failing differently"},
	weir.Masked:             {KindNone, "masked"},
	weir.Vanished:           {KindGone, "vanished"},
	weir.Removed:            {KindOff, "removed"},
	weir.Fixed:              {KindFixed, "fixed"},
	weir.Flaky:              {KindFlaky, "flaky"},
	weir.InfraError:         {KindInfra, "infrastructure error"},
}

// VerdictMark says what is new about a test.
func VerdictMark(v weir.Verdict) Mark {
	if m, ok := verdictMarks[v]; ok {
		return m
	}
	return Mark{KindNone, "unknown"}
}

var regressionMarks = map[weir.RegressionState]Mark{
	weir.Searching: {KindRun, "searching"},
	weir.Located:   {KindFail, "culprit found"},
	weir.Narrowed:  {KindBroken, "narrowed down"},
	weir.Recovered: {KindFixed, "fixed"},
	weir.Dismissed: {KindOff, "dismissed"},
	weir.Merged:    {KindOff, "merged"},
}

// RegressionMark says how a regression stands.
func RegressionMark(s weir.RegressionState) Mark {
	if m, ok := regressionMarks[s]; ok {
		return m
	}
	return Mark{KindNone, "unknown"}
}

var workerMarks = map[weir.WorkerState]Mark{
	weir.WorkerAway:        {KindInfra, "away"},
	weir.WorkerPaused:      {KindPause, "paused"},
	weir.WorkerDraining:    {KindOff, "leaving"},
	weir.WorkerQuarantined: {KindBroken, "in quarantine"},
	weir.WorkerResting:     {KindRest, "resting"},
	weir.WorkerReady:       {KindPass, "here"},
}

// WorkerMark says what can be expected of a worker.
func WorkerMark(s weir.WorkerState) Mark {
	if m, ok := workerMarks[s]; ok {
		return m
	}
	return Mark{KindNone, "unknown"}
}

var observedMarks = map[weir.Observed]Mark{
	weir.ObservedGood: {KindPass, "good"},
	weir.ObservedBad:  {KindFail, "bad"},
	weir.ObservedNone: {KindNone, "says nothing"},
}

var causeWords = map[weir.Cause]string{
	weir.CauseChange:  "change",
	weir.CauseForce:   "asked for",
	weir.CauseRetry:   "retry",
	weir.CauseProbe:   "bisection probe",
	weir.CauseProduct: "product for another build",
	weir.CauseCron:    "by the clock",
	weir.CauseTry:     "tried",
	weir.CausePull:    "pull request",
	weir.CauseTag:     "tag",
	weir.CauseRerun:   "repeated",
}

// CauseWord says in a few words why a build was made.
func CauseWord(c weir.Cause) string {
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

// TestName renders a test for people. A step that stands for a test is called
// what it is.
func TestName(t weir.TestID) string {
	if t.Suite == weir.StepSuite {
		return "step " + OneLine(t.Name, MaxName)
	}
	return OneLine(t.String(), MaxName)
}

// StatusWord says in a word what a test was; "unknown" if nothing is known of it.
func StatusWord(s weir.Status) string {
	if s == "" {
		return "unknown"
	}
	return StatusMark(s).Word
}

// ObservedMark says what a build says about tests.
func ObservedMark(o weir.Observed) Mark { return observedMarks[o] }

// IncidentWord says what kept tests from reporting; empty if that is not known.
func IncidentWord(k weir.IncidentKind) string { return incidentWords[k] }
