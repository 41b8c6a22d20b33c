package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/starts"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// StartsView is the page of what sets builds off beside changes.
type StartsView struct {
	Who      string
	Ticks    []TickLine
	Pulls    []PullLine
	Projects []ForceLink
	Filter   string
	More     int // projects that are not listed
}

// TickLine is a time at which a job starts.
type TickLine struct {
	Job, Cron string
	At, Last  page.When
	Force     string // URL
}

// PullLine is a pull request.
type PullLine struct {
	ID                      int64
	Project, Number, Title  string
	URL, Author, Head, Full string
	State                   string
	Held, Fork              bool
	RunURL                  string // empty: there is no run
	Updated                 page.When
}

// ForceLink leads to the form that starts a project's jobs.
type ForceLink struct{ Project, URL string }

// maxForceLinks is how many projects the page lists.
const (
	maxForceLinks = 200
	maxFilter     = 100 // characters
)

func (s *Site) starts(r *http.Request) (page.Shown, error) {
	ticks, err := s.farm.Upcoming(r.Context())
	if err != nil {
		return page.Shown{}, err
	}
	pulls, err := s.farm.Pulls(r.Context(), "", "")
	if err != nil {
		return page.Shown{}, err
	}
	v := startsView(ticks, pulls, s.farm.Forceable(), page.Clean(strings.TrimSpace(r.URL.Query().Get("q")), maxFilter), s.Now())
	v.Who = s.Who(r)
	return page.Shown{Title: "Starts", Section: "starts", Topics: "run,proposal", Content: startsPage(v)}, nil
}

func startsView(ticks []starts.Tick, pulls []weir.Proposal, projects []farm.Forceable, filter string, now time.Time) StartsView {
	v := StartsView{Filter: filter}
	for _, t := range ticks {
		v.Ticks = append(v.Ticks, TickLine{Job: page.OneLine(t.Project+"/"+t.Job, page.MaxName), Cron: page.OneLine(t.Cron, page.MaxName),
			At: page.At(t.At, now), Last: page.At(t.Last, now), Force: forceURL(t.Project)})
	}
	for _, p := range pulls {
		line := PullLine{ID: int64(p.ID), Project: page.OneLine(p.Project, page.MaxName), Number: page.OneLine(p.Number, 20),
			Title: page.OneLine(p.Title, page.MaxSubject), URL: webURL(p.URL), Author: page.OneLine(p.Author, page.MaxName), Head: weir.ShortRevision(p.Head),
			Full: p.Head, State: string(p.State), Held: p.State == weir.ProposalHeld || p.State == weir.ProposalRefused, Fork: p.Fork, Updated: page.At(p.Updated, now)}
		if p.Run > 0 {
			line.RunURL = page.RunURL(p.Run)
		}
		v.Pulls = append(v.Pulls, line)
	}
	for _, p := range projects {
		if !p.Named(filter) {
			continue
		}
		if len(v.Projects) == maxForceLinks {
			v.More++
			continue
		}
		v.Projects = append(v.Projects, ForceLink{page.OneLine(p.Project, page.MaxName), forceURL(p.Project)})
	}
	return v
}

// webURL lets through only addresses of web pages: what a forge sends is not trusted.
func webURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}

func forceURL(project string) string { return "/projects/" + url.PathEscape(project) + "/force" }

// ForceView is the form that starts a project's jobs.
type ForceView struct {
	Project, URL string
	Who          string
	Jobs         []ForceJob
}

// ForceJob is one job with its parameters. An empty name stands for all of them.
type ForceJob struct {
	Name   string
	Params []ParamField
}

// ParamField is a field of the form.
type ParamField struct {
	Name, Field, Help, Default string
	Choices                    []string
	Number, Bool, Required     bool
}

func (s *Site) forcePage(r *http.Request) (page.Shown, error) {
	name := r.PathValue("project")
	for _, p := range s.farm.Forceable() {
		if p.Project == name {
			v := forceView(p)
			v.Who = s.Who(r)
			return page.Shown{Title: "Force " + page.OneLine(name, page.MaxName), Section: "starts", Content: forcePage(v)}, nil
		}
	}
	return page.Shown{}, weir.Errorf(weir.NotFound, "there is no project %.80q with jobs that people can start", name)
}

func forceView(p farm.Forceable) ForceView {
	v := ForceView{Project: page.OneLine(p.Project, page.MaxName), URL: forceURL(p.Project)}
	plain := true
	for _, j := range p.Jobs {
		job := ForceJob{Name: j.Name}
		for _, param := range j.Params {
			plain = plain && !param.Required
			job.Params = append(job.Params, ParamField{Name: param.Name, Field: paramField + j.Name + "." + param.Name,
				Help: page.OneLine(param.Help, page.MaxSubject), Default: param.Default, Choices: param.Choices,
				Number: param.Type == weir.ParamNumber, Bool: param.Type == weir.ParamBool, Required: param.Required})
		}
		v.Jobs = append(v.Jobs, job)
	}
	if len(p.Jobs) > 1 && plain {
		v.Jobs = append([]ForceJob{{}}, v.Jobs...)
	}
	return v
}
