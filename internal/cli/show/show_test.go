package show

import (
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

func TestText(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{Plural(1, "test", "tests"), "1 test"}, {Plural(0, "test", "tests"), "0 tests"},
		{Safe("a\tb\x1b[31m\u202e\u2066\x7f\u0085é"), "a�b�[31m����é"},
		{SafeLine("a\tb\x1b\n"), "a\tb��"},
		{Clip("weiré", 5), "weiré"}, {Clip("weirére", 5), "weir…"},
		{Age(now, time.Time{}), "not started"}, {Age(now, now), "just now"},
		{Age(now, now.Add(-61*time.Second)), "1 min"}, {Age(now, now.Add(-47*time.Hour)), "47 h"}, {Age(now, now.Add(-48*time.Hour)), "2 days"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// TestEveryOutcomeHasItsMark makes sure that no two outcomes that mean
// something else look alike.
func TestEveryOutcomeHasItsMark(t *testing.T) {
	t.Parallel()
	seen := map[string]weir.Outcome{}
	for _, o := range weir.Outcomes() {
		m := mark(weir.Build{State: weir.Finished, Outcome: o})
		if other, ok := seen[m]; ok && m != "-" {
			t.Errorf("%s and %s are both %s", o, other, m)
		}
		seen[m] = o
	}
	if m := mark(weir.Build{State: weir.Running}); m != "·" {
		t.Errorf("a build that runs is %s", m)
	}
}

// TestNothingReachesTheTerminal prints text that wants to act.
func TestNothingReachesTheTerminal(t *testing.T) {
	t.Parallel()
	const evil = "x\x1b]0;y\x07\r\u202e"
	key := weir.BuilderKey{Project: evil, Job: evil}
	rev := weir.Revision{ID: evil, Author: evil, Message: evil}
	test := weir.TestID{Suite: evil, Name: evil}
	r := weir.Regression{ID: 1, State: weir.Located, Builder: weir.Builder{BuilderKey: key}, Note: evil,
		Culprit: weir.Culprit{Project: evil, Revision: rev}, Victims: []weir.Victim{{Builder: weir.Builder{BuilderKey: key}, Test: test}}}
	var out strings.Builder
	r.Acknowledged = weir.Acknowledgement{Word: weir.Word{By: evil, Why: evil}, Until: time.Unix(99, 0)}
	r.Asked = r.Acknowledged.Word
	asked := r
	asked.Aim, asked.Path = weir.AimAsked, []weir.Leg{{Project: evil}}
	asked.Good.Pins, asked.Bad.Pins = weir.Pins{evil: evil}, weir.Pins{evil: evil}
	Found(&out, asked)
	Regression(&out, client.RegressionDetail{Regression: asked}, time.Unix(9, 0))
	Regression(&out, client.RegressionDetail{Regression: r, Advice: client.Advice{Upstream: []string{evil}, Downstream: []string{evil}},
		Life: []weir.Transition{{Kind: weir.WasAcknowledged, By: evil, Note: evil}}, Searches: []weir.Regression{asked}}, time.Unix(9, 0))
	Status(&out, client.Overview{Regressions: []weir.Regression{r}})
	History(&out, client.TestHistory{Builders: []client.BuilderHistory{{Says: evil, Changes: []client.TestMove{{Moved: []client.PinMove{{Project: evil, To: evil}}}}}},
		Where: client.Where{Spread: "only_here", Here: []string{evil}}})
	worker := weir.Worker{Name: evil, Platform: evil, Seen: time.Unix(9, 0), Paused: evil, Rest: weir.Rest{Rule: evil, Text: evil}}
	if err := Workers(&out, []client.Worker{{Worker: worker, State: weir.WorkerPaused}, {Worker: worker, State: weir.WorkerResting}}, time.Unix(9, 0)); err != nil {
		t.Error(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\x07\r\u202e") || strings.Count(out.String(), "�") < 20 {
		t.Errorf("%q", out.String())
	}
}

// TestResting says why a worker rests, and until when.
func TestResting(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 15, 0, 0, 0, time.UTC)
	for want, rest := range map[string]weir.Rest{
		"builds begin at 19:00; over in 4h0m0s, at 2030-01-02 19:00 UTC": {Rule: weir.RuleHours, Text: "builds begin at 19:00", Until: now.Add(4 * time.Hour)},
		"the load is 3.2, and may be 1":                                  {Rule: weir.RuleLoad, Text: "the load is 3.2, and may be 1"},
		"as its owner wishes: disk":                                      {Rule: weir.RuleDisk, Until: now.Add(-time.Hour)},
		strings.Repeat("x", maxRest-1) + "…":                             {Rule: weir.RuleDisk, Text: strings.Repeat("x", weir.MaxReason)},
	} {
		w := weir.Worker{Name: "alices-laptop", Platform: "linux/amd64", Slots: 1, Seen: now, Rest: rest}
		var table, status strings.Builder
		if err := Workers(&table, []client.Worker{{Worker: w, State: w.State(now)}}, now); err != nil {
			t.Error(err)
		}
		writeIdle(&status, []weir.Worker{w}, now)
		if !strings.HasSuffix(table.String(), "  "+want+"\n") || !strings.Contains(table.String(), "resting") || status.String() != "\nworker alices-laptop is resting: "+want+"\n" {
			t.Errorf("%+v: %s%s", rest, &table, &status)
		}
	}
}

// TestStatusOfHollow shows a build that passed without running its tests as what it is.
func TestStatusOfHollow(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	b := weir.Build{ID: 7, State: weir.Finished, Outcome: weir.Passed, Counts: weir.Counts{Skip: 5}}
	Status(&out, client.Overview{Builders: []client.BuilderRow{{Recent: []weir.Build{b}}}})
	if !strings.Contains(out.String(), "○  build 7 passed, 0 of 5 tests bad, none ran") {
		t.Errorf("the farm stands like this:\n%s", &out)
	}
}
