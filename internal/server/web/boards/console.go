package boards

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/boards"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// ConsoleView is the console page.
type ConsoleView struct {
	Tabs     []page.Tab
	Headline string
	Alarm    bool
	Summary  string
	Project  string
	Filter   page.FilterView
	Groups   []ColumnGroup
	Columns  []ColumnHead
	Rows     []ConsoleRow
	Pager    page.PagerView
	Lasting  string // URL that shows the same tomorrow; empty: the page's own does
	Next     string // URL of the next builders; may be empty
	First    string // URL of the first builders; may be empty
	Key      []KeyLine
	Empty    page.EmptyView
}

// ColumnGroup is a job over the columns of its builders.
type ColumnGroup struct {
	Name string // of the job; with its project, if that is not the console's own
	Span int
}

// ColumnHead is a builder.
type ColumnHead struct {
	Parts []string // platform and cell, short
	Title string   // its name in full
	URL   string
}

// ConsoleRow is a revision.
type ConsoleRow struct {
	Rev   RevLine
	URL   string // of the matrix that begins at it; empty: nothing is tested against the project
	Cells []ConsoleCell
}

// ConsoleCell is what a builder says of a revision.
type ConsoleCell struct {
	Class, Icon, Word, URL, Text string
	In                           string // "in 41": built together with a newer revision
}

func (h handlers) console(r *http.Request) (page.Shown, error) {
	in := r.URL.Query()
	q := boards.ConsoleQuery{Project: word(in, "project"), Branch: word(in, "branch"), Downstreams: page.On(in, "downstreams"),
		Until: number(in, "until"), After: weir.BuilderID(number(in, "after"))}
	c, err := h.reader.Console(r.Context(), q)
	if err != nil {
		return page.Shown{}, err
	}
	v := newConsoleView(c, q)
	title := "Console"
	if v.Project != "" {
		title = "Console of " + v.Project
	}
	follow := topics
	if q.Until > 0 && q.Until < c.Tip {
		follow = ""
	}
	return page.Shown{Title: title, Section: "boards", Topics: follow, Content: consolePage(v)}, nil
}

func newConsoleView(c boards.Console, q boards.ConsoleQuery) ConsoleView {
	v := ConsoleView{Tabs: tabs("console", c.Project), Project: page.OneLine(c.Project, page.MaxName), Key: key()}
	v.Tabs[0].URL = address("/matrix", "upstream", upstream(c))
	if c.Project == "" {
		v.Headline = "No builder has been made yet"
		v.Empty = page.EmptyView{Text: "A console shows each revision of a project, and what each builder says of it.",
			Next: "Builders are made when a project's first revision is to be built."}
		return v
	}
	link := func(pairs ...string) string {
		return address("/console", append(pairs, "project", q.Project, "branch", q.Branch, "downstreams", flag(q.Downstreams, "1"))...)
	}
	until := ""
	if q.Until > 0 {
		until = position(q.Until)
	}
	v.Pager = windows(c.Older, c.Newer, c.Tip, func(at string) string { return link("until", at) })
	if q.Until == 0 && c.Until > 0 {
		v.Lasting = link("until", position(c.Until), "after", flag(q.After != 0, position(int64(q.After))))
	}
	if c.Next != 0 {
		v.Next = link("until", until, "after", position(int64(c.Next)))
	}
	if q.After != 0 {
		v.First = link("until", until)
	}
	f := page.FilterView{Action: "/console", NoText: true, Choices: []page.Choice{projectChoice("project", "project", c.Choices, c.Project)}}
	f.Choices = append(f.Choices, branchChoice(c.Branches, c.Branch)...)
	if c.Downstream > 0 {
		f.Checks = []page.Check{{Name: "downstreams", Label: "with projects tested against it", On: q.Downstreams}}
	}
	v.Filter = f
	v.heads(c)
	tested := upstream(c) != ""
	for _, r := range c.Rows {
		row := ConsoleRow{Rev: revLine(r.Revision, c.Project, c.At), Cells: make([]ConsoleCell, len(r.Cells))}
		if tested {
			row.URL = address("/matrix", "upstream", c.Project, "until", position(r.Revision.Position))
		}
		for i, cell := range r.Cells {
			row.Cells[i] = consoleCell(cell)
		}
		v.Rows = append(v.Rows, row)
	}
	v.words(c, q.Downstreams)
	return v
}

// upstream is the project if others are tested against it.
func upstream(c boards.Console) string {
	if c.Downstream > 0 {
		return c.Project
	}
	return ""
}

// heads makes the heads of the columns, grouped by project and job.
func (v *ConsoleView) heads(c boards.Console) {
	for _, b := range c.Builders {
		v.Columns = append(v.Columns, columnHead(b))
		name := page.OneLine(b.Job, 60)
		if b.Project != c.Project {
			name = page.OneLine(b.Project, 60) + "/" + name
		}
		if n := len(v.Groups); n > 0 && v.Groups[n-1].Name == name {
			v.Groups[n-1].Span++
			continue
		}
		v.Groups = append(v.Groups, ColumnGroup{Name: name, Span: 1})
	}
}

// columnHead is a builder in few letters.
func columnHead(b weir.Builder) ColumnHead {
	h := ColumnHead{Title: page.OneLine(b.Name(), page.MaxName), URL: page.BuilderURL(b.ID)}
	for _, part := range append(strings.Split(string(b.Platform), "/"), b.Cell) {
		if part != "" {
			h.Parts = append(h.Parts, page.OneLine(part, 18))
		}
	}
	return h
}

func consoleCell(c boards.ConsoleCell) ConsoleCell {
	if c.In != 0 {
		return ConsoleCell{Class: "c", URL: page.BuildURL(c.In), In: fmt.Sprintf("in %d", c.In)}
	}
	if c.Build == 0 {
		return ConsoleCell{}
	}
	s := signOf(c.Grade, c.Outcome)
	return ConsoleCell{Class: s.class, Icon: s.icon, Word: s.word, URL: page.BuildURL(c.Build), Text: brief(c.Took)}
}

// words says in words what the console says: of each builder, how its newest build
// in the window stands.
func (v *ConsoleView) words(c boards.Console, downstreams bool) {
	newly, bad, running := 0, 0, 0
	for i := range c.Builders {
		for _, r := range c.Rows {
			g := r.Cells[i].Grade
			if g == boards.GradeRunning {
				running++
			}
			if !g.Bad() && !g.Good() {
				continue
			}
			if g == boards.GradeNew {
				newly++
			} else if g.Bad() {
				bad++
			}
			break
		}
	}
	where := v.Project
	switch {
	case c.Downstream > 0 && downstreams:
		where += " or against it"
	case c.Downstream > 0: // what it broke in others is not looked at
		where += " itself"
	}
	v.Headline = "Nothing is newly bad in " + where
	if newly > 0 {
		v.Alarm = true
		v.Headline = fmt.Sprintf("%s newly bad in %s", page.Count(newly, "builder is", "builders are"), where)
	}
	v.Summary = page.Count(c.Total, "builder", "builders")
	if bad > 0 {
		v.Summary += fmt.Sprintf(", %d bad as before", bad)
	}
	if running > 0 {
		v.Summary += fmt.Sprintf(", %d running", running)
	}
	if len(c.Builders) < c.Total {
		v.Summary += fmt.Sprintf("; %d are shown", len(c.Builders))
	}
	v.Summary += ". Newest revision on top."
	if c.Downstream > 0 && !downstreams {
		v.Summary += " " + page.Count(c.Downstream, "builder of a project tested against it is not shown.", "builders of projects tested against it are not shown.")
	}
}
