package inquiry

import (
	"context"
	"math"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/route"
)

// evidence lists the builds that a search can learn from. One that a person asks
// for learns from the past as well.
func (q *Inquiry) evidence(ctx context.Context, r weir.Regression) ([]weir.Build, error) {
	if r.Aim != weir.AimAsked {
		return q.store.Evidence(ctx, r.Builder.ID, r.Bad.Build)
	}
	past, ok := q.reached[r.ID]
	if !ok {
		way, err := route.Of(ctx, q.store, r)
		if weir.CodeOf(err) == weir.NotFound { // whoever weighs the evidence says so
			past, err = route.Reach{Since: math.MaxInt64}, nil
		} else if err == nil {
			past, err = way.Reach(ctx, q.store, r.Builder.ID)
		}
		if err != nil {
			return nil, err
		}
		q.reached[r.ID] = past
	}
	newer, err := q.store.Evidence(ctx, r.Builder.ID, past.Since)
	return slices.Concat(past.Older, newer), err
}
