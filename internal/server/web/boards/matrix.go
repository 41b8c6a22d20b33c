package boards

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/boards"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// MatrixView is the matrix page.
type MatrixView struct {
	Tabs      []page.Tab
	Upstreams []page.Tab // empty: there is only one
	Headline  string
	Alarm     bool
	Summary   string
	Filter    page.FilterView
	Upstream  string
	Platforms bool // columns are platforms
	Columns   []MatrixColumn
	Own       []CellView
	HasOwn    bool
	Rows      []MatrixRow
	Pager     page.PagerView
	Lasting   string // URL that shows the same tomorrow; empty: the page's own does
	Next      string // URL of the next rows; may be empty
	First     string // URL of the first rows; may be empty
	More      int    // platforms that are left out
	Key       []KeyLine
	Empty     page.EmptyView // if there is nothing at all
	Hidden    string         // why there are no rows although there are projects
}

// MatrixColumn is the head of a column.
type MatrixColumn struct {
	Rev      RevLine
	Passed   string // "+3": revisions that were built together with it
	Platform string
	Broken   bool
	News     string // "9 of 12 newly bad"; may be empty
}

// MatrixRow is a project.
type MatrixRow struct {
	Name, URL string
	New       bool
	Tag       string // "always bad"; may be empty
	Cells     []CellView
}

// CellView is a cell.
type CellView struct {
	Class, Icon, Word string
	URL               string // empty: nothing was built
	Strong            string // "3 new"; may be empty
	Text              string // tests that ran, of those that should have
	Title             string // may be empty
}

func (h handlers) matrix(r *http.Request) (page.Shown, error) {
	in := r.URL.Query()
	q := boards.MatrixQuery{Upstream: word(in, "upstream"), Branch: word(in, "branch"), ByPlatform: in.Get("by") == "platform", ByName: in.Get("sort") == "name",
		Changed: page.On(in, "changed"), Every: page.On(in, "every"), Until: number(in, "until"), After: word(in, "after")}
	m, err := h.reader.Matrix(r.Context(), q)
	if err != nil {
		return page.Shown{}, err
	}
	v := newMatrixView(m, q)
	title := "Matrix"
	if v.Upstream != "" {
		title = "Matrix of " + v.Upstream
	}
	follow := topics
	if q.Until > 0 && q.Until < m.Tip { // the past does not change any more
		follow = ""
	}
	return page.Shown{Title: title, Section: "boards", Topics: follow, Content: matrixPage(v)}, nil
}

// maxTabs is how many upstreams are tabs; more are in a list to choose from.
const maxTabs = 7

func newMatrixView(m boards.Matrix, q boards.MatrixQuery) MatrixView {
	v := MatrixView{Tabs: tabs("matrix", m.Upstream), Upstream: page.OneLine(m.Upstream, page.MaxName), Platforms: q.ByPlatform, Key: key(), More: m.Platform}
	if m.Upstream == "" {
		v.Headline = "Nothing is tested against an upstream yet"
		v.Empty = page.EmptyView{Text: "A matrix shows the projects that are tested against each change of another one.",
			Next: "Give a project upstreams in the farm file, and they show here from the first build on."}
		return v
	}
	until := ""
	if q.Until > 0 {
		until = strconv.FormatInt(q.Until, 10)
	}
	link := func(pairs ...string) string {
		all := append(pairs, "upstream", q.Upstream, "branch", q.Branch, "by", flag(q.ByPlatform, "platform"), "sort", flag(q.ByName, "name"),
			"changed", flag(q.Changed, "1"), "every", flag(q.Every, "1"))
		return address("/matrix", all...)
	}
	if len(m.Choices) > 1 {
		for i, c := range m.Choices {
			if i < maxTabs || c.Project == m.Upstream {
				v.Upstreams = append(v.Upstreams, page.Tab{Text: page.OneLine(c.Project, 40), URL: address("/matrix", "upstream", c.Project, "by", flag(q.ByPlatform, "platform")),
					Current: c.Project == m.Upstream, Count: c.Downstreams})
			}
		}
	}
	v.filter(m, q, until)
	v.Pager = windows(m.Older, m.Newer, m.Tip, func(position string) string { return link("until", position) })
	if q.Until == 0 && m.Until > 0 {
		v.Lasting = link("until", position(m.Until), "after", q.After)
	}
	if m.Next != "" {
		v.Next = link("until", position(m.Until), "after", m.Next)
	}
	if q.After != "" {
		v.First = link("until", until)
	}
	for _, c := range m.Columns {
		v.Columns = append(v.Columns, column(c, m))
	}
	for _, c := range m.Own {
		cell := cellView(c)
		v.HasOwn = v.HasOwn || cell.URL != ""
		v.Own = append(v.Own, cell)
	}
	v.HasOwn = v.HasOwn && !q.ByPlatform || v.HasOwn && q.After == ""
	for _, r := range m.Rows {
		row := MatrixRow{Name: page.OneLine(r.Project, page.MaxName), URL: page.ProjectURL(r.Project), Cells: make([]CellView, len(r.Cells))}
		for i, c := range r.Cells {
			row.Cells[i] = cellView(c)
		}
		row.New = len(r.Cells) > 0 && newestIsNew(r.Cells)
		if r.Broken {
			row.Tag = "always bad"
		}
		v.Rows = append(v.Rows, row)
	}
	v.words(m, q)
	return v
}

// newestIsNew reports whether the first cell that says anything is newly bad.
func newestIsNew(cells []boards.Cell) bool {
	for _, c := range cells {
		if c.Grade.Bad() || c.Grade.Good() {
			return c.Grade == boards.GradeNew
		}
	}
	return false
}

