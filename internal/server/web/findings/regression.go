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
	steps, last := 0, ""
	victims := OpenVictims(r)
	for _, v := range victims {
		if v.Builder.Project != last { // thousands have the same one
			last = v.Builder.Project
			projects = appendNew(projects, page.OneLine(last, page.MaxName))
		}
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
	Facts      []page.Fact
	Act        ActView
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
	URL                                                   string        // of the commit at its forge; empty: not known
	Built                                                 string        // URL of what was built of it, where no forge shows it; may be empty
	Diff                                                  page.DiffView // what it changed, against the revision before it
}

// VictimGroup is the victims of one project.
type VictimGroup struct {
	Project string
	Count   int // tests, listed or not
	Fixed   int // of them are good again
	Says    []SaidGroup
	Omitted int
	Open    bool // it is shown unfolded
}

// SaidGroup is the tests of a project that fail with the same words.
type SaidGroup struct {
	Message string // may be empty
	Tests   []VictimLine
}

// VictimLine is one victim.
type VictimLine struct {
	Test, Builder, Cause string
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
	maxVictims  = 200 // in all
	maxSaid     = 1200
	unfolded    = 12 // victims that are shown at once
	maxProbes   = 500
	maxGrounds  = 100 // builds that are listed as evidence
	maxRepeated = 40  // builds of one step that are listed in the path
)

// NewRegressionView makes the page of a regression of the farm at origin, which may be
// empty, as seen from now.
func NewRegressionView(d farm.RegressionDetail, origin string, now time.Time) RegressionView {
	r := d.Regression
	v := RegressionView{Card: NewRegressionCard(r, now), Headline: regressionHeadline(r), Side: sideView(d), Checked: checkedLines(r), Builder: page.OneLine(r.Builder.Name(), page.MaxName),
		Good: evidenceLine(r.Good, r.Builder.Project), Bad: evidenceLine(r.Bad, r.Builder.Project),
		Victims: victimGroups(r.Victims), Path: pathView(d, now), ReproVerb: page.ReproVerb(origin, page.RegressionURL(r.ID), fmt.Sprintf("r%d", r.ID)), Repro: page.Repro(d.Spec), Updated: page.At(r.Updated, now)}
	v.Ask, v.Life, v.Broke, v.Way = askView(r), lifeView(d, now), "What broke", "How it was found"
	if r.Aim == weir.AimFix {
		v.Broke, v.Way = "What was mended", "How it was found, from good back to bad"
	} else if r.State == weir.Searching {
		v.Way = "How it is searched"
	}
	v.Facts = storyFacts(v, r, len(d.Probes), now)
	v.Culprit = culpritView(d, now)
	if r.MergedInto != 0 {
		v.MergedInto = page.RegressionURL(r.MergedInto)
	}
	return v
}

func culpritView(d farm.RegressionDetail, now time.Time) *CulpritView {
	r := d.Regression
	if !hasCulprit(r) {
		return nil
	}
	rev := r.Culprit.Revision
	c := &CulpritView{Project: page.OneLine(r.Culprit.Project, page.MaxName), Revision: page.OneLine(rev.ID, page.MaxName),
		Short: page.OneLine(rev.Short(), page.MaxName), Author: page.OneLine(page.AuthorName(rev.Author), page.MaxName), Message: page.Block(rev.Message, page.MaxMessage),
		Confidence: page.Percent(r.Culprit.Confidence), When: page.At(rev.Time, now), URL: page.CommitURL(d.Source, rev.ID)}
	if i := slices.IndexFunc(r.Path, func(l weir.Leg) bool { return l.Project == r.Culprit.Project }); i >= 0 && c.URL == "" && rev.Position > 0 {
		c.Built = page.RevisionURL(r.Culprit.Project, r.Path[i].Branch, rev.Position)
	}
	for i, p := range d.Points {
		if i > 0 && p.Project == r.Culprit.Project && p.Revision.ID == rev.ID && d.Points[i-1].Project == p.Project {
			before := d.Points[i-1].Revision
			c.Diff = page.DiffView{From: page.OneLine(before.Short(), 60), To: c.Short, URL: page.DiffURL(d.Source, before.ID, rev.ID)}
		}
	}
	return c
}

