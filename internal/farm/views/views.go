// Package views puts together what pages and the API read of a farm beside single
// builds and regressions: each a read model with one question, made from the ports
// of the store. They remember nothing that is not in the store, but what they have
// read of it.
package views

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/farm/boards"
	"github.com/weir-ci/weir/internal/farm/compare"
	"github.com/weir-ci/weir/internal/farm/compat"
	"github.com/weir-ci/weir/internal/farm/find"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/farm/setcache"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/farm/timing"
	"github.com/weir-ci/weir/internal/farm/trends"
	"github.com/weir-ci/weir/internal/farm/upkeep"
	"github.com/weir-ci/weir/internal/store"
)

// Options is what the read models are made of.
type Options struct {
	Store Store
	// Blobs has what builds left; nil: what needs it is not there.
	Blobs blob.Store
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: nothing is logged
	// Cases are the regressions that somebody else keeps already; nil: own ones are kept.
	Cases *recent.Episodes
	// Setup tells how the farm stands with its configuration; nil: nobody knows.
	Setup   func() setup.Status
	Version string // of the program
}

// Store is what is read.
type Store interface {
	store.Store
	store.Boards
	store.Finder
	store.Audit
}

// Views are the read models of a farm. Make them with New.
type Views struct {
	Recent *recent.Window // the newest builds of every builder
	// Standing says how projects stand.
	Standing *standing.Reader
	// Find looks for what people type.
	Find *find.Reader
	// Boards lays out many builds at once.
	Boards *boards.Boards
	Audit  *audit.Recorder // who changed what
	Roster *roster.Reader  // what workers have done
	Trends *trends.Reader  // how builders change
	Compat *compat.Reader  // what works with what
	Upkeep *upkeep.Reader  // what those want to see who look after the farm
	// Beside reads what makes a build mean something; Sets what its tests reported;
	// Compare holds two builds against each other. The last two are nil without blobs.
	Beside  *beside.Reader
	Sets    *setcache.Reader
	Compare *compare.Reader
	// Times reads how long tests took; nil without blobs.
	Times *timing.Reader
}

// New makes the read models.
func New(o Options) *Views {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Cases == nil {
		o.Cases = recent.NewEpisodes(o.Store)
	}
	window := recent.New(o.Store)
	lister := standing.NewLister(window)
	v := &Views{Recent: window, Standing: standing.New(o.Store, lister), Find: find.New(o.Store, window, lister, o.Cases), Audit: audit.New(audit.Options{Store: o.Store, Now: o.Now, Log: o.Log}), Beside: beside.New(o.Store)}
	v.Upkeep = upkeep.New(upkeep.Options{Store: o.Store, Audit: v.Audit, Setup: o.Setup, Version: o.Version, Now: o.Now})
	if o.Blobs != nil {
		v.Sets = setcache.NewReader(o.Blobs)
		v.Times = timing.New(o.Store, func(ctx context.Context, d weir.Digest) (io.ReadCloser, error) { return o.Blobs.Open(ctx, d) })
		v.Compare = compare.New(compare.Options{Store: o.Store, Results: v.Sets.Of,
			Open: func(ctx context.Context, d weir.Digest) (io.ReadCloser, error) { return o.Blobs.Open(ctx, d) }})
	}
	v.Boards = boards.New(v.Recent, o.Store, o.Now)
	v.Roster, v.Trends, v.Compat = roster.New(o.Store, window, o.Now), trends.New(o.Store, window, o.Now), compat.New(o.Store, window, v.results(o.Store), o.Now)
	return v
}

// results reads what a build reported; nil without blobs.
func (v *Views) results(builds store.Builds) compat.Results {
	if v.Sets == nil {
		return nil
	}
	return func(ctx context.Context, id weir.BuildID) (weir.ResultSet, error) {
		b, err := builds.Build(ctx, id)
		if err != nil {
			return weir.ResultSet{}, err
		}
		return v.Sets.Of(ctx, b)
	}
}
