package inquiry

import (
	"context"
	"math"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// A search that follows from a build hears of what was built since. One that a
// person asks for may lie anywhere in a builder's past, where much is built
// already: it begins by looking through that, once.

const (
	// reachPage is how many builds of the past are read at a time, and reachPages
	// bounds how far back it goes.
	reachPage  = 500
	reachPages = 10
)

// reach is what the past has to say to a search: builds on its path that have
// ended, oldest first, and from which build on everything is to be heard.
type reach struct {
	older []weir.Build
	since weir.BuildID
}

// evidence lists the builds that a search can learn from.
func (q *Inquiry) evidence(ctx context.Context, r weir.Regression) ([]weir.Build, error) {
	if r.Aim != weir.AimAsked {
		return q.store.Evidence(ctx, r.Builder.ID, r.Bad.Build)
	}
	past, ok := q.reached[r.ID]
	if !ok {
		var err error
		if past, err = q.reachBack(ctx, r); err != nil {
			return nil, err
		}
		q.reached[r.ID] = past
	}
	newer, err := q.store.Evidence(ctx, r.Builder.ID, past.since)
	return slices.Concat(past.older, newer), err
}

// reachBack looks through a builder's past.
func (q *Inquiry) reachBack(ctx context.Context, r weir.Regression) (reach, error) {
	way, err := q.newRoute(ctx, r)
	if weir.CodeOf(err) == weir.NotFound { // whoever weighs the evidence says so
		return reach{since: math.MaxInt64}, nil
	}
	if err != nil {
		return reach{}, err
	}
	var out reach
	before := weir.BuildID(0)
	for range reachPages {
		page, err := q.store.ListBuilds(ctx, store.BuildFilter{Builder: r.Builder.ID, Before: before, Limit: reachPage})
		if err != nil {
			return out, err
		}
		for _, b := range page {
			if out.since == 0 {
				out.since = b.ID + 1
			}
			before = b.ID
			if _, ok := way.position(b.Pins); !ok {
				continue
			}
			switch {
			case !b.State.Final():
				out.since = b.ID
			case b.Outcome.SaysSomething():
				out.older = append(out.older, b)
			}
		}
		if len(page) < reachPage {
			break
		}
	}
	slices.Reverse(out.older)
	out.older = slices.DeleteFunc(out.older, func(b weir.Build) bool { return b.ID >= out.since })
	return out, nil
}
