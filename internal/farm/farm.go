// Package farm is the server's heart and the only writer of build state:
// changes become runs, runs become leases, results become verdicts, verdicts
// become regressions, and regressions ask for probes until the culprit is sure.
//
// It decides with the pure packages (schedule, verdict, bisect) and keeps
// everything in the store; between two calls it remembers nothing that
// matters, so it may be killed at any moment and several farms may share one
// database. Its background work is level-triggered: each loop looks at what
// the store says, does what follows from it, and goes to sleep until an event
// or an interval wakes it. A missed wake-up costs latency, never a build.
//
//	poll      asks sources for new revisions           (package polling)
//	plan      makes runs where tips have moved         (package planner)
//	start     makes runs that no change sets off        (package starts)
//	expire    ends leases that ran out                 (expire.go)
//	judge     holds finished builds against baselines  (package inquiry)
//	search    moves open regressions towards a culprit (package inquiry)
//	look      finds out what mended closed ones, and which
//	          commit of a merge it was                  (package aftermath)
//	seal      puts log frames together into segments,
//	          and those of ended logs into denser ones (package logbook)
package farm

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/aftermath"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/farm/hooks"
	"github.com/weir-ci/weir/internal/farm/inquiry"
	"github.com/weir-ci/weir/internal/farm/judgement"
	"github.com/weir-ci/weir/internal/farm/logbook"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/farm/polling"
	"github.com/weir-ci/weir/internal/farm/presence"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/farm/setcache"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/starts"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/farm/triage"
	"github.com/weir-ci/weir/internal/farm/waits"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/store"
)

// Options is what a farm is made of.
type Options struct {
	Store   store.Store
	Blobs   blob.Store
	Sources source.Lister
	Log     *slog.Logger     // nil: nothing is logged
	Now     func() time.Time // nil: time.Now
	// Cases are the regressions that pages read, kept for all who show them; nil:
	// nobody else does.
	Cases *recent.Episodes
	// Host is the platform of builders that say nothing about platforms.
	Host weir.Platform
	// Lease is how long an attempt lives without a sync; 0: weir.LeaseTime.
	// Workers are told to sync often enough, and the pauses after
	// infrastructure errors are in proportion.
	Lease time.Duration
	// Notices takes what owners of workers are to be told; nil: nobody is told.
	// Away is how long a worker is away before that.
	Notices Notices
	Away    time.Duration
	// Secrets finds the value of a secret by its name, NotFound if there is none;
	// nil: where the configuration says that it is.
	Secrets func(name string) (string, error)
	// Setup is where it stands how the farm was configured; nil: nowhere.
	Setup *setup.Board
	// Recipes are the jobs of projects that their repositories decide on; nil: there
	// are none.
	Recipes Recipes
}

// Recipes knows the jobs of projects that their repositories decide on.
type Recipes interface {
	// Arrive is told the newest revision of a project before anybody hears of it.
	Arrive(ctx context.Context, project, revision string) error
	// Current makes sure that what is known of recipes is in force.
	Current(ctx context.Context) error
}

// noRecipes stands for none.
type noRecipes struct{}

func (noRecipes) Arrive(context.Context, string, string) error { return nil }
func (noRecipes) Current(context.Context) error                { return nil }

// Farm is a running farm. Make one with New, give it a configuration, and
// start its background work with Run.
type Farm struct {
	*triage.Desk  // what people say of regressions
	*access.Guard // who may do what

	store  store.Store
	blobs  blob.Store
	source source.Lister
	log    *slog.Logger
	now    func() time.Time
	host   weir.Platform
	lease  time.Duration
	config atomic.Pointer[config]
	any    bell // rung when anything changed: for those who show
	work   bell // rung when a build, a run or a regression changed: for those who act
	moved  bell // rung when revisions or the configuration changed: for the planner
	// configured is rung when the configuration changed: for the poller.
	configured bell
	due        bell             // rung when something else than a change may set builds off
	setting    sync.Mutex       // held by whoever puts a configuration in force
	turns      presence.Turns   // of workers that wait for work
	watches    presence.Watches // of workers that wait for cancellations
	leases     presence.Leases  // that wait, by worker
	disks      presence.Disks   // of workers
	known      tipCache         // the newest revisions, for those who ask often
	polled     tipCache         // the same for the poller, who knows himself what is newer
	notices    Notices
	away       time.Duration
	absent     absences // only the expire loop uses it
	alike      alike    // which queues a lease need not look through
	book       *logbook.Book
	sets       setcache.Cache
	parts      setcache.Parts
	judging    *judgement.Bench
	inquiry    *inquiry.Inquiry
	aftermath  *aftermath.Aftermath
	flaky      *flaky.Lister
	planner    *planner.Planner
	waits      waits.Waits
	poller     *polling.Poller
	starter    *starts.Starter
	hooks      *hooks.Desk
	shares     schedule.Shares // of what this server gave away
	secret     func(name string) (string, error)
	setup      *setup.Board
	cases      *recent.Episodes
	renamer    setup.Renamer // whoever holds setting uses it
	recipes    Recipes
}

