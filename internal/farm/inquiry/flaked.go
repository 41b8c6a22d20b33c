package inquiry

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

// What shows that a test is flaky is kept run by run, so that the mark that it
// gets can be explained, closed and set again (package flake). A test that fails
// all the time but says something else each time is none of these.

// mostFlaked is how many runs one search hands over.
const mostFlaked = 5000

// flaked lists what runs of victims show that were good and bad at equal
// revisions, whoever the search has found, and what later runs at such revisions
// did. Where everything is bad now that was good, it was something else.
func (q *Inquiry) flaked(ctx context.Context, r weir.Regression, e *evidence, findings []bisect.Finding) ([]store.FlakeRun, error) {
	builds, said := e.builds, e.said
	if q.badAtStart(r, e, findings) {
		good, at, err := q.atStart(ctx, r)
		if err != nil {
			return nil, err
		}
		if good.ID != 0 {
			builds, said = append([]weir.Build{good}, builds...), append([][]weir.Observed{at}, said...)
		}
	}
	keys := make([]string, len(builds))
	for b := range builds {
		keys[b] = builds[b].Pins.Key()
	}
	var out []store.FlakeRun
	for i, v := range r.Victims {
		if v.Builder.ID != r.Builder.ID || v.Verdict == weir.FailingDifferently || findings[i].Kind == bisect.Environment {
			continue
		}
		type seen struct{ good, bad bool }
		at := map[string]seen{}
		for b := range builds {
			s := at[keys[b]]
			s.good, s.bad = s.good || said[b][i] == weir.ObservedGood, s.bad || said[b][i] == weir.ObservedBad
			at[keys[b]] = s
		}
		before := e.flakes[v.Test].Flakes > 0
		for b := range builds {
			s := at[keys[b]]
			both := s.good && s.bad
			if said[b][i] == weir.ObservedNone || !both && !before || len(out) >= mostFlaked {
				continue
			}
			out = append(out, store.FlakeRun{Test: v.Test, Build: builds[b].ID, Bad: said[b][i] == weir.ObservedBad, Known: !both})
		}
	}
	return out, nil
}

// badAtStart reports whether a victim was bad at the revisions that were good.
func (q *Inquiry) badAtStart(r weir.Regression, e *evidence, findings []bisect.Finding) bool {
	for b, t := range e.trials {
		for i := range r.Victims {
			if t.Position == 0 && e.said[b][i] == weir.ObservedBad && findings[i].Kind != bisect.Environment {
				return true
			}
		}
	}
	return false
}

// atStart reads what the last good build said; the zero Build if that is not known.
func (q *Inquiry) atStart(ctx context.Context, r weir.Regression) (weir.Build, []weir.Observed, error) {
	if r.Good.Build == 0 {
		return weir.Build{}, nil, nil
	}
	found, err := q.store.ListBuilds(ctx, store.BuildFilter{Builder: r.Builder.ID, Before: r.Good.Build + 1, Limit: 1})
	if err != nil || len(found) == 0 || found[0].ID != r.Good.Build {
		return weir.Build{}, nil, err
	}
	set, err := q.trail.ResultsOf(ctx, found[0])
	if trail.Unreadable(err) {
		return weir.Build{}, nil, nil
	}
	return found[0], verdict.ObserveAll(trail.OnThePath(r.Victims), found[0], set), err
}
