package route

import (
	"context"
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

// Builds is where a builder's past is read.
type Builds interface {
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
}

// Reach is what the past has to say to a search: builds on its path that have
// ended, oldest first, and from which build on everything is to be heard.
type Reach struct {
	Older []weir.Build
	Since weir.BuildID
}

// Reach looks through a builder's past.
func (r Route) Reach(ctx context.Context, from Builds, builder weir.BuilderID) (Reach, error) {
	var out Reach
	before := weir.BuildID(0)
	for range reachPages {
		page, err := from.ListBuilds(ctx, store.BuildFilter{Builder: builder, Before: before, Limit: reachPage})
		if err != nil {
			return out, err
		}
		for _, b := range page {
			if out.Since == 0 {
				out.Since = b.ID + 1
			}
			before = b.ID
			if _, ok := r.Position(b.Pins); !ok {
				continue
			}
			switch {
			case !b.State.Final():
				out.Since = b.ID
			case b.Outcome.SaysSomething():
				out.Older = append(out.Older, b)
			}
		}
		if len(page) < reachPage {
			break
		}
	}
	slices.Reverse(out.Older)
	out.Older = slices.DeleteFunc(out.Older, func(b weir.Build) bool { return b.ID >= out.Since })
	return out, nil
}
