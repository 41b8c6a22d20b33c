// Package front is the pages that people start from: the overview, which says
// first what needs somebody, then what runs, then how all projects stand; the page
// of one project, of one builder, of one run; and the search.
//
// What they show of builds comes from memory (package standing), so that none of
// them gets slower by what the farm has built.
package front

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/find"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Farm is what the pages read of the farm itself.
type Farm interface {
	// Front reads what needs somebody and what runs.
	Front(ctx context.Context) (farm.Overview, error)
	// Setup tells how the farm stands with its configuration.
	Setup() setup.Status
	// Forceable lists the projects with jobs that people can start, by name.
	Forceable() []farm.Forceable
}

// Standing says how projects stand. *standing.Reader does.
type Standing interface {
	Projects(ctx context.Context, q standing.Query) (standing.Projects, error)
	Project(ctx context.Context, name string) (standing.ProjectDetail, error)
	Builder(ctx context.Context, id weir.BuilderID) (standing.BuilderDetail, error)
	Run(ctx context.Context, id weir.RunID) (standing.RunDetail, error)
	Usual(ctx context.Context, builders []weir.BuilderID) (map[weir.BuilderID]time.Duration, error)
}

// Finder looks for what people type. *find.Reader does.
type Finder interface {
	Find(ctx context.Context, text string, limit int) (find.Found, error)
}

// Reader is what the pages read.
type Reader struct {
	Farm     Farm
	Standing Standing // nil: there is only an overview, without projects
	Finder   Finder   // nil: there is no search
}

type site struct {
	*page.Routes
	Reader
}

// Register adds the pages.
func Register(routes *page.Routes, r Reader) {
	s := &site{routes, r}
	s.Show(page.Route{Pattern: "/{$}", Twin: "overview", Live: true, Tagged: true, Params: listed(), Twinned: twinned}, s.overview)
	if r.Standing != nil {
		s.Show(page.Route{Pattern: "/projects", Twin: "projects", Live: true, Tagged: true, Params: listed()}, s.projects)
		s.Show(page.Route{Pattern: "/projects/{project}", Twin: "projects/{project}", Live: true}, s.project)
		s.Show(page.Route{Pattern: "/builders/{id}", Twin: "builders/{id}", Live: true}, s.builder)
		s.Show(page.Route{Pattern: "/runs/{id}", Twin: "runs/{id}", Live: true}, s.run)
	}
	if r.Finder != nil {
		s.Show(page.Route{Pattern: "/search", Twin: "search", Params: []page.Param{page.TextParam("q"),
			page.TextParam("go").Draws(), page.WordParam("part", "list").Draws()}}, s.search)
	}
}

// twinned leaves the builders out, whom the page does not list either: they are most of what
// the overview says.
func twinned(in url.Values) {
	if !in.Has("recent") {
		in.Set("recent", "0")
	}
}

// listed is what the address of a list of projects may ask for.
func listed() []page.Param {
	return []page.Param{page.TextParam("q"), page.WordParam("show", standing.Shows()...), page.WordParam("group", standing.Groupings()...)}
}

// maxFilter limits what is typed to filter, in characters.
const maxFilter = 100

// query is what the address of a list of projects asks for.
func query(req *http.Request) standing.Query {
	in := req.URL.Query()
	return standing.Query{Text: page.Clean(strings.TrimSpace(in.Get("q")), maxFilter), Show: one(standing.Shows(), in.Get("show")),
		Group: one(standing.Groupings(), in.Get("group")), Limit: maxProjects}
}

// one is the value of a closed set that a text names; the first if it names none.
func one[T ~string](values []T, text string) T {
	for _, v := range values {
		if string(v) == text {
			return v
		}
	}
	return values[0]
}

// live lists the events that concern a page with projects.
const live = "build,run,queue,regression,worker,source,revisions"

func (s *site) overview(req *http.Request) (page.Shown, error) {
	o, err := s.Farm.Front(req.Context())
	if err != nil {
		return page.Shown{}, err
	}
	o.At = s.Now()
	v := overviewView(o)
	if s.Standing != nil {
		usual, err := s.Standing.Usual(req.Context(), v.running())
		if err != nil {
			return page.Shown{}, err
		}
		v.progress(o, usual)
		q := query(req)
		list, err := s.Standing.Projects(req.Context(), q)
		if err != nil {
			return page.Shown{}, err
		}
		v.Projects = projectsView(list, q, page.Origin(req), "/", o.At)
		v.NoProjects = v.NoProjects && list.Total == 0
		v.silent(list)
	}
	return page.Shown{Title: v.Headline, Section: "overview", Topics: live, URL: cmp.Or(v.Projects.Saved, "/"), Farm: page.OneLine(o.Name, page.MaxName),
		Content: overviewPage(v)}, nil
}

func (s *site) projects(req *http.Request) (page.Shown, error) {
	q := query(req)
	list, err := s.Standing.Projects(req.Context(), q)
	if err != nil {
		return page.Shown{}, err
	}
	v := projectsView(list, q, page.Origin(req), "/projects", s.Now())
	return page.Shown{Title: "Projects", Section: "overview", Topics: "build,run,queue", URL: cmp.Or(v.Saved, "/projects"), Content: projectsPage(v)}, nil
}

func (s *site) project(req *http.Request) (page.Shown, error) {
	d, err := s.Standing.Project(req.Context(), req.PathValue("project"))
	if err != nil {
		return page.Shown{}, err
	}
	v := projectView(d, s.Farm.Setup(), s.Now())
	for _, f := range s.Farm.Forceable() {
		v.CanStart = v.CanStart || f.Project == d.Name
	}
	return page.Shown{Title: v.Row.Name + ": " + v.Row.Mark.Word, Section: "overview", Topics: live, Content: projectPage(v)}, nil
}

func (s *site) builder(req *http.Request) (page.Shown, error) {
	id, err := page.ID(req, "id", "builder")
	if err != nil {
		return page.Shown{}, err
	}
	d, err := s.Standing.Builder(req.Context(), weir.BuilderID(id))
	if err != nil {
		return page.Shown{}, err
	}
	v := builderView(d, s.Now())
	return page.Shown{Title: v.Name, Section: "overview", Topics: "build,run,regression", Content: builderPage(v)}, nil
}

func (s *site) run(req *http.Request) (page.Shown, error) {
	id, err := page.ID(req, "id", "run")
	if err != nil {
		return page.Shown{}, err
	}
	d, err := s.Standing.Run(req.Context(), weir.RunID(id))
	if err != nil {
		return page.Shown{}, err
	}
	v := runView(d, s.Now())
	v.Who, v.URL = s.Who(req), fmt.Sprintf("/runs/%d", id)
	topics := ""
	if v.Live {
		topics = "build"
	}
	return page.Shown{Title: v.Title, Section: "builds", Topics: topics, Content: runPage(v)}, nil
}

// fewHits is how many of each kind are listed below the field of the header.
const fewHits = 4

func (s *site) search(req *http.Request) (page.Shown, error) {
	in := req.URL.Query()
	part, limit := in.Get("part") == "list", 0
	if part {
		limit = fewHits
	}
	found, err := s.Finder.Find(req.Context(), in.Get("q"), limit)
	if err != nil {
		return page.Shown{}, err
	}
	v := searchView(found, s.Now())
	if part {
		return page.Shown{Part: true, Content: foundList(v)}, nil
	}
	// Who typed the id of something and pressed Enter wants to be there.
	if v.Exact != "" && in.Get("go") != "" {
		return page.Shown{Goto: v.Exact}, nil
	}
	return page.Shown{Title: v.Title, Content: searchPage(v)}, nil
}