// storyFacts answer what somebody asks who has never seen the farm.
func storyFacts(v RegressionView, r weir.Regression, builds int, now time.Time) []page.Fact {
	var projects []string
	for _, p := range OpenVictims(r) {
		projects = appendNew(projects, page.OneLine(p.Builder.Project, page.MaxName))
	}
	facts := []page.Fact{{Label: "Since", When: v.Card.Since}}
	if r.Bad.Build != 0 {
		facts[0] = page.Fact{Label: "Since", Text: fmt.Sprintf("build %d,", r.Bad.Build), URL: v.Bad.URL, When: v.Card.Since}
	}
	if !r.State.Open() && !r.Closed.IsZero() {
		facts = append(facts, page.Fact{Label: "Closed", When: v.Card.Closed})
	}
	if len(projects) > 0 {
		facts = append(facts, page.Fact{Label: "Who suffers", Text: fmt.Sprintf("%s of %s, on %s",
			page.Count(len(OpenVictims(r)), "test", "tests"), page.List(projects, 3), page.List(platformsOf(r), 3))})
	}
	sure := page.Fact{Label: "How sure", Text: "nobody is named yet"}
	if n := page.Count(builds, "build", "builds"); v.Card.Confidence != "" {
		sure.Text = v.Card.Confidence + " sure, after " + n
	} else if builds > 0 {
		sure.Text += ", after " + n
	}
	return append(facts, sure, page.Fact{Label: "Who looks after it", Text: looksAfter(r, now)})
}

// looksAfter says whose business a regression is.
func looksAfter(r weir.Regression, now time.Time) string {
	text := ""
	if hand := inHand(r, now); hand != nil {
		text = hand.By + ", until " + hand.Until
	}
	if to := page.OneLine(r.Assigned.To, page.MaxName); to != "" && text != "" {
		text += "; assigned to " + to
	} else if to != "" {
		text = "assigned to " + to
	}
	switch {
	case text != "":
		return text
	case !r.State.Open():
		return "nobody has to"
	}
	return "nobody yet"
}

func evidenceLine(e weir.Evidence, project string) EvidenceLine {
	return EvidenceLine{Build: e.Build, URL: page.BuildURL(e.Build), Pins: page.PinLines(e.Pins, project)}
}

// victimGroups puts victims together by project, and in it by what they say.
func victimGroups(victims []weir.Victim) []VictimGroup {
	var groups []VictimGroup
	at := map[string]int{}
	shown := 0
	for _, v := range victims {
		i, ok := at[v.Builder.Project]
		if !ok {
			i = len(groups)
			at[v.Builder.Project] = i
			groups = append(groups, VictimGroup{Project: page.OneLine(v.Builder.Project, page.MaxName), Open: len(victims) <= unfolded || i == 0})
		}
		g := &groups[i]
		if g.Count++; v.FixedIn != 0 {
			g.Fixed++
		}
		if shown == maxVictims {
			g.Omitted++
			continue
		}
		shown++
		g.say(page.Block(v.Message, maxSaid), victimLine(v))
	}
	return groups
}

// say adds a test to those that say the same.
func (g *VictimGroup) say(message string, line VictimLine) {
	i := slices.IndexFunc(g.Says, func(s SaidGroup) bool { return s.Message == message })
	if i < 0 {
		i = len(g.Says)
		g.Says = append(g.Says, SaidGroup{Message: message})
	}
	g.Says[i].Tests = append(g.Says[i].Tests, line)
}

func victimLine(v weir.Victim) VictimLine {
	line := VictimLine{Test: page.TestName(v.Test), URL: page.TestURL(v.Builder, v.Test), Builder: page.OneLine(builderWithin(v.Builder), page.MaxName),
		Cause: page.IncidentWord(v.Cause), Mark: page.VerdictMark(v.Verdict), First: v.Build, FirstURL: page.BuildURL(v.Build)}
	if v.FixedIn != 0 {
		line.Fixed, line.FixedURL = v.FixedIn, page.BuildURL(v.FixedIn)
	}
	return line
}

// builderWithin names a builder where its project is known.
func builderWithin(b weir.Builder) string { return strings.TrimPrefix(b.Name(), b.Project+"/") }

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
	}{{p.Bad, "bad"}, {p.Good, "good"}, {p.None, "without an answer"}} {
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
