package api

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/compat"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/farm/trends"
	"github.com/weir-ci/weir/internal/farm/waits"
	"github.com/weir-ci/weir/internal/server/rest"
)

// Fleet is what waits for workers, and what they say of themselves.
type Fleet interface {
	// Queue reads what waits and why, at most limit builds.
	Queue(ctx context.Context, limit int) (waits.Line, error)
	// WorkerDisk is how much room a worker has told this server that it has, in bytes.
	WorkerDisk(name string) (free int64, known bool)
}

// fleet adds the operations about machines, trends, and what works with what.
func (h *handler) fleet(a *rest.API) {
	if h.views.Roster != nil {
		rest.Register(a, get("worker-runs", "workers/{name}/runs", "What a worker tried, newest first"), h.workerRuns)
		rest.Register(a, get("worker-refusals", "workers/{name}/refusals", "What the owner of a worker does not want there, newest first"), h.workerRefusals)
	}
	if h.views.Trends != nil {
		rest.Register(a, get("trends", "trends", "How builders change: of one, of a job, or what has moved lately"),
			func(ctx context.Context, in *trendsIn) (*body[trends.Answer], error) {
				out, err := h.views.Trends.Ask(ctx, trends.Query{Builder: weir.BuilderID(in.Builder), Project: in.Project, Job: in.Job, Metric: in.Metric})
				return &body[trends.Answer]{out}, err
			})
	}
	if h.views.Compat != nil {
		rest.Register(a, get("compat", "compat", "Whether a project works with an upstream, at a version, on a platform"), h.compat)
	}
}

type queueIn struct {
	Limit int `query:"limit" minimum:"0" maximum:"200" default:"200" doc:"at most so many builds"`
}

func (h *handler) queue(ctx context.Context, in *queueIn) (*body[waits.Line], error) {
	line, err := h.farm.Queue(ctx, in.Limit)
	return &body[waits.Line]{line}, err
}

// WorkerDetail is a worker, and what it has done.
type WorkerDetail struct {
	WorkerStatus
	Disk *int64 `json:"disk,omitempty"` // bytes free where it builds; missing: it did not say
	// History is missing on a server that keeps none.
	History *roster.History `json:"history,omitempty"`
}

type workerIn struct {
	Name   string `path:"name" maxLength:"64" doc:"the worker"`
	Before int64  `query:"before" minimum:"0" doc:"only attempts that were leased before this time, in microseconds since 1970"`
}

