package judgement

import (
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/store"
)

// TestRepeatsFor: the better a test is known to be steady, the fewer repeats it takes.
func TestRepeatsFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flakes, builds, want int }{
		{0, 0, 3}, {0, 10, 2}, {0, 40, 1}, {0, 1000, 1}, {1, 10, 3}, {2, 30, 2}, {5, 1000, 1}, {10, 20, 4},
	} {
		if got := repeatsFor(flake.Rate(c.flakes, c.builds)); got != c.want {
			t.Errorf("%d flakes in %d builds, a rate of up to %.3f: %d repeats, want %d", c.flakes, c.builds, flake.Rate(c.flakes, c.builds), got, c.want)
		}
	}
	for _, rate := range []float64{0, 1e-9, 0.5, 0.99, 1} {
		if n := repeatsFor(rate); n < 1 || n > mostRepeats {
			t.Errorf("a rate of %v: %d", rate, n)
		}
	}
}

func TestBuildsThatRan(t *testing.T) {
	t.Parallel()
	state := &weir.TestState{Status: weir.Pass}
	event := func(number int, v weir.Verdict) store.TestEvent {
		return store.TestEvent{SettledBuild: store.SettledBuild{Number: number}, Change: weir.TestChange{Verdict: v}}
	}
	for name, c := range map[string]struct {
		h    store.TestHistory
		want int
	}{
		"nothing is known": {store.TestHistory{}, 0},
		"from the start":   {store.TestHistory{First: store.SettledBuild{Number: 1}, Last: store.SettledBuild{Number: 40}, State: state}, 40},
		"new lately":       {store.TestHistory{First: store.SettledBuild{Number: 1}, Last: store.SettledBuild{Number: 40}, State: state, Events: []store.TestEvent{event(38, weir.New)}}, 3},
		"mended lately":    {store.TestHistory{First: store.SettledBuild{Number: 1}, Last: store.SettledBuild{Number: 40}, State: state, Events: []store.TestEvent{event(38, weir.Fixed)}}, 40},
	} {
		if got := builds(c.h); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
