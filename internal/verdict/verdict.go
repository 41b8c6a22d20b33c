// Package verdict holds results against a baseline. It is pure, and it is the
// only place that says what counts as broken.
//
// Compare looks at each test by itself, never at totals: a panic can make the
// number of failures fall while things get worse, and a red build can get a
// new failure without becoming redder. A test that was good and now fails, is
// skipped or does not report has a verdict that accuses; everything else is
// quiet. Absence has a cause, taken from what the result files tell of
// crashes; a test that was failing and is absent now is masked, not fixed.
//
// Confirm holds the accusations against a second build of the same revisions:
// what does not repeat is flaky.
//
// Observe asks what one build says about one accused test, for a bisection.
package verdict

import (
	"slices"
	"strings"

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
}

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
	pair(base.States, set.Results, func(s *weir.TestState, r *weir.Result) {
		switch {
		case s == nil:
			if Reached(b) || r.Test.Suite == weir.StepSuite {
				c.add(weir.TestChange{Test: r.Test, Verdict: weir.New, To: r.Status, Message: r.Message}, true)
			}
		case s.Test.Suite != weir.StepSuite && !Reached(b):
			// its tests were not reached
		case r != nil:
			c.add(judge(*s, *r, set.Incidents))
		case s.Test.Suite != weir.StepSuite: // a step that did not run says nothing
			c.add(judge(*s, weir.Result{Test: s.Test, Status: weir.Absent}, set.Incidents))
		}
	})
	if len(c.Changes) == 0 {
		c.Changes = nil
	}
	sortChanges(c.Changes)
	return c
}

// pair visits every test that has a state, a result or both; what it has not is
// nil. Both lists are nearly always sorted, without doubles, and then it takes no memory.
func pair(states []weir.TestState, results []weir.Result, visit func(*weir.TestState, *weir.Result)) {
	byState := func(a, b weir.TestState) int { return a.Test.Compare(b.Test) }
	byResult := func(a, b weir.Result) int { return a.Test.Compare(b.Test) }
	if !ascending(states, byState) {
		states = slices.Clone(states)
		slices.SortFunc(states, byState)
	}
	if !ascending(results, byResult) {
		results = lastOfEach(results, byResult)
	}
	for len(states) > 0 || len(results) > 0 {
		order := 0
		switch {
		case len(states) == 0:
			order = 1
		case len(results) == 0:
			order = -1
		default:
			order = states[0].Test.Compare(results[0].Test)
		}
		switch {
		case order < 0:
			visit(&states[0], nil)
			states = states[1:]
		case order > 0:
			visit(nil, &results[0])
			results = results[1:]
		default:
			visit(&states[0], &results[0])
			states, results = states[1:], results[1:]
		}
	}
}

func ascending[T any](list []T, compare func(a, b T) int) bool {
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) >= 0 {
			return false
		}
	}
	return true
}

