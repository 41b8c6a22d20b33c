package farm

import (
	"context"

	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/farm/trail"
)

// plan makes runs for the builders whose line is not at the tips. It returns
// whether it made any.
func (f *Farm) plan(ctx context.Context) (bool, error) {
	made, err := f.planner.Plan(ctx)
	if made {
		f.stir()
	}
	return made, err
}

// sourceKey names a project's branch.
type sourceKey = trail.Branch

func (f *Farm) tips(ctx context.Context) (planner.Tips, error) { return planner.ReadTips(ctx, f.store) }
