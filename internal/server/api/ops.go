package api

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/server/rest"
)

// Operations is what admins do, and what they need to see for it.
type Operations interface {
	Callers
	Tokens
	// Force builds the tips of a project now.
	Force(ctx context.Context, ask farm.Force) (farm.Forced, error)
	// CancelBuild ends an unfinished build; Conflict if it is over.
	CancelBuild(ctx context.Context, id weir.BuildID, reason, by string) error
	// Workers lists the workers, by name.
	Workers(ctx context.Context) ([]weir.Worker, error)
	// Worker finds one; NotFound if it never said hello.
	Worker(ctx context.Context, name string) (weir.Worker, error)
	// PauseWorker holds a worker back, ResumeWorker lets it go on.
	PauseWorker(ctx context.Context, name, reason, by string) error
	ResumeWorker(ctx context.Context, name string) error
	// ForgetWorker removes a worker that is away; Conflict if it is not.
	ForgetWorker(ctx context.Context, name string) error
}

// maxBody limits the body of a request, in bytes.
const maxBody = 16 << 10

// operation is one that changes something, or that not everybody may use: it needs
// a right.
func operation(right access.Right, method, id, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: Prefix + "v1/" + path, Summary: summary,
		MaxBodyBytes: maxBody, BodyReadTimeout: readTime, DefaultStatus: http.StatusOK,
		Security: []map[string][]string{{rest.TokenScheme: {string(right)}}}}
}

func (h *handler) admins(a *rest.API) {
	rest.Register(a, operation(access.Build, http.MethodPost, "force", "runs", "Build the tips of a project now"), h.force)
	rest.Register(a, operation(access.Build, http.MethodPost, "cancel", "builds/{id}/cancel", "Cancel a build, and those that need it"), h.cancel)
	rest.Register(a, get("workers", "workers", "Workers, by name"), h.workers)
	rest.Register(a, get("worker", "workers/{name}", "One worker, and what it has done in four weeks"), h.worker)
	rest.Register(a, get("queue", "queue", "What waits and why, longest first; how much of it, and who has the locks"), h.queue)
	rest.Register(a, operation(access.Fleet, http.MethodPost, "pause", "workers/{name}/pause", "Give a worker nothing more"), h.pause)
	rest.Register(a, operation(access.Fleet, http.MethodPost, "resume", "workers/{name}/resume", "Let a worker have work again"), h.resume)
	rest.Register(a, operation(access.Fleet, http.MethodDelete, "forget", "workers/{name}", "Forget a worker that is gone"), h.forget)
}

type forceIn struct {
	Body struct {
		Project string            `json:"project" doc:"whose tips to build" maxLength:"64"`
		Job     string            `json:"job,omitempty" doc:"only this job; empty: all" maxLength:"64"`
		Reason  string            `json:"reason,omitempty" doc:"one line for people" maxLength:"200"`
		Count   int               `json:"count,omitempty" doc:"how many builds of each job and platform" minimum:"0" maximum:"1000" default:"1"`
		Params  map[string]string `json:"params,omitempty" doc:"values for parameters of the jobs, by their names"`
	}
}

func (h *handler) force(ctx context.Context, in *forceIn) (*body[farm.Forced], error) {
	ask := farm.Force{Project: in.Body.Project, Job: in.Body.Job, Reason: in.Body.Reason, Count: in.Body.Count, By: adminOf(ctx)}
	for _, name := range slices.Sorted(maps.Keys(in.Body.Params)) {
		ask.Params = append(ask.Params, weir.EnvVar{Name: name, Value: in.Body.Params[name]})
	}
	out, err := h.farm.Force(ctx, ask)
	return &body[farm.Forced]{out}, err
}

type because struct {
	Reason string `json:"reason,omitempty" doc:"one line for people" maxLength:"200"`
}

type cancelIn struct {
	ID   int64 `path:"id" minimum:"1" doc:"the build"`
	Body because
}

type done struct{}

func (h *handler) cancel(ctx context.Context, in *cancelIn) (*body[done], error) {
	return &body[done]{}, h.farm.CancelBuild(ctx, weir.BuildID(in.ID), in.Body.Reason, adminOf(ctx))
}

// WorkerStatus is a worker and what can be expected of it.
type WorkerStatus struct {
	weir.Worker
	State weir.WorkerState `json:"state"`
	// Today is what it did in the last 24 hours; missing on a server that keeps no history.
	Today *roster.Sum `json:"today,omitempty"`
}

// status leaves out what is nobody's business but of those who look after workers.
func (h *handler) status(ctx context.Context, w weir.Worker) WorkerStatus {
	if !callerOf(ctx).May(access.Fleet) {
		w.Owner = ""
	}
	return WorkerStatus{Worker: w, State: w.State(h.now())}
}

type byWorker struct {
	Name string `path:"name" maxLength:"64" doc:"the worker"`
}

type pauseIn struct {
	Name string `path:"name" maxLength:"64" doc:"the worker"`
	Body because
}

func (h *handler) pause(ctx context.Context, in *pauseIn) (*body[done], error) {
	return &body[done]{}, h.farm.PauseWorker(ctx, in.Name, in.Body.Reason, adminOf(ctx))
}

func (h *handler) resume(ctx context.Context, in *byWorker) (*body[done], error) {
	return &body[done]{}, h.farm.ResumeWorker(ctx, in.Name)
}

func (h *handler) forget(ctx context.Context, in *byWorker) (*body[done], error) {
	return &body[done]{}, h.farm.ForgetWorker(ctx, in.Name)
}
