package farm

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// hiddenPage is how many tests that do not run a build's page lists.
	hiddenPage = 200
	// newestAmong is how many of a builder's newest builds are looked at to find
	// the newest settled one.
	newestAmong = 50
)

// hidden lists the tests that do not run though they should, if a build is the
// newest settled one of its builder: what is known of tests is known as of that.
func (f *Farm) hidden(ctx context.Context, b weir.Build) ([]weir.TestState, error) {
	if b.Ledger.Hidden == 0 || b.Judgement != weir.Settled {
		return nil, nil
	}
	newest, err := f.store.ListBuilds(ctx, store.BuildFilter{Builder: b.Builder.ID, Limit: newestAmong})
	if err != nil {
		return nil, err
	}
	for _, n := range newest {
		if n.Judgement == weir.Settled && n.Cause.Advances() {
			if n.ID != b.ID {
				return nil, nil
			}
			list, _, err := f.store.Absent(ctx, b.Builder.ID, hiddenPage)
			return list, err
		}
	}
	return nil, nil
}
