package findings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// HistoryView is the page of one test: how it is on each builder, since when,
// and how often it fails.
type HistoryView struct {
	Project, ProjectURL string
	Test                string
	Summary             string // "bad on 1 of 3 builders"
	Where               string // compares the builders; empty if there is nothing to compare
	FlakyURL            string // of the project's flaky tests
	First               *FirstBad
	Accused             []RegressionCard // open regressions that have it
	Heat                []HeatGroup
	Messages            []MessageCluster
	Times               TimesView
	Builders            []PastView
	More                int // builders that are not drawn one by one
}

// HeatGroup is the builders of one platform.
type HeatGroup struct {
	Platform string
	Rows     []HeatRow
}

// HeatRow is the newest outcomes of a test on one builder.
type HeatRow struct {
	Builder string
	ID      string // of the section with its past
	Marks   []page.Mark
	Links   []page.SparkLink
	Now     page.Mark
	Since   string
	URL     string // of the build since which; may be empty
	Flake   string // how often it fails for no reason
	Of      string // on what that rests
}

// FirstBad is where a test turned bad that is bad now.
type FirstBad struct {
	Builder, Build, URL string
	At                  page.When
	Moved               []MovedPin
	More                int
}

// PastView is a test's past on one builder.
type PastView struct {
	ID       string // of its section
	Builder  string
	Platform string
	Mark     page.Mark
	Since    string // "build 812"
	SinceURL string
	SinceAt  page.When
	Began    string // "between its 40th and 44th build, with 99 %"; empty if that is known exactly
	// Rate is how often a first run was bad since then: "bad in 0.17 % of runs since then
	// (95 %: 0.02 % to 0.5 %)"; empty if it does not run. Runs is what that rests on.
	Rate, Runs string
	Says       string // all of it in one sentence
	Strip      StripView
	Changes    []MoveLine
	Older      string // "and 12 older changes"; empty if all are listed
	Open       bool   // it is shown unfolded
}

// MoveLine is one change.
type MoveLine struct {
	Mark           page.Mark
	URL            string
	Build          string // "build 41"
	At             page.When
	What           string // "newly failing: passed → failed"
	Cause, Message string
	Absolved       bool
	Moved          []MovedPin
	MoreMoved      int
}

// MovedPin is a project whose revision moved.
type MovedPin struct{ Project, From, To string }

// Limits of the page.
const (
	maxMoved     = 12 // pins of one change
	maxPasts     = 24 // builders whose past is told
	maxChanges   = 20 // changes of one builder
	openPasts    = 2  // builders whose past is unfolded
	maxFirstPins = 6
	maxMoveText  = 800 // characters of one message
)

// NewHistoryView makes the page of a test, as seen from now. Accused are open
// regressions of its project.
func NewHistoryView(h farm.TestHistory, accused []weir.Regression, now time.Time) HistoryView {
	v := HistoryView{Project: page.OneLine(h.Project, page.MaxName), ProjectURL: page.ProjectURL(h.Project), Test: page.TestName(h.Test), Where: whereText(h.Where),
		FlakyURL: FlakyURL(h.Project), Messages: clusters(h, now)}
	bad, absent := 0, 0
	groups := map[string]*HeatGroup{}
	var platforms []string
	for i, b := range h.Builders {
		p := pastView(b, now)
		p.ID, p.Open = fmt.Sprintf("on-%d", i+1), len(h.Builders) <= openPasts
		if i < maxPasts {
			v.Builders = append(v.Builders, p)
		} else {
			p.ID = ""
			v.More++
		}
		switch {
		case b.Now.Status.Bad():
			bad++
		case b.Now.Status == weir.Absent:
			absent++
		}
		if groups[p.Platform] == nil {
			groups[p.Platform] = &HeatGroup{Platform: p.Platform}
			platforms = append(platforms, p.Platform)
		}
		groups[p.Platform].Rows = append(groups[p.Platform].Rows, heatRow(b, p))
	}
	slices.Sort(platforms)
	for _, name := range platforms {
		v.Heat = append(v.Heat, *groups[name])
	}
	known := page.Count(len(h.Builders), "builder", "builders")
	switch {
	case bad > 0:
		v.Summary = fmt.Sprintf("Bad on %d of %s.", bad, known)
	case absent > 0:
		v.Summary = fmt.Sprintf("Does not run any more on %d of %s; bad on none now.", absent, known)
	default:
		v.Summary = fmt.Sprintf("Known on %s; bad on none now.", known)
	}
	v.First = firstBad(h, now)
	for _, r := range accused {
		if slices.ContainsFunc(r.Victims, func(c weir.Victim) bool { return c.Builder.Project == h.Project && c.Test == h.Test }) {
			v.Accused = append(v.Accused, NewRegressionCard(r, now))
		}
	}
	return v
}

