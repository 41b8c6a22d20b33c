// Package boards has the pages on which many builds are at once: the matrix, the
// console and the waterfall. What is on them is laid out by package
// internal/farm/boards; here it gets its words and addresses.
//
// Such a page has thousands of cells, so a cell is short: a class for how loud it
// is, a symbol for what it was, a word that screen readers read, a number. What
// was bad before and is bad still is drawn in the colour of quiet text; only what
// is new has a ground of its own.
package boards

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/boards"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Reader is what the pages read. *boards.Boards is one.
type Reader interface {
	// Matrix makes a matrix; NotFound if there is no such upstream or branch.
	Matrix(ctx context.Context, q boards.MatrixQuery) (boards.Matrix, error)
	// Console makes a console; NotFound if there is no such project or branch.
	Console(ctx context.Context, q boards.ConsoleQuery) (boards.Console, error)
	// Waterfall makes a waterfall.
	Waterfall(ctx context.Context, q boards.WaterfallQuery) (boards.Waterfall, error)
}

// topics are the events that concern boards.
const topics = "build,run,revisions"

type handlers struct {
	*page.Routes
	reader Reader
}

// Register adds the pages.
func Register(routes *page.Routes, reader Reader) {
	h := handlers{routes, reader}
	routes.Show(page.Route{Pattern: "/matrix", Twin: "matrix", Live: true, Tagged: true, Params: []page.Param{page.TextParam("upstream"), page.TextParam("branch"),
		page.WordParam("by", "platform"), page.WordParam("sort", "name"), page.SwitchParam("changed"), page.SwitchParam("every"),
		page.NumberParam("until", revision), page.TextParam("after")}}, h.matrix)
	routes.Show(page.Route{Pattern: "/console", Twin: "console", Live: true, Tagged: true, Params: []page.Param{page.TextParam("project"), page.TextParam("branch"),
		page.SwitchParam("downstreams"), page.NumberParam("until", revision), page.NumberParam("after", "the id of a builder")}}, h.console)
	routes.Show(page.Route{Pattern: "/waterfall", Twin: "waterfall", Live: true, Tagged: true, Params: []page.Param{page.TextParam("project"), page.TextParam("platform"),
		page.TextParam("q"), page.TimeParam("until"), page.WordParam("hours", hours()...), page.NumberParam("after", "the id of a builder"),
		page.WordParam("scale", "linear"), page.WordParam("as", "table").Draws()}}, h.waterfall)
	for _, known := range []string{"GET /grid", "GET /boards"} { // what people type
		routes.Handle(known, http.RedirectHandler("/matrix", http.StatusMovedPermanently))
	}
}

// revision is what windows of revisions begin at.
const revision = "the position of a revision"

// hours are the lengths that a waterfall can have.
func hours() (list []string) {
	for _, n := range boards.Hours() {
		list = append(list, strconv.Itoa(n))
	}
	return list
}

// manyColumns is from how many columns on a board takes all the room of the window.
const manyColumns = 8

// limits on what a query may say, in characters.
const (
	maxParam = 100
	maxWords = 200
)

// word reads a name from a query.
func word(q url.Values, name string) string { return page.Clean(q.Get(name), maxParam) }

// number reads a number from a query; 0: there is none.
func number(q url.Values, name string) int64 {
	n, _ := page.Number(q.Get(name))
	return n
}

