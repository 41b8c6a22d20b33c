// Package api is the public REST interface of a farm, version 1. Everybody may
// read; whoever changes something sends a token ("Authorization: Bearer ...")
// with the right that the operation needs. The command line and package client are built on it, and
// anything else may be: /api/openapi.json describes it.
//
// Bodies are the words of the root package as JSON, put together as package
// farm does. Lists come newest first. Errors are problems as in RFC 9457.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/server/rest"
	"github.com/weir-ci/weir/internal/steplog"
)

// Farm is what the API reads and, for admins, changes.
type Farm interface {
	// Overview reads the state of the whole farm.
	Overview(ctx context.Context) (farm.Overview, error)
	// Front reads the same without the builders.
	Front(ctx context.Context) (farm.Overview, error)
	// Builds lists builds, newest first.
	Builds(ctx context.Context, q farm.BuildQuery) ([]weir.Build, error)
	// Build reads a build; NotFound if there is none.
	Build(ctx context.Context, id weir.BuildID) (farm.BuildDetail, error)
	// BuildFrom reads a build, with the changes behind the first so many.
	BuildFrom(ctx context.Context, id weir.BuildID, from int) (farm.BuildDetail, error)
	// Tests reads what the tests of a build reported, the bad ones or all, at
	// most limit of them; NotFound if they reported nothing.
	Tests(ctx context.Context, id weir.BuildID, all bool, limit int) (farm.Tests, error)
	// Regression reads one; NotFound if there is none.
	Regression(ctx context.Context, id weir.RegressionID) (farm.RegressionDetail, error)
	Histories
	Flaky
	Products
	Logs
	Events
	Operations
	Fleet
	Triage
	Episodes
	Setups
	Starts
	Artifacts
	Changes
}

// Histories reads the past of tests.
type Histories interface {
	// TestHistory reads the past of a test; NotFound if no builder knows it.
	TestHistory(ctx context.Context, q farm.TestQuery) (farm.TestHistory, error)
}

// Logs reads what steps printed.
type Logs interface {
	// ReadLog reads a stretch of a step's log.
	ReadLog(ctx context.Context, id weir.AttemptID, step int, ask farm.LogAsk) (farm.LogPiece, error)
	// OpenLog opens the whole log of a step.
	OpenLog(ctx context.Context, id weir.AttemptID, step int) (farm.LogText, error)
	// SearchLog looks for lines of a step's log.
	SearchLog(ctx context.Context, id weir.AttemptID, step int, q steplog.Query) (steplog.Found, error)
	// LogSections finds what a log can be folded by.
	LogSections(ctx context.Context, id weir.AttemptID, step int) (farm.LogSections, error)
}

// Events tells what happened.
type Events interface {
	// Events lists what happened after the event with the given number.
	Events(ctx context.Context, after int64) ([]weir.Event, error)
	// LastEvent is the number of the newest event.
	LastEvent(ctx context.Context) (int64, error)
	// Changed returns a channel that is closed when something may have changed.
	Changed() <-chan struct{}
}

// Prefix is where the handler must be mounted.
const Prefix = "/api/"

// Limits and times.
const (
	maxBuilds     = 1000             // in one list
	defaultBuilds = 100              // unless asked for otherwise
	maxResults    = 100_000          // in one answer
	defaultResult = 1000             // unless asked for otherwise
	maxLogBytes   = 1 << 20          // of one piece of log
	defaultLog    = 64 << 10         // unless asked for otherwise
	eventWait     = 25 * time.Second // how long a request for events is held
	eventRecheck  = 2 * time.Second  // how often to look without being woken
	readTime      = 30 * time.Second // to send a request
	answerTime    = 30 * time.Second // to take an answer
)

// Options is what the API is made of.
type Options struct {
	Farm Farm
	// Views are what it reads beside single builds and regressions; nil: the operations
	// that need them are not there.
	Views   *views.Views
	Version string       // of the program
	Log     *slog.Logger // nil: nothing is logged
}

// Server answers for everything below Prefix. Make one with New.
type Server struct {
	open http.Handler
	rest *rest.API
}

type handler struct {
	farm  Farm
	views *views.Views
	log   *slog.Logger
	now   func() time.Time
}

