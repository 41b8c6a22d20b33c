// Package web is the pages of a farm: server-rendered HTML that says first
// what is broken and by whom, then what runs, then the rest.
//
// A page is made in two steps. A view (overview.go, build.go) is computed from
// what the farm says: small typed structs that hold exactly what the page
// shows, already cleaned of whatever foreign text could do to a reader. A
// template (*.templ) lays the view out and decides nothing.
//
// All handlers are here, and the views of what the farm does: the overview,
// builds, builders. The views of what it concluded, such as regressions, are
// in package findings; the frame around them and the words, marks and links
// that all share are in package page.
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
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/server/web/static"
)

// Farm is what the pages read.
type Farm interface {
	// Front reads the state of the whole farm.
	Front(ctx context.Context) (farm.Front, error)
	// Builds lists builds, newest first.
	Builds(ctx context.Context, q farm.BuildQuery) ([]weir.Build, error)
	// BuildFrom reads a build, with the changes behind the first so many; NotFound if there is none.
	BuildFrom(ctx context.Context, id weir.BuildID, from int) (farm.BuildDetail, error)
	// Tests reads what the tests of a build reported, the bad ones or all, at
	// most limit of them; NotFound if they reported nothing.
	Tests(ctx context.Context, id weir.BuildID, all bool, limit int) (farm.Tests, error)
	// ReadLog reads a stretch of a step's log.
	ReadLog(ctx context.Context, id weir.AttemptID, step int, ask farm.LogAsk) (farm.LogPiece, error)
	// Regressions lists regressions, newest first: the open ones, or all.
	Regressions(ctx context.Context, all bool) ([]weir.Regression, error)
	// Regression reads one; NotFound if there is none.
	Regression(ctx context.Context, id weir.RegressionID) (farm.RegressionDetail, error)
	// Events lists what happened after the event with the given number.
	Events(ctx context.Context, after int64) ([]weir.Event, error)
	// LastEvent is the number of the newest event.
	LastEvent(ctx context.Context) (int64, error)
	// Changed returns a channel that is closed when something may have changed.
	Changed() <-chan struct{}
	Histories
	Configured
	Acts
}

// Histories reads the past of tests.
type Histories interface {
	// TestHistory reads the past of a test; NotFound if no builder knows it.
	TestHistory(ctx context.Context, q farm.TestQuery) (farm.TestHistory, error)
	// Flaky lists flaky tests; NotFound if there is no such project.
	Flaky(ctx context.Context, q flaky.Query) (flaky.List, error)
}

// Site serves the pages. Make one with New.
type Site struct {
	farm   Farm
	name   string
	log    *slog.Logger
	now    func() time.Time
	assets *static.Files
	mux    *http.ServeMux
	// started is different for each start of each server.
	started string
}

// New makes the pages of a farm. Name is shown in the header of each page;
// empty means "Weir". Nil now means time.Now.
func New(f Farm, name string, log *slog.Logger, now func() time.Time) (*Site, error) {
	if now == nil {
		now = time.Now
	}
	if name == "" {
		name = "Weir"
	}
	files, err := static.New()
	if err != nil {
		return nil, err
	}
	s := &Site{farm: f, name: page.OneLine(name, 60), log: log, now: now, assets: files, mux: http.NewServeMux(),
		started: rand.Text()[:10]}
	s.mux.HandleFunc("GET /{$}", s.overview)
	s.mux.HandleFunc("GET /builds", s.builds)
	s.mux.HandleFunc("GET /builds/{id}", s.build)
	s.mux.HandleFunc("GET /tests", s.test)
	s.mux.HandleFunc("GET /regressions", s.regressions)
	s.mux.HandleFunc("GET /regressions/{id}", s.regression)
	s.mux.HandleFunc("GET /flaky", s.flaky)
	s.mux.HandleFunc("GET /events", s.events)
	s.acts()
	s.mux.Handle("GET /static/", files)
	s.mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		s.Fail(w, r, weir.Errorf(weir.NotFound, "there is no page %.200s", r.URL.Path))
	})
	return s, nil
}

