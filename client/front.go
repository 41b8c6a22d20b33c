package client

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
)

// CellBuild is as much of a build as a list of many needs.
type CellBuild struct {
	ID       weir.BuildID       `json:"id"`
	Run      weir.RunID         `json:"run"`
	Builder  weir.BuilderID     `json:"builder"`
	Cause    weir.Cause         `json:"cause"`
	State    weir.State         `json:"state"`
	Outcome  weir.Outcome       `json:"outcome,omitempty"`
	Reason   weir.ReasonCode    `json:"reason,omitempty"`
	Pins     weir.Pins          `json:"pins"`
	Worker   string             `json:"worker,omitempty"`
	Created  time.Time          `json:"created"`
	Started  time.Time          `json:"started,omitzero"`
	Finished time.Time          `json:"finished,omitzero"`
	Counts   weir.Counts        `json:"counts,omitzero"`
	Changes  weir.VerdictCounts `json:"changes,omitzero"`
	Ledger   weir.Ledger        `json:"ledger,omitzero"`
	Judged   weir.Judgement     `json:"judged,omitempty"`
}

// BuilderStanding is how a builder stands.
type BuilderStanding struct {
	Builder weir.Builder  `json:"builder"`
	Class   string        `json:"class"`           // bad, infra, fine or unknown
	Newest  CellBuild     `json:"newest,omitzero"` // that says so; its id is 0 if there is none
	Since   weir.BuildID  `json:"since,omitempty"` // the first bad build in a row
	Changed bool          `json:"changed,omitempty"`
	Running int           `json:"running,omitempty"` // builds
	Waiting int           `json:"waiting,omitempty"`
	Usual   time.Duration `json:"usual,omitempty"` // nanoseconds that its builds run
	Idle    bool          `json:"idle,omitempty"`  // it is not built any more
}

// ProjectStanding is how a project stands.
type ProjectStanding struct {
	Name      string             `json:"name"`
	Upstreams []string           `json:"upstreams,omitempty"`
	Platforms []weir.Platform    `json:"platforms"`
	Class     string             `json:"class"`             // bad, infra, fine or unknown: of the worst of its builders
	Outcome   weir.Outcome       `json:"outcome,omitempty"` // of the worst of them
	Builders  int                `json:"builders"`
	Bad       int                `json:"bad,omitempty"` // of its builders
	Since     weir.BuildID       `json:"since,omitempty"`
	Changed   bool               `json:"changed,omitempty"`
	Running   int                `json:"running,omitempty"` // builds
	Waiting   int                `json:"waiting,omitempty"`
	Executed  int                `json:"executed"` // tests in the newest builds
	Due       int                `json:"due"`      // tests that should have run
	News      weir.VerdictCounts `json:"news,omitzero"`
	Newest    weir.BuildID       `json:"newest,omitempty"`
	Revision  string             `json:"revision,omitempty"`
	Ended     time.Time          `json:"ended,omitzero"`
	History   []weir.Outcome     `json:"history"` // of its newest runs, oldest first
	// HollowRuns are the places in History of runs that passed though none of their tests ran.
	HollowRuns []int `json:"hollow_runs,omitempty"`
}

// ProjectGroup is projects that have something in common.
type ProjectGroup struct {
	Name     string            `json:"name,omitempty"`
	Projects []ProjectStanding `json:"projects"` // worst first
	Of       int               `json:"of"`       // with those that are over the limit
}

// Projects are projects that were asked for.
type Projects struct {
	Groups  []ProjectGroup `json:"groups"`
	Total   int            `json:"total"` // projects of the farm
	Found   int            `json:"found"` // of those, how many match
	More    int            `json:"more,omitempty"`
	Classes map[string]int `json:"classes"`          // how many projects stand so
	Hollow  int            `json:"hollow,omitempty"` // of those that are fine, how many ran none of their tests
}

// ProjectQuery asks for projects.
type ProjectQuery struct {
	Text  string // words, each part of the name, of an upstream's or of a platform
	Show  string // all, bad, running or changed; empty: all
	Group string // none, upstream, platform or state; empty: none
	Limit int    // 0: 1,000
}

