package inquiry

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir"
)

// TestAbsolve: a test that was thought to fail differently fails still.
func TestAbsolve(t *testing.T) {
	t.Parallel()
	victim := func(name string, v weir.Verdict) weir.Victim {
		return weir.Victim{Test: weir.TestID{Name: name}, Verdict: v, Signature: "aa"}
	}
	state := func(name string, status weir.Status) weir.TestState {
		return weir.TestState{Test: weir.TestID{Name: name}, Status: status, Since: 1, Signature: "aa bb", Masked: 3, Cause: weir.Gone}
	}
	again := state("broke again", weir.Fail) // after it was good
	again.Since = 12
	e := evidence{flakes: map[weir.TestID]weir.TestState{}}
	for _, s := range []weir.TestState{state("differs", weir.Fail), state("mended", weir.Pass), state("failed", weir.Fail), again} {
		e.flakes[s.Test] = s
	}
	got := e.absolve([]weir.Victim{victim("differs", weir.FailingDifferently), victim("mended", weir.FailingDifferently),
		victim("failed", weir.NewlyFailing), victim("gone", weir.NewlyFailing), victim("broke again", weir.NewlyFailing)}, 9)
	want := []weir.TestState{state("differs", weir.Fail), state("mended", weir.Pass),
		{Test: weir.TestID{Name: "failed"}, Status: weir.Pass, Since: 1}, again}
	want[0].Signature = weir.AnySignature
	for i := range want {
		want[i].Flakes, want[i].LastFlake = 1, 9
	}
	if !slices.Equal(got, want) {
		t.Errorf("states are\n%+v, not\n%+v", got, want)
	}
}
