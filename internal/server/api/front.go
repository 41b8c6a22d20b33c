package api

import (
	"context"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/find"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/server/rest"
)

// standing adds the operations that say how projects, builders and runs stand, and
// the search.
func (h *handler) standing(a *rest.API) {
	rest.Register(a, get("projects", "projects", "How all projects stand, the worst first"), h.projects)
	rest.Register(a, get("project", "projects/{project}", "All that is said of one project: its builders, revisions, regressions, what it is built against"),
		func(ctx context.Context, in *byProject) (*body[standing.ProjectDetail], error) {
			d, err := h.views.Standing.Project(ctx, in.Project)
			return &body[standing.ProjectDetail]{d}, err
		})
	rest.Register(a, get("builder", "builders/{id}", "A builder and its newest builds"),
		func(ctx context.Context, in *byBuilder) (*body[standing.BuilderDetail], error) {
			d, err := h.views.Standing.Builder(ctx, weir.BuilderID(in.ID))
			return &body[standing.BuilderDetail]{d}, err
		})
	rest.Register(a, get("run", "runs/{id}", "A run and its builds, the worst first"),
		func(ctx context.Context, in *byRun) (*body[standing.RunDetail], error) {
			d, err := h.views.Standing.Run(ctx, weir.RunID(in.ID))
			return &body[standing.RunDetail]{d}, err
		})
	rest.Register(a, get("search", "search", "Projects, builders, tests, commits, regressions, workers, builds and runs by what people type"),
		func(ctx context.Context, in *findIn) (*body[find.Found], error) {
			f, err := h.views.Find.Find(ctx, in.Q, in.Limit)
			return &body[find.Found]{f}, err
		})
}

type byProject struct {
	Project string `path:"project" maxLength:"64" doc:"its name"`
}

type byBuilder struct {
	ID int64 `path:"id" minimum:"1" doc:"the builder"`
}

type byRun struct {
	ID int64 `path:"id" minimum:"1" doc:"the run"`
}

type findIn struct {
	Q     string `query:"q" maxLength:"1000" doc:"words that are all in what is found; a number is an id, seven and more hex digits begin a commit"`
	Limit int    `query:"limit" minimum:"0" maximum:"50" doc:"of each kind at most so many; 0: 8"`
	Go    string `query:"go" maxLength:"10" doc:"for pages: go to what was found exactly"`
}

// OverviewPage is what needs somebody, what runs, and how projects stand.
type OverviewPage struct {
	farm.Overview
	// Projects are those that are asked for; missing on a server that does not keep count.
	Projects *standing.Projects `json:"projects,omitempty"`
}

type overviewIn struct {
	ProjectsIn
	Recent int `query:"recent" minimum:"0" maximum:"12" default:"12" doc:"so many of the newest builds of each builder; 0: no builders, and not why what waits does"`
}

func (h *handler) overview(ctx context.Context, in *overviewIn) (*body[OverviewPage], error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	read := h.farm.Overview
	if in.Recent == 0 {
		read = h.farm.Front
	}
	o, err := read(ctx)
	o.Builders = slices.Clone(o.Builders)
	for i, b := range o.Builders {
		o.Builders[i].Recent = b.Recent[:min(len(b.Recent), in.Recent)]
	}
	if err != nil || h.views == nil || h.views.Standing == nil {
		return &body[OverviewPage]{OverviewPage{Overview: o}}, err
	}
	p, err := h.projects(ctx, &in.ProjectsIn)
	if err != nil {
		return nil, err
	}
	return &body[OverviewPage]{OverviewPage{o, &p.Body}}, nil
}

// ProjectsIn narrows a list of projects.
type ProjectsIn struct {
	Q     string `query:"q" maxLength:"1000" doc:"words, each part of the project's name, of an upstream's or of a platform"`
	Show  string `query:"show" maxLength:"20" doc:"bad, running or changed: only those; all or empty: all"`
	Group string `query:"group" maxLength:"20" doc:"upstream, platform or state: in groups; none or empty: in one"`
	Limit int    `query:"limit" minimum:"0" maximum:"1000" doc:"at most so many; 0: 1,000"`
}

// check refuses what the list of projects does not know.
func (in *ProjectsIn) check() error {
	if err := oneOf("show", in.Show, standing.Shows()...); err != nil {
		return err
	}
	return oneOf("group", in.Group, standing.Groupings()...)
}

// oneOf refuses a value of a parameter that is none of its closed set. An empty one is
// as if it was not there.
func oneOf[T ~string](name, value string, words ...T) error {
	if value == "" || slices.Contains(words, T(value)) {
		return nil
	}
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return weir.Errorf(weir.Invalid, "the parameter %s has a value that it cannot have: %.40q", name, value).WithHint("it knows: %s", strings.Join(list, ", "))
}

func (h *handler) projects(ctx context.Context, in *ProjectsIn) (*body[standing.Projects], error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	p, err := h.views.Standing.Projects(ctx, standing.Query{Text: in.Q, Show: standing.Show(in.Show), Group: standing.By(in.Group), Limit: in.Limit})
	return &body[standing.Projects]{p}, err
}
