package blame

import (
	"testing"

	"github.com/weir-ci/weir"
)

// TestAims: a search says what it was asked, and no more.
func TestAims(t *testing.T) {
	t.Parallel()
	victims := []weir.Victim{{Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "app"}}, Test: weir.TestID{Name: "t"}}}
	found := weir.Culprit{Project: "tool", Revision: weir.Revision{ID: "v2"}}
	for _, c := range []struct {
		r             weir.Regression
		says, lookFor string
	}{
		{weir.Regression{State: weir.Searching}, "1 test of app broke, and the culprit is being looked for", ""},
		{weir.Regression{Aim: weir.AimAsked, State: weir.Dismissed}, "no revision that was asked about broke 1 test of app", "what broke 1 test of app"},
		{weir.Regression{Aim: weir.AimFix, Of: 3, State: weir.Searching}, "what mended 1 test of app is being looked for", "what mended regression 3"},
		{weir.Regression{Aim: weir.AimFix, Of: 3, State: weir.Located, Culprit: found}, "tool v2 mended 1 test of app", "what mended regression 3"},
		{weir.Regression{Aim: weir.AimFix, Of: 3, State: weir.Narrowed, Suspects: weir.Span{First: 2, Last: 4}}, "one of 3 revisions mended 1 test of app", "what mended regression 3"},
		{weir.Regression{Aim: weir.AimFix, Of: 3, State: weir.Dismissed}, "what mended 1 test of app is not known", "what mended regression 3"},
		{weir.Regression{Aim: weir.AimSide, Of: 3, State: weir.Searching}, "1 test of app broke, and the culprit is being looked for", "which commit of the merge broke the tests of regression 3"},
	} {
		c.r.Victims = victims
		if got := Sentence(c.r); got != c.says {
			t.Errorf("%q %s says %q, want %q", c.r.Aim, c.r.State, got, c.says)
		}
		if got := LooksFor(c.r); got != c.lookFor {
			t.Errorf("%q looks for %q, want %q", c.r.Aim, got, c.lookFor)
		}
	}
}
