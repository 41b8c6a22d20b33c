// Package upkeep is what those who look after a farm want to see of it in one
// place: how it stands with its configuration and which versions it had, how large
// it is, what expires when, who may do what, and what was done lately.
package upkeep

import (
	"context"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/signin"
	"github.com/weir-ci/weir/internal/store"
)

// Limits.
const (
	maxVersions = 20 // of the configuration that are listed
	maxActs     = 10 // that were done lately
	// sizesTime is for how long the size of the database is believed: to count is work.
	sizesTime = time.Minute
	eventTime = 24 * time.Hour // for which package farm keeps events
)

// Version is a version of the configuration; see store.Config.
type Version = store.Config

// Sizes is how large the database is; see store.Sizes.
type Sizes = store.Sizes

// State is how a farm is kept.
type State struct {
	Server    Server         `json:"server"`
	Config    setup.Status   `json:"config"`
	Versions  []store.Config `json:"versions"`  // of the configuration, newest first, at most 20
	Database  store.Sizes    `json:"database"`  // as it was within the last minute
	Retention []Expiry       `json:"retention"` // what expires, and what does not
	Tokens    []store.Token  `json:"tokens"`    // with links to sign in and sessions, by name; never secrets
	Acts      []store.Act    `json:"acts"`      // newest first, at most 10
}

// Server is the server that answers.
type Server struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

// Expiry says of one kind of data for how long it is kept.
type Expiry struct {
	What    string `json:"what"`
	Seconds int64  `json:"seconds,omitempty"` // 0: for ever
	// Key is what in the farm file changes it; empty: nothing does.
	Key string `json:"key,omitempty"`
	// Last is when this server last removed what was over, and Removed how much that
	// was; zero if it did not, or does not count it. Failed says that it did not go well.
	Last    time.Time `json:"last,omitzero"`
	Removed int       `json:"removed,omitempty"`
	Failed  bool      `json:"failed,omitempty"`
}

// Store is what is read.
type Store interface {
	Configs(ctx context.Context, limit int) ([]store.Config, error)
	Sizes(ctx context.Context) (store.Sizes, error)
	Tokens(ctx context.Context) ([]store.Token, error)
}

// Options is what a Reader is made of.
type Options struct {
	Store   Store
	Audit   *audit.Recorder
	Setup   func() setup.Status // nil: nothing is known of the configuration
	Version string              // of the program
	Now     func() time.Time    // nil: time.Now
}

// Reader reads how a farm is kept. Make one with New.
type Reader struct {
	o       Options
	started time.Time
	mu      sync.Mutex
	sizes   store.Sizes
	sized   time.Time
}

// New makes a reader; from now on the server counts as started.
func New(o Options) *Reader {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Setup == nil {
		o.Setup = func() setup.Status { return setup.Status{} }
	}
	return &Reader{o: o, started: o.Now()}
}

// Read reads the state.
func (r *Reader) Read(ctx context.Context) (State, error) {
	s := State{Server: Server{Version: r.o.Version, Started: r.started}, Config: r.o.Setup(), Retention: r.retention()}
	var err error
	if s.Versions, err = r.o.Store.Configs(ctx, maxVersions); err != nil {
		return State{}, err
	}
	if s.Tokens, err = r.o.Store.Tokens(ctx); err != nil {
		return State{}, err
	}
	if s.Database, err = r.database(ctx); err != nil {
		return State{}, err
	}
	if s.Acts, err = r.o.Audit.Acts(ctx, audit.Filter{Limit: maxActs}); err != nil {
		return State{}, err
	}
	return s, nil
}

// database tells how large it is, or was a moment ago.
func (r *Reader) database(ctx context.Context) (store.Sizes, error) {
	r.mu.Lock()
	defer r.mu.Unlock() // who comes meanwhile waits for the one answer
	now := r.o.Now()
	if age := now.Sub(r.sized); !r.sized.IsZero() && age >= 0 && age < sizesTime {
		return r.sizes, nil
	}
	sizes, err := r.o.Store.Sizes(ctx)
	if err == nil {
		r.sizes, r.sized = sizes, now
	}
	return sizes, err
}

// retention says what expires.
func (r *Reader) retention() []Expiry {
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	pruned := r.o.Audit.Pruned()
	return []Expiry{
		{What: "files that builds keep", Seconds: seconds(weir.DefaultKeep), Key: "jobs.NAME.artifacts: keep"},
		{What: "events, with which open pages follow", Seconds: seconds(eventTime)},
		{What: "deliveries of webhooks that came", Seconds: seconds(store.DeliveryTime)},
		{What: "links to sign in", Seconds: seconds(signin.LinkTime)},
		{What: "sessions of those who have signed in", Seconds: seconds(signin.SessionTime)},
		{What: "the audit", Seconds: seconds(audit.Age), Last: pruned.At, Removed: pruned.Removed, Failed: pruned.Failed},
		{What: "builds, logs, results, products and revisions"},
	}
}
