package verdict

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

// walk is a builder's line: its baseline, and build after build.
type walk struct {
	base  Baseline
	build weir.BuildID
}

var walkNames = []string{"a", "b", "c", "d", "e"}

// messages are what failures say. The last one says something else each time.
var messages = []string{"", "one is wrong", "two is wrong", "three is wrong", "unstable"}

// drawSet makes up what a build reports.
func drawSet(t *rapid.T, label string) weir.ResultSet {
	var in weir.ResultSet
	for _, name := range walkNames {
		s := rapid.SampledFrom([]weir.Status{weir.Pass, weir.Pass, weir.Fail, weir.Fail, weir.Fault, weir.Skip, weir.ExpectedFailure, weir.Absent}).Draw(t, label+name)
		if s == weir.Absent {
			continue
		}
		r := result(name, s)
		if s.Bad() {
			r.Message = rapid.SampledFrom(messages).Draw(t, label+name+" says")
			if r.Message == "unstable" {
				r.Message += " " + strings.Repeat("x", rapid.IntRange(1, 20).Draw(t, label+name+" x"))
			}
		}
		in.Results = append(in.Results, r)
	}
	if rapid.Bool().Draw(t, label+"incident") {
		in.Incidents = append(in.Incidents, weir.Incident{Kind: rapid.SampledFrom(weir.IncidentKinds()).Draw(t, label+"kind"), Suite: "pkg"})
	}
	return in
}

// other is the set with many more tests, which change every total.
func other(in weir.ResultSet, s weir.Status, n int) weir.ResultSet {
	out := in
	out.Results = append([]weir.Result(nil), in.Results...)
	for i := range n {
		out.Results = append(out.Results, weir.Result{Test: weir.TestID{Suite: "other", Name: fmt.Sprint("T", i)}, Status: s})
	}
	return out
}

func statusIn(in weir.ResultSet, name string) weir.Result {
	for _, r := range in.Results {
		if r.Test.Name == name && r.Test.Suite == "pkg" {
			return r
		}
	}
	return result(name, weir.Absent)
}

func stateIn(base Baseline, name string) (weir.TestState, bool) {
	for _, s := range base.States {
		if s.Test.Name == name && s.Test.Suite == "pkg" {
			return s, true
		}
	}
	return weir.TestState{}, false
}

func changeIn(c Comparison, name string) weir.TestChange {
	for _, ch := range append(append([]weir.TestChange(nil), c.Changes...), c.Quiet...) {
		if ch.Test.Name == name && ch.Test.Suite == "pkg" {
			return ch
		}
	}
	return weir.TestChange{Verdict: weir.Same}
}

// step judges one build as the farm does: it runs again if somebody would be
// accused, and is excused if only its own project has moved.
func (w *walk) step(t *rapid.T) {
	first := drawSet(t, "first ")
	b := weir.Build{Outcome: rapid.SampledFrom([]weir.Outcome{weir.Passed, weir.Failed, weir.TimedOut, weir.Broken}).Draw(t, "outcome")}
	c := Compare(w.base, b, first)
	w.checkTotals(t, b, first, c)
	if rapid.Bool().Draw(t, "own project only") {
		c.Changes = Excuse(c.Changes, len(w.base.States))
	}
	second, again := weir.ResultSet{}, weir.Build{}
	confirmed := weir.CountVerdicts(c.Changes).Worse() > 0
	if confirmed {
		if second, again = first, b; rapid.Bool().Draw(t, "another outcome") {
			second, again = drawSet(t, "second "), weir.Build{Outcome: rapid.SampledFrom(weir.Outcomes()).Draw(t, "again")}
		}
		c = Confirm(c, first, second, again)
	}
	w.build++
	before := w.base
	removed := map[weir.TestID]bool{}
	for _, id := range Forget(c.Changes) {
		removed[id] = true
	}
	w.base = Baseline{}
	for _, s := range merge(before.States, Apply(before, c, w.build)) {
		if !removed[s.Test] {
			w.base.States = append(w.base.States, s)
		}
	}
	for _, name := range walkNames {
		w.check(t, before, b, name, statusIn(first, name), changeIn(c, name))
		w.checkAccusation(t, before, b, name, statusIn(first, name), statusIn(second, name), again, changeIn(c, name))
	}
}