// heatRow draws the newest settled builds of a builder.
func heatRow(b farm.BuilderHistory, p PastView) HeatRow {
	name := strings.TrimSpace(strings.TrimSuffix(builderWithin(b.Builder), string(b.Builder.Platform)))
	r := HeatRow{Builder: page.OneLine(name, page.MaxName), ID: p.ID, Now: p.Mark, Since: p.Since, URL: p.SinceURL}
	r.Marks, r.Links = heat(b)
	if m := flake.OfHistory(b.History); m.Builds > 0 {
		r.Flake = history.RateText(m.Rate)
		r.Of = fmt.Sprintf("%s in %s", page.Count(m.Flakes, "flake", "flakes"), page.Count(m.Builds, "build", "builds"))
	}
	return r
}

// firstBad is the newest build in which a test turned bad that is bad now.
func firstBad(h farm.TestHistory, now time.Time) *FirstBad {
	var newest *farm.TestMove
	name := ""
	for _, b := range h.Builders {
		if !b.Now.Status.Bad() {
			continue
		}
		i := slices.IndexFunc(b.Changes, func(c farm.TestMove) bool {
			return c.Change.Verdict.Worse() && c.Change.To.Bad() && !c.Change.From.Bad() && !c.Absolved
		})
		if i >= 0 && (newest == nil || b.Changes[i].Build > newest.Build) {
			newest, name = &b.Changes[i], b.Builder.Name()
		}
	}
	if newest == nil {
		return nil
	}
	f := &FirstBad{Builder: page.OneLine(name, page.MaxName), At: page.At(newest.At, now)}
	f.Build, f.URL = pointText(newest.Point)
	f.Moved, f.More = movedPins(newest.Moved, maxFirstPins)
	return f
}

func pastView(b farm.BuilderHistory, now time.Time) PastView {
	v := PastView{Builder: page.OneLine(b.Builder.Name(), page.MaxName), Platform: page.OneLine(string(b.Builder.Platform), page.MaxName),
		Mark: presentMark(b), Says: page.OneLine(b.Says, page.MaxMessage), Strip: stripView(b.Segments)}
	v.Since, v.SinceURL = pointText(b.Since.Point)
	v.SinceAt = page.At(b.Since.At, now)
	if b.Since.Latest > b.Since.Earliest {
		v.Began = fmt.Sprintf("it began between its builds no. %s and %s, with 99 %%", page.Thousands(int64(b.Since.Earliest)), page.Thousands(int64(b.Since.Latest)))
	}
	if b.Rate.Runs > 0 && !b.Now.Removed {
		v.Rate = "since then bad in " + history.RateText(b.Rate.Interval)
		v.Runs = fmt.Sprintf("%s of %s", page.Thousands(int64(b.Rate.Failures)), page.Count(b.Rate.Runs, "run", "runs"))
	}
	for _, c := range b.Changes[:min(len(b.Changes), maxChanges)] {
		v.Changes = append(v.Changes, moveLine(c, now))
	}
	if older := b.Older + len(b.Changes) - len(v.Changes); older > 0 {
		v.Older = "and " + page.Count(older, "older change", "older changes")
	}
	return v
}

// pointText names a build; its URL is empty if it is not known.
func pointText(p history.Point) (text, address string) {
	switch {
	case p.Build > 0:
		return fmt.Sprintf("build %d", p.Build), page.BuildURL(p.Build)
	case p.Number > 0:
		return "its build no. " + page.Thousands(int64(p.Number)), ""
	}
	return "", ""
}