// ServeHTTP serves a page.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// page prepares the frame of a page. Events are followed from after on.
func (s *Site) page(r *http.Request, title, section, topics string, after int64) page.Frame {
	status := s.farm.Setup()
	p := page.Frame{Title: title, Farm: s.name, Section: section, URL: r.URL.RequestURI(),
		Who: page.OneLine(s.who(r), page.MaxName), Now: page.At(s.now(), s.now()), URLs: s.assets.URLs, Banner: banner(status, s.now())}
	if status.Name != "" {
		p.Farm = page.OneLine(status.Name, 60)
	}
	if topics != "" {
		topics += ",config"
		p.Events = "/events?" + url.Values{"topics": {topics}, "after": {strconv.FormatInt(after, 10)}}.Encode()
	}
	return p
}

// render sends a page, or only its content if htmx asks for it.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, p page.Frame, content templ.Component) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Vary", "HX-Request, Cookie")
	w.WriteHeader(status)
	component := page.Layout(p, content)
	if r.Header.Get("HX-Request") == "true" {
		component = page.Content(p, content)
	}
	if err := component.Render(r.Context(), w); err != nil {
		s.log.DebugContext(r.Context(), "page not sent", "page", r.URL.Path, "error", err)
	}
}

// Fail answers with an error page. Of an internal error the page shows
// nothing; the log has it.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) {
	problem := protocol.ProblemOf(err)
	if problem.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		s.log.ErrorContext(r.Context(), "page failed", "page", r.URL.Path, "error", err, "cause", unwrap(err))
	}
	v := page.ErrorView{Status: problem.Status, Title: "Something went wrong", Detail: page.OneLine(problem.Detail, page.MaxMessage),
		Hint: page.OneLine(problem.Hint, page.MaxMessage)}
	switch problem.Code {
	case weir.NotFound:
		v.Title = "Not found"
	case weir.Invalid:
		v.Title = "This cannot be asked"
	case weir.Internal:
		v.Detail = "The farm hit an error while it made this page. Its log says what happened."
	}
	s.render(w, r, problem.Status, s.page(r, v.Title, "", "", 0), page.ErrorPage(v))
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

func (s *Site) overview(w http.ResponseWriter, r *http.Request) {
	after, err := s.farm.LastEvent(r.Context()) // before reading, so that nothing is missed
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	if s.unchanged(w, r, after) {
		return
	}
	o, err := s.farm.Front(r.Context())
	if err != nil {
		w.Header().Del("ETag")
		s.Fail(w, r, err)
		return
	}
	o.At = s.now()
	v := overviewView(o, page.Clean(strings.TrimSpace(r.URL.Query().Get("q")), maxFilter))
	p := s.page(r, v.Headline, "overview", "build,run,queue,regression,worker,source,revisions", after)
	if o.Name != "" {
		p.Farm = page.OneLine(o.Name, 60)
	}
	s.render(w, r, http.StatusOK, p, overviewPage(v))
}

// calm is how long a page is taken for current if nothing happens: what ages
// without an event, such as a worker that stays away, shows after that.
const calm = 15 * time.Second

// unchanged marks a page with the number of the newest event before it was
// read, and answers 304 to a browser that has it of the same number. The mark
// also tells servers, starts of a server, whole pages and contents apart.
func (s *Site) unchanged(w http.ResponseWriter, r *http.Request, after int64) bool {
	part := "page"
	if r.Header.Get("HX-Request") == "true" {
		part = "content"
	}
	if s.who(r) != "" {
		part += "-in"
	}
	tag := fmt.Sprintf(`W/"%s-%s-%d-%d-%d"`, s.started, part, after, s.farm.Setup().Turn, s.now().UnixNano()/int64(calm))
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "HX-Request, Cookie")
	if !strings.Contains(r.Header.Get("If-None-Match"), tag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// number reads a positive number from the path or a query; ok is false if it is none.
func number(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0 && !strings.HasPrefix(text, "+")
}
