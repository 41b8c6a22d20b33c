package front

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// maxProjects is how many projects a page lists.
const maxProjects = 150

// ProjectsView is a list of projects. What it is narrowed down to stands in its
// address, so that every view of it can be saved and sent.
type ProjectsView struct {
	Filter page.FilterView
	Many   bool // there is something to be filtered
	Groups []ProjectGroup
	None   string // why there are none; empty if there are some
	More   int    // that are over the limit
	Saved  string // the path of this view, if it is not the usual one
	// Address is the same in full; empty: it is the usual one, or that of the farm is not known.
	Address string
}

// ProjectGroup is projects that have something in common.
type ProjectGroup struct {
	Name  string // empty: there is only this group
	Count string
	Rows  []ProjectRow
}

// ProjectRow is a project in one line.
type ProjectRow struct {
	Name, URL string
	Mark      page.Mark
	Bad       bool
	Runs      []page.Mark // how the newest runs ended, oldest first
	Running   bool
	Tests     string // "1,990 of 1,997 tests"; empty: there are none
	Count     string // the same in short: "1,990/1,997"
	Short     bool   // not all that should have run did
	News      page.NewsView
	New       string // the same in short: "3 new"; only of what is bad
	Revision  string
	At        page.When // when the newest build ended
	Builders  string    // "2 of 3 builders bad"
}

func projectsView(list standing.Projects, q standing.Query, origin, path string, now time.Time) ProjectsView {
	v := ProjectsView{Many: list.Total > 1, More: list.More}
	values := url.Values{}
	if q.Text != "" {
		values.Set("q", q.Text)
	}
	if q.Show != standing.ShowAll {
		values.Set("show", string(q.Show))
	}
	if q.Group != standing.ByNothing {
		values.Set("group", string(q.Group))
	}
	v.Filter = page.FilterView{Action: path, Value: q.Text, Label: "Part of a project's name, an upstream or a platform", Placeholder: "name, upstream, platform",
		Choices: []page.Choice{
			choice("show", "show", q.Show, standing.Shows(), map[standing.Show]string{standing.ShowAll: "all", standing.ShowBad: "bad", standing.ShowRunning: "running", standing.ShowChanged: "changed"}),
			choice("group", "by", q.Group, standing.Groupings(), map[standing.By]string{standing.ByNothing: "trouble", standing.ByUpstream: "upstream", standing.ByPlatform: "platform", standing.ByState: "state"}),
		}}
	v.Filter.Found = foundText(list)
	if len(values) > 0 {
		v.Filter.Clear, v.Saved = path, path+"?"+values.Encode()
		if origin != "" {
			v.Address = page.OneLine(origin+v.Saved, page.MaxName)
		}
	}
	if list.Found == 0 && list.Total > 0 {
		v.None = "No project matches."
	}
	for _, g := range list.Groups {
		group := ProjectGroup{Name: groupName(q.Group, g.Name), Count: page.Count(g.Of, "project", "projects")}
		for _, p := range g.Projects {
			group.Rows = append(group.Rows, projectRow(p, now))
		}
		v.Groups = append(v.Groups, group)
	}
	return v
}

func choice[T ~string](name, label string, chosen T, values []T, words map[T]string) page.Choice {
	c := page.Choice{Name: name, Label: label}
	for _, v := range values {
		c.Options = append(c.Options, page.Option{Value: string(v), Text: words[v], On: v == chosen})
	}
	return c
}

// foundText says how many projects there are and how they stand.
func foundText(list standing.Projects) string {
	text := page.Count(list.Total, "project", "projects")
	if list.Found < list.Total {
		text = fmt.Sprintf("%s of %s", page.Thousands(int64(list.Found)), text)
	}
	var parts []string
	for _, c := range []struct {
		class standing.Class
		word  string
	}{{standing.Bad, "bad"}, {standing.Infra, "without an answer"}} {
		if n := list.Classes[c.class]; n > 0 {
			parts = append(parts, page.Thousands(int64(n))+" "+c.word)
		}
	}
	if list.Hollow > 0 {
		parts = append(parts, page.Thousands(int64(list.Hollow))+" green without a test")
	}
	if len(parts) > 0 {
		text += ", " + strings.Join(parts, ", ")
	}
	return text
}

func groupName(by standing.By, name string) string {
	switch by {
	case standing.ByUpstream:
		if name == "" {
			return "Not built against anything"
		}
		return "Built against " + page.OneLine(name, page.MaxName)
	case standing.ByState:
		return map[string]string{"bad": "Bad", "infra": "Infrastructure errors", "fine": "Fine", "unknown": "Nothing built yet"}[name]
	}
	return page.OneLine(name, page.MaxName)
}

func projectRow(p standing.Project, now time.Time) ProjectRow {
	row := ProjectRow{Name: page.OneLine(p.Name, page.MaxName), URL: page.ProjectURL(p.Name), Mark: outcomeMark(p.Outcome), Bad: p.Class == standing.Bad,
		Running: p.Running > 0, News: page.NewNews(p.News), Revision: page.OneLine(weir.ShortRevision(p.Revision), 40), At: page.At(p.Ended, now),
		Builders: page.Count(p.Builders, "builder", "builders")}
	if p.Newest == 0 {
		row.Mark = page.Mark{Kind: page.KindNone, Word: "nothing built yet"}
	}
	if p.Hollow() { // green, and nothing has been tested
		row.Mark = page.HollowMark()
	}
	if p.Bad > 0 {
		row.Builders = fmt.Sprintf("%d of %s bad", p.Bad, row.Builders)
	}
	row.Tests, row.Short = testsText(p.Executed, p.Due)
	if row.Count = page.Thousands(int64(p.Due)); row.Short {
		row.Count = page.Thousands(int64(p.Executed)) + "/" + row.Count
	} else if p.Due == 0 {
		row.Count = ""
	}
	if n := p.News.Worse(); n > 0 {
		row.New = page.Thousands(int64(n)) + " new"
	}
	for i, o := range p.History {
		m := outcomeMark(o)
		if slices.Contains(p.HollowRuns, i) {
			m = page.HollowMark()
		}
		row.Runs = append(row.Runs, m)
	}
	return row
}

// testsText says how many of the tests that should have run did; short that some did not.
func testsText(executed, due int) (text string, short bool) {
	switch {
	case due == 0:
		return "", false
	case executed < due:
		return fmt.Sprintf("%s of %s tests", page.Thousands(int64(executed)), page.Thousands(int64(due))), true
	}
	return page.Count(due, "test", "tests"), false
}

// outcomeMark says how something ended; without an outcome it has not ended.
func outcomeMark(o weir.Outcome) page.Mark {
	if o == "" {
		return page.BuildMark(weir.Build{State: weir.Running})
	}
	return page.BuildMark(weir.Build{State: weir.Finished, Outcome: o})
}