// check holds a test's new state against the old one and what was reported.
func (w *walk) check(t *rapid.T, before Baseline, b weir.Build, name string, now weir.Result, ch weir.TestChange) {
	old, known := stateIn(before, name)
	s, kept := stateIn(w.base, name)
	what := fmt.Sprintf("%s: %+v, %s %q in a build that %s: %+v, then %+v", name, old, now.Status, now.Message, b.Outcome, ch, s)
	if !Reached(b) {
		if known != kept || s != old {
			t.Fatalf("%s: a build that did not reach its tests moved it", what)
		}
		return
	}
	switch {
	case ch.Verdict == weir.Fixed && (!now.Status.Good() || old.Status.Good()):
		t.Fatalf("%s: nothing is fixed", what)
	case known && old.Status.Bad() && !now.Status.Good() && !s.Status.Bad():
		t.Fatalf("%s: a failure is forgotten", what)
	case known && old.Status.Bad() && (now.Status == weir.Skip || now.Status == weir.Absent) &&
		(s.Masked == 0 || s.Cause == "" || s.Signature != old.Signature || (ch.Verdict == weir.Masked) != (old.Masked == 0)):
		t.Fatalf("%s: it is masked, once, and keeps what it said", what)
	case known && old.Status.Good() && !now.Status.Good() && !ch.Verdict.Worse() && ch.Verdict != weir.Flaky && ch.Verdict != weir.Removed:
		t.Fatalf("%s: nobody was told", what)
	case kept && s.Masked != 0 && now.Status != weir.Skip && now.Status != weir.Absent:
		t.Fatalf("%s: it ran, and is masked", what)
	case old.Status.Good() && (s.Status == weir.Skip || s.Status == weir.Absent) && s.Masked != w.build:
		t.Fatalf("%s: nobody knows since when it does not run", what)
	case kept && (s.Masked != 0) != (s.Cause != ""), kept && s.Status == weir.Absent && s.Masked == 0,
		kept && s.Masked != 0 && s.Status.Good(), kept && s.Signature != "" && !s.Status.Bad(),
		s.Masked > w.build, s.Since > w.build, len(strings.Fields(s.Signature)) > maxSignatures:
		t.Fatalf("%s: the state contradicts itself", what)
	}
}

// checkAccusation makes sure that another failure is told only if two builds
// say the same, and it is not what the test said before.
func (w *walk) checkAccusation(t *rapid.T, before Baseline, b weir.Build, name string, now, second weir.Result, again weir.Build, ch weir.TestChange) {
	old, _ := stateIn(before, name)
	sign := signatureOf(now)
	fresh := sign != "" && old.Signature != "" && old.Signature != weir.AnySignature && !strings.Contains(old.Signature, sign)
	repeated := signatureOf(second) == sign && Reached(again)
	want := Reached(b) && old.Status.Bad() && fresh && repeated
	if got := ch.Verdict == weir.FailingDifferently; got != want {
		t.Fatalf("%s: %+v, %+v and again %+v in a build that %s: %+v", name, old, now, second, again.Outcome, ch)
	}
}

// checkTotals makes sure that however many other tests pass, fail or are
// skipped, the verdict of a test is its own.
func (w *walk) checkTotals(t *rapid.T, b weir.Build, in weir.ResultSet, c Comparison) {
	more := Compare(w.base, b, other(in, rapid.SampledFrom([]weir.Status{weir.Pass, weir.Fail, weir.Skip}).Draw(t, "others"), 20))
	for _, name := range walkNames {
		if a, b := changeIn(c, name), changeIn(more, name); a != b {
			t.Fatalf("%s: %+v, and with other tests %+v", name, a, b)
		}
	}
}

// TestWalks goes through random lives of a builder.
func TestWalks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &walk{base: Baseline{Empty: true}}
		for range rapid.IntRange(1, 15).Draw(t, "builds") {
			w.step(t)
		}
	})
}
