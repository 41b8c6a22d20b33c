// Package judgement holds finished builds against their builders' baselines, has
// what is newly bad run again, and opens regressions for what stays bad.
//
// It has one verb, and remembers nothing between two calls: each looks at what
// the store says and takes the steps that follow from it, so several servers may
// judge at once, and whoever dies in between leaves nothing half done.
//
//	judge.go    what a finished build says, and whether its repetition agrees
//	accuse.go   whom it accuses, and what is an old acquaintance (again.go)
//	ledger.go   which tests did not run though they should have
//
// What counts as bad is decided in package verdict.
package judgement

import (
	"context"
	"log/slog"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what judging asks of the store.
type Store interface {
	store.Judge
	trail.Store
	CreateRun(ctx context.Context, run store.NewRun) (weir.Run, []weir.BuildID, error)
	Regressions(ctx context.Context, f store.RegressionFilter) ([]weir.Regression, error)
	Workers(ctx context.Context) ([]weir.Worker, error)
}

// Options is what a bench is made of.
type Options struct {
	Store   Store
	Results trail.Results
	Config  func() trail.Config
	Now     func() time.Time
	Log     *slog.Logger
}

// Bench judges builds.
type Bench struct {
	store  Store
	trail  trail.Trail
	config func() trail.Config
	now    func() time.Time
	log    *slog.Logger
}

// New makes a bench.
func New(o Options) *Bench {
	return &Bench{store: o.Store, trail: trail.Trail{Store: o.Store, Results: o.Results, Config: o.Config},
		config: o.Config, now: o.Now, log: o.Log}
}