// New makes the API of a farm.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{farm: o.Farm, views: o.Views, log: o.Log, now: time.Now}
	mux := http.NewServeMux()
	s := &Server{rest: rest.New(mux, "Weir", o.Version, "/api/openapi", o.Log)}
	s.rest.Use(h.authorized(s.rest))
	h.operations(s.rest)
	if h.views != nil {
		h.viewing(s.rest)
	}
	mux.Handle("/", h.unknown())
	s.open = rest.Tagged(h.identified(h.nameless(mux)))
	return s
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.open.ServeHTTP(w, rest.Patience(w, r, readTime, eventWait+answerTime))
}

// Document is the OpenAPI document, as JSON.
func (s *Server) Document() ([]byte, error) { return s.rest.Document() }

// viewing adds the operations that read views. Each area has a file of its own.
func (h *handler) viewing(a *rest.API) {
	h.auditing(a)
	h.fleet(a)
	if h.views.Times != nil {
		rest.Register(a, get("test-times", "tests/times", "How long a test took in the newest builds of a few of its builders, as far as that is kept"), h.testTimes)
	}
	h.comparing(a)
	if h.views.Boards != nil {
		h.boards(a)
	}
	if h.views.Standing != nil && h.views.Find != nil {
		h.standing(a)
	}
}

// body is an answer.
type body[T any] struct{ Body T }

type none struct{}

type byBuild struct {
	ID int64 `path:"id" minimum:"1" doc:"the build"`
}

type byRegression struct {
	ID int64 `path:"id" minimum:"1" doc:"the regression"`
}

func (h *handler) operations(a *rest.API) {
	rest.Register(a, get("overview", "overview", "What needs somebody, what runs, how projects stand, and the rest"), h.overview)
	rest.Register(a, get("builds", "builds", "Builds, newest first"), h.builds)
	rest.Register(a, get("build", "builds/{id}", "Everything about one build except logs; results if they are asked for"),
		h.build)
	rest.Register(a, get("results", "builds/{id}/results", "What a build's tests reported, worst first"), h.results)
	rest.Register(a, get("product", "builds/{id}/product", "The packed product of a build, a tar file in zstd; byte ranges too"), h.product)
	rest.Register(a, get("log", "builds/{id}/attempts/{attempt}/steps/{step}/log", "A stretch of a step's log"), h.readLog)
	rest.Register(a, get("raw-log", "builds/{id}/attempts/{attempt}/steps/{step}/log/raw", "All of a step's log, as text; byte ranges too"), h.rawLog)
	rest.Register(a, get("search-log", "builds/{id}/attempts/{attempt}/steps/{step}/log/search",
		"Lines of a step's log that match; after five seconds, those found so far"), h.searchLog)
	rest.Register(a, get("log-sections", "builds/{id}/attempts/{attempt}/steps/{step}/log/sections", "What a step's log can be folded by"), h.logSections)
	rest.Register(a, get("regressions", "regressions", "Regressions, newest first: the open ones unless asked for others"), h.regressions)
	rest.Register(a, get("regression", "regressions/{id}", "A regression and the evidence it rests on"),
		func(ctx context.Context, in *byRegression) (*body[farm.RegressionDetail], error) {
			d, err := h.farm.Regression(ctx, weir.RegressionID(in.ID))
			return &body[farm.RegressionDetail]{d}, err
		})
	rest.Register(a, get("test", "tests", "A test of a project: on each builder how it is, since when, and how often it fails"), h.test)
	rest.Register(a, get("flaky", "flaky", "Tests that were good and bad at equal revisions: what is new first, the worst first"), h.flaky)
	rest.Register(a, get("flaky-digest", "flaky/digest", "What the owners of a project would be told now of its flaky tests"), h.flakyDigest)
	rest.Register(a, get("events", "events", "What happened after an event; waits up to 25 seconds"), h.events)
	h.admins(a)
	h.triage(a)
	h.setups(a)
	h.starts(a)
	h.artifacts(a)
	h.changes(a)
	h.access(a)
}

func get(id, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodGet, Path: Prefix + "v1/" + path, Summary: summary}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
