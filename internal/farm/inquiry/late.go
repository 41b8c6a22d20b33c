package inquiry

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/farm/route"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

// A search that has named somebody goes on listening. What builds on its path say
// later is recorded, and shown where it speaks against the culprit. It changes no
// verdict by itself: a culprit that was named, told and answered for is not
// exchanged behind people's backs. Who reopens the regression has all weighed anew.

const (
	// lateEvery is how often, mostLate for how many of the newest regressions,
	// and lateAmong among how many newest builds of each builder that is looked for.
	lateEvery = 30 * time.Second
	mostLate  = 50
	lateAmong = 100
)

// hearLate records what builds say of regressions whose search has ended.
func (q *Inquiry) hearLate(ctx context.Context) error {
	if q.now().Sub(q.late) < lateEvery {
		return nil
	}
	q.late = q.now()
	open, err := q.store.Regressions(ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Located, weir.Narrowed}, Limit: mostLate})
	for _, r := range open {
		if err := q.hearLateOf(ctx, r); err != nil {
			q.log.Error("a late build is not heard", "regression", r.ID, "err", err)
		}
	}
	return err
}

func (q *Inquiry) hearLateOf(ctx context.Context, r weir.Regression) error {
	builds, err := q.store.ListBuilds(ctx, store.BuildFilter{Builder: r.Builder.ID, Limit: lateAmong})
	if err != nil {
		return err
	}
	through := max(q.heard[r.ID], r.Bad.Build)
	var news []weir.Build
	for _, b := range slices.Backward(builds) {
		if b.ID <= through {
			continue
		}
		if !b.State.Final() {
			break // those behind it are heard with it
		}
		if through = b.ID; !b.Cause.Advances() && b.Outcome.SaysSomething() {
			news = append(news, b)
		}
	}
	if len(news) > 0 {
		if err := q.observe(ctx, r, news); err != nil {
			return err
		}
	}
	q.heard[r.ID] = through
	return nil
}

// observe records what builds say that stand on the path of a regression and
// were not heard yet.
func (q *Inquiry) observe(ctx context.Context, r weir.Regression, builds []weir.Build) error {
	way, err := route.Of(ctx, q.store, r)
	if weir.CodeOf(err) == weir.NotFound {
		return nil // nobody knows any more where they stand
	}
	if err != nil {
		return err
	}
	probes, err := q.store.Probes(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, b := range builds {
		position, ok := way.Position(b.Pins)
		if !ok || slices.ContainsFunc(probes, func(p weir.Probe) bool { return p.Build == b.ID && len(p.Victims) > 0 }) {
			continue
		}
		set, err := q.trail.ResultsOf(ctx, b)
		if trail.Unreadable(err) {
			continue
		}
		if err != nil {
			return err
		}
		said := verdict.ObserveAll(trail.OnThePath(r.Victims), b, set)
		for i, v := range r.Victims {
			if v.Builder.ID != b.Builder.ID {
				said[i] = weir.ObservedNone
			}
		}
		e := evidence{builds: []weir.Build{b}, trials: []bisect.Trial{{Position: position}}, said: [][]weir.Observed{said}}
		if err := q.store.Observe(ctx, r.ID, e.probe(b.ID, 0)); err != nil {
			return err
		}
	}
	return nil
}

// shows lists the builds of a located regression that show its culprit: the bad
// ones nearest to it, and the good ones nearest in front of it.
func (q *Inquiry) shows(ctx context.Context, r weir.Regression) ([]weir.BuildID, error) {
	probes, err := q.store.Probes(ctx, r.ID)
	good, bad := -1, -1
	for _, p := range probes { // by position
		if p.Position < r.Suspects.First && p.Good > 0 {
			good = p.Position
		}
		if p.Position >= r.Suspects.Last && p.Bad > 0 && bad < 0 {
			bad = p.Position
		}
	}
	var out []weir.BuildID
	for _, p := range probes {
		if p.Position == bad && p.Bad > 0 || p.Position == good && p.Good > 0 {
			out = append(out, p.Build)
		}
	}
	return out, err
}
