package blame_test

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
)

func TestChecked(t *testing.T) {
	t.Parallel()
	r := weir.Regression{Culprit: weir.Culprit{Project: "up", Revision: weir.Revision{ID: "v1.3.0"}}}
	if got := blame.Checked(r); len(got) != 0 {
		t.Errorf("nothing was looked at, got %+v", got)
	}
	r.Checks = weir.Checks{Workers: []string{"wa", "wb"}, Moved: []string{"lib", "up"},
		Screen: []weir.Clue{{Facet: "recipe", Value: "the recipe has changed since build 3: steps changed"},
			{Facet: "directory", Value: "directory hclog", Bad: 3, Runs: 3, OtherRuns: 9, Chance: 0.009}},
		Tried:    []weir.Combination{{Moved: []string{"up"}, Build: 7, Said: weir.ObservedGood}, {Moved: []string{"d", "up"}, Build: 8, Said: weir.ObservedNone}},
		Reverted: weir.Reversal{Build: 9, Said: weir.ObservedBad, Note: "something else is bad too"}}
	want := []blame.Line{
		{Text: "2 workers saw the tests good in front of it and bad with it: wa and wb"},
		{Text: "the recipe has changed since build 3: steps changed"},
		{Text: "directory hclog: 3 of 3 runs are bad, and 0 of 9 others (by chance: 0.9 %)"},
		{Text: "with the new up, and everything else old, the tests are good", Build: 7},
		{Text: "with the new d and up, and everything else old, nothing can be told of the tests", Build: 8},
		{Text: "it takes the new lib and up together"},
		{Text: "with up v1.3.0 reverted at the bad end, the tests are bad: something else is bad too", Build: 9},
	}
	if got := blame.Checked(r); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r.Checks = weir.Checks{Workers: []string{"wa"}}
	if got := blame.Checked(r); len(got) != 1 || got[0].Text != "worker wa saw the tests good in front of it and bad with it" {
		t.Errorf("one worker, got %+v", got)
	}
}
