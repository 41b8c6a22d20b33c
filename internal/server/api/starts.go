package api

import (
	"context"
	"net/http"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/starts"
	"github.com/weir-ci/weir/internal/server/rest"
)

// Starts is what sets builds off beside changes.
type Starts interface {
	// Try builds a project with a patch that nobody has pushed.
	Try(ctx context.Context, ask starts.Try) (starts.Started, error)
	// Rerun repeats builds of a run.
	Rerun(ctx context.Context, ask starts.Rerun) (starts.Started, error)
	// Upcoming lists when jobs start by themselves, by time.
	Upcoming(ctx context.Context) ([]starts.Tick, error)
	// Pulls lists pull requests, those that changed last first.
	Pulls(ctx context.Context, project string, state weir.ProposalState) ([]weir.Proposal, error)
	// Forceable lists the projects with jobs that people can start, by name.
	Forceable() []farm.Forceable
	// DecidePull approves or refuses the head of a pull request; Conflict if it
	// has another one by now.
	DecidePull(ctx context.Context, id weir.ProposalID, head string, approve bool, by string) error
}

// maxTry limits the body of a request with a patch in it, in bytes: base64 is
// a third longer than what it holds.
const maxTry = starts.MaxPatch/3*4 + maxBody

func (h *handler) starts(a *rest.API) {
	try := operation(access.Build, http.MethodPost, "try", "try", "Build a project with a change that nobody has pushed")
	try.MaxBodyBytes, try.BodyReadTimeout = maxTry, 5*time.Minute
	rest.Register(a, try, h.try)
	rest.Register(a, operation(access.Build, http.MethodPost, "rerun", "runs/{id}/rerun", "Repeat a run, or what failed of it, at the same revisions"), h.rerun)
	rest.Register(a, get("starts", "starts", "When jobs start by themselves"), h.upcoming)
	rest.Register(a, get("all-starts", "starts/all", "All that sets builds off beside changes: times, pull requests, and projects with jobs that people can start"), h.allStarts)
	rest.Register(a, get("pulls", "pulls", "Pull requests, those that changed last first"), h.pulls)
	rest.Register(a, operation(access.Build, http.MethodPost, "approve", "pulls/{id}/approve", "Let the head of a pull request be built"), h.decide(true))
	rest.Register(a, operation(access.Build, http.MethodPost, "refuse", "pulls/{id}/refuse", "Keep the head of a pull request from being built"), h.decide(false))
}

type tryIn struct {
	Body struct {
		Project   string          `json:"project" doc:"what is built" maxLength:"64"`
		Base      string          `json:"base" doc:"full hash of the commit that the patch is for" maxLength:"64"`
		Patch     []byte          `json:"patch" doc:"as git diff --binary writes it, in base64"`
		Jobs      []string        `json:"jobs,omitempty" doc:"only these; none: all that are for it" maxItems:"256"`
		Platforms []weir.Platform `json:"platforms,omitempty" doc:"only these; none: all" maxItems:"64"`
		Reason    string          `json:"reason,omitempty" doc:"one line for people" maxLength:"200"`
	}
}

func (h *handler) try(ctx context.Context, in *tryIn) (*body[starts.Started], error) {
	out, err := h.farm.Try(ctx, starts.Try{Project: in.Body.Project, Base: in.Body.Base, Patch: in.Body.Patch, Jobs: in.Body.Jobs,
		Platforms: in.Body.Platforms, Reason: in.Body.Reason, By: adminOf(ctx)})
	return &body[starts.Started]{out}, err
}

type rerunIn struct {
	ID   int64 `path:"id" minimum:"1" doc:"the run"`
	Body struct {
		Failed bool    `json:"failed,omitempty" doc:"only what did not pass"`
		Builds []int64 `json:"builds,omitempty" doc:"only these builds of the run" maxItems:"1000"`
		Reason string  `json:"reason,omitempty" doc:"one line for people" maxLength:"200"`
	}
}

func (h *handler) rerun(ctx context.Context, in *rerunIn) (*body[starts.Started], error) {
	ask := starts.Rerun{Run: weir.RunID(in.ID), Failed: in.Body.Failed, Reason: in.Body.Reason, By: adminOf(ctx)}
	for _, id := range in.Body.Builds {
		ask.Builds = append(ask.Builds, weir.BuildID(id))
	}
	out, err := h.farm.Rerun(ctx, ask)
	return &body[starts.Started]{out}, err
}

func (h *handler) upcoming(ctx context.Context, _ *none) (*body[[]starts.Tick], error) {
	list, err := h.farm.Upcoming(ctx)
	if list == nil {
		list = []starts.Tick{}
	}
	return &body[[]starts.Tick]{list}, err
}

// AllStarts is what sets builds off beside changes.
type AllStarts struct {
	Ticks    []starts.Tick   `json:"ticks"`    // when jobs start by themselves, by time
	Pulls    []weir.Proposal `json:"pulls"`    // those that changed last first
	Projects []Startable     `json:"projects"` // with jobs that people can start, by name
}

// Startable is a project with jobs that people can start.
type Startable struct {
	Project string         `json:"project"`
	Jobs    []StartableJob `json:"jobs"`
}

// StartableJob is a job that people can start, and what it can be told.
type StartableJob struct {
	Name   string       `json:"name"`
	Params []weir.Param `json:"params,omitempty"`
}

type allStartsIn struct {
	Q string `query:"q" maxLength:"100" doc:"of the projects only those with this in their names; case does not matter"`
}

func (h *handler) allStarts(ctx context.Context, in *allStartsIn) (*body[AllStarts], error) {
	ticks, err := h.farm.Upcoming(ctx)
	if err != nil {
		return nil, err
	}
	pulls, err := h.farm.Pulls(ctx, "", "")
	if err != nil {
		return nil, err
	}
	out := AllStarts{Ticks: orEmpty(ticks), Pulls: orEmpty(pulls), Projects: []Startable{}}
	for _, p := range h.farm.Forceable() {
		if !p.Named(in.Q) {
			continue
		}
		s := Startable{Project: p.Project, Jobs: []StartableJob{}}
		for _, j := range p.Jobs {
			s.Jobs = append(s.Jobs, StartableJob{j.Name, j.Params})
		}
		out.Projects = append(out.Projects, s)
	}
	return &body[AllStarts]{out}, nil
}

type pullsIn struct {
	Project string `query:"project" maxLength:"64" doc:"only of this project"`
	State   string `query:"state" maxLength:"20" doc:"only in this state: held, approved, built, refused or closed"`
}

func (h *handler) pulls(ctx context.Context, in *pullsIn) (*body[[]weir.Proposal], error) {
	list, err := h.farm.Pulls(ctx, in.Project, weir.ProposalState(in.State))
	if list == nil {
		list = []weir.Proposal{}
	}
	return &body[[]weir.Proposal]{list}, err
}

type decideIn struct {
	ID   int64 `path:"id" minimum:"1" doc:"the pull request, by the farm's number"`
	Body struct {
		Head string `json:"head" doc:"full hash of the head that was looked at" maxLength:"64"`
	}
}

func (h *handler) decide(approve bool) func(context.Context, *decideIn) (*body[done], error) {
	return func(ctx context.Context, in *decideIn) (*body[done], error) {
		return &body[done]{}, h.farm.DecidePull(ctx, weir.ProposalID(in.ID), in.Body.Head, approve, adminOf(ctx))
	}
}