// presentMark says how a test stands after the newest build.
func presentMark(b farm.BuilderHistory) page.Mark {
	switch {
	case b.Now.Removed:
		return page.Mark{Kind: page.KindOff, Word: "taken out"}
	case b.Now.Masked.Number > 0:
		return page.Mark{Kind: page.KindNone, Word: "does not run"}
	}
	return segmentMark(history.Segment{Status: b.Now.Status})
}

func moveLine(c farm.TestMove, now time.Time) MoveLine {
	line := MoveLine{Mark: page.VerdictMark(c.Change.Verdict), At: page.At(c.At, now), What: page.StatusMark(c.Change.To).Word,
		Cause: page.IncidentWord(c.Change.Cause), Message: page.Block(c.Change.Message, maxMoveText), Absolved: c.Absolved}
	if c.Change.From != "" {
		line.What = page.StatusWord(c.Change.From) + " → " + line.What
	}
	line.What = line.Mark.Word + ": " + line.What
	line.Build, line.URL = pointText(c.Point)
	line.Moved, line.MoreMoved = movedPins(c.Moved, maxMoved)
	return line
}

// movedPins lists so many of the projects that moved, and counts the others.
func movedPins(all []farm.PinMove, most int) (list []MovedPin, more int) {
	for _, m := range all[:min(len(all), most)] {
		list = append(list, MovedPin{page.OneLine(m.Project, page.MaxName), revisionText(m.From), revisionText(m.To)})
	}
	return list, len(all) - len(list)
}

func revisionText(rev string) string {
	if rev == "" {
		return "none"
	}
	return page.OneLine(weir.ShortRevision(rev), 60)
}

// whereText compares the builders in words.
func whereText(w history.Where) string {
	const some = 6 // builders that are named
	names := func(all []string) string {
		var clean []string
		for _, n := range all {
			clean = append(clean, page.OneLine(n, page.MaxName))
		}
		return page.List(clean, some)
	}
	text := ""
	switch w.Spread {
	case history.OnlyHere:
		text = fmt.Sprintf("Only here: on %s it fails in %s, and on %s in %s.", names(w.Here), history.RateText(w.HereRate), names(w.There), history.RateText(w.ThereRate))
	case history.Everywhere:
		text = fmt.Sprintf("Everywhere: it is bad on all %d builders that run it.", len(w.Here))
	case history.Alike:
		text = fmt.Sprintf("Alike: on the %d builders that run it, it fails in %s.", len(w.Here), history.RateText(w.HereRate))
	}
	if len(w.Silent) > 0 && len(w.Here)+len(w.There) > 0 {
		text += " It does not run on " + names(w.Silent) + "."
	}
	return text
}

// MessageCluster is failures that say the same.
type MessageCluster struct {
	Count    int
	Builders int
	Example  string // the newest
	Build    string
	URL      string
	At       page.When
}

// maxClusters is how many of them are shown, the most frequent ones.
const maxClusters = 12

// clusters puts what a test said when it turned bad together by signature.
func clusters(h farm.TestHistory, now time.Time) []MessageCluster {
	type cluster struct {
		count    int
		builders map[weir.BuilderID]bool
		newest   farm.TestMove
	}
	by := map[string]*cluster{}
	var order []*cluster
	for _, b := range h.Builders {
		for _, c := range b.Changes {
			if c.Change.Message == "" || !c.Change.To.Bad() && c.Change.Verdict != weir.Flaky {
				continue
			}
			key := signatureOf(c.Change)
			k := by[key]
			if k == nil {
				k = &cluster{builders: map[weir.BuilderID]bool{}}
				by[key], order = k, append(order, k)
			}
			k.count++
			k.builders[b.Builder.ID] = true
			if k.count == 1 || c.Build > k.newest.Build {
				k.newest = c
			}
		}
	}
	slices.SortStableFunc(order, func(a, b *cluster) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(b.newest.Build, a.newest.Build))
	})
	var out []MessageCluster
	for _, k := range order[:min(len(order), maxClusters)] {
		c := MessageCluster{Count: k.count, Builders: len(k.builders), Example: page.Block(k.newest.Change.Message, page.MaxMessage), At: page.At(k.newest.At, now)}
		c.Build, c.URL = pointText(k.newest.Point)
		out = append(out, c)
	}
	return out
}
