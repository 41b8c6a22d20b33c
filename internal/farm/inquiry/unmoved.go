package inquiry

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
)

// unmoved ends the search of a regression whose good and bad builds have the same
// revisions, because somebody had them built again. It was no revision, so what is
// left is the surroundings, or chance if one of its builds is good.
func (q *Inquiry) unmoved(ctx context.Context, r weir.Regression, e *evidence) error {
	if err := q.gatherPast(ctx, r, e); err != nil {
		return err
	}
	findings := make([]bisect.Finding, len(r.Victims))
	for i := range findings {
		findings[i].Kind = bisect.Environment
		if slices.ContainsFunc(e.said, func(said []weir.Observed) bool { return said[i] == weir.ObservedGood }) {
			findings[i].Kind = bisect.Nobody
		}
	}
	return q.conclude(ctx, r, e, findings)
}
