// Package inquiry holds finished builds against their builders' baselines,
// opens regressions for what is newly bad, and asks for the builds that find
// the culprit.
//
// It has two verbs, and remembers nothing between two calls that matters: each
// looks at what the store says and takes the steps that follow from it, so
// several servers may ask at once, and whoever dies in between leaves nothing
// half done.
//
//	Judge   what a finished build says     (judge.go), and whom it accuses (accuse.go)
//	Search  who did it                     (search.go), on the way from good to bad (route.go)
//
// What counts as bad is decided in package verdict, what to ask next in bisect.
package inquiry

import (
	"context"
	"log/slog"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what an inquiry asks of the store.
type Store interface {
	store.Judge
	store.Regressions
	revisions
	others
}

type revisions interface {
	Revision(ctx context.Context, project, branch, id string) (weir.Revision, error)
	RevisionRange(ctx context.Context, project, branch string, first, last int64) ([]weir.Revision, error)
}

type others interface {
	CreateRun(ctx context.Context, run store.NewRun) (weir.Run, []weir.BuildID, error)
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
	Attempts(ctx context.Context, id weir.BuildID) ([]weir.Attempt, error)
	BuildSpec(ctx context.Context, id weir.BuildID) (weir.Spec, error)
	Workers(ctx context.Context) ([]weir.Worker, error)
	Cancel(ctx context.Context, id weir.BuildID, reason weir.Reason, now time.Time) error
}

// Branch is where the revisions of a project come from.
type Branch struct{ Project, Branch string }

// Config is what the farm is configured to build, at one moment.
type Config interface {
	// Empty reports whether there are no builders, or not yet.
	Empty() bool
	// Involved lists the projects whose revisions a builder's builds pin,
	// upstreams first; none if the builder is not in the configuration.
	Involved(id weir.BuilderID) []Branch
	// Reverts reports whether single revisions of a project can be reverted.
	Reverts(project string) bool
	// Add puts builds of a builder into a run, one for each of the pins, with
	// the products that they need in front of them. adjust is called for each,
	// but not for products. NotFound if the builder is not in the
	// configuration, Invalid if nothing builds a product that it needs.
	Add(run store.NewRun, id weir.BuilderID, at []weir.Pins, priority int, adjust func(*store.NewBuild)) (store.NewRun, error)
}

// Options is what an inquiry is made of.
type Options struct {
	Store Store
	// Results reads a result set; NotFound, Invalid or TooLarge if it is lost.
	Results func(ctx context.Context, d weir.Digest) (weir.ResultSet, error)
	Config  func() Config
	Now     func() time.Time
	Log     *slog.Logger
}

// Inquiry judges builds and searches for culprits. Judge and Search may run at
// the same time as each other, but not as themselves.
type Inquiry struct {
	store   Store
	results func(ctx context.Context, d weir.Digest) (weir.ResultSet, error)
	config  func() Config
	now     func() time.Time
	log     *slog.Logger
	// searched remembers what each search has looked at, so that it is not
	// looked at again; only Search uses it.
	searched map[weir.RegressionID]string
	// alone are searches that follow nobody, and kin is what the present pass
	// knows of the others; only Search uses them.
	alone map[weir.RegressionID]bool
	kin   kin
	// reached is what searches that people asked for found in the past; only Search uses it.
	reached map[weir.RegressionID]reach
	// ran remembers where builds ran that have ended; only Search uses it.
	ran map[weir.BuildID]weir.Attempt
	// reconsidered is when closed regressions were last looked at, and decided
	// is when those were closed that need not be looked at again.
	reconsidered time.Time
	decided      map[weir.RegressionID]time.Time
	// unmade is when culprits were last looked at that might be reverted, and
	// reverted the versions of regressions that need not be looked at again.
	unmade   time.Time
	reverted map[weir.RegressionID]time.Time
}

// New makes an inquiry.
func New(o Options) *Inquiry {
	return &Inquiry{store: o.Store, results: o.Results, config: o.Config, now: o.Now, log: o.Log,
		searched: map[weir.RegressionID]string{}, reached: map[weir.RegressionID]reach{}, alone: map[weir.RegressionID]bool{}, ran: map[weir.BuildID]weir.Attempt{}, reverted: map[weir.RegressionID]time.Time{}, decided: map[weir.RegressionID]time.Time{}}
}

// Unreadable reports whether an error means that what was asked for is gone or
// damaged for good, so that asking again would not help. A build whose results
// are says nothing.
func Unreadable(err error) bool {
	code := weir.CodeOf(err)
	return code == weir.NotFound || code == weir.Invalid || code == weir.TooLarge
}