// lastOfEach sorts results; of several for one test it keeps the last.
func lastOfEach(results []weir.Result, compare func(a, b weir.Result) int) []weir.Result {
	results = slices.Clone(results)
	slices.SortStableFunc(results, compare)
	out := results[:0]
	for i, r := range results {
		if i+1 == len(results) || compare(r, results[i+1]) != 0 {
			out = append(out, r)
		}
	}
	return out
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
func judge(s weir.TestState, r weir.Result, incidents []weir.Incident) (change weir.TestChange, moved bool) {
	change = weir.TestChange{Test: s.Test, Verdict: weir.Same, From: s.Status, To: r.Status, Message: r.Message}
	if r.Status == weir.Absent {
		change.Cause, change.Message = causeOf(s.Test, incidents)
	}
	switch {
	case s.Status == r.Status:
		return change, false
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
	case s.Status.Bad() && (r.Status == weir.Skip || r.Status == weir.Absent):
		return change, false // masked: it stays bad until it is seen good
	case r.Status == weir.Absent:
		return change, false // was skipped, does not even report now
	default:
		return change, true // skipped or absent before, bad now: it was not good, so nobody broke it
	}
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

// causeOf says why a test did not report: the first incident, in the order of
// weir.IncidentKinds, that covers its suite.
func causeOf(t weir.TestID, incidents []weir.Incident) (weir.IncidentKind, string) {
	for _, kind := range weir.IncidentKinds() {
		for _, in := range incidents {
			if in.Kind != kind || in.Suite != "" && in.Suite != t.Suite && !strings.HasPrefix(t.Suite, in.Suite+"/") {
				continue
			}
			message := in.Message
			if in.Test != "" {
				message = "in " + in.Test + ": " + message
			}
			return kind, strings.TrimSuffix(message, ": ")
		}
	}
	return weir.Gone, ""
}

// rank orders verdicts for people: what accuses first.
var rank = map[weir.Verdict]int{weir.NewlyFailing: 0, weir.Vanished: 1, weir.NewlySkipped: 2,
	weir.Flaky: 3, weir.Removed: 4, weir.Fixed: 5, weir.New: 6, weir.InfraError: 7, weir.Same: 8}

func sortChanges(changes []weir.TestChange) {
	slices.SortFunc(changes, func(a, b weir.TestChange) int {
		if d := rank[a.Verdict] - rank[b.Verdict]; d != 0 {
			return d
		}
		return a.Test.Compare(b.Test)
	})
}

// Confirm holds the accusing changes of a build against another build of the
// same revisions. Those that do not repeat become Flaky. The rest stays as it
// is. A second build that says nothing about a test confirms nothing, so its
// accusation is kept for the search to decide.
func Confirm(changes []weir.TestChange, first, second weir.ResultSet, again weir.Build) []weir.TestChange {
	out := slices.Clone(changes)
	var unstable map[string]bool
	for i, c := range out {
		if !c.Verdict.Worse() {
			continue
		}
		if c.Verdict == weir.Vanished && c.Cause == weir.Gone {
			if unstable == nil {
				unstable = unstableSuites(first, second)
			}
			if unstable[c.Test.Suite] {
				out[i].Verdict = weir.Flaky
				out[i].Message = "the suite lists other tests each time it runs"
				continue
			}
		}
		if Observe(c.Verdict, c.Test, again, second) == weir.ObservedGood {
			out[i].Verdict = weir.Flaky
		}
	}
	sortChanges(out)
	return out
}

// unstableSuites finds suites whose two runs at the same revisions list
// different tests, though nothing kept them from reporting.
func unstableSuites(a, b weir.ResultSet) map[string]bool {
	suites := map[string]bool{}
	if len(a.Incidents) > 0 || len(b.Incidents) > 0 {
		return suites
	}
	names := map[weir.TestID]int{}
	for _, r := range a.Results {
		names[r.Test]++
	}
	for _, r := range b.Results {
		names[r.Test]--
	}
	for id, n := range names {
		if n != 0 {
			suites[id.Suite] = true
		}
	}
	return suites
}

// Observe says what a build tells about a test that was accused with the
// given verdict.
func Observe(accused weir.Verdict, test weir.TestID, b weir.Build, set weir.ResultSet) weir.Observed {
	status := weir.Absent
	if i := slices.IndexFunc(set.Results, func(r weir.Result) bool { return r.Test == test }); i >= 0 {
		status = set.Results[i].Status
	}
	return observe(accused, test, status, b)
}

func observe(accused weir.Verdict, test weir.TestID, status weir.Status, b weir.Build) weir.Observed {
	if !b.Outcome.SaysSomething() {
		return weir.ObservedNone
	}
	if !Reached(b) && (test.Suite != weir.StepSuite || status == weir.Absent) {
		return weir.ObservedNone
	}
	switch {
	case status.Good():
		return weir.ObservedGood
	case accused == weir.NewlyFailing && status.Bad(),
		accused == weir.NewlySkipped && status == weir.Skip,
		accused == weir.Vanished && status == weir.Absent:
		return weir.ObservedBad
	case accused == weir.Vanished: // it reports again, whatever it says
		return weir.ObservedGood
	}
	return weir.ObservedNone
}

// ObserveAll is Observe for many tests of one build.
func ObserveAll(victims []weir.Victim, b weir.Build, set weir.ResultSet) []weir.Observed {
	status := make(map[weir.TestID]weir.Status, len(set.Results))
	for _, r := range set.Results {
		status[r.Test] = r.Status
	}
	out := make([]weir.Observed, len(victims))
	for i, v := range victims {
		s, ok := status[v.Test]
		if !ok {
			s = weir.Absent
		}
		out[i] = observe(v.Verdict, v.Test, s, b)
	}
	return out
}

// Apply turns changes into new baseline states. Flaky tests keep their status
// and count one more flake. Removed tests have no state any more: see Forget.
func Apply(base Baseline, changes, quiet []weir.TestChange, build weir.BuildID) []weir.TestState {
	old := map[weir.TestID]weir.TestState{}
	if len(base.States) > 0 { // else all are new, and may be very many
		moved := make(map[weir.TestID]bool, len(changes)+len(quiet))
		for _, list := range [][]weir.TestChange{changes, quiet} {
			for i := range list {
				moved[list[i].Test] = true
			}
		}
		for _, s := range base.States {
			if moved[s.Test] {
				old[s.Test] = s
			}
		}
	}
	out := make([]weir.TestState, 0, len(changes)+len(quiet))
	for _, list := range [][]weir.TestChange{changes, quiet} {
		for i := range list {
			c := &list[i]
			if c.Verdict == weir.Removed {
				continue
			}
			s := old[c.Test]
			s.Test = c.Test
			if c.Verdict == weir.Flaky {
				s.Flakes++
				s.LastFlake = build
			} else {
				s.Status, s.Since = c.To, build
			}
			out = append(out, s)
		}
	}
	return out
}

// Forget lists the tests that have no baseline any more.
func Forget(changes []weir.TestChange) []weir.TestID {
	var out []weir.TestID
	for _, c := range changes {
		if c.Verdict == weir.Removed {
			out = append(out, c.Test)
		}
	}
	return out
}

// FlakeRate estimates how often a test fails for no reason, on the careful
// side: high while little is known, falling as quiet builds add up. builds is
// how many settled builds its builder has.
func FlakeRate(flakes, builds int) float64 {
	return min(0.5, float64(2+2*flakes)/float64(10+builds))
}
