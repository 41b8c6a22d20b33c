package dossier

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// besideDepth is how many builds before the newest one at a corner are looked
// through for others at it. They follow each other closely: a probe that fails
// is repeated at once.
const besideDepth = 100

// beside reads the builds that a regression rests on besides its probes: those
// at its ends and at its corners, as far as they are kept, oldest first.
func beside(ctx context.Context, s Store, r weir.Regression, probes []weir.Probe) ([]weir.Build, error) {
	known := map[weir.BuildID]bool{0: true}
	for _, p := range probes {
		known[p.Build] = true
	}
	var out []weir.Build
	add := func(b weir.Build) {
		if !known[b.ID] {
			known[b.ID] = true
			out = append(out, b)
		}
	}
	for _, id := range []weir.BuildID{r.Good.Build, r.Bad.Build} {
		if known[id] {
			continue
		}
		b, err := s.Build(ctx, id)
		switch {
		case weir.CodeOf(err) == weir.NotFound:
		case err != nil:
			return nil, err
		default:
			add(b)
		}
	}
	for _, c := range r.Corners {
		if known[c.Build] {
			continue
		}
		builds, err := s.ListBuilds(ctx, store.BuildFilter{Builder: r.Builder.ID, Before: c.Build + 1, Limit: besideDepth})
		if err != nil {
			return nil, err
		}
		for _, b := range builds {
			if b.State.Final() && b.Outcome.SaysSomething() && maps.Equal(b.Pins, c.Pins) {
				add(b)
			}
		}
	}
	slices.SortFunc(out, func(a, b weir.Build) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}
