// Package inquiry finds out who did it: it asks for the builds that find the
// culprit of each open regression, checks what a path alone cannot show, and
// says who is to blame.
//
// It has one verb, and remembers nothing between two calls that matters: each
// looks at what the store says and takes the steps that follow from it, so
// several servers may ask at once, and whoever dies in between leaves nothing
// half done.
//
//	search.go           the steps of a search, on the way from good to bad (package route)
//	cluster.go joint.go what searches know of each other
//	guests.go           tests that others have merged into a regression
//	check.go            what is looked at before somebody is named: corner.go, needs.go, screen.go
//	mended.go           what is asked once somebody is
//
// What to ask next is decided in packages bisect and blame.
package inquiry

import (
	"context"
	"log/slog"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/route"
	"github.com/weir-ci/weir/internal/farm/trail"
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

// Options is what an inquiry is made of.
type Options struct {
	Store   Store
	Results trail.Results
	Config  func() trail.Config
	Now     func() time.Time
	Log     *slog.Logger
}

// Inquiry searches for culprits.
type Inquiry struct {
	store  Store
	trail  trail.Trail
	config func() trail.Config
	now    func() time.Time
	log    *slog.Logger
	// searched remembers what each search has looked at, so that it is not
	// looked at again; only Search uses it.
	searched map[weir.RegressionID]look
	// alone are searches that follow nobody, by their bad builds, and kin is what
	// the present pass knows of the others; only Search uses them.
	alone map[weir.RegressionID]weir.BuildID
	kin   relatives
	// located is how many regressions were looked at that might be merged, and
	// locatedAt when one of them was last changed.
	located   int
	locatedAt time.Time
	// late is when builds were last heard of regressions whose search had ended,
	// and heard up to which build.
	late  time.Time
	heard map[weir.RegressionID]weir.BuildID
	// workers are those of the present pass.
	workers []weir.Worker
	// reached is what searches that people asked for found in the past; only Search uses it.
	reached map[weir.RegressionID]route.Reach
	// stranded is since when this server has not known how to go on with a search; only Search uses it.
	stranded map[weir.RegressionID]time.Time
	// ran remembers where builds ran that have ended; only Search uses it.
	ran map[weir.BuildID]weir.Attempt
	// reconsidered is when closed regressions were last looked at, and decided
	// is when those were closed that need not be looked at again.
	reconsidered time.Time
	decided      map[weir.RegressionID]time.Time
}

// New makes an inquiry.
func New(o Options) *Inquiry {
	return &Inquiry{store: o.Store, trail: trail.Trail{Store: o.Store, Results: o.Results, Config: o.Config}, config: o.Config, now: o.Now, log: o.Log,
		searched: map[weir.RegressionID]look{}, reached: map[weir.RegressionID]route.Reach{}, alone: map[weir.RegressionID]weir.BuildID{}, heard: map[weir.RegressionID]weir.BuildID{}, ran: map[weir.BuildID]weir.Attempt{}, stranded: map[weir.RegressionID]time.Time{}, decided: map[weir.RegressionID]time.Time{}}
}