// New makes a farm without projects.
func New(o Options) *Farm {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lease <= 0 {
		o.Lease = weir.LeaseTime
	}
	f := &Farm{Guard: access.New(o.Store, o.Now), store: o.Store, blobs: o.Blobs, source: o.Sources, log: o.Log, now: o.Now, host: o.Host, lease: o.Lease,
		notices: o.Notices, away: o.Away, setup: o.Setup, secret: o.Secrets}
	if f.recipes = o.Recipes; f.recipes == nil {
		f.recipes = noRecipes{}
	}
	f.renamer.Log = o.Log
	if f.cases = o.Cases; f.cases == nil {
		f.cases = recent.NewEpisodes(o.Store)
	}
	if f.setup == nil {
		f.setup = new(setup.Board)
	}
	f.judging = judgement.New(judgement.Options{Store: o.Store, Results: f.resultSet, Now: o.Now, Log: o.Log,
		Config: func() trail.Config { return f.config.Load() }})
	f.inquiry = inquiry.New(inquiry.Options{Store: o.Store, Results: f.resultSet, Now: o.Now, Log: o.Log,
		Config: func() trail.Config { return f.config.Load() }})
	f.Desk = triage.New(triage.Options{Store: o.Store, Now: o.Now, Stir: f.stir,
		Config: func() triage.Config { return f.config.Load() }})
	f.flaky = f.newFlaky()
	f.planner = planner.New(planner.Options{Store: o.Store, Now: o.Now, Log: o.Log, Moved: f.moved.ring, Current: f.recipes.Current,
		Table: func() *planner.Table { return f.config.Load().Table }})
	f.waits = waits.Waits{Options: waits.Options{Store: o.Store, Now: o.Now, Scaled: f.scaled,
		Table: func() (*planner.Table, map[string]weir.Lock) { c := f.config.Load(); return c.Table, c.locks }}}
	f.aftermath = aftermath.New(aftermath.Options{Store: o.Store, Sources: o.Sources, Stir: f.stir, Now: o.Now, Log: o.Log,
		Config: func() aftermath.Config { return f.config.Load() },
		Trail:  trail.Trail{Store: o.Store, Results: f.resultSet, Config: func() trail.Config { return f.config.Load() }}})
	if f.secret == nil {
		f.secret = f.findSecret
	}
	f.poller, f.starter, f.hooks = f.newPoller(), f.newStarter(), f.newHooks()
	f.any.init()
	f.work.init()
	f.moved.init()
	f.configured.init()
	f.due.init()
	f.book = logbook.New(logbook.Options{Store: o.Store, Blobs: o.Blobs, Log: o.Log, Wake: f.work.wait})
	f.config.Store(&config{Farm: &recipe.Farm{}, Table: planner.NewTable(&recipe.Farm{}, nil, nil)})
	return f
}

// bell wakes everybody who waits for something to change. It is rung by every
// verb of this process and by the store when another server has done something.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

func (b *bell) init() { b.ch = make(chan struct{}) }

// ring wakes all waiters.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch = make(chan struct{})
}

// wait returns a channel that is closed at the next ring.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

// stir tells everybody that there may be something to do and to show.
func (f *Farm) stir() {
	f.work.ring()
	f.any.ring()
}
