// Package web is the pages of a farm: server-rendered HTML that says first
// what is broken and by whom, then what runs, then the rest.
//
// A page is made in two steps. A view is computed from what the farm says: small
// typed structs that hold exactly what the page shows, already cleaned of whatever
// foreign text could do to a reader. A template (*.templ) lays the view out and
// decides nothing.
//
// Each area of pages is a package of its own, with its handlers, views and templates:
// front, builds, boards, findings, fleet, trends, compat, admin and others beside
// them. New puts them together. What is here belongs to all of them or to none:
// the stream of events, the list of starts, and what people set off by forms. The
// frame around pages, their JSON twins, and the words, marks and links that all
// share are in package page.
//
// Pages work without JavaScript. With it they are live: the browser listens to
// /events, and what it hears makes htmx fetch the page's content again and
// morph it in, at most once a second. Logs are shown by static/log.js, which
// fetches and draws only the lines in sight. There is nothing inline, so the
// Content-Security-Policy allows nothing but the farm's own files.
//
// After a change to a template, run: make generate
package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/server/web/admin"
	"github.com/weir-ci/weir/internal/server/web/apidocs"
	"github.com/weir-ci/weir/internal/server/web/boards"
	"github.com/weir-ci/weir/internal/server/web/builds"
	"github.com/weir-ci/weir/internal/server/web/compat"
	"github.com/weir-ci/weir/internal/server/web/components"
	"github.com/weir-ci/weir/internal/server/web/findings"
	"github.com/weir-ci/weir/internal/server/web/fleet"
	"github.com/weir-ci/weir/internal/server/web/front"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/server/web/static"
	"github.com/weir-ci/weir/internal/server/web/trends"
)

// Farm is what the pages read.
type Farm interface {
	// Front reads what needs somebody and what runs.
	Front(ctx context.Context) (farm.Overview, error)
	// Builds lists builds, newest first.
	Builds(ctx context.Context, q farm.BuildQuery) ([]weir.Build, error)
	// BuildFrom reads a build, with the changes behind the first so many; NotFound if there is none.
	BuildFrom(ctx context.Context, id weir.BuildID, from int) (farm.BuildDetail, error)
	// Tests reads what the tests of a build reported, the bad ones or all, at
	// most limit of them; NotFound if they reported nothing.
	Tests(ctx context.Context, id weir.BuildID, all bool, limit int) (farm.Tests, error)
	// ReadLog reads a stretch of a step's log.
	ReadLog(ctx context.Context, id weir.AttemptID, step int, ask farm.LogAsk) (farm.LogPiece, error)
	// Events lists what happened after the event with the given number.
	Events(ctx context.Context, after int64) ([]weir.Event, error)
	// LastEvent is the number of the newest event.
	LastEvent(ctx context.Context) (int64, error)
	// Changed returns a channel that is closed when something may have changed.
	Changed() <-chan struct{}
	findings.Reader
	fleet.Farm
	admin.Farm
	Configured
	Acts
}

// Site serves the pages. Make one with New.
type Site struct {
	*page.Routes
	farm Farm
}

// Options is what a site is made of.
type Options struct {
	Farm Farm
	// Views are the pages' further reading; nil: the pages that need them are not there.
	Views *views.Views
	Name  string // shown in the header of each page; empty: "Weir"
	Log   *slog.Logger
	Now   func() time.Time // nil: time.Now
	// API answers for the JSON twins of pages; nil: there are none.
	API http.Handler
	// Document is the OpenAPI document of the API; nil: no page explains it.
	Document func() ([]byte, error)
	// Deeds is told what was done on pages, or refused; nil: nobody is.
	Deeds func(context.Context, page.Deed)
	Dev   bool // with pages for those who work on the pages
	// Version is that of the server's program, with which those of workers are compared.
	Version string
}

// New makes the pages of a farm. The error is not nil only if the program was
// built without its static files.
func New(o Options) (*Site, error) {
	files, err := static.New()
	if err != nil {
		return nil, err
	}
	r := page.NewRenderer(page.Options{Name: o.Name, Log: o.Log, Now: o.Now, Assets: files, SignedIn: o.Farm.SignedIn, Events: o.Farm, Dev: o.Dev,
		Around: func(now time.Time) page.Around {
			status := o.Farm.Setup()
			return page.Around{Farm: status.Name, Banner: banner(status, now), Turn: int64(status.Turn)}
		}})
	s := &Site{farm: o.Farm, Routes: page.NewRoutes(r, o.API, o.Deeds)}
	front.Register(s.Routes, frontReader(o))
	builds.Register(s.Routes, o.Farm, builds.ReadersOf(o.Views))
	findings.Register(s.Routes, o.Farm, times(o.Views))
	page.Help(s.Routes)
	components.Register(s.Routes)
	if o.Document != nil {
		apidocs.Register(s.Routes, o.Document)
	}
	s.acts()
	if o.Views != nil && o.Views.Boards != nil {
		boards.Register(s.Routes, o.Views.Boards)
	}
	if v := o.Views; v != nil {
		fleet.Register(s.Routes, o.Farm, v.Roster, o.Version)
		trends.Register(s.Routes, v.Trends)
		compat.Register(s.Routes, v.Compat)
	}
	if v := o.Views; v != nil && v.Upkeep != nil {
		admin.Register(s.Routes, o.Farm, v.Upkeep, v.Audit)
	}
	s.Handle("GET /events", http.HandlerFunc(s.events))
	s.Handle("GET /static/", files)
	s.Handle("GET /", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Fail(w, r, weir.Errorf(weir.NotFound, "there is no page %.200s", r.URL.Path))
	}))
	return s, nil
}

// frontReader is what the overview and the pages around it read.
func frontReader(o Options) front.Reader {
	r := front.Reader{Farm: o.Farm}
	if o.Views != nil && o.Views.Standing != nil {
		r.Standing = o.Views.Standing
	}
	if o.Views != nil && o.Views.Find != nil {
		r.Finder = o.Views.Find
	}
	return r
}

// times are how long tests took; nil if that cannot be read.
func times(v *views.Views) findings.Times {
	if v == nil || v.Times == nil {
		return nil
	}
	return v.Times
}
