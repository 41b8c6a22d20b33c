// Package aftermath looks after regressions whose search has ended.
//
// A culprit is not the end of it. Somebody wants to know what mended the tests,
// and that is found like the culprit was: by a search, on the way from the last
// bad build to the first good one, walked from its end. A culprit that is a merge
// brought in a whole line of commits, and one of those did it. And what nobody builds
// any more has to say so, for it stays open until somebody looks.
//
//	fix.go   what made the tests good again
//	side.go  which commit of a merge made them bad
//	revert.go  whether they are good again without the culprit
//	idle.go  open regressions that nobody hears of any more
//
// It has one verb, Look, and remembers nothing that matters, like package
// inquiry, which does the searching.
package aftermath

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what is asked of the store.
type Store interface {
	Regressions(ctx context.Context, f store.RegressionFilter) ([]weir.Regression, error)
	Regression(ctx context.Context, id weir.RegressionID) (weir.Regression, error)
	Relabel(ctx context.Context, r weir.Regression, grounds []weir.BuildID, now time.Time) error
	Probes(ctx context.Context, id weir.RegressionID) ([]weir.Probe, error)
	Ask(ctx context.Context, r weir.Regression) (weir.RegressionID, error)
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
	CreateRun(ctx context.Context, run store.NewRun) (weir.Run, []weir.BuildID, error)
	RecordSide(ctx context.Context, s store.Side) error
	RevisionRange(ctx context.Context, project, branch string, first, last int64) ([]weir.Revision, error)
	Absent(ctx context.Context, builder weir.BuilderID, limit int) ([]weir.TestState, int, error)
}

// Config is what the farm is configured to build, at one moment.
type Config interface {
	// Empty reports whether there are no builders, or not yet.
	Empty() bool
	// Involved lists the projects whose revisions a builder's builds pin; none
	// if the builder is not in the configuration.
	Involved(id weir.BuilderID) []trail.Branch
	// SourceOf is where the revisions of a project come from.
	SourceOf(project string) (weir.Source, bool)
}

// Options is what an aftermath is made of.
type Options struct {
	Store Store
	Trail trail.Trail
	// Sources looks behind merges, if it is a source.MergeLister as well.
	Sources source.Lister
	Config  func() Config
	Stir    func() // is called when something has changed
	Now     func() time.Time
	Log     *slog.Logger
}

// Aftermath looks after regressions. Look may run at the same time as anything
// but itself.
type Aftermath struct {
	Options
	// These are when regressions were last changed that need not be looked at again.
	explained map[weir.RegressionID]time.Time
	descended map[weir.RegressionID]time.Time
	reverted  map[weir.RegressionID]time.Time
}

// New makes an aftermath.
func New(o Options) *Aftermath {
	return &Aftermath{Options: o, explained: map[weir.RegressionID]time.Time{}, descended: map[weir.RegressionID]time.Time{}, reverted: map[weir.RegressionID]time.Time{}}
}

// LookEvery is how often Run looks. Nobody waits for it.
const LookEvery = 30 * time.Second

// Run looks at intervals until ctx ends. Errors are logged, and it looks again.
func (a *Aftermath) Run(ctx context.Context) error {
	for {
		if _, err := a.Look(ctx); err != nil && ctx.Err() == nil {
			a.Log.Error("background work", "loop", "aftermath", "err", err, "cause", errors.Unwrap(err))
		}
		select {
		case <-time.After(LookEvery):
		case <-ctx.Done():
			return nil
		}
	}
}

// Look takes the next step for whatever has one. It returns whether anything changed.
func (a *Aftermath) Look(ctx context.Context) (changed bool, err error) {
	defer func() {
		if changed {
			a.Stir()
		}
	}()
	if changed, err = a.explain(ctx); err != nil {
		return changed, err
	}
	open, err := a.Store.Regressions(ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Located, weir.Narrowed}, Limit: mostAtOnce})
	if err != nil {
		return changed, err
	}
	changed = a.descend(ctx, open) || changed
	changed = a.unmake(ctx, open) || changed
	marked, err := a.mark(ctx, open)
	return changed || marked, err
}

// relabel records what became known of a regression. That somebody else was
// faster is no error: the next look sees what they did.
func (a *Aftermath) relabel(ctx context.Context, r weir.Regression, grounds []weir.BuildID) (bool, error) {
	err := a.Store.Relabel(ctx, r, grounds, a.Now())
	if weir.CodeOf(err) == weir.Conflict {
		return false, nil
	}
	return err == nil, err
}
