package sqlstore

import (
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
	for i, c := range []struct {
		needs []weir.Build
		state weir.State
		code  weir.ReasonCode
	}{
		{nil, weir.Queued, ""},
		{[]weir.Build{ready, odd}, weir.Queued, ""},
		{[]weir.Build{ready, waits}, weir.Blocked, ""},
		{[]weir.Build{waits, broken}, weir.Finished, weir.ReasonUpstreamBuild},
		{[]weir.Build{infra, waits}, weir.Finished, weir.ReasonProductMissing},
		{[]weir.Build{infra, broken}, weir.Finished, weir.ReasonUpstreamBuild},
		{[]weir.Build{broken, gone, infra}, weir.Cancelled, weir.ReasonSuperseded},
	} {
		f := fateOf(c.needs)
		if f.state != c.state || f.reason.Code != c.code || f.state.Final() && f.outcome != c.code.Outcome() {
			t.Errorf("case %d: %+v", i, f)
		}
	}
	if got := fateOf([]weir.Build{broken}).reason.Text; got != "up at r7, build 41, passed and left no product" {
		t.Errorf("reason: %s", got)
	}
}
