package web

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
)

// RegressionCard is a regression in short: who broke what of whom.
type RegressionCard struct {
	ID         weir.RegressionID
	URL        string
	Mark       Mark
	Open       bool
	Title      string // "brook 4f2a91c3d0 “upper: fold sharp s” broke 5 tests of mill and marsh"
	Author     string
	Confidence string // "97 %"; empty while there is no culprit
	Progress   string // how the search stands; empty when it is over
	Platforms  string
	Since      When
	Closed     When
	Tests      []string // the first few
	MoreTests  int
	Note       string
	Blame      string // which side did it, in a word; empty while that is not known
}

// shownTests is how many tests a card names.
const shownTests = 3

func regressionCard(r weir.Regression, now time.Time) RegressionCard {
	c := RegressionCard{ID: r.ID, URL: regressionURL(r.ID), Mark: regressionMark(r.State), Open: r.State.Open(),
		Title: regressionTitle(r), Since: when(r.Opened, now), Closed: when(r.Closed, now), Note: oneLine(r.Note, maxMessage),
		Blame: sideWord(r.Blame)}
	if hasCulprit(r) {
		c.Author = oneLine(authorName(r.Culprit.Revision.Author), maxName)
		c.Confidence = percent(r.Culprit.Confidence)
	}
	if r.State == weir.Searching || r.State == weir.Narrowed {
		c.Progress = progress(r)
	}
	var platforms []string
	for _, v := range r.Victims {
		platforms = appendNew(platforms, oneLine(string(v.Builder.Platform), maxName))
	}
	c.Platforms = list(platforms, 4)
	var tests []string
	for _, v := range openVictims(r) {
		tests = appendNew(tests, testName(v.Test))
	}
	c.Tests = tests[:min(len(tests), shownTests)]
	c.MoreTests = len(tests) - len(c.Tests)
	return c
}

func hasCulprit(r weir.Regression) bool {
	return r.Culprit.Project != "" && r.Culprit.Revision.ID != ""
}

// openVictims are the victims that are still bad; all of them when none is.
func openVictims(r weir.Regression) []weir.Victim {
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
	victims := openVictims(r)
	for _, v := range victims {
		projects = appendNew(projects, oneLine(v.Builder.Project, maxName))
		if v.Test.Suite == weir.StepSuite {
			steps++
		}
	}
	what := count(len(victims), "test", "tests") + " of "
	switch {
	case len(victims) == 0:
		what = "tests of " + oneLine(r.Builder.Project, maxName)
	case steps == len(victims):
		what = "the build of "
	}
	what += list(projects, 4)
	if !hasCulprit(r) {
		return upperFirst(what) + " broke"
	}
	rev := r.Culprit.Revision
	title := fmt.Sprintf("%s %s", oneLine(r.Culprit.Project, maxName), oneLine(rev.Short(), maxName))
	if subject := oneLine(rev.Subject(), maxSubject); subject != "" {
		title += " “" + subject + "”"
	}
	return title + " broke " + what
}

// upperFirst capitalises words of our own; projects keep their case.
func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// progress says between which revisions the culprit lies.
func progress(r weir.Regression) string {
	var spans []string
	for _, leg := range r.Path {
		from, to := r.Good.Pins[leg.Project], r.Bad.Pins[leg.Project]
		if from != "" && to != "" && from != to {
			spans = append(spans, fmt.Sprintf("%s %s and %s", oneLine(leg.Project, maxName),
				oneLine(weir.ShortRevision(from), 60), oneLine(weir.ShortRevision(to), 60)))
		}
	}
	suspects := count(max(r.Suspects.Last-r.Suspects.First+1, 1), "suspect", "suspects")
	if len(spans) == 0 {
		return suspects + " left"
	}
	return fmt.Sprintf("between %s: %s left", strings.Join(spans, ", or between "), suspects)
}

// percent never says 100 for what is not certain.
func percent(p float64) string {
	if math.IsNaN(p) || p < 0 {
		p = 0
	}
	n := int(math.Round(min(p, 1) * 100))
	if n == 100 && p < 1 {
		return "over 99 %"
	}
	return fmt.Sprintf("%d %%", n)
}

// authorName leaves the address out of "Name <mail>".
func authorName(author string) string {
	name, _, _ := strings.Cut(author, "<")
	if name = strings.TrimSpace(name); name != "" {
		return name
	}
	return author
}

