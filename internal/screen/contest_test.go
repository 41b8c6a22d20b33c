package screen_test

import (
	"testing"

	"github.com/weir-ci/weir/internal/screen"
)

// TestContest: one machine that clears what several others saw bad is heard if
// another one agrees, and not if they contradict it at the same revision.
func TestContest(t *testing.T) {
	t.Parallel()
	ready := map[string]bool{"a": true, "b": true, "c": true, "d": false}
	for _, k := range []struct {
		runs     []screen.Run
		alone    string
		outvoted bool
		asks     string // in turn
		cleared  int
	}{
		{runs("b2g", "b3b", "c4b"), "", false, "", 0},                                                                          // nothing is cleared
		{runs("b2g", "b3b", "a7g", "a8b"), "", false, "", 0},                                                                   // one flake
		{runs("b2g", "b3b", "a3b", "a7g", "a8b"), "", false, "", 0},                                                            // it does not doubt itself
		{runs("b2g", "b3b", "b3b", "a7g", "a8b"), "a", false, "b", 2},                                                          // contradicted in front of it
		{runs("b2g", "b3b", "c3b", "a7g", "a8b"), "a", false, "b", 2},                                                          // by two
		{runs("b2g", "b3b", "c3b", "a7g", "a8b", "b7b"), "a", false, "c", 2},                                                   // once at the parent
		{runs("b2g", "b3b", "c3b", "a7g", "a8b", "b7b", "c7b"), "a", false, "a", 2},                                            // twice, and it is asked once more
		{runs("b2g", "b3b", "c3b", "a7g", "a8b", "b7b", "c7b", "a7g"), "a", true, "", 2},                                       // it is that machine
		{runs("b2g", "b3b", "c3b", "a7g", "a8b", "b7b", "c7b", "a7b"), "a", false, "b", 2},                                     // it is chance
		{runs("b2g", "b3b", "c3b", "a7g", "a8b", "b7b", "c7b", "a7b", "b7b", "c7b", "b7b", "c7b"), "a", false, "", 2},          // or nobody knows
		{runs("b2g", "b3b", "c3b", "a7g", "a8b", "a7g", "a7g", "a9g", "b7b", "c7b"), "a", true, "", 2},                         // its own word does not help
		{runs("b2g", "b3b", "c3b", "a7g", "a8b", "c7g"), "", false, "", 0},                                                     // another one agrees
		{runs("b2g", "b3b", "c3b", "a7g", "a8b", "c9g"), "", false, "", 0},                                                     // or clears more
		{runs("a2g", "b3b", "c3b", "a7g", "a8b", "b7b", "c7b"), "a", false, "b", -1},                                           // nobody knows whether those can see it good
		{runs("b1g", "a2g", "b3b", "c3b", "c4b", "a3g", "a7g", "a8b", "c7b"), "", false, "", 0},                                // c is ill
		{runs("b2g", "b3b", "d3b", "a7g", "b7b", "b7b", "b7b", "c8b"), "a", false, "c", 2},                                     // b was asked often enough
		{runs("b2g", "b3b", "d3b", "a7g", "a7g", "b7b", "b7b", "b7b", "a8b", "d7b"), "a", true, "", 2},                         // by one that is away now
		{runs("a2g", "b3b", "c3b", "a7g", "b7b", "b7b", "b7b", "c7b", "c7b", "c7b"), "a", false, "a", -1},                      // nobody else is left
		{runs("a2g", "b3b", "c3b", "a7g", "b7b", "b7b", "b7b", "c7b", "c7b", "c7b", "a7b"), "a", false, "", -1},                // and it does not stand by it
		{runs("a2g", "b3b", "c3b", "a7g", "b7b", "b7b", "b7b", "c7b", "c7b", "c7b", "a7g", "a7g"), "a", false, "(upheld)", -1}, // or does
	} {
		c := screen.ContestOf(k.runs, 7)
		worker, _ := c.Next(ready)
		if c.Upheld && worker == "" && !c.Outvoted {
			worker = "(upheld)"
		}
		if c.Alone != k.alone || c.Outvoted != k.outvoted || worker != k.asks || c.Alone != "" && c.Cleared != k.cleared {
			t.Errorf("%v: %+v, asks %q", k.runs, c, worker)
		}
	}
}
