// Package api is the public REST interface of a farm, version 1. Everybody may
// read; whoever changes something sends an admin's token ("Authorization:
// Bearer ..."). The command line and package client are built on it, and
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
	"github.com/weir-ci/weir/internal/server/rest"
	"github.com/weir-ci/weir/internal/steplog"
)

// Farm is what the API reads and, for admins, changes.
type Farm interface {
	// Overview reads the state of the whole farm.
	Overview(ctx context.Context) (farm.Overview, error)
	// Builds lists builds, newest first.
	Builds(ctx context.Context, q farm.BuildQuery) ([]weir.Build, error)
	// Build reads a build; NotFound if there is none.
	Build(ctx context.Context, id weir.BuildID) (farm.BuildDetail, error)
	// BuildFrom reads a build, with the changes behind the first so many.
	BuildFrom(ctx context.Context, id weir.BuildID, from int) (farm.BuildDetail, error)
	// Tests reads what the tests of a build reported, the bad ones or all, at
	// most limit of them; NotFound if they reported nothing.
	Tests(ctx context.Context, id weir.BuildID, all bool, limit int) (farm.Tests, error)
	// Regressions lists regressions, newest first: the open ones, or all.
	Regressions(ctx context.Context, all bool) ([]weir.Regression, error)
	// Regression reads one; NotFound if there is none.
	Regression(ctx context.Context, id weir.RegressionID) (farm.RegressionDetail, error)
	Histories
	Flaky
	Products
	Logs
	Events
	Operations
	Triage
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
	maxResults    = 100_000          // in one answer
	defaultResult = 1000             // unless asked for otherwise
	maxLogBytes   = 1 << 20          // of one piece of log
	defaultLog    = 64 << 10         // unless asked for otherwise
	eventWait     = 25 * time.Second // how long a request for events is held
	eventRecheck  = 2 * time.Second  // how often to look without being woken
	readTime      = 30 * time.Second // to send a request
	answerTime    = 30 * time.Second // to take an answer
)

type handler struct {
	farm Farm
	log  *slog.Logger
	now  func() time.Time
}

// New makes the handler of everything below Prefix. Version is the program's.
func New(f Farm, version string, log *slog.Logger) http.Handler {
	h := &handler{farm: f, log: log, now: time.Now}
	mux := http.NewServeMux()
	h.operations(rest.New(mux, "Weir", version, "/api/openapi", log))
	mux.Handle("/", rest.NotFound(log))
	open := h.authorized(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest.Patience(w, readTime, eventWait+answerTime)
		open.ServeHTTP(w, r)
	})
}

// body is an answer.
type body[T any] struct{ Body T }

type none struct{}

type byBuild struct {
	ID int64 `path:"id" minimum:"1" doc:"the build"`
}

type buildIn struct {
	ID      int64 `path:"id" minimum:"1" doc:"the build"`
	Changes int   `query:"changes" minimum:"0" maximum:"100000000" doc:"leave out so many of the changed tests; 200 are listed at once"`
}

type byRegression struct {
	ID int64 `path:"id" minimum:"1" doc:"the regression"`
}

func (h *handler) operations(a *rest.API) {
	rest.Register(a, get("overview", "overview", "What needs somebody, what runs, and the rest"),
		func(ctx context.Context, _ *none) (*body[farm.Overview], error) {
			o, err := h.farm.Overview(ctx)
			return &body[farm.Overview]{o}, err
		})
	rest.Register(a, get("builds", "builds", "Builds, newest first"), h.builds)
	rest.Register(a, get("build", "builds/{id}", "Everything about one build except results and logs"),
		func(ctx context.Context, in *buildIn) (*body[farm.BuildDetail], error) {
			d, err := h.farm.BuildFrom(ctx, weir.BuildID(in.ID), in.Changes)
			return &body[farm.BuildDetail]{d}, err
		})
	rest.Register(a, get("results", "builds/{id}/results", "What a build's tests reported, worst first"), h.results)
	rest.Register(a, get("product", "builds/{id}/product", "The packed product of a build, a tar file in zstd; byte ranges too"), h.product)
	rest.Register(a, get("log", "builds/{id}/attempts/{attempt}/steps/{step}/log", "A stretch of a step's log"), h.readLog)
	rest.Register(a, get("raw-log", "builds/{id}/attempts/{attempt}/steps/{step}/log/raw", "All of a step's log, as text; byte ranges too"), h.rawLog)
	rest.Register(a, get("search-log", "builds/{id}/attempts/{attempt}/steps/{step}/log/search",
		"Lines of a step's log that match; after five seconds, those found so far"), h.searchLog)
	rest.Register(a, get("log-sections", "builds/{id}/attempts/{attempt}/steps/{step}/log/sections", "What a step's log can be folded by"), h.logSections)
	rest.Register(a, get("regressions", "regressions", "Open regressions, newest first; or all"), h.regressions)
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
}

func get(id, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodGet, Path: Prefix + "v1/" + path, Summary: summary}
}

type buildsIn struct {
	Project string `query:"project" maxLength:"64" doc:"only builds of this project"`
	Run     int64  `query:"run" minimum:"0" doc:"only builds of this run"`
	Builder int64  `query:"builder" minimum:"0" doc:"only builds of this builder"`
	Before  int64  `query:"before" minimum:"0" doc:"only builds with lower ids"`
	Limit   int    `query:"limit" minimum:"0" maximum:"1000" default:"100"`
}

// builds lists builds. An empty list is [], never null.
func (h *handler) builds(ctx context.Context, in *buildsIn) (*body[[]weir.Build], error) {
	list, err := h.farm.Builds(ctx, farm.BuildQuery{
		Project: in.Project, Run: weir.RunID(in.Run), Builder: weir.BuilderID(in.Builder),
		Before: weir.BuildID(in.Before), Limit: min(in.Limit, maxBuilds)})
	return &body[[]weir.Build]{orEmpty(list)}, err
}

type regressionsIn struct {
	All bool `query:"all" doc:"closed ones too"`
}

func (h *handler) regressions(ctx context.Context, in *regressionsIn) (*body[[]weir.Regression], error) {
	list, err := h.farm.Regressions(ctx, in.All)
	return &body[[]weir.Regression]{orEmpty(list)}, err
}

type resultsIn struct {
	ID     int64  `path:"id" minimum:"1" doc:"the build"`
	Status string `query:"status" enum:"bad,all" default:"bad" doc:"bad: failures, errors and what ran with mixed outcomes"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100000" default:"1000"`
}

// Results is what the tests of a build reported, or the part asked for.
type Results struct {
	Counts    weir.Counts     `json:"counts"` // of all results, not only those listed
	Results   []weir.Result   `json:"results"`
	Incidents []weir.Incident `json:"incidents,omitempty"`
	// Omitted is how many of the results asked for are over the limit.
	Omitted int `json:"omitted,omitempty"`
}

func (h *handler) results(ctx context.Context, in *resultsIn) (*body[Results], error) {
	limit := in.Limit
	if limit <= 0 {
		limit = defaultResult
	}
	tests, err := h.farm.Tests(ctx, weir.BuildID(in.ID), in.Status == "all", min(limit, maxResults))
	if err != nil {
		return nil, err
	}
	return &body[Results]{Results{Counts: tests.Counts, Incidents: tests.Incidents, Results: orEmpty(tests.Results), Omitted: tests.Omitted}}, nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
