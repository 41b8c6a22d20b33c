package verdict

import (
	"testing"

	"github.com/weir-ci/weir"
	"pgregory.net/rapid"
)

// TestSameResultsMoveNothing makes sure of what lets a farm pass over a build
// that reports what the one before did: unless that was doubted and run again,
// holding the same results against the baseline that they have moved says nothing.
func TestSameResultsMoveNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &walk{base: Baseline{Empty: true}}
		for range rapid.IntRange(0, 5).Draw(t, "builds") {
			w.step(t)
		}
		set := drawSet(t, "set ")
		b := weir.Build{Outcome: rapid.SampledFrom([]weir.Outcome{weir.Passed, weir.Failed, weir.TimedOut, weir.Broken}).Draw(t, "outcome")}
		c := Compare(w.base, b, set)
		if rapid.Bool().Draw(t, "own project only") {
			c.Changes = Excuse(c.Changes, len(w.base.States))
		}
		removed := map[weir.TestID]bool{}
		for _, id := range Forget(c.Changes) {
			removed[id] = true
		}
		var base Baseline
		for _, s := range merge(w.base.States, Apply(w.base, c, w.build+1)) {
			if !removed[s.Test] {
				base.States = append(base.States, s)
			}
		}
		if again := Compare(base, b, set); len(again.Changes)+len(again.Quiet) > 0 {
			t.Fatalf("%+v, then %+v", c, again)
		}
	})
}
