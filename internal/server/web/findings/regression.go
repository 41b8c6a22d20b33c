package findings

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// OpenVictims are the victims that are still bad; all of them when none is.
func OpenVictims(r weir.Regression) []weir.Victim {
	var open []weir.Victim
	for _, v := range r.Victims {
		if v.FixedIn == 0 {
			open = append(open, v)
		}
	}
	if len(open) == 0 {
		return r.Victims
	}
	return open
}

func appendNew(names []string, name string) []string {
	if name == "" || slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// regressionTitle says who broke what of whom, as far as it is known.
func regressionTitle(r weir.Regression) string {
	var projects []string
	steps := 0
	victims := OpenVictims(r)
	for _, v := range victims {
		projects = appendNew(projects, page.OneLine(v.Builder.Project, page.MaxName))
		if v.Test.Suite == weir.StepSuite {
			steps++
		}
	}
	what := page.Count(len(victims), "test", "tests") + " of "
	switch {
	case len(victims) == 0:
		what = "tests of " + page.OneLine(r.Builder.Project, page.MaxName)
	case steps == len(victims):
		what = "the build of "
	}
	what += page.List(projects, 4)
	if r.Aim != weir.AimBreak && !hasCulprit(r) {
		return page.UpperFirst(page.OneLine(blame.LooksFor(r), maxSentence)) + "?"
	}
	if !hasCulprit(r) {
		return page.UpperFirst(what) + " broke"
	}
	verb := " broke "
	if r.Aim == weir.AimFix {
		verb = " mended "
	}
	rev := r.Culprit.Revision
	title := fmt.Sprintf("%s %s", page.OneLine(r.Culprit.Project, page.MaxName), page.OneLine(rev.Short(), page.MaxName))
	if subject := page.OneLine(rev.Subject(), page.MaxSubject); subject != "" {
		title += " “" + subject + "”"
	}
	return title + verb + what
}

// progress says between which revisions the culprit lies.
func progress(r weir.Regression) string {
	var spans []string
	for _, leg := range r.Path {
		from, to := r.Good.Pins[leg.Project], r.Bad.Pins[leg.Project]
		if from != "" && to != "" && from != to {
			spans = append(spans, fmt.Sprintf("%s %s and %s", page.OneLine(leg.Project, page.MaxName),
				page.OneLine(weir.ShortRevision(from), 60), page.OneLine(weir.ShortRevision(to), 60)))
		}
	}
	suspects := page.Count(max(r.Suspects.Last-r.Suspects.First+1, 1), "suspect", "suspects")
	if len(spans) == 0 {
		return suspects + " left"
	}
	return fmt.Sprintf("between %s: %s left", strings.Join(spans, ", or between "), suspects)
}

// RegressionView is the page of one regression: the story and its evidence.
type RegressionView struct {
	Card       RegressionCard
	Headline   string // the whole of it in one sentence
	Side       SideView
	Checked    []CheckedLine // what else was looked at
	Ask        *AskView      // nil for an open episode
	Life       LifeView
	Broke, Way string // headings
	Builder    string // on which it was first seen
	Good, Bad  EvidenceLine
	Culprit    *CulpritView
	Victims    []VictimGroup
	Path       PathView
	ReproVerb  string // the command that does all of it
	Repro      string // what does it by hand
	MergedInto string // URL of the regression that has the tests now
	Updated    page.When
}

// EvidenceLine is one end of the path.
type EvidenceLine struct {
	Build weir.BuildID
	URL   string
	Pins  []page.PinLine
}

// CulpritView is the revision that did it.
type CulpritView struct {
	Project, Revision, Short, Author, Message, Confidence string
	When                                                  page.When
}

// VictimGroup is the victims of one builder.
type VictimGroup struct {
	Builder string
	Tests   []VictimLine
	Omitted int
}

// VictimLine is one victim.
type VictimLine struct {
	Test, Message, Cause string
	URL                  string    // of the test's history
	Mark                 page.Mark // of its verdict
	FirstURL             string
	First                weir.BuildID
	FixedURL             string // empty while it is bad
	Fixed                weir.BuildID
}

// ProbeLine is one build that was asked, and what it said.
type ProbeLine struct {
	Build    weir.BuildID
	URL      string
	Mark     page.Mark // of the build
	Says     page.Mark
	Position int
	Revision string
	Tally    string // "4 bad, 1 good"
}

// Limits on one page.
const (
	maxVictims = 500 // of one builder
	maxProbes  = 500
)

// NewRegressionView makes the page of a regression, as seen from now.
func NewRegressionView(d farm.RegressionDetail, now time.Time) RegressionView {
	r := d.Regression
	v := RegressionView{Card: NewRegressionCard(r, now), Headline: regressionHeadline(r), Side: sideView(d), Checked: checkedLines(r), Builder: page.OneLine(r.Builder.Name(), page.MaxName),
		Good: evidenceLine(r.Good, r.Builder.Project), Bad: evidenceLine(r.Bad, r.Builder.Project),
		Victims: victimGroups(r.Victims), Path: pathView(d, now), ReproVerb: fmt.Sprintf("weir repro r%d", r.ID), Repro: page.Repro(d.Spec), Updated: page.At(r.Updated, now)}
	v.Ask, v.Life, v.Broke, v.Way = askView(r), lifeView(d, now), "What broke", "From good to bad"
	if r.Aim == weir.AimFix {
		v.Broke, v.Way = "What was mended", "From good back to bad"
	}
	if hasCulprit(r) {
		rev := r.Culprit.Revision
		v.Culprit = &CulpritView{Project: page.OneLine(r.Culprit.Project, page.MaxName), Revision: page.OneLine(rev.ID, page.MaxName),
			Short: page.OneLine(rev.Short(), page.MaxName), Author: page.OneLine(rev.Author, page.MaxName), Message: page.Block(rev.Message, page.MaxMessage),
			Confidence: page.Percent(r.Culprit.Confidence), When: page.At(rev.Time, now)}
	}
	if r.MergedInto != 0 {
		v.MergedInto = page.RegressionURL(r.MergedInto)
	}
	return v
}

func evidenceLine(e weir.Evidence, project string) EvidenceLine {
	return EvidenceLine{Build: e.Build, URL: page.BuildURL(e.Build), Pins: page.PinLines(e.Pins, project)}
}

func victimGroups(victims []weir.Victim) []VictimGroup {
	var groups []VictimGroup
	for _, v := range victims {
		name := page.OneLine(v.Builder.Name(), page.MaxName)
		i := slices.IndexFunc(groups, func(g VictimGroup) bool { return g.Builder == name })
		if i < 0 {
			i = len(groups)
			groups = append(groups, VictimGroup{Builder: name})
		}
		if len(groups[i].Tests) == maxVictims {
			groups[i].Omitted++
			continue
		}
		line := VictimLine{Test: page.TestName(v.Test), URL: page.TestURL(v.Builder, v.Test), Message: page.Block(v.Message, page.MaxMessage),
			Cause: page.IncidentWord(v.Cause), Mark: page.VerdictMark(v.Verdict), First: v.Build, FirstURL: page.BuildURL(v.Build)}
		if v.FixedIn != 0 {
			line.Fixed, line.FixedURL = v.FixedIn, page.BuildURL(v.FixedIn)
		}
		groups[i].Tests = append(groups[i].Tests, line)
	}
	return groups
}

func probeLine(p weir.Probe, points []farm.PathPoint) ProbeLine {
	line := ProbeLine{Build: p.Build, URL: page.BuildURL(p.Build), Position: p.Position, Says: says(p),
		Mark: page.BuildMark(weir.Build{State: p.State, Outcome: p.Outcome})}
	if i := slices.IndexFunc(points, func(q farm.PathPoint) bool { return q.Position == p.Position }); i >= 0 {
		line.Revision = page.OneLine(points[i].Project+" "+points[i].Revision.Short(), page.MaxName)
	}
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{p.Bad, "bad"}, {p.Good, "good"}, {p.None, "without a word"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	line.Tally = strings.Join(parts, ", ")
	return line
}

// says sums up what a probe says about the victims.
func says(p weir.Probe) page.Mark {
	switch {
	case !p.State.Final():
		return page.Mark{Kind: page.KindRun, Word: "not finished"}
	case p.Bad > 0 && p.Good > 0:
		return page.Mark{Kind: page.KindFlaky, Word: "divided"}
	case p.Bad > 0:
		return page.ObservedMark(weir.ObservedBad)
	case p.Good > 0:
		return page.ObservedMark(weir.ObservedGood)
	}
	return page.ObservedMark(weir.ObservedNone)
}
