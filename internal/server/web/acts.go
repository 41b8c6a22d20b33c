package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/starts"
	"github.com/weir-ci/weir/internal/server/web/door"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Acts is what the pages need for what people do on them, and for what sets builds
// off.
type Acts interface {
	door.Visitors
	Left
	// Forceable lists the projects with jobs that people can start, by name.
	Forceable() []farm.Forceable
	// Force builds the tips of a project now.
	Force(ctx context.Context, ask farm.Force) (farm.Forced, error)
	// Rerun repeats builds of a run.
	Rerun(ctx context.Context, ask starts.Rerun) (starts.Started, error)
	// CancelBuild ends an unfinished build; Conflict if it is over.
	CancelBuild(ctx context.Context, id weir.BuildID, reason, by string) error
	// DecidePull approves or refuses the head of a pull request.
	DecidePull(ctx context.Context, id weir.ProposalID, head string, approve bool, by string) error
	// Upcoming lists when jobs start by themselves, by time.
	Upcoming(ctx context.Context) ([]starts.Tick, error)
	// Pulls lists pull requests, those that changed last first.
	Pulls(ctx context.Context, project string, state weir.ProposalState) ([]weir.Proposal, error)
}

// Left is what builds left for people.
type Left interface {
	// Artifacts lists the files that a build keeps, Notes what it says of itself.
	Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error)
	Notes(ctx context.Context, id weir.BuildID) (farm.Notes, error)
}

// acts registers what changes something, and the pages that lead there.
func (s *Site) acts() {
	door.Register(s.Routes, s.farm)
	s.Show(page.Route{Pattern: "/starts", Twin: "starts/all", Live: true, Params: []page.Param{page.TextParam("q")}}, s.starts)
	s.Show(page.Route{Pattern: "/projects/{project}/force"}, s.forcePage)
	s.Act("/projects/{project}/force", "force", s.force)
	s.Act("/runs/{id}/rerun", "rerun", s.rerun)
	s.Act("/builds/{id}/cancel", "cancel", s.cancel)
	s.Act("/pulls/{id}/approve", "approve", s.decide(true))
	s.Act("/pulls/{id}/refuse", "refuse", s.decide(false))
}

// paramField is what a parameter's field is called in a form.
const paramField = "param."

func (s *Site) force(r *http.Request, who string) (string, error) {
	f := r.PostForm
	ask := farm.Force{Project: r.PathValue("project"), Job: f.Get("job"), Reason: f.Get("reason"), By: who}
	for name, values := range f {
		param, ok := strings.CutPrefix(name, paramField+ask.Job+".")
		if !ok {
			continue
		}
		// A box that can be ticked comes behind a hidden field that says false.
		if value := values[len(values)-1]; value != "" {
			ask.Params = append(ask.Params, weir.EnvVar{Name: param, Value: value})
		}
	}
	slices.SortFunc(ask.Params, func(a, b weir.EnvVar) int { return strings.Compare(a.Name, b.Name) })
	out, err := s.farm.Force(r.Context(), ask)
	return page.RunURL(out.Run), err
}

func (s *Site) rerun(r *http.Request, who string) (string, error) {
	id, _ := page.Number(r.PathValue("id"))
	ask := starts.Rerun{Run: weir.RunID(id), Failed: r.PostForm.Get("failed") != "", By: who}
	if build, ok := page.Number(r.PostForm.Get("build")); ok {
		ask.Builds = []weir.BuildID{weir.BuildID(build)}
	}
	out, err := s.farm.Rerun(r.Context(), ask)
	return page.RunURL(out.Run), err
}

func (s *Site) cancel(r *http.Request, who string) (string, error) {
	id, _ := page.Number(r.PathValue("id"))
	return "/builds/" + strconv.FormatInt(id, 10), s.farm.CancelBuild(r.Context(), weir.BuildID(id), "", who)
}

// decide approves or refuses the head of a pull request that the form names.
func (s *Site) decide(approve bool) func(r *http.Request, who string) (string, error) {
	return func(r *http.Request, who string) (string, error) {
		id, _ := page.Number(r.PathValue("id"))
		return "/starts#pulls", s.farm.DecidePull(r.Context(), weir.ProposalID(id), r.PostForm.Get("head"), approve, who)
	}
}
