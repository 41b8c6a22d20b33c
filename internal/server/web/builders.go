package web

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// BuildersView is the builders of the front page. A few are listed by project,
// each with links to its recent builds. Of many, those in trouble are listed
// first, and those that are fine are folded away, all in a line that takes
// little room.
type BuildersView struct {
	Total    int
	Filter   string         // only builders whose name contains it are listed
	Many     bool           // there is a filter to be offered
	Projects []ProjectGroup // if they are few
	Parts    []BuilderPart  // if they are many
	None     bool           // no builder is left by the filter
	More     int            // builders that are over the limit
}

// ProjectGroup is the builders of one project.
type ProjectGroup struct {
	Name     string
	URL      string // of its builds
	Builders []BuilderLine
}

// BuilderPart is builders that stand alike.
type BuilderPart struct {
	Title    string // "12 in trouble"
	Open     bool   // worth seeing at once
	Builders []BuilderLine
}

// BuilderLine is one builder and its recent builds.
type BuilderLine struct {
	Name   string // of few builders, what tells it from the project's others
	URL    string // of its builds
	Newest BuildLine
	Spark  []Spark  // oldest first, of few
	Runs   []Stroke // oldest first, of many
	None   bool     // it has no build yet
}

// Spark is one build in a row of small shapes.
type Spark struct {
	Mark  page.Mark
	URL   string
	Title string
}

// Stroke is builds in a row that stand alike, as a text of small shapes.
type Stroke struct{ Kind, Text string }

const (
	fewBuilders  = 200  // are listed in full
	manyBuilders = 1000 // are listed at all
	maxFilter    = 100  // characters
)

// glyphs are the shapes of marks in a text.
var glyphs = map[string]string{page.KindPass: "✓", page.KindFail: "✕", page.KindBroken: "▲", page.KindTimeout: "◔", page.KindInfra: "◇",
	page.KindOff: "⊘", page.KindWait: "◌", page.KindRun: "◐", page.KindNone: "–"}

func buildersView(list []farm.Glance, now time.Time, filter string) BuildersView {
	v := BuildersView{Total: len(list), Filter: filter, Many: len(list) > fewBuilders || filter != ""}
	if filter != "" {
		part := strings.ToLower(filter)
		list = slices.DeleteFunc(slices.Clone(list), func(g farm.Glance) bool {
			return !strings.Contains(strings.ToLower(g.Builder.Name()), part)
		})
		v.None = len(list) == 0
	}
	if len(list) <= fewBuilders {
		v.Projects = projectGroups(list, now)
		return v
	}
	v.Parts, v.More = builderParts(list, now)
	return v
}

func projectGroups(list []farm.Glance, now time.Time) []ProjectGroup {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b farm.Glance) int {
		return cmp.Or(strings.Compare(a.Builder.Project, b.Builder.Project), strings.Compare(a.Builder.Name(), b.Builder.Name()))
	})
	var groups []ProjectGroup
	for _, g := range list {
		name := page.OneLine(g.Builder.Project, page.MaxName)
		if n := len(groups); n == 0 || groups[n-1].Name != name {
			groups = append(groups, ProjectGroup{Name: name, URL: "/builds?" + url.Values{"project": {g.Builder.Project}}.Encode()})
		}
		line := builderLine(g, now, strings.TrimPrefix(g.Builder.Name(), g.Builder.Project+"/"))
		for _, b := range slices.Backward(g.Recent) {
			m := glanceMark(b)
			line.Spark = append(line.Spark, Spark{Mark: m, URL: page.BuildURL(b.ID), Title: fmt.Sprintf("build %d %s", b.ID, m.Word)})
		}
		p := &groups[len(groups)-1]
		p.Builders = append(p.Builders, line)
	}
	return groups
}

// builderParts lists builders by how they stand: those in trouble, the newest
// trouble first, then those that are fine, then those without a finished build.
func builderParts(list []farm.Glance, now time.Time) (parts []BuilderPart, more int) {
	var trouble, fine, fresh []farm.Glance
	for _, g := range list {
		switch outcome := lastOutcome(g); {
		case outcome == "":
			fresh = append(fresh, g)
		case outcome == weir.Passed || outcome == weir.Skipped || outcome == weir.OutcomeCancelled:
			fine = append(fine, g)
		default:
			trouble = append(trouble, g)
		}
	}
	slices.SortStableFunc(trouble, func(a, b farm.Glance) int { return cmp.Compare(badSince(b), badSince(a)) })
	room := manyBuilders
	for _, p := range []struct {
		what string
		list []farm.Glance
	}{{"in trouble, the newest trouble first", trouble}, {"fine", fine}, {"without a finished build", fresh}} {
		if len(p.list) == 0 {
			continue
		}
		part := BuilderPart{Title: page.Thousands(int64(len(p.list))) + " " + p.what, Open: len(parts) == 0 && len(trouble) > 0}
		shown, over := cut(p.list, room)
		room, more = room-len(shown), more+over
		for _, g := range shown {
			line := builderLine(g, now, g.Builder.Name())
			line.Runs = strokes(g.Recent)
			part.Builders = append(part.Builders, line)
		}
		parts = append(parts, part)
	}
	return parts, more
}

// lastOutcome is the outcome of the newest build that is finished; empty if there is none.
func lastOutcome(g farm.Glance) weir.Outcome {
	for _, b := range g.Recent {
		if b.State.Final() {
			return b.Outcome
		}
	}
	return ""
}

// badSince is the oldest of the builds that did not pass since the last one that did.
func badSince(g farm.Glance) (id weir.BuildID) {
	for _, b := range g.Recent {
		if b.State.Final() {
			if b.Outcome == weir.Passed {
				break
			}
			id = b.ID
		}
	}
	return id
}

func builderLine(g farm.Glance, now time.Time, name string) BuilderLine {
	line := BuilderLine{Name: page.OneLine(name, page.MaxName), URL: fmt.Sprintf("/builds?builder=%d", g.Builder.ID), None: len(g.Recent) == 0}
	if line.None {
		return line
	}
	b := g.Recent[0]
	line.Newest = buildLine(weir.Build{ID: b.ID, Builder: g.Builder, State: b.State, Outcome: b.Outcome, Created: g.Created,
		Started: g.Started, Finished: g.Finished, Changes: g.Changes, Pins: weir.Pins{g.Builder.Project: g.Revision}}, now)
	return line
}

func glanceMark(b farm.BuildGlance) page.Mark {
	return page.BuildMark(weir.Build{State: b.State, Outcome: b.Outcome})
}

// strokes puts builds in a row together that stand alike.
func strokes(recent []farm.BuildGlance) (runs []Stroke) {
	for _, b := range slices.Backward(recent) {
		kind := glanceMark(b).Kind
		if n := len(runs); n > 0 && runs[n-1].Kind == kind {
			runs[n-1].Text += glyphs[kind]
			continue
		}
		runs = append(runs, Stroke{Kind: kind, Text: glyphs[kind]})
	}
	return runs
}