// Projects says how projects stand, the worst first.
func (c *Client) Projects(ctx context.Context, q ProjectQuery) (Projects, error) {
	query := url.Values{}
	for name, text := range map[string]string{"q": q.Text, "show": q.Show, "group": q.Group} {
		if text != "" {
			query.Set(name, text)
		}
	}
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	return get[Projects](ctx, c, "/api/v1/projects", query)
}

// ProjectBranch is a branch of a project's source.
type ProjectBranch struct {
	Name     string        `json:"name,omitempty"`
	Tip      weir.Revision `json:"tip,omitzero"`
	Polled   time.Time     `json:"polled,omitzero"`
	Error    string        `json:"error,omitempty"` // why it does not answer
	ErrSince time.Time     `json:"error_since,omitzero"`
}

// ProjectDetail is all that is said of one project.
type ProjectDetail struct {
	ProjectStanding
	Rows        []BuilderStanding `json:"rows"`
	Above       []ProjectStanding `json:"above"` // what it is built against
	Below       []ProjectStanding `json:"below"` // what is built against it
	Branches    []ProjectBranch   `json:"branches"`
	Revisions   []weir.Revision   `json:"revisions"` // newest first
	Regressions []weir.Regression `json:"regressions"`
}

// Project says all of one project; weir.NotFound if there is none.
func (c *Client) Project(ctx context.Context, name string) (ProjectDetail, error) {
	if !weir.ValidName(name) {
		return ProjectDetail{}, weir.Errorf(weir.NotFound, "there is no project %.80q", name)
	}
	return get[ProjectDetail](ctx, c, "/api/v1/projects/"+url.PathEscape(name), nil)
}

// BuilderDetail is a builder and its newest builds.
type BuilderDetail struct {
	BuilderStanding
	Builds      []CellBuild       `json:"builds"` // newest first
	Regressions []weir.Regression `json:"regressions"`
}

// Builder reads a builder; weir.NotFound if there is none.
func (c *Client) Builder(ctx context.Context, id weir.BuilderID) (BuilderDetail, error) {
	return get[BuilderDetail](ctx, c, fmt.Sprintf("/api/v1/builders/%d", id), nil)
}

// RunDetail is a run and its builds.
type RunDetail struct {
	Run    weir.Run                         `json:"run"`
	Builds []weir.Build                     `json:"builds"` // the worst first, at most 1,000
	More   bool                             `json:"more,omitempty"`
	Usual  map[weir.BuilderID]time.Duration `json:"usual,omitempty"` // nanoseconds, of those that have not ended
}

// Run reads a run; weir.NotFound if there is none.
func (c *Client) Run(ctx context.Context, id weir.RunID) (RunDetail, error) {
	return get[RunDetail](ctx, c, fmt.Sprintf("/api/v1/runs/%d", id), nil)
}

// Hit is something that was found.
type Hit struct {
	Kind     string       `json:"kind"` // build, run, regression, project, builder, commit, test or worker
	Name     string       `json:"name"`
	Note     string       `json:"note,omitempty"`
	ID       int64        `json:"id,omitempty"` // of builds, runs, regressions and builders
	Project  string       `json:"project,omitempty"`
	Job      string       `json:"job,omitempty"`
	Test     weir.TestID  `json:"test,omitzero"`
	Commit   string       `json:"revision,omitempty"`
	Branch   string       `json:"branch,omitempty"`
	Position int64        `json:"position,omitempty"` // of the commit on its branch
	At       time.Time    `json:"at,omitzero"`
	Class    string       `json:"class,omitempty"` // of projects and builders
	Outcome  weir.Outcome `json:"outcome,omitempty"`
	State    string       `json:"state,omitempty"`
}

// HitGroup is what was found of one kind.
type HitGroup struct {
	Kind string `json:"kind"`
	Hits []Hit  `json:"hits"` // the best first
	More bool   `json:"more,omitempty"`
}

// Found is what was found.
type Found struct {
	Query  string     `json:"query"`
	Exact  *Hit       `json:"exact,omitempty"` // what was asked for by its id or whole name
	Groups []HitGroup `json:"groups"`          // the best first
}

// Search looks for what people type, at most limit of each kind (0: 8).
func (c *Client) Search(ctx context.Context, text string, limit int) (Found, error) {
	query := url.Values{"q": {text}}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	return get[Found](ctx, c, "/api/v1/search", query)
}
