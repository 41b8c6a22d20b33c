// Package server is a farm's HTTP face: the worker protocol (workerapi), the
// public API (api), the pages (web) and the address of webhooks (hooks) behind one handler, with what they all
// need around them: security headers, compression, a log of requests, and a
// calm answer should a handler panic.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/recipe/schema"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/hooks"
	"github.com/weir-ci/weir/internal/server/session"
	"github.com/weir-ci/weir/internal/server/web"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/server/workerapi"
)

// Farm is everything the server asks of a farm. *farm.Farm is one.
type Farm interface {
	workerapi.Farm
	api.Farm
	web.Farm
	hooks.Farm
}

// Options is what a server is made of.
type Options struct {
	Farm    Farm
	Views   *views.Views     // what pages read besides; nil: the pages that need it are not there
	Name    string           // of the farm, shown on its pages; empty: "Weir"
	Version string           // of the program, told by the API; empty: "dev"
	Log     *slog.Logger     // nil: nothing is logged
	Now     func() time.Time // nil: time.Now
	// Proxies are believed when they say whom they pass a request on for.
	Proxies []netip.Prefix
	// Stopping ends when the server is about to stop: requests that wait for
	// something are answered then. nil: they wait as long as they like.
	Stopping context.Context
	// Dev adds pages for those who work on the pages.
	Dev bool
}

// Handler is the handler of a whole server. Make one with New.
type Handler struct {
	http.Handler
	site *web.Site
}

// Pages lists the pages that it serves.
func (h *Handler) Pages() []page.Route { return h.site.List() }

// New makes the handler of a whole server. Requests set their own deadlines, so
// http.Server's ReadTimeout and WriteTimeout only bound what comes before.
//
// The error is not nil only if the program was built without its static files.
func New(o Options) (*Handler, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	rest := api.New(api.Options{Farm: o.Farm, Views: o.Views, Version: o.Version, Log: o.Log})
	site, err := web.New(web.Options{Farm: o.Farm, Views: o.Views, Name: o.Name, Log: o.Log, Now: o.Now, API: rest, Document: rest.Document, Dev: o.Dev, Version: o.Version,
		Deeds: deeds(recorder(o.Views))})
	if err != nil {
		return nil, err
	}
	forEditors, err := published()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+schema.Path, compress(forEditors))
	mux.Handle(workerapi.Prefix, workerapi.New(o.Farm, o.Log))
	mux.Handle(api.Prefix, compress(rest))
	posts := hooks.New(o.Farm, o.Log, recorder(o.Views))
	mux.Handle(hooks.Path, posts)
	mux.Handle(hooks.Path+"/", posts)
	mux.Handle("/", compress(patient(site)))
	protected := http.NewCrossOriginProtection().Handler(mux)
	return &Handler{session.Behind(o.Proxies, logged(o.Log, recovered(o.Log, site, secured(impatient(o.Stopping, protected))))), site}, nil
}

// waiting lists the paths of requests that wait for something to happen.
var waiting = []string{workerapi.Prefix + "lease", workerapi.Prefix + "watch", api.Prefix + "v1/events", "/events"}

// impatient ends the waiting of requests when the server stops. Others go on:
// whoever is in the middle of something is to get an answer.
func impatient(stopping context.Context, next http.Handler) http.Handler {
	if stopping == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(waiting, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(stopping, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// How long a page may take to be asked for and to be sent.
const (
	pageRead  = 30 * time.Second
	pageWrite = time.Minute
)
