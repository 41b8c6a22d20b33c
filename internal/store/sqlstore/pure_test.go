package sqlstore

import (
	"fmt"
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

func TestOnPath(t *testing.T) {
	t.Parallel()
	path := []weir.Leg{{Project: "up", From: 3, To: 7}, {Project: "p", From: 1, To: 3}}
	positions := []map[string]int64{{}, {}}
	for i := range int64(10) {
		positions[0][fmt.Sprint("u", i)], positions[1][fmt.Sprint("r", i)] = i, i
	}
	for pins, want := range map[string]int{
		"u3 r1": 0, "u5 r1": 2, "u7 r1": 4, "u7 r2": 5, "u7 r3": 6,
		"u3 r3": -1, // a corner
		"u8 r1": -1, "u2 r1": -1, "u7 r4": -1, "x r1": -1,
	} {
		var up, own string
		if _, err := fmt.Sscan(pins, &up, &own); err != nil {
			t.Fatal(err)
		}
		at, ok := onPath(path, positions, weir.Pins{"up": up, "p": own})
		if !ok {
			at = -1
		}
		if at != want {
			t.Errorf("%s lies at %d, want %d", pins, at, want)
		}
	}
}

func TestRestrict(t *testing.T) {
	t.Parallel()
	victims := func(names ...string) (vs []weir.Victim) {
		for _, n := range names {
			vs = append(vs, weir.Victim{Test: weir.TestID{Name: n}})
		}
		return vs
	}
	p := weir.Probe{Victims: []weir.Observed{weir.ObservedGood, weir.ObservedBad, weir.ObservedNone}}
	got := restrict(p, victims("a", "b", "c"), victims("b", "new", "a"))
	if fmt.Sprint(got.Victims, got.Good, got.Bad, got.None) != "[bad none good] 1 1 1" {
		t.Errorf("%+v", got)
	}
	if got := restrict(weir.Probe{Good: 2}, victims("a"), victims("b")); got.Victims != nil || got.Good != 2 {
		t.Errorf("a probe that has not spoken: %+v", got)
	}
}
