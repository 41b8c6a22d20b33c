package front

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/server/web/builds"
	"github.com/weir-ci/weir/internal/server/web/findings"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// ProjectView is the page of one project.
type ProjectView struct {
	Row        ProjectRow
	Upstreams  []ProjectRow
	Downstream []ProjectRow
	Open       []findings.RegressionCard
	Builders   []BuilderRow
	Idle       []BuilderRow // that are not built any more
	MoreIdle   int
	Branches   []BranchLine
	Revisions  []RevisionLine
	Recipes    []builds.RecipeLine
	Links      []Link
	Start      string // where its jobs are started
	CanStart   bool
}

// Link leads to another view of the same.
type Link struct{ Text, URL string }

// BuilderRow is a builder in one line.
type BuilderRow struct {
	Name, URL string
	Mark      page.Mark
	Bad       bool
	Build     string // URL of the newest build that speaks for it; empty: there is none
	Tests     string
	Short     bool
	News      page.NewsView
	Revision  string
	At        page.When
	Running   string // "1 runs, 2 wait"; may be empty
	Usual     string
}

// BranchLine is a branch of a source.
type BranchLine struct {
	Name, Revision, Full, Subject, Error string
	Polled, Since                        page.When
}

// RevisionLine is a revision.
type RevisionLine struct {
	Short, Full, Subject, Author string
	URL                          string // of what was built of it
	At                           page.When
	Skipped                      string
}

const maxIdle = 20

func projectView(d standing.ProjectDetail, s setup.Status, now time.Time) ProjectView {
	name := url.Values{"project": {d.Name}}.Encode()
	v := ProjectView{Row: projectRow(d.Project, now), Start: page.ProjectURL(d.Name) + "/force", Recipes: builds.RecipeLines(s, d.Name, now),
		Links: []Link{{"Console", "/console?" + name}, {"Waterfall", "/waterfall?" + name}, {"Builds", "/builds?" + name}, {"Trends", "/trends?" + name},
			{"Flaky tests", "/flaky?" + name}, {"Compatibility", "/compat?" + name}, {"Badge", "/badge/" + url.PathEscape(d.Name) + ".svg"}}}
	switch {
	case len(d.Below) > 0:
		v.Links = append([]Link{{"Matrix", "/matrix?" + url.Values{"upstream": {d.Name}}.Encode()}}, v.Links...)
	case len(d.Upstreams) > 0:
		v.Links = append([]Link{{"Matrix", "/matrix?" + url.Values{"upstream": {d.Upstreams[0]}}.Encode()}}, v.Links...)
	}
	for _, p := range d.Above {
		v.Upstreams = append(v.Upstreams, projectRow(p, now))
	}
	for _, p := range d.Below {
		v.Downstream = append(v.Downstream, projectRow(p, now))
	}
	for _, r := range d.Regressions {
		v.Open = append(v.Open, findings.NewRegressionCard(r, now))
	}
	for _, b := range d.Rows {
		if row := builderRow(b, strings.TrimPrefix(b.Builder.Name(), d.Name+"/"), now); b.Idle {
			v.Idle = append(v.Idle, row)
		} else {
			v.Builders = append(v.Builders, row)
		}
	}
	v.Idle, v.MoreIdle = cut(v.Idle, maxIdle)
	for _, b := range d.Branches {
		line := BranchLine{Name: page.OneLine(b.Name, page.MaxName), Revision: page.OneLine(b.Tip.Short(), 60), Full: page.OneLine(b.Tip.ID, page.MaxName),
			Subject: page.OneLine(b.Tip.Subject(), page.MaxSubject), Error: page.OneLine(b.Error, page.MaxSubject), Polled: page.At(b.Polled, now), Since: page.At(b.ErrSince, now)}
		if line.Name == "" {
			line.Name = "default branch"
		}
		v.Branches = append(v.Branches, line)
	}
	branch := "" // whose revisions they are
	if len(d.Branches) > 0 {
		branch = d.Branches[0].Name
	}
	for _, r := range d.Revisions {
		v.Revisions = append(v.Revisions, RevisionLine{Short: page.OneLine(r.Short(), 60), Full: page.OneLine(r.ID, page.MaxName), Subject: page.OneLine(r.Subject(), page.MaxSubject),
			Author: page.OneLine(page.AuthorName(r.Author), page.MaxName), At: page.At(r.Time, now), Skipped: page.OneLine(r.Skipped, page.MaxSubject),
			URL: page.RevisionURL(d.Name, branch, r.Position)})
	}
	return v
}

