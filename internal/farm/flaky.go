package farm

import (
	"cmp"
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// newFlaky makes the list of flaky tests.
func (f *Farm) newFlaky() *flaky.Lister {
	return flaky.New(flaky.Options{Store: f.store, Now: f.now, Log: f.log, Notices: f.notices, Past: func(ctx context.Context, b weir.BuilderID, test weir.TestID) (history.History, error) {
		kept, err := f.store.History(ctx, b, test, store.MaxHistory)
		if err != nil {
			return history.History{}, err
		}
		return history.Read(pastOf(kept, absolvedIn(kept))), nil
	}})
}

// Flaky lists flaky tests; NotFound if there is no such project.
func (f *Farm) Flaky(ctx context.Context, q flaky.Query) (flaky.List, error) {
	list, err := f.flaky.List(ctx, q)
	if err == nil && q.Project != "" && len(list.New)+len(list.Open)+len(list.Quiet) == 0 {
		err = f.configures(q.Project)
	}
	return list, err
}

// FlakyDigest is what the owners of a project would be told now of its flaky
// tests; NotFound if there is no such project.
func (f *Farm) FlakyDigest(ctx context.Context, project string) (flake.Digest, error) {
	if err := f.configures(project); err != nil {
		return flake.Digest{}, err
	}
	return f.flaky.Digest(ctx, project)
}

func (f *Farm) configures(project string) error {
	if f.config.Load().project(project) == nil {
		return weir.Errorf(weir.NotFound, "there is no project %.80q", project).WithHint("weir status lists those that there are")
	}
	return nil
}

// digestLook is how often it is looked whether it is time for a digest.
const digestLook = 10 * time.Minute

// tellFlaky tells the owners of projects what is new of their flaky tests.
func (f *Farm) tellFlaky(ctx context.Context) error {
	c := f.config.Load()
	return f.flaky.TellAll(ctx, flaky.Bulletin{Farm: c.Name, URL: c.URL, Every: cmp.Or(c.Mail.Digest, recipe.DefaultDigest), Projects: c.Projects})
}