func (h *handler) worker(ctx context.Context, in *workerIn) (*body[WorkerDetail], error) {
	w, err := h.farm.Worker(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	d := WorkerDetail{WorkerStatus: h.status(ctx, w)}
	if free, known := h.farm.WorkerDisk(w.Name); known {
		d.Disk = &free
	}
	if h.views == nil || h.views.Roster == nil {
		return &body[WorkerDetail]{d}, nil
	}
	history, err := h.views.Roster.Of(ctx, w)
	if err == nil && in.Before > 0 {
		history.Last, err = h.views.Roster.Ran(ctx, w.Name, time.UnixMicro(in.Before), roster.MaxLast)
	}
	d.History = &history
	return &body[WorkerDetail]{d}, err
}

type workersIn struct {
	Q        string `query:"q" maxLength:"100" doc:"only workers with these words in their names, platforms or labels"`
	Platform string `query:"platform" maxLength:"100" doc:"only workers of this platform"`
	State    string `query:"state" maxLength:"20" doc:"only workers in this state"`
}

func (h *handler) workers(ctx context.Context, in *workersIn) (*body[[]WorkerStatus], error) {
	list, err := h.farm.Workers(ctx)
	if err != nil {
		return nil, err
	}
	out := []WorkerStatus{}
	only := roster.Narrow{Text: in.Q, Platform: in.Platform, State: in.State}
	for _, w := range list {
		if s := h.status(ctx, w); only.Fits(w, s.State) {
			out = append(out, s)
		}
	}
	if h.views == nil || h.views.Roster == nil || len(out) == 0 {
		return &body[[]WorkerStatus]{out}, nil
	}
	today, _, err := h.views.Roster.Today(ctx, list)
	for i := range out {
		sum := today[out[i].Name]
		out[i].Today = &sum
	}
	return &body[[]WorkerStatus]{out}, err
}

// Limits on attempts in one list.
const (
	maxRuns     = 1000
	defaultRuns = 100 // unless asked for otherwise
)

type workerRunsIn struct {
	Name  string `path:"name" maxLength:"64" doc:"the worker"`
	Limit int    `query:"limit" minimum:"0" maximum:"1000" default:"100" doc:"at most so many"`
	rest.Paging
}

func (h *handler) workerRuns(ctx context.Context, in *workerRunsIn) (*rest.Listed[roster.Ran], error) {
	before, err := in.Paging.Before()
	if err != nil {
		return nil, err
	}
	if _, err := h.farm.Worker(ctx, in.Name); err != nil {
		return nil, err
	}
	var at time.Time
	if before > 0 {
		at = time.UnixMicro(before)
	}
	limit := min(cmp.Or(in.Limit, defaultRuns), maxRuns)
	list, err := h.views.Roster.Ran(ctx, in.Name, at, limit)
	if err != nil {
		return nil, err
	}
	return rest.List(&in.Paging, list, limit, func(r roster.Ran) int64 { return r.Leased.UnixMicro() }), nil
}

type workerRefusalsIn struct {
	Name  string `path:"name" maxLength:"64" doc:"the worker"`
	Limit int    `query:"limit" minimum:"0" maximum:"1000" default:"100" doc:"at most so many"`
	rest.Paging
}

// workerRefusals pages by how many were listed already: many are refused at once. What
// is refused meanwhile goes to the front, so that one may be listed twice.
func (h *handler) workerRefusals(ctx context.Context, in *workerRefusalsIn) (*rest.Listed[roster.Refused], error) {
	from, err := in.Paging.Before()
	if err != nil {
		return nil, err
	}
	if _, err := h.farm.Worker(ctx, in.Name); err != nil {
		return nil, err
	}
	from = min(from, roster.MaxRefused)
	list, more, err := h.views.Roster.Refused(ctx, in.Name, int(from), min(cmp.Or(in.Limit, defaultRuns), maxRuns))
	if err != nil {
		return nil, err
	}
	next := int64(0)
	if more {
		next = from + int64(len(list))
	}
	return rest.From(&in.Paging, list, next), nil
}

type trendsIn struct {
	Builder int64  `query:"builder" minimum:"0" doc:"all series of this builder"`
	Project string `query:"project" maxLength:"64" doc:"the durations of this project's builders"`
	Job     string `query:"job" maxLength:"64" doc:"only of this job"`
	Metric  string `query:"metric" maxLength:"200" doc:"of the metrics only this one; empty: the first ones"`
}

type compatIn struct {
	Q        string `query:"q" maxLength:"300" doc:"the question as a sentence: twisted on cpython 3.14 on windows"`
	Project  string `query:"project" maxLength:"200" doc:"in place of a sentence, the project"`
	Of       string `query:"of" maxLength:"200" doc:"its version or branch; empty: the newest"`
	Upstream string `query:"upstream" maxLength:"200" doc:"what it is to work with"`
	Version  string `query:"version" maxLength:"200" doc:"of that: a release, a branch, a revision; empty: the newest"`
	Platform string `query:"platform" maxLength:"200" doc:"os/arch, or one of both; empty: all"`
}

func (h *handler) compat(ctx context.Context, in *compatIn) (*body[compat.Answer], error) {
	var a compat.Answer
	var err error
	if strings.TrimSpace(in.Q) != "" || in.Project == "" {
		a, err = h.views.Compat.Say(ctx, in.Q)
	} else {
		a, err = h.views.Compat.Ask(ctx, compat.Ask{Project: in.Project, Of: in.Of, Upstream: in.Upstream, Version: in.Version, Platform: in.Platform})
	}
	return &body[compat.Answer]{a}, err
}
