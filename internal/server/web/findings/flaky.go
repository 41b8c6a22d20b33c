package findings

import (
	"fmt"
	"net/url"
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
	New, Open, Quiet []FlakyCard
	Omitted          string // "and 12 more"; empty if all are listed
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
func NewFlakyView(l flaky.List, now time.Time) FlakyView {
	v := FlakyView{Title: "Flaky tests", Project: page.OneLine(l.Project, page.MaxName)}
	if v.Project != "" {
		v.Title += " of " + v.Project
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
