package verdict

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/signature"
)

// says is a result with a message.
func says(name string, s weir.Status, message string) weir.Result {
	r := result(name, s)
	r.Message = message
	return r
}

func key(message string) string {
	if message == "" {
		return ""
	}
	return signature.Of(message, "").Key
}

// TestCompareEveryFailure goes through every pair of statuses again, with all
// that is known of what the failures say and of whether the test was hidden.
func TestCompareEveryFailure(t *testing.T) {
	t.Parallel()
	one, two, three := key("one is wrong"), key("two is wrong"), key("three is wrong")
	for _, from := range weir.Statuses() {
		for _, known := range []string{"", one, two + " " + one, weir.AnySignature} {
			for _, masked := range []weir.BuildID{0, 5} {
				for _, to := range weir.Statuses() {
					for message, now := range map[string]string{"": "", "one is wrong": one, "three is wrong": three} {
						s := state("T", from)
						s.Since, s.Masked, s.Signature = 3, masked, known
						if masked != 0 {
							s.Cause = weir.Gone
						}
						checkPair(t, s, to, message, now)
					}
				}
			}
		}
	}
}

func checkPair(t *testing.T, s weir.TestState, to weir.Status, message, now string) {
	t.Helper()
	var in weir.ResultSet
	if to != weir.Absent {
		in = set(says("T", to, message))
	}
	base := Baseline{States: []weir.TestState{s}}
	c := Compare(base, passed, in)
	got := weir.Same
	if len(c.Changes) > 0 {
		got = c.Changes[0].Verdict
	}
	bad, hides := s.Status.Bad() && to.Bad(), s.Status.Bad() && (to == weir.Skip || to == weir.Absent)
	want := weir.Same
	switch {
	case to.Good() && !s.Status.Good():
		want = weir.Fixed
	case s.Status.Good() && to.Bad():
		want = weir.NewlyFailing
	case s.Status.Good() && to == weir.Skip:
		want = weir.NewlySkipped
	case s.Status.Good() && to == weir.Absent:
		want = weir.Vanished
	case hides && s.Masked == 0:
		want = weir.Masked
	case bad && now != "" && s.Signature != "" && s.Signature != weir.AnySignature && !strings.Contains(s.Signature, now):
		want = weir.FailingDifferently
	}
	if got != want || len(c.Changes)+len(c.Quiet) > 1 {
		t.Errorf("%+v, now %s %q: %s, want %s", s, to, message, got, want)
	}
	after := s
	for _, a := range Apply(base, c, 9) {
		after = a
	}
	checkNext(t, s, after, to, now)
	if again := Compare(Baseline{States: []weir.TestState{after}}, passed, in); len(again.Changes)+len(again.Quiet) > 0 {
		t.Errorf("%+v, now %s %q, and again: %+v is not quiet", s, to, message, again)
	}
}

// checkNext holds the state behind a build against what the build said.
func checkNext(t *testing.T, s, after weir.TestState, to weir.Status, now string) {
	t.Helper()
	reports := to != weir.Skip && to != weir.Absent
	switch {
	case s.Status.Bad() && !reports && (after.Status != s.Status || after.Since != s.Since || after.Signature != s.Signature):
		t.Errorf("%+v, now %s: became %+v, and must stay bad", s, to, after)
	case s.Status.Bad() && !reports && (after.Masked == 0 || after.Cause == "" || s.Masked != 0 && after.Masked != s.Masked):
		t.Errorf("%+v, now %s: became %+v, and must be masked", s, to, after)
	case reports && (after.Masked != 0 || after.Cause != "") && after != s:
		t.Errorf("%+v, now %s: became %+v, and is not masked", s, to, after)
	case to.Bad() && now != "" && s.Signature == "" && after.Signature != now:
		t.Errorf("%+v, now %s: became %+v, and has not learnt %s", s, to, after, now)
	case to.Good() && s.Status != to && after.Signature != "":
		t.Errorf("%+v, now %s: became %+v, and still says something", s, to, after)
	}
}

func TestUnmasking(t *testing.T) {
	t.Parallel()
	s := state("T", weir.Fail)
	s.Masked, s.Cause, s.Signature = 5, weir.Panicked, key("one is wrong")
	for _, c := range []struct {
		now  weir.Result
		want weir.Verdict
	}{
		{says("T", weir.Fail, "one is wrong"), weir.Same},
		{says("T", weir.Fail, ""), weir.Same},
		{says("T", weir.Fail, "two is wrong"), weir.FailingDifferently},
		{says("T", weir.Pass, ""), weir.Fixed},
	} {
		base := Baseline{States: []weir.TestState{s}}
		got := Compare(base, passed, set(c.now))
		states := Apply(base, got, 9)
		if len(states) != 1 || states[0].Masked != 0 || states[0].Cause != "" {
			t.Errorf("%+v: still masked: %+v", c.now, states)
		}
		if verdict := append(got.Changes, got.Quiet...)[0].Verdict; verdict != c.want {
			t.Errorf("%+v: %s, want %s", c.now, verdict, c.want)
		}
	}
	base := Baseline{States: []weir.TestState{s}}
	if c := Compare(base, passed, set(says("T", weir.Skip, "no network"))); len(c.Quiet) != 1 || Apply(base, c, 9)[0].Cause != weir.SkippedTest ||
		Apply(base, c, 9)[0].Masked != 5 {
		t.Errorf("another reason to be hidden gives %+v", c)
	}
}

// TestStepsSayNothing keeps a log that grows a line from being another failure.
func TestStepsSayNothing(t *testing.T) {
	t.Parallel()
	step := weir.TestID{Suite: weir.StepSuite, Name: "make"}
	base := Baseline{States: []weir.TestState{{Test: step, Status: weir.Fail, Signature: "0123456789abcdef"}}}
	if c := Compare(base, weir.Build{Outcome: weir.Broken}, set(weir.Result{Test: step, Status: weir.Fail, Message: "other"})); len(c.Changes) > 0 {
		t.Errorf("a step fails differently: %+v", c.Changes)
	}
}

