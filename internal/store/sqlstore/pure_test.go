package sqlstore

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

func TestFateOf(t *testing.T) {
	t.Parallel()
	build := func(state weir.State, outcome weir.Outcome, code weir.ReasonCode, product bool) weir.Build {
		b := weir.Build{ID: 41, State: state, Outcome: outcome, Reason: weir.Reason{Code: code}, Pins: weir.Pins{"up": "r7"}}
		b.Builder.Project = "up"
		if product {
			b.Product.Digest = weir.DigestOf(nil)
		}
		return b
	}
	ready := build(weir.Finished, weir.Passed, weir.ReasonNone, true)
	odd := build(weir.Finished, weir.Failed, weir.ReasonTests, true)
	waits := build(weir.Running, "", "", false)
	broken := build(weir.Finished, weir.Passed, weir.ReasonNone, false)
	infra := build(weir.Finished, weir.Infra, weir.ReasonLost, false)
	gone := build(weir.Cancelled, weir.OutcomeCancelled, weir.ReasonSuperseded, false)
	skipped := build(weir.Finished, weir.Skipped, weir.ReasonNeeds, false)
	after := func(b weir.Build, e ending, lenient bool) need { return need{b, e, lenient} }
	product := func(builds ...weir.Build) (needs []need) {
		for _, b := range builds {
			needs = append(needs, need{Build: b})
		}
		return needs
	}
	for i, c := range []struct {
		needs []need
		state weir.State
		code  weir.ReasonCode
	}{
		{nil, weir.Queued, ""},
		{product(ready, odd), weir.Queued, ""},
		{product(ready, waits), weir.Blocked, ""},
		{product(waits, broken), weir.Finished, weir.ReasonUpstreamBuild},
		{product(infra, waits), weir.Finished, weir.ReasonProductMissing},
		{product(infra, broken), weir.Finished, weir.ReasonUpstreamBuild},
		{product(broken, gone, infra), weir.Cancelled, weir.ReasonSuperseded},
		{[]need{after(ready, endPassed, false), after(waits, endPassed, false)}, weir.Blocked, ""},
		{[]need{after(ready, endPassed, false), after(broken, endPassed, false)}, weir.Queued, ""}, // it passed; no product is wanted
		{[]need{after(odd, endPassed, false), after(waits, endPassed, false)}, weir.Finished, weir.ReasonNeeds},
		{[]need{after(odd, endPassed, true), after(infra, endPassed, true), after(skipped, endPassed, true)}, weir.Queued, ""},
		{[]need{after(infra, endPassed, false)}, weir.Finished, weir.ReasonNeeds},
		{[]need{after(skipped, endPassed, false)}, weir.Finished, weir.ReasonNeeds},
		{[]need{after(gone, endPassed, true)}, weir.Cancelled, weir.ReasonSuperseded},
		{[]need{after(gone, endAny, false)}, weir.Cancelled, weir.ReasonSuperseded},
		{[]need{after(odd, endAny, false), after(infra, endAny, false), after(skipped, endAny, false)}, weir.Queued, ""},
		{[]need{after(ready, endFailed, false), after(odd, endFailed, false)}, weir.Queued, ""}, // one is enough
		{[]need{after(ready, endFailed, false), after(waits, endFailed, false)}, weir.Blocked, ""},
		{[]need{after(ready, endFailed, false), after(infra, endFailed, false)}, weir.Finished, weir.ReasonNeeds},
		{append(product(infra), after(odd, endPassed, false)), weir.Finished, weir.ReasonNeeds},
		{append(product(ready), after(odd, endPassed, false)), weir.Finished, weir.ReasonNeeds},
		{append(product(broken), after(odd, endFailed, false)), weir.Finished, weir.ReasonUpstreamBuild},
		{append(product(waits), after(odd, endFailed, false)), weir.Blocked, ""},
	} {
		f := fateOf(c.needs)
		if f.state != c.state || f.reason.Code != c.code || f.state.Final() && f.outcome != c.code.Outcome() {
			t.Errorf("case %d: %+v", i, f)
		}
	}
	if got := fateOf(product(broken)).reason.Text; got != "up at r7, build 41, passed and left no product" {
		t.Errorf("reason: %s", got)
	}
	if got := fateOf([]need{after(odd, endPassed, false)}).reason.Text; !strings.Contains(got, "build 41, failed, and this one is for when it passes") {
		t.Errorf("reason: %s", got)
	}
}
