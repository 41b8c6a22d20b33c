package judgement

import (
	"context"
	"maps"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/verdict"
)

// accuse makes the regressions of a build whose accusations are confirmed:
// one for all tests that were last good in the same build.
func (q *Bench) accuse(ctx context.Context, b weir.Build, changes []weir.TestChange) ([]weir.Regression, error) {
	accused := slices.DeleteFunc(slices.Clone(changes), func(c weir.TestChange) bool { return !c.Verdict.Worse() })
	goods, err := q.lastGood(ctx, b, accused)
	if err != nil {
		return nil, err
	}
	byGood := map[weir.BuildID]*weir.Regression{}
	var order []weir.BuildID
	for _, c := range accused {
		good, ok := goods[c.Test]
		if !ok {
			continue
		}
		r := byGood[good.ID]
		if r == nil {
			path, err := q.trail.Path(ctx, b, good)
			if err != nil {
				return nil, err
			}
			r = &weir.Regression{State: weir.Searching, Builder: b.Builder, Path: path,
				Good: weir.Evidence{Build: good.ID, Pins: good.Pins}, Bad: weir.Evidence{Build: b.ID, Pins: b.Pins},
				Opened: q.now(), Updated: q.now(), Suspects: weir.Span{First: 1, Last: weir.Steps(path)},
				Note: "looking for the revision"}
			byGood[good.ID], order = r, append(order, good.ID)
		}
		r.Victims = append(r.Victims, weir.Victim{Builder: b.Builder, Test: c.Test, Verdict: c.Verdict,
			Cause: c.Cause, Message: c.Message, Signature: c.Signature, Build: b.ID})
	}
	var out []weir.Regression
	for _, id := range order {
		r := byGood[id]
		switch {
		case len(r.Path) > 0:
			out = append(out, *r)
		case maps.Equal(r.Good.Pins, r.Bad.Pins): // nothing moved: no revision did it, and that is to be told
			r.Suspects, r.Note = weir.Span{}, "nothing has moved"
			out = append(out, *r)
		} // else there is no way from there to here: nobody can be asked
	}
	return out, nil
}

const (
	// lookBack is how many settled builds are searched for the last one in
	// which a test was good. It is nearly always the first.
	lookBack = 20
)

// lastGood finds, for each accused test of a build, the newest settled build
// in which it was seen good. A build that merely reached the tests is not
// enough: it may have been bad there too and excused as flaky, or an earlier
// step may have kept a step from running. Tests that are seen nowhere fall
// back to the newest settled build that reached them.
func (q *Bench) lastGood(ctx context.Context, b weir.Build, accused []weir.TestChange) (map[weir.TestID]weir.Build, error) {
	goods := make(map[weir.TestID]weir.Build, len(accused))
	var newest, reached *weir.Build
	looked := 0
	err := q.trail.Back(ctx, b, func(g weir.Build) (bool, error) {
		if newest == nil {
			newest = &g
		}
		if reached == nil && verdict.Reached(g) {
			reached = &g
		}
		set, err := q.trail.ResultsOf(ctx, g)
		if err != nil && !trail.Unreadable(err) {
			return false, err
		}
		said := verdict.ObserveAll(victimsOf(accused), g, set)
		for k, c := range accused {
			if _, ok := goods[c.Test]; !ok && err == nil && said[k] == weir.ObservedGood {
				goods[c.Test] = g
			}
		}
		looked++
		return len(goods) < len(accused) && looked < lookBack, nil
	})
	for _, c := range accused {
		good := reached
		if c.Test.Suite == weir.StepSuite {
			good = newest
		}
		if _, ok := goods[c.Test]; !ok && good != nil {
			goods[c.Test] = *good
		}
	}
	return goods, err
}

// victimsOf turns accusations into what a build can be asked about.
func victimsOf(accused []weir.TestChange) []weir.Victim {
	out := make([]weir.Victim, len(accused))
	for i, c := range accused {
		out[i] = weir.Victim{Test: c.Test, Verdict: c.Verdict, Signature: c.Signature}
	}
	return out
}
