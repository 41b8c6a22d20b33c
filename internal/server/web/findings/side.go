package findings

import (
	"strconv"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// SideView says which side made tests bad, why the farm says so, and what
// each side can do about it.
type SideView struct {
	Word     string   // "lock step"; empty: not known
	Columns  []string // what the columns stand for: the old and the new project
	Rows     []CornerRow
	Advice   []AdviceBox
	Against  []string // what is known that speaks against it, or is not known
	Claims   bool     // something is said that could be spoken against
	Sure     string   // "97 %"; empty while there is no culprit
	Grounds  []GroundLine
	MoreRows int // builds that are not listed
}

// CornerRow is the old or the new upstreams with each revision of the project.
type CornerRow struct {
	Name  string
	Cells []CornerCell
}

// CornerCell is one corner.
type CornerCell struct {
	Column string
	Mark   page.Mark
	URL    string // of the build that says so; empty if there is none
	Build  weir.BuildID
	How    string // how it is known without a build; may be empty
}

// AdviceBox is what one side can do, the most useful line first.
type AdviceBox struct {
	Side  string
	Lines []string
}

// GroundLine is one build that it all rests on.
type GroundLine struct {
	ProbeLine
	Where   string // of builds beside the path; empty if it has a position
	Against bool
}

// maxSentence limits what names a corner or gives advice, in characters.
const maxSentence = 500

var standingMarks = map[blame.Standing]page.Mark{
	blame.StandsGood:    {Kind: page.KindPass, Word: "good"},
	blame.StandsBad:     {Kind: page.KindFail, Word: "bad"},
	blame.StandsUnbuilt: {Kind: page.KindBroken, Word: "does not build"},
	blame.StandsUntold:  {Kind: page.KindNone, Word: "cannot be told"},
	blame.StandsUnasked: {Kind: page.KindWait, Word: "not asked"},
}

func sideView(d farm.RegressionDetail) SideView {
	r := d.Regression
	grounds := blame.Grounds(r, d.Probes, d.Beside)
	v := SideView{Word: sideWord(r.Blame), Claims: hasCulprit(r) || r.Blame != weir.BlameNone}
	if hasCulprit(r) {
		v.Sure = page.Percent(r.Culprit.Confidence)
	}
	grid := blame.GridOf(r)
	for _, name := range grid.Projects {
		v.Columns = append(v.Columns, page.OneLine(name, page.MaxName))
	}
	for i, cells := range grid.Cells {
		row := CornerRow{Name: page.OneLine(grid.Upstreams[i], page.MaxName)}
		for j, c := range cells {
			row.Cells = append(row.Cells, cornerCell(c, v.Columns[j]))
		}
		v.Rows = append(v.Rows, row)
	}
	for _, box := range []AdviceBox{
		{"the upstream", d.Advice.Upstream}, {page.OneLine(r.Builder.Project, page.MaxName), d.Advice.Downstream},
	} {
		if len(box.Lines) > 0 {
			box.Lines = sentences(box.Lines)
			v.Advice = append(v.Advice, box)
		}
	}
	v.Against = sentences(blame.Against(r, grounds))
	shown := grounds[:min(len(grounds), maxGrounds)]
	v.MoreRows = len(grounds) - len(shown)
	for _, g := range shown {
		v.Grounds = append(v.Grounds, groundLine(g, d.Points))
	}
	return v
}

func cornerCell(c weir.Corner, column string) CornerCell {
	cell := CornerCell{Column: column, Mark: standingMarks[blame.StandingOf(c)]}
	switch {
	case c.Build != 0:
		cell.Build, cell.URL = c.Build, page.BuildURL(c.Build)
	case c.Said == weir.ObservedGood || c.Said == weir.ObservedBad:
		cell.How = "follows from the search"
	}
	return cell
}

func groundLine(g blame.Ground, points []farm.PathPoint) GroundLine {
	line := GroundLine{ProbeLine: probeLine(g.Probe, points), Against: g.Against}
	if g.Unheard() {
		line.Says = page.Mark{Kind: page.KindNone, Word: "not heard"}
		line.Tally = "it ended after the search"
	}
	if g.Where != "" {
		line.Where, line.Revision, line.Tally = page.OneLine(g.Where, page.MaxName), "", "" // nothing is known of single tests
		if g.Unbuilt {
			line.Says = standingMarks[blame.StandsUnbuilt]
		}
	}
	return line
}

// howMany says how many builds there are, and how sure they make.
func (v SideView) howMany() string {
	text := page.Count(len(v.Grounds)+v.MoreRows, "build", "builds")
	if v.Sure != "" {
		text += ", " + v.Sure + " sure"
	}
	return text
}

// step is the place of a build on the path.
func (g GroundLine) step() string {
	if g.Position == 0 {
		return "last good"
	}
	return strconv.Itoa(g.Position) + " further"
}

func sentences(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		out = append(out, page.OneLine(line, maxSentence))
	}
	return out
}

// sideWord says in a word who is to blame; empty if that is not known.
func sideWord(b weir.Blame) string { return page.OneLine(blame.Word(b), page.MaxName) }

// regressionHeadline says in one sentence who broke what of whom, and what the
// other side had to do with it.
func regressionHeadline(r weir.Regression) string {
	switch r.Blame {
	case weir.BlameNone:
		return regressionTitle(r)
	case weir.BlameUpstream, weir.BlameDownstream:
		return regressionTitle(r) + "; " + page.OneLine(blame.OtherSide(r), maxSentence)
	}
	return page.UpperFirst(page.OneLine(blame.Sentence(r), maxSentence))
}
