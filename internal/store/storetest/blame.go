package storetest

import (
	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// fourCorners are corners of every kind.
func fourCorners() []weir.Corner {
	return []weir.Corner{
		{Pins: weir.Pins{"a": "r1", "up": "a"}, Build: 1, Said: good},
		{NewUpstream: true, Pins: weir.Pins{"a": "r1", "up": "b"}, Said: bad},
		{NewDownstream: true, Pins: weir.Pins{"a": "r2", "up": "a"}, Build: 3, Said: weir.ObservedNone, Unbuilt: true},
		{NewUpstream: true, NewDownstream: true, Pins: weir.Pins{"a": "r2", "up": "b"}, Build: 2, Said: good},
	}
}

func testBlame(f *fixture) {
	a := f.builder("a")
	r := f.open(a, 1, "t1", "t2")
	equal(f, "blame at first", r.Blame, weir.BlameNone)
	equal(f, "corners at first", len(r.Corners), 0)

	split := f.regression(a, weir.Build{}, weir.Build{}, "t2")
	split.Blame, split.Corners = weir.BlameBoth, fourCorners()[:1]
	r.Victims, r.State = r.Victims[:1], weir.Located
	r.Blame, r.Corners = weir.BlameUpstream, fourCorners()[:2]
	got := f.advance(store.RegressionUpdate{Regression: r, Split: []weir.Regression{split}})
	equal(f, "blame", got.Blame, weir.BlameUpstream)
	equal(f, "corners", got.Corners, r.Corners)
	for _, other := range must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{})) {
		if other.ID != r.ID {
			equal(f, "blame of what was split off", other.Blame, weir.BlameBoth)
			equal(f, "corners of what was split off", other.Corners, split.Corners)
		}
	}

	// It stays when it is fixed, and may be found to be another one.
	f.settled(a, 7, weir.ReasonNone, change("t1", weir.Fixed, weir.Fail, weir.Pass))
	fixed := must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
	equal(f, "state", fixed.State, weir.Recovered)
	equal(f, "blame when fixed", fixed.Blame, weir.BlameUpstream)
	again := fixed
	again.State, again.Victims, again.Follows = weir.Located, nil, 77 // none of it is kept
	again.Culprit = weir.Culprit{Project: "up", Revision: weir.Revision{ID: "side"}, Confidence: 1, Merge: "b"}
	again.FixedBy = weir.Fix{Build: 9, After: 8, Project: "a", Revision: weir.Revision{ID: "r7"}, Candidates: 1}
	again.Checks = weir.Checks{Workers: []string{"w1"}, Moved: []string{"up"}, Tried: []weir.Combination{{Moved: []string{"up"}, Build: 3, Said: bad}},
		Screen: []weir.Clue{{Facet: "user", Value: "root", Bad: 3, Runs: 3, OtherRuns: 9, Chance: 0.001}}, Reverted: weir.Reversal{Build: 4, Said: good}}
	again.Blame, again.Corners, again.Note = weir.BlameLockStep, fourCorners(), "both have to move"
	now := f.now()
	f.ok(f.Relabel(f.ctx, again, []weir.BuildID{1, 3}, now))
	want := fixed
	want.Blame, want.Corners, want.Note, want.Updated = again.Blame, again.Corners, again.Note, now
	want.Culprit, want.FixedBy, want.Checks = again.Culprit, again.FixedBy, again.Checks
	got = must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
	equal(f, "relabelled", got, want)
	f.code(f.Relabel(f.ctx, fixed, nil, f.now()), weir.Conflict)
	equal(f, "after a conflict", must[weir.Regression](f)(f.Regression(f.ctx, r.ID)), want)
	got.Blame, got.Corners = weir.BlameNone, nil
	f.ok(f.Relabel(f.ctx, got, nil, f.now()))
	got = must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
	equal(f, "no blame", string(got.Blame)+got.Note, again.Note)
	equal(f, "no corners", len(got.Corners), 0)
	got.ID += 100
	f.code(f.Relabel(f.ctx, got, nil, f.now()), weir.NotFound)
}