// RegressionView is the page of one regression: the story and its evidence.
type RegressionView struct {
	Card       RegressionCard
	Headline   string // the whole of it in one sentence
	Side       SideView
	Builder    string // on which it was first seen
	Good, Bad  EvidenceLine
	Culprit    *CulpritView
	Victims    []VictimGroup
	Path       PathView
	ReproVerb  string // the command that does all of it
	Repro      string // what does it by hand
	MergedInto string // URL of the regression that has the tests now
	Updated    When
}

// EvidenceLine is one end of the path.
type EvidenceLine struct {
	Build weir.BuildID
	URL   string
	Pins  []PinLine
}

// CulpritView is the revision that did it.
type CulpritView struct {
	Project, Revision, Short, Author, Message, Confidence string
	When                                                  When
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
	URL                  string // of the test's history
	Mark                 Mark   // of its verdict
	FirstURL             string
	First                weir.BuildID
	FixedURL             string // empty while it is bad
	Fixed                weir.BuildID
}

// ProbeLine is one build that was asked, and what it said.
type ProbeLine struct {
	Build    weir.BuildID
	URL      string
	Mark     Mark // of the build
	Says     Mark
	Position int
	Revision string
	Tally    string // "4 bad, 1 good"
}

// Limits on one page.
const (
	maxVictims = 500 // of one builder
	maxProbes  = 500
)

func regressionView(d farm.RegressionDetail, now time.Time) RegressionView {
	r := d.Regression
	v := RegressionView{Card: regressionCard(r, now), Headline: regressionHeadline(r), Side: sideView(d), Builder: oneLine(r.Builder.Name(), maxName),
		Good: evidenceLine(r.Good, r.Builder.Project), Bad: evidenceLine(r.Bad, r.Builder.Project),
		Victims: victimGroups(r.Victims), Path: pathView(d, now), ReproVerb: fmt.Sprintf("weir repro r%d", r.ID), Repro: repro(d.Spec), Updated: when(r.Updated, now)}
	if hasCulprit(r) {
		rev := r.Culprit.Revision
		v.Culprit = &CulpritView{Project: oneLine(r.Culprit.Project, maxName), Revision: oneLine(rev.ID, maxName),
			Short: oneLine(rev.Short(), maxName), Author: oneLine(rev.Author, maxName), Message: block(rev.Message, maxMessage),
			Confidence: percent(r.Culprit.Confidence), When: when(rev.Time, now)}
	}
	if r.MergedInto != 0 {
		v.MergedInto = regressionURL(r.MergedInto)
	}
	return v
}

func evidenceLine(e weir.Evidence, project string) EvidenceLine {
	return EvidenceLine{Build: e.Build, URL: buildURL(e.Build), Pins: pinLines(e.Pins, project)}
}

func victimGroups(victims []weir.Victim) []VictimGroup {
	var groups []VictimGroup
	for _, v := range victims {
		name := oneLine(v.Builder.Name(), maxName)
		i := slices.IndexFunc(groups, func(g VictimGroup) bool { return g.Builder == name })
		if i < 0 {
			i = len(groups)
			groups = append(groups, VictimGroup{Builder: name})
		}
		if len(groups[i].Tests) == maxVictims {
			groups[i].Omitted++
			continue
		}
		line := VictimLine{Test: testName(v.Test), URL: testURL(v.Builder, v.Test), Message: block(v.Message, maxMessage),
			Cause: incidentWords[v.Cause], Mark: verdictMark(v.Verdict), First: v.Build, FirstURL: buildURL(v.Build)}
		if v.FixedIn != 0 {
			line.Fixed, line.FixedURL = v.FixedIn, buildURL(v.FixedIn)
		}
		groups[i].Tests = append(groups[i].Tests, line)
	}
	return groups
}

func probeLine(p weir.Probe, points []farm.PathPoint) ProbeLine {
	line := ProbeLine{Build: p.Build, URL: buildURL(p.Build), Position: p.Position, Says: says(p),
		Mark: buildMark(weir.Build{State: p.State, Outcome: p.Outcome})}
	if i := slices.IndexFunc(points, func(q farm.PathPoint) bool { return q.Position == p.Position }); i >= 0 {
		line.Revision = oneLine(points[i].Project+" "+points[i].Revision.Short(), maxName)
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
func says(p weir.Probe) Mark {
	switch {
	case !p.State.Final():
		return Mark{markRun, "not finished"}
	case p.Bad > 0 && p.Good > 0:
		return Mark{markFlaky, "divided"}
	case p.Bad > 0:
		return observedMarks[weir.ObservedBad]
	case p.Good > 0:
		return observedMarks[weir.ObservedGood]
	}
	return observedMarks[weir.ObservedNone]
}
