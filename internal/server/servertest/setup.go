package servertest

import (
	"context"

	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/recipe/diff"
)

// Setup answers the Config of State.
func (f *Farm) Setup() setup.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.State.Config
}

// Reload notes that the farm file is to be read again.
func (f *Farm) Reload(_ context.Context, by string) (setup.Result, error) {
	err := f.did("reload %s", by)
	return setup.Result{Version: "0123456789ab", Applied: true, Diff: sampleDiff()}, err
}

// Compare notes that a file is to be compared, and how large it is.
func (f *Farm) Compare(_ context.Context, data []byte) (setup.Result, error) {
	err := f.did("compare %d", len(data))
	return setup.Result{Version: "0123456789ab", Diff: sampleDiff(), Restart: []string{"listen"}}, err
}

func sampleDiff() diff.Diff {
	return diff.Diff{Changes: []diff.Change{{What: diff.Added, Kind: diff.Project, Name: "mill", Notes: []string{"1 job, 2 builders"}},
		{What: diff.Changed, Kind: diff.Job, Name: "brook/test", Keys: []string{"steps"}}}}
}
