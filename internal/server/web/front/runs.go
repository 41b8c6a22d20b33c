package front

import (
	"fmt"
	"net/url"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/find"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// RunView is the page of one run.
type RunView struct {
	Title   string
	URL     string
	Who     string // is signed in
	Reason  string
	Facts   []page.Fact
	Summary string
	Tally   []Tally
	Builds  []RunBuild
	More    bool
	Live    bool // something of it has not ended
	Rerun   string
}

// Tally is how many builds stand alike.
type Tally struct {
	Mark page.Mark
	N    int
}

// RunBuild is a build of a run.
type RunBuild struct {
	page.BuildLine
	Progress page.MeterView
}

func runView(d standing.RunDetail, now time.Time) RunView {
	r := d.Run
	v := RunView{Title: fmt.Sprintf("Run %d: %s", r.ID, page.CauseWord(r.Cause)), Reason: page.OneLine(r.Reason, page.MaxMessage), More: d.More,
		Rerun: fmt.Sprintf("/runs/%d/rerun", r.ID)}
	v.Facts = []page.Fact{{Label: "Set off by", Text: page.CauseWord(r.Cause)}, {Label: "Project", Text: page.OneLine(r.Project, page.MaxName), URL: page.ProjectURL(r.Project)},
		{Label: "Made", When: page.At(r.Created, now)}}
	if r.By != "" {
		v.Facts = append(v.Facts, page.Fact{Label: "By", Text: page.OneLine(r.By, page.MaxName)})
	}
	if r.Regression > 0 {
		v.Facts = append(v.Facts, page.Fact{Label: "Asks for", Text: fmt.Sprintf("regression %d", r.Regression), URL: page.RegressionURL(r.Regression)})
	}
	if r.Of > 0 {
		v.Facts = append(v.Facts, page.Fact{Label: "Repeats", Text: fmt.Sprintf("run %d", r.Of), URL: page.RunURL(r.Of)})
	}
	for _, p := range r.Params {
		v.Facts = append(v.Facts, page.Fact{Label: page.OneLine(p.Name, 60), Text: page.OneLine(p.Value, page.MaxSubject), Code: true})
	}
	first, last := time.Time{}, time.Time{}
	counts := map[string]int{}
	for _, b := range d.Builds {
		line := RunBuild{BuildLine: page.NewBuildLine(b, now)}
		if !b.State.Final() {
			v.Live = true
			if !b.Started.IsZero() {
				line.Progress = page.NewProgress(now.Sub(b.Started).Truncate(time.Second), d.Usual[b.Builder.ID])
			}
		}
		if !b.Started.IsZero() && (first.IsZero() || b.Started.Before(first)) {
			first = b.Started
		}
		if b.Finished.After(last) {
			last = b.Finished
		}
		if counts[line.Mark.Word]++; counts[line.Mark.Word] == 1 {
			v.Tally = append(v.Tally, Tally{Mark: line.Mark})
		}
		v.Builds = append(v.Builds, line)
	}
	for i := range v.Tally {
		v.Tally[i].N = counts[v.Tally[i].Mark.Word]
	}
	if !v.Live && !first.IsZero() && last.After(first) {
		v.Facts = append(v.Facts, page.Fact{Label: "Took", Text: page.Duration(last.Sub(first))})
	}
	return v
}

// SearchView is what was found.
type SearchView struct {
	Title  string
	Query  string
	Exact  string // URL of what was asked for by its id or whole name; may be empty
	Groups []FoundGroup
	None   bool
}

// FoundGroup is what was found of one kind.
type FoundGroup struct {
	ID, Name string
	Hits     []FoundLine
	More     bool
}

// FoundLine is something that was found.
type FoundLine struct {
	URL, Name, Note string
	Mark            page.Mark // empty word: none
	At              page.When
}

var kindNames = map[find.Kind]string{find.Build: "Builds", find.Run: "Runs", find.Regression: "Regressions", find.Project: "Projects", find.Builder: "Builders",
	find.Commit: "Commits", find.Test: "Tests", find.Worker: "Workers"}

func searchView(f find.Found, now time.Time) SearchView {
	v := SearchView{Title: "Search", Query: page.OneLine(f.Query, find.MaxText)}
	if v.Query != "" {
		v.Title, v.None = "Search: "+v.Query, len(f.Groups) == 0
	}
	for _, g := range f.Groups {
		group := FoundGroup{ID: "found-" + string(g.Kind), Name: kindNames[g.Kind], More: g.More}
		for _, h := range g.Hits {
			group.Hits = append(group.Hits, foundLine(h, now))
		}
		v.Groups = append(v.Groups, group)
	}
	if f.Exact != nil {
		v.Exact = hitURL(*f.Exact)
	}
	return v
}

func foundLine(h find.Hit, now time.Time) FoundLine {
	line := FoundLine{URL: hitURL(h), Name: page.OneLine(h.Name, page.MaxName), Note: page.OneLine(h.Note, page.MaxSubject), At: page.At(h.At, now)}
	switch h.Kind {
	case find.Build:
		line.Mark = page.BuildMark(weir.Build{State: weir.State(h.State), Outcome: h.Outcome})
	case find.Regression:
		line.Mark = page.RegressionMark(weir.RegressionState(h.State))
	case find.Project, find.Builder:
		if line.Mark = outcomeMark(h.Outcome); h.Outcome == "" {
			line.Mark = page.Mark{Kind: page.KindNone, Word: "nothing built yet"}
		}
	}
	if h.Kind == find.Build || h.Kind == find.Run || h.Kind == find.Regression {
		line.Name = page.UpperFirst(line.Name)
	}
	return line
}

// hitURL is the page of what was found.
func hitURL(h find.Hit) string {
	switch h.Kind {
	case find.Build:
		return page.BuildURL(weir.BuildID(h.ID))
	case find.Run:
		return page.RunURL(weir.RunID(h.ID))
	case find.Regression:
		return page.RegressionURL(weir.RegressionID(h.ID))
	case find.Builder:
		return page.BuilderURL(weir.BuilderID(h.ID))
	case find.Project:
		return page.ProjectURL(h.Name)
	case find.Worker:
		return "/workers/" + url.PathEscape(h.Name)
	case find.Test:
		return page.TestURL(weir.Builder{BuilderKey: weir.BuilderKey{Project: h.Project, Job: h.Job}}, h.Test)
	case find.Commit:
		return page.RevisionURL(h.Project, h.Branch, h.Position)
	}
	return "/"
}
