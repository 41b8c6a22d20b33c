package weir_test

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir"
)

// buildMoves is every allowed move of a build, written down a second time so
// that a slip in the code shows.
var buildMoves = map[weir.State]string{
	weir.Blocked: "queued finished cancelled",
	weir.Queued:  "leased cancelled",
	weir.Leased:  "running queued finished cancelled",
	weir.Running: "queued finished cancelled",
}

// regressionMoves is the same for regressions.
var regressionMoves = map[weir.RegressionState]string{
	weir.Searching: "located narrowed fixed dismissed merged",
	weir.Located:   "fixed dismissed merged",
	weir.Narrowed:  "fixed dismissed merged",
	weir.Recovered: "searching",
	weir.Dismissed: "searching",
}

// stages is what weir.State and weir.RegressionState have in common.
type stages interface {
	~string
	comparable
}

func checkMoves[S stages](t *testing.T, all []S, want map[S]string, next func(S) []S, can func(S, S) bool) {
	t.Helper()
	outside := S("no such state")
	for _, from := range append(slices.Clone(all), outside, "") {
		allowed := words(want[from])
		if got := texts(next(from)); !slices.Equal(got, allowed) {
			t.Errorf("%q: Next is %v, want %v", from, got, allowed)
		}
		for _, to := range append(slices.Clone(all), outside, "") {
			if got, w := can(from, to), slices.Contains(allowed, string(to)); got != w {
				t.Errorf("%q to %q: CanBecome is %v, want %v", from, to, got, w)
			}
		}
	}
}

func TestEveryMoveOfABuild(t *testing.T) {
	t.Parallel()
	checkMoves(t, weir.States(), buildMoves, weir.State.Next, weir.State.CanBecome)
	for _, s := range weir.States() {
		if got, want := s.Final(), len(s.Next()) == 0; got != want {
			t.Errorf("%s: Final is %v, and %d states follow", s, got, len(s.Next()))
		}
		if !s.Final() && !s.CanBecome(weir.Cancelled) {
			t.Errorf("%s: an unfinished build cannot be cancelled", s)
		}
		if s.CanBecome(s) {
			t.Errorf("%s: may become what it is", s)
		}
	}
}

func TestEveryMoveOfARegression(t *testing.T) {
	t.Parallel()
	checkMoves(t, weir.RegressionStates(), regressionMoves, weir.RegressionState.Next, weir.RegressionState.CanBecome)
	for _, s := range weir.RegressionStates() {
		if got, want := s.Open(), len(s.Next()) > 1; got != want {
			t.Errorf("%s: Open is %v, and %d states follow", s, got, len(s.Next()))
		}
		if k := weir.TransitionTo(s); s != weir.Searching && string(k) != string(s) {
			t.Errorf("%s: the transition to it is called %s", s, k)
		}
		if s.Open() && !(s.CanBecome(weir.Recovered) && s.CanBecome(weir.Merged)) {
			t.Errorf("%s: an open regression must be able to recover and to merge", s)
		}
	}
}

// A caller that changes what Next returns must not change the rules.
func TestNextIsACopy(t *testing.T) {
	t.Parallel()
	weir.Queued.Next()[0] = weir.Finished
	weir.Searching.Next()[0] = weir.Merged
	if weir.Queued.CanBecome(weir.Finished) || weir.Searching.Next()[0] != weir.Located {
		t.Error("the slice that Next returns is the table itself")
	}
}

func TestReasonsLeadToOutcomes(t *testing.T) {
	t.Parallel()
	want := map[weir.Outcome]string{
		weir.Failed:           "step tests",
		weir.Broken:           "checkout no_results prepare service upstream_build",
		weir.TimedOut:         "quiet timeout",
		weir.Infra:            "disk_full lost product_missing refused secret source_down undelivered worker",
		weir.OutcomeCancelled: "requested superseded",
		weir.Skipped:          "needs nothing",
	}
	got := map[weir.Outcome][]string{}
	for _, c := range weir.ReasonCodes() {
		got[c.Outcome()] = append(got[c.Outcome()], string(c))
	}
	if !slices.Equal(got[weir.Passed], []string{""}) {
		t.Errorf("passed has the reasons %q, want the empty one only", got[weir.Passed])
	}
	for _, o := range weir.Outcomes() {
		if o != weir.Passed && !slices.Equal(got[o], words(want[o])) {
			t.Errorf("%s has the reasons %v, want %v", o, got[o], words(want[o]))
		}
	}
	for _, unknown := range []weir.ReasonCode{"tests ", "TESTS", "no such reason", "\x00"} {
		if o := unknown.Outcome(); o != weir.Infra {
			t.Errorf("%q leads to %s; what is unknown must accuse nobody", unknown, o)
		}
	}
}

func TestWhatOutcomesSay(t *testing.T) {
	t.Parallel()
	for _, o := range append(weir.Outcomes(), "", "no such outcome") {
		want := slices.Contains(words("passed failed broken timed_out"), string(o))
		if got := o.SaysSomething(); got != want {
			t.Errorf("%q: SaysSomething is %v, want %v", o, got, want)
		}
	}
}

func TestOnlySomeCausesMoveTheBaseline(t *testing.T) {
	t.Parallel()
	for _, c := range append(weir.Causes(), "", "no such cause") {
		want := c == weir.CauseChange || c == weir.CauseForce || c == weir.CauseCron
		if got := c.Advances(); got != want {
			t.Errorf("%q: Advances is %v, want %v", c, got, want)
		}
	}
}

func TestStatusesAndVerdicts(t *testing.T) {
	t.Parallel()
	for _, s := range append(weir.Statuses(), "", "no such status") {
		if got, want := s.Bad(), slices.Contains(words("fail error"), string(s)); got != want {
			t.Errorf("%q: Bad is %v, want %v", s, got, want)
		}
		if got, want := s.Good(), slices.Contains(words("pass expected_failure"), string(s)); got != want {
			t.Errorf("%q: Good is %v, want %v", s, got, want)
		}
	}
	for _, v := range append(weir.Verdicts(), "", "no such verdict") {
		want := slices.Contains(words("newly_failing failing_differently newly_skipped vanished"), string(v))
		if got := v.Worse(); got != want {
			t.Errorf("%q: Worse is %v, want %v", v, got, want)
		}
	}
}