func TestConfirmAnotherFailure(t *testing.T) {
	t.Parallel()
	s := state("T", weir.Fail)
	s.Since, s.Signature = 3, key("one is wrong")
	base := Baseline{States: []weir.TestState{s}}
	first := set(says("T", weir.Fail, "two is wrong"))
	failed := weir.Build{Outcome: weir.Failed}
	for _, tt := range []struct {
		name   string
		second weir.ResultSet
		again  weir.Build
		want   weir.Verdict
		known  string // the signature of the state behind it
		flakes int
	}{
		{"the same new one", first, failed, weir.FailingDifferently, key("two is wrong") + " " + s.Signature, 0},
		{"the old one", set(says("T", weir.Fail, "one is wrong")), failed, weir.Same, weir.AnySignature, 0},
		{"a third one", set(says("T", weir.Fail, "three is wrong")), failed, weir.Same, weir.AnySignature, 0},
		{"passes", set(says("T", weir.Pass, "")), failed, weir.Flaky, s.Signature, 1},
		{"says nothing", set(says("T", weir.Fail, "")), failed, weir.Same, s.Signature, 0},
		{"is absent", set(), failed, weir.Same, s.Signature, 0},
		{"is skipped", set(says("T", weir.Skip, "")), failed, weir.Same, s.Signature, 0},
		{"was not reached", first, weir.Build{Outcome: weir.Broken}, weir.Same, s.Signature, 0},
		{"there is no second build", set(), weir.Build{}, weir.Same, s.Signature, 0},
	} {
		c := Confirm(Compare(base, failed, first), first, tt.second, tt.again)
		var got weir.Verdict
		for _, ch := range append(c.Changes, c.Quiet...) {
			got = ch.Verdict
		}
		after := s
		for _, a := range Apply(base, c, 9) {
			after = a
		}
		if got != tt.want || after.Signature != tt.known || after.Flakes != tt.flakes || after.Status != weir.Fail || after.Since != 3 {
			t.Errorf("%s: %q, and the state %+v", tt.name, got, after)
		}
	}
	// A second build that did not get to the tests has seen nothing else.
	base.States[0] = state("T", weir.Pass)
	third := set(says("T", weir.Fail, "three is wrong"))
	c := Confirm(Compare(base, failed, first), first, third, weir.Build{Outcome: weir.Broken})
	if len(c.Changes) != 1 || c.Changes[0].Signature != key("two is wrong") {
		t.Errorf("a build that did not get to the tests changes what is accused: %+v", c)
	}
	base.States = append(base.States, state("U", weir.Pass))
	c = Confirm(Compare(base, failed, first), first, set(), weir.Build{Outcome: weir.Broken})
	if n := weir.CountVerdicts(c.Changes); n.Vanished != 1 || n.Flaky != 0 {
		t.Errorf("a build that did not get to the tests lists other tests: %+v", c)
	}
	// A message that is unstable from the first failure on is known as such.
	base.States = base.States[:1]
	c = Confirm(Compare(base, failed, first), first, third, failed)
	if len(c.Changes) != 1 || c.Changes[0].Verdict != weir.NewlyFailing || Apply(base, c, 9)[0].Signature != weir.AnySignature {
		t.Errorf("an unstable new failure gives %+v", c)
	}
}

func TestObserveAnotherFailure(t *testing.T) {
	t.Parallel()
	v := weir.Victim{Test: result("T", "").Test, Verdict: weir.FailingDifferently, Signature: key("two is wrong")}
	for _, tt := range []struct {
		set     weir.ResultSet
		accused string
		want    weir.Observed
	}{
		{set(says("T", weir.Fail, "two is wrong")), v.Signature, weir.ObservedBad},
		{set(says("T", weir.Fault, "two is wrong")), v.Signature, weir.ObservedBad},
		{set(says("T", weir.Fail, "one is wrong")), v.Signature, weir.ObservedGood},
		{set(says("T", weir.Pass, "")), v.Signature, weir.ObservedGood},
		{set(says("T", weir.Fail, "")), v.Signature, weir.ObservedNone},
		{set(says("T", weir.Fail, "two is wrong")), "", weir.ObservedNone},
		{set(says("T", weir.Skip, "")), v.Signature, weir.ObservedNone},
		{set(), v.Signature, weir.ObservedNone},
	} {
		v.Signature = tt.accused
		if got := ObserveAll([]weir.Victim{v}, weir.Build{Outcome: weir.Failed}, tt.set); got[0] != tt.want {
			t.Errorf("%+v says %s, want %s", tt.set, got[0], tt.want)
		}
		want := ""
		if tt.want == weir.ObservedGood && len(tt.set.Results) > 0 && tt.set.Results[0].Status.Bad() {
			want = key("one is wrong")
		}
		failing := v
		failing.Verdict = weir.NewlyFailing
		if got := Otherwise([]weir.Victim{v, failing}, tt.set); got[0] != want || got[1] != "" {
			t.Errorf("%+v says otherwise %q, want %q", tt.set, got, want)
		}
	}
}

func TestRemember(t *testing.T) {
	t.Parallel()
	known := ""
	for _, now := range []string{"", "a", "b", "", "a", "c", "d", "e"} {
		known = remember(known, now)
	}
	if known != "e d c a" {
		t.Errorf("remembered are %q", known)
	}
	if known = remember(known, weir.AnySignature); known != weir.AnySignature || remember(known, "f") != known || differs(known, "f") {
		t.Errorf("any signature became %q", known)
	}
}
