package findings

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// FlakyView is the page of flaky tests.
type FlakyView struct {
	Title            string
	Project          string // empty: all
	Filter           page.FilterView
	New, Open, Quiet []FlakyCard
	Omitted          string // "and 12 more"; empty if all are listed
	None             page.EmptyView
}

// FlakyFilter is what the address of the page asks for.
type FlakyFilter struct {
	Project string // empty: all
	flaky.Narrow
}

func flakyFilterOf(in url.Values) FlakyFilter {
	return FlakyFilter{in.Get("project"), flaky.Narrow{State: in.Get("state"), Platform: weir.Platform(in.Get("platform")), Text: in.Get("q")}}
}

// view offers the values that are among some tests.
func (f FlakyFilter) view(l flaky.List, found int) page.FilterView {
	var projects, platforms []string
	for _, t := range slices.Concat(l.New, l.Open, l.Quiet) {
		projects, platforms = appendNew(projects, t.Builder.Project), appendNew(platforms, string(t.Builder.Platform))
	}
	v := page.FilterView{Action: "/flaky", Value: page.OneLine(f.Text, page.MaxName), Label: "Part of a test's name", Placeholder: "Part of a test's name",
		Choices: []page.Choice{
			{Name: "project", Label: "Project", Options: chosen(options("all projects", projects), f.Project)},
			{Name: "state", Label: "State", Options: chosen([]page.Option{{Value: "", Text: "any state"}, {Value: "new", Text: "new this week"},
				{Value: "open", Text: "known"}, {Value: "quiet", Text: "quiet"}}, f.State)},
			{Name: "platform", Label: "Platform", Options: chosen(options("all platforms", platforms), string(f.Platform))}}}
	if f != (FlakyFilter{}) {
		v.Clear, v.Found = "/flaky", page.Count(found, "test", "tests")
	}
	return v
}

// FlakyCard is one flaky test.
type FlakyCard struct {
	Mark    page.Mark
	Test    string
	URL     string // of its history
	Builder string
	Hidden  bool   // it does not run
	Reason  string // why it is believed to be flaky
	Rate    string // "fails for no reason in 2.1 % of runs (95 %: 1.3 % to 3.1 %)"
	Of      string // what that rests on
	Rearmed string // "flaky again, for the 2nd time"; empty if it is for the first
	Silence string // how likely the silence is by chance; empty if nothing can be said
	Closes  string // the day on which it is quiet if it stays silent; empty if it is
	Hints   []string
	Seen    []SightingLine
	Older   string // "and at 4 other sets of revisions"; empty if all are shown
}

// SightingLine is what runs at one set of revisions did.
type SightingLine struct {
	At   page.When
	Runs []FlakyRunLine
}

// FlakyRunLine is one run.
type FlakyRunLine struct {
	Mark   page.Mark
	URL    string
	Build  string
	Worker string
}

// FlakyURL is the page of the flaky tests of a project.
func FlakyURL(project string) string { return "/flaky?" + url.Values{"project": {project}}.Encode() }

// NewFlakyView makes the page of flaky tests, as seen from now.
func NewFlakyView(all flaky.List, f FlakyFilter, now time.Time) FlakyView {
	l := all.Only(f.Narrow)
	v := FlakyView{Title: "Flaky tests", Project: page.OneLine(l.Project, page.MaxName), Filter: f.view(all, len(l.New)+len(l.Open)+len(l.Quiet))}
	if v.Project != "" {
		v.Title += " of " + v.Project
	}
	v.None = page.EmptyView{Text: "No test is flaky.", Good: true,
		Next: "A test is when it was good and bad at the same revisions: the farm runs again what is newly bad, and hears its searches."}
	if f.Narrow != (flaky.Narrow{}) {
		v.None = page.EmptyView{Text: "No flaky test is one of those.", URL: "/flaky", Link: "See all of them"}
	}
	for _, part := range []struct {
		from []flaky.Test
		to   *[]FlakyCard
	}{{l.New, &v.New}, {l.Open, &v.Open}, {l.Quiet, &v.Quiet}} {
		for _, t := range part.from {
			*part.to = append(*part.to, flakyCard(t, now))
		}
	}
	if l.Omitted > 0 {
		v.Omitted = fmt.Sprintf("and %s, which have not flaked for longer", page.Count(l.Omitted, "more", "more"))
	}
	return v
}

func flakyCard(t flaky.Test, now time.Time) FlakyCard {
	c := FlakyCard{Mark: page.VerdictMark(weir.Flaky), Test: page.TestName(t.Test), URL: page.TestURL(t.Builder, t.Test),
		Builder: page.OneLine(t.Builder.Name(), page.MaxName), Hidden: t.Hidden, Reason: page.OneLine(t.Mark.Reason, page.MaxMessage)}
	if t.Mark.State == flake.Quiet {
		c.Mark = page.Mark{Kind: page.KindOff, Word: "quiet"}
	} else {
		c.Rate = "fails for no reason in " + page.OneLine(t.Rate.Says, page.MaxMessage)
		c.Of = fmt.Sprintf("%s in %s", page.Count(t.Rate.Flakes, "flake", "flakes"), page.Count(t.Rate.Builds, "build", "builds"))
		c.Closes = t.Mark.Closes.UTC().Format(time.DateOnly)
		if t.Mark.Chance < 1 {
			c.Silence = "such a silence by chance: " + page.Percent(t.Mark.Chance)
		}
	}
	if n := t.Mark.Rearmed; n > 0 {
		c.Rearmed = fmt.Sprintf("was quiet %s before", page.Count(n, "time", "times"))
	}
	for _, h := range t.Hints {
		c.Hints = append(c.Hints, page.OneLine(h.Says, page.MaxMessage))
	}
	for _, s := range t.Seen {
		line := SightingLine{At: page.At(s.At, now)}
		for _, r := range s.Runs {
			m := page.StatusMark(weir.Pass)
			if r.Bad {
				m = page.Mark{Kind: page.KindFail, Word: "bad"}
			}
			line.Runs = append(line.Runs, FlakyRunLine{Mark: m, URL: page.BuildURL(r.Build), Build: fmt.Sprintf("build %d", r.Build), Worker: page.OneLine(r.Worker, page.MaxName)})
		}
		c.Seen = append(c.Seen, line)
	}
	if t.Older > 0 {
		c.Older = "and at " + page.Count(t.Older, "other set of revisions", "other sets of revisions")
	}
	return c
}