// words says in words what the matrix says.
func (v *MatrixView) words(m boards.Matrix, q boards.MatrixQuery) {
	broken := ""
	for _, c := range m.Columns {
		if c.Broken && c.Revision != nil {
			broken = fmt.Sprintf("Revision %s hit %s at once.", page.OneLine(weir.ShortRevision(c.Revision.ID), 24), page.Count(c.New+c.Unbuilt, "project", "projects"))
			break
		}
	}
	switch {
	case m.NewRows > 0:
		v.Alarm = true
		v.Headline = fmt.Sprintf("%s newly bad against %s", page.Count(m.NewRows, "project is", "projects are"), v.Upstream)
	case len(m.Columns) == 0:
		v.Headline = "Nothing has been built against " + v.Upstream + " yet"
	case q.ByPlatform:
		v.Headline = v.Upstream + " and its downstreams, by platform"
	case m.GoneBad > 0:
		v.Headline = fmt.Sprintf("Nothing newly bad against %s; %s still bad since these revisions", v.Upstream, page.Count(m.GoneBad, "project is", "projects are"))
	default:
		v.Headline = "Nothing is newly bad against " + v.Upstream
	}
	v.Summary = page.Count(m.Downstreams, "project is", "projects are") + " tested against it."
	if broken != "" {
		v.Summary += " " + broken
	}
	if m.Part {
		v.Summary += fmt.Sprintf(" So far back only the %s of this page, by name, are looked at: what is counted here is of them.", page.Count(m.Shown, "one", "ones"))
	}
	if q.Changed && m.Shown < m.Downstreams && !m.Part {
		v.Summary += fmt.Sprintf(" In %s nothing changes here.", page.Count(m.Downstreams-m.Shown, "of them", "of them"))
	}
	if !q.ByPlatform && len(m.Columns) > 0 && m.Columns[0].Revision != nil {
		if waits := m.Until - m.Columns[0].Revision.Position; waits > 0 {
			v.Summary += fmt.Sprintf(" %s not built yet.", page.Count(int(waits), "newer revision is", "newer revisions are"))
		}
	}
	if len(m.Rows) == 0 && m.Downstreams > 0 {
		v.Hidden = "No row is left."
		if q.Changed {
			v.Hidden = "Nothing changes within these columns."
		}
	}
}

// filter makes the form above the matrix.
func (v *MatrixView) filter(m boards.Matrix, q boards.MatrixQuery, until string) {
	f := page.FilterView{Action: "/matrix", NoText: true}
	switch {
	case len(m.Choices) > maxTabs:
		f.Choices = append(f.Choices, projectChoice("upstream", "upstream", m.Choices, m.Upstream))
	case q.Upstream != "":
		f.Keep = append(f.Keep, page.Option{Value: "upstream", Text: q.Upstream})
	}
	f.Choices = append(f.Choices, branchChoice(m.Branches, m.Branch)...)
	f.Choices = append(f.Choices,
		page.Choice{Name: "by", Label: "columns", Options: []page.Option{{Value: "", Text: "revisions", On: !q.ByPlatform}, {Value: "platform", Text: "platforms", On: q.ByPlatform}}},
		page.Choice{Name: "sort", Label: "order", Options: []page.Option{{Value: "", Text: "worst first", On: !q.ByName}, {Value: "name", Text: "by name", On: q.ByName}}})
	f.Checks = []page.Check{{Name: "changed", Label: "only what changed", On: q.Changed}}
	if !q.ByPlatform {
		f.Checks = append(f.Checks, page.Check{Name: "every", Label: "every revision", On: q.Every})
	}
	if until != "" {
		f.Keep = append(f.Keep, page.Option{Value: "until", Text: until})
	}
	v.Filter = f
}

// column is the head of a column.
func column(c boards.Column, m boards.Matrix) MatrixColumn {
	v := MatrixColumn{Platform: page.OneLine(string(c.Platform), 40), Broken: c.Broken}
	if c.Revision != nil {
		v.Rev = revLine(*c.Revision, m.Upstream, m.At)
		if c.Passed > 0 {
			v.Passed = "+" + strconv.Itoa(c.Passed)
		}
	}
	switch {
	case c.Unbuilt > 0 && c.Unbuilt >= c.New:
		v.News = fmt.Sprintf("%d of %d not testable", c.Unbuilt, c.Says)
	case c.New > 0:
		v.News = fmt.Sprintf("%d of %d newly bad", c.New, c.Says)
	}
	return v
}

// cellView is a cell in words.
func cellView(c boards.Cell) CellView {
	s := signOf(c.Grade, c.Outcome)
	v := CellView{Class: s.class, Icon: s.icon, Word: s.word}
	if c.Build == 0 {
		return v
	}
	v.URL = page.BuildURL(c.Build)
	if c.Grade == boards.GradeNew {
		v.Strong = strconv.Itoa(c.Worse) + " new"
	}
	if c.Expected > 0 {
		v.Text = strconv.Itoa(c.Executed)
		if c.Executed != c.Expected {
			v.Text += "/" + strconv.Itoa(c.Expected)
		}
	}
	switch {
	case c.Builders > 1 && c.Like < c.Builders:
		v.Title = fmt.Sprintf("worst of %d, %d like it", c.Builders, c.Like) // short: there are thousands
	case c.Cause != "":
		v.Title = page.CauseWord(c.Cause)
	}
	return v
}

// windows leads to other windows of revisions.
func windows(older, newer, tip int64, link func(position string) string) page.PagerView {
	var p page.PagerView
	if older > 0 {
		p.Older = link(position(older))
	}
	if newer > 0 {
		p.Newer, p.Newest = link(position(newer)), link("")
	}
	return p
}

func position(n int64) string { return strconv.FormatInt(n, 10) }

// flag is a value if something is so.
func flag(on bool, value string) string {
	if on {
		return value
	}
	return ""
}