// address is a page with a query, of which empty values are left out.
func address(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" && pairs[i+1] != "0" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// tabs are the boards, with what one of them can take over from another.
func tabs(current, project string) []page.Tab {
	return []page.Tab{
		{Text: "Matrix", URL: "/matrix", Current: current == "matrix"},
		{Text: "Console", URL: address("/console", "project", project), Current: current == "console"},
		{Text: "Waterfall", URL: "/waterfall", Current: current == "waterfall"},
	}
}

// sign is how a grade is drawn: a class for how loud it is, a word for who does
// not see it, and a symbol, which that of the outcome takes the place of.
type sign struct{ class, word, icon string }

var signs = map[boards.Grade]sign{
	boards.GradeNew:     {"n", "newly bad", page.KindBroken},
	boards.GradeDoubt:   {"d", "bad, being checked", page.KindFail},
	boards.GradeBad:     {"b", "bad as before", page.KindFail},
	boards.GradeHollow:  {"h", "passed, no test ran", page.KindGone},
	boards.GradeUnbuilt: {"u", "upstream not built", page.KindOff},
	boards.GradeInfra:   {"i", "infrastructure error", page.KindInfra},
	boards.GradeRunning: {"r", "running", page.KindRun},
	boards.GradeWaiting: {"w", "waiting", page.KindWait},
	boards.GradeFlaky:   {"f", "good, flaky", page.KindFlaky},
	boards.GradeFixed:   {"x", "fixed", page.KindPass},
	boards.GradeGood:    {"g", "good", page.KindPass},
	boards.GradeOff:     {"o", "cancelled or skipped", page.KindOff},
	boards.GradeNone:    {"", "not built", page.KindNone},
}

var badIcons = map[weir.Outcome]string{weir.Failed: page.KindFail, weir.Broken: page.KindBroken, weir.TimedOut: page.KindTimeout}

// signOf is how a grade with an outcome is drawn.
func signOf(g boards.Grade, o weir.Outcome) sign {
	s := signs[g]
	if icon, ok := badIcons[o]; ok && g.Bad() {
		s.icon = icon
	}
	return s
}

// KeyLine explains one sign.
type KeyLine struct{ Class, Icon, Word, Text string }

// key explains the signs, loudest first.
func key() []KeyLine {
	texts := map[boards.Grade]string{
		boards.GradeNew:     "and it was good before; the number says how many tests",
		boards.GradeDoubt:   "bad in one build, which runs again before anybody is told",
		boards.GradeBad:     "nothing new: quiet",
		boards.GradeHollow:  "all were skipped or did not report: shows nothing",
		boards.GradeUnbuilt: "there was nothing to test against",
		boards.GradeInfra:   "the farm's fault; says nothing about a revision",
		boards.GradeFlaky:   "tests went both ways at the same revisions",
		boards.GradeFixed:   "and it was bad before",
	}
	var lines []KeyLine
	for _, g := range boards.Grades() {
		if g != boards.GradeNone {
			s := signs[g]
			lines = append(lines, KeyLine{s.class, s.icon, s.word, texts[g]})
		}
	}
	lines[0].Icon = page.KindFail
	return lines
}

// brief renders a duration in as few characters as a cell has.
func brief(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Second:
		return "<1s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + "m"
	}
	return fmt.Sprintf("%dh%02d", int(d.Hours()), int(d.Minutes())%60)
}

// RevLine is a revision in the head of a row or a column.
type RevLine struct {
	Short, ID, Subject, Author string
	At                         page.When
	Position                   int64
	Skipped                    string
	URL                        string // of the console that begins at it
}

func revLine(r boards.Rev, project string, now time.Time) RevLine {
	return RevLine{Short: page.OneLine(weir.ShortRevision(r.ID), 24), ID: page.OneLine(r.ID, page.MaxName), Subject: page.OneLine(r.Subject, page.MaxSubject),
		Author: page.OneLine(page.AuthorName(r.Author), 60), At: page.At(r.Time, now), Position: r.Position, Skipped: page.OneLine(r.Skipped, 80),
		URL: address("/console", "project", project, "until", strconv.FormatInt(r.Position, 10))}
}

// branchChoice lets choose a branch, if there are several.
func branchChoice(branches []string, current string) []page.Choice {
	if len(branches) < 2 {
		return nil
	}
	c := page.Choice{Name: "branch", Label: "branch"}
	for _, b := range branches[:min(len(branches), maxOptions)] {
		c.Options = append(c.Options, page.Option{Value: page.OneLine(b, maxParam), Text: page.OneLine(b, maxParam), On: b == current})
	}
	return []page.Choice{c}
}

// maxOptions limits what a select offers.
const maxOptions = 200

// projectChoice lets choose a project.
func projectChoice(name, label string, list []boards.Choice, current string) page.Choice {
	c := page.Choice{Name: name, Label: label}
	for _, p := range list {
		c.Options = append(c.Options, page.Option{Value: page.OneLine(p.Project, maxParam), Text: page.OneLine(p.Project, maxParam), On: p.Project == current})
	}
	return c
}