func builderRow(b standing.Builder, name string, now time.Time) BuilderRow {
	row := BuilderRow{Name: page.OneLine(name, page.MaxName), URL: page.BuilderURL(b.Builder.ID), Mark: outcomeMark(b.Newest.Outcome), Bad: b.Class == standing.Bad,
		News: page.NewNews(b.Newest.Changes), At: page.At(b.Newest.Finished, now)}
	if b.Newest.ID == 0 {
		row.Mark = page.Mark{Kind: page.KindNone, Word: "nothing built yet"}
	} else {
		row.Build, row.Revision = page.BuildURL(b.Newest.ID), page.OneLine(weir.ShortRevision(b.Newest.Pins[b.Builder.Project]), 40)
		executed, due := b.Newest.Ledger.Tests(b.Newest.Counts)
		row.Tests, row.Short = testsText(executed, due)
		if b.Newest.Hollow() {
			row.Mark = page.HollowMark()
		}
	}
	var parts []string
	if b.Running > 0 {
		parts = append(parts, page.Count(b.Running, "runs", "run"))
	}
	if b.Waiting > 0 {
		parts = append(parts, page.Count(b.Waiting, "waits", "wait"))
	}
	row.Running = strings.Join(parts, ", ")
	if b.Usual > 0 {
		row.Usual = "about " + page.Duration(b.Usual)
	}
	return row
}

// BuilderView is the page of one builder.
type BuilderView struct {
	Name              string
	Project, URL      string // of the project
	Row               BuilderRow
	Facts             []page.Fact
	Open              []findings.RegressionCard
	Runs              []page.Mark // oldest first
	Times             TimesView
	Builds            []PinnedLine
	Older             string // URL of all builds
	Links             []Link
	Since             string // URL of the first bad build in a row; may be empty
	SinceText         string
	Waterfall, Trends string
}

// PinnedLine is a build and what it was made of.
type PinnedLine struct {
	URL, ID  string
	Mark     page.Mark
	Cause    string
	At       page.When
	Took     string
	Tests    string
	Short    bool
	News     page.NewsView
	Worker   string
	Revision string
	Pins     string // those of the upstreams that are not as in the build before: "brook 4f2a91c3d0"
	All      string // all pins, one a line
}

func builderView(d standing.BuilderDetail, now time.Time) BuilderView {
	b := d.Builder.Builder
	id := fmt.Sprintf("builder=%d", b.ID)
	project := url.Values{"project": {b.Project}}.Encode()
	v := BuilderView{Name: page.OneLine(b.Name(), page.MaxName), Project: page.OneLine(b.Project, page.MaxName), URL: page.ProjectURL(b.Project),
		Row: builderRow(d.Builder, b.Name(), now), Older: "/builds?" + id,
		Links: []Link{{"All its builds", "/builds?" + id}, {"Waterfall", "/waterfall?" + project}, {"Console", "/console?" + project}, {"Trends", "/trends?" + id}}}
	v.Facts = []page.Fact{{Label: "Project", Text: v.Project, URL: v.URL}, {Label: "Job", Text: page.OneLine(strings.TrimSpace(b.Job+" "+b.Cell), page.MaxName)},
		{Label: "Platform", Text: page.OneLine(string(b.Platform), page.MaxName)}}
	if b.Branch != "" {
		v.Facts = append(v.Facts, page.Fact{Label: "Branch", Text: page.OneLine(b.Branch, page.MaxName)})
	}
	if b.Upstreams != "" {
		v.Facts = append(v.Facts, page.Fact{Label: "Built against", Text: page.OneLine(strings.ReplaceAll(b.Upstreams, ",", ", "), page.MaxName)})
	}
	if v.Row.Usual != "" {
		v.Facts = append(v.Facts, page.Fact{Label: "Takes", Text: v.Row.Usual})
	}
	if v.Row.Running != "" {
		v.Facts = append(v.Facts, page.Fact{Label: "Now", Text: v.Row.Running})
	}
	if d.Since > 0 {
		v.Facts = append(v.Facts, page.Fact{Label: "Bad since", Text: fmt.Sprintf("build %d", d.Since), URL: page.BuildURL(d.Since)})
	}
	for _, r := range d.Regressions {
		v.Open = append(v.Open, findings.NewRegressionCard(r, now))
	}
	v.Times = timesView(d.Builds)
	for i := range d.Builds {
		build := &d.Builds[i]
		var before weir.Pins
		for j := i + 1; j < len(d.Builds); j++ {
			if d.Builds[j].Cause.Advances() {
				before = d.Builds[j].Pins
				break
			}
		}
		v.Builds = append(v.Builds, pinnedLine(*build, b, before, now))
	}
	for i := range v.Builds {
		v.Runs = append(v.Runs, v.Builds[len(v.Builds)-1-i].Mark)
	}
	return v
}
