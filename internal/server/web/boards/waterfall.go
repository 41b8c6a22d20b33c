package boards

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/boards"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// WaterfallView is the waterfall page.
type WaterfallView struct {
	Tabs      []page.Tab
	Headline  string
	Summary   string
	Filter    page.FilterView
	Pager     page.PagerView
	Lasting   string // URL that shows the same tomorrow; empty: the page's own does
	Next      string // URL of the next builders; may be empty
	First     string // URL of the first builders; may be empty
	AsTable   bool
	Other     string // URL of the same as a table, or drawn
	Groups    []FallGroup
	Heads     []FallHead
	Blocks    []FallBlock // drawn
	Lines     []FallLine  // as a table
	Ticks     []FallTick
	Gaps      []FallGap
	Marks     []FallMark
	Width     int // of the drawing without the axis, in pixels
	Column    int // of a column
	Height    int
	Key       []KeyLine
	Empty     page.EmptyView
	NoBuilder bool
}

// FallHead is the head of a column.
type FallHead struct {
	X          int
	OS, Arch   string
	Title, URL string
	Waiting    string // "2 wait"; may be empty
}

// FallGroup is a job over the columns of its builders.
type FallGroup struct {
	X, W         int
	Project, Job string
}

// FallBlock is a build.
type FallBlock struct {
	X, Y, W, H             int
	Class, Icon, URL, Text string
	Title                  string
	Number                 string // may be empty
}

// FallLine is a build in the table.
type FallLine struct {
	Builder, Number, URL, Class, Icon, Word, Revision, Worker, Took string
	At                                                              page.When
}

// FallTick is a time on the axis.
type FallTick struct {
	Y       int
	Text    string
	Day     string // set where a day begins: "14 Mar"
	Weekday string // of Day; phones have no room for it
	ISO     string
}

// FallGap is a time in which nothing ran.
type FallGap struct {
	Y, H int
	Text string
}

// FallMark is a revision on the axis.
type FallMark struct {
	Y         int
	Text, URL string
	Title     string
}

// Sizes of the drawing, in pixels.
const (
	axisWidth  = 150  // where there is room for it: the style says how much there is on a phone
	roomWidth  = 1040 // that columns share if they are few
	minColumn  = 46
	maxColumn  = 150
	iconSize   = 11
	digitWidth = 6
	headHeight = 76
)

func (h handlers) waterfall(r *http.Request) (page.Shown, error) {
	in := r.URL.Query()
	q := boards.WaterfallQuery{Project: word(in, "project"), Platform: word(in, "platform"), Words: page.Clean(strings.TrimSpace(in.Get("q")), maxWords),
		Linear: in.Get("scale") == "linear", Hours: int(number(in, "hours")), After: weir.BuilderID(number(in, "after"))}
	if text := in.Get("until"); text != "" {
		var err error
		if q.Until, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return page.Shown{}, weir.Errorf(weir.Invalid, "until=%.40q is no time", text)
		}
	}
	if in.Get("as") == "table" {
		q.Most = maxLines
	}
	f, err := h.reader.Waterfall(r.Context(), q)
	if err != nil {
		return page.Shown{}, err
	}
	v := newWaterfallView(f, q, in)
	follow := topics
	if !f.Newer.IsZero() {
		follow = ""
	}
	return page.Shown{Title: "Waterfall", Section: "boards", Topics: follow, Content: waterfallPage(v)}, nil
}

func newWaterfallView(f boards.Waterfall, q boards.WaterfallQuery, in url.Values) WaterfallView {
	v := WaterfallView{Tabs: tabs("waterfall", q.Project), Key: key(), AsTable: in.Get("as") == "table", Height: f.Scale.Height, NoBuilder: len(f.Builders) == 0}
	link := func(pairs ...string) string {
		all := append([]string{"project", q.Project, "platform", q.Platform, "q", q.Words, "hours", in.Get("hours"), "scale", flag(q.Linear, "linear"),
			"as", flag(v.AsTable, "table")}, pairs...)
		return address("/waterfall", all...)
	}
	until, behind := in.Get("until"), in.Get("after")
	v.Pager = page.PagerView{Older: link("until", stamp(f.Older), "after", behind), Text: spanText(f)}
	if !f.Newer.IsZero() {
		v.Pager.Newest = link("after", behind)
		if v.Pager.Newer = link("until", stamp(f.Newer), "after", behind); !f.Newer.Before(f.At) {
			v.Pager.Newer = ""
		}
	}
	if until == "" {
		v.Lasting = link("until", f.Until.UTC().Format(time.RFC3339), "after", behind)
	}
	if f.Next != 0 {
		v.Next = link("until", until, "after", position(int64(f.Next)))
	}
	if q.After != 0 {
		v.First = link("until", until)
	}
	v.Other = link("until", until, "after", behind, "as", flag(!v.AsTable, "table"))
	v.Filter = fallFilter(f, q, in)
	v.columns(f)
	if v.AsTable {
		v.lines(f)
	} else {
		v.draw(f)
	}
	v.Headline = "Waterfall"
	running, newly := 0, 0
	for _, b := range f.Blocks {
		if b.Running {
			running++
		}
		if b.Grade == boards.GradeNew {
			newly++
		}
	}
	v.Headline = fmt.Sprintf("%s in %s", page.Count(len(f.Blocks), "build", "builds"), page.Count(f.Hours, "hour", "hours"))
	v.Summary = fmt.Sprintf("%d running, %d with something newly bad. ", running, newly) + page.Count(f.Total, "builder", "builders")
	if len(f.Builders) < f.Total {
		v.Summary += fmt.Sprintf(", of which %d are shown", len(f.Builders))
	}
	v.Summary += "; the newest on top."
	if f.Cut {
		v.Headline = page.Count(len(f.Blocks), "build", "builds")
		v.Summary += " More do not fit on one page, so it begins later than asked for."
	}
	if v.NoBuilder {
		v.Headline = "No builder is like that"
		v.Empty = page.EmptyView{Text: "No builder has such a project, platform and name.", URL: "/waterfall", Link: "See all builders"}
		if q.Project+q.Platform+q.Words == "" && q.After == 0 {
			v.Headline, v.Summary = "No builder has been made yet", ""
			v.Empty = page.EmptyView{Text: "A waterfall shows the builds of each builder over time.",
				Next: "Builders are made when a project's first revision is to be built."}
		}
	}
	return v
}

// stamp is a moment in an address.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// maxLines is how many builds a table has, which are larger than blocks.
const maxLines = 600

const clock = "2 Jan 15:04"

// spanText says which time a waterfall shows.
func spanText(f boards.Waterfall) string {
	return f.From.UTC().Format(clock) + " to " + f.Until.UTC().Format(clock) + " UTC"
}

// fallFilter makes the form above the waterfall.
func fallFilter(f boards.Waterfall, q boards.WaterfallQuery, in url.Values) page.FilterView {
	names := func(name, all string, values []string, current string) page.Choice {
		c := page.Choice{Name: name, Label: name, Options: []page.Option{{Value: "", Text: all, On: current == ""}}}
		for _, x := range values[:min(len(values), maxOptions)] {
			c.Options = append(c.Options, page.Option{Value: page.OneLine(x, maxParam), Text: page.OneLine(x, maxParam), On: x == current})
		}
		return c
	}
	hours := page.Choice{Name: "hours", Label: "hours"}
	for _, n := range boards.Hours() {
		hours.Options = append(hours.Options, page.Option{Value: strconv.Itoa(n), Text: strconv.Itoa(n), On: n == f.Hours})
	}
	v := page.FilterView{Action: "/waterfall", Value: q.Words, Label: "Part of a builder's name", Placeholder: "builder",
		Choices: []page.Choice{names("project", "all", f.Projects, q.Project), names("platform", "all", f.Platforms, q.Platform), hours,
			{Name: "scale", Label: "scale", Options: []page.Option{{Value: "", Text: "idle time shrunk", On: !q.Linear}, {Value: "linear", Text: "linear", On: q.Linear}}}}}
	for _, name := range []string{"until", "as"} {
		if value := page.Clean(in.Get(name), maxParam); value != "" {
			v.Keep = append(v.Keep, page.Option{Value: name, Text: value})
		}
	}
	return v
}

// columns makes the heads of the columns.
func (v *WaterfallView) columns(f boards.Waterfall) {
	n := max(len(f.Builders), 1)
	v.Column = min(max(roomWidth/n, minColumn), maxColumn)
	v.Width = v.Column * n
	letters := max(v.Column/7, 4)
	for i, b := range f.Builders {
		h := FallHead{X: i * v.Column, OS: page.OneLine(b.Platform.OS(), letters), Arch: page.OneLine(b.Platform.Arch(), letters),
			Title: page.OneLine(b.Name(), page.MaxName), URL: page.BuilderURL(b.ID)}
		if b.Cell != "" {
			h.OS = page.OneLine(b.Cell, letters)
			h.Arch = page.OneLine(string(b.Platform), letters)
		}
		if i < len(f.Waiting) && f.Waiting[i] > 0 {
			h.Waiting = fmt.Sprintf("%d wait", f.Waiting[i])
		}
		v.Heads = append(v.Heads, h)
		if i == 0 || b.Project != f.Builders[i-1].Project || b.Job != f.Builders[i-1].Job {
			v.Groups = append(v.Groups, FallGroup{X: h.X, Project: b.Project, Job: b.Job})
		}
		v.Groups[len(v.Groups)-1].W += v.Column
	}
	for i := range v.Groups {
		g := &v.Groups[i]
		g.Project, g.Job = page.OneLine(g.Project, max(g.W/8, 4)), page.OneLine(g.Job, max(g.W/7, 4))
	}
}

// draw places the blocks and what is on the axis.
func (v *WaterfallView) draw(f boards.Waterfall) {
	for _, b := range f.Blocks {
		s := signOf(b.Grade, b.Outcome)
		lanes := max(b.Lanes, 1)
		width := max((v.Column-4)/lanes, 2)
		block := FallBlock{X: b.Column*v.Column + 2 + b.Lane*width, Y: b.Top, W: max(width-1, 2), H: max(b.Height-1, 2), Class: s.class, Icon: s.icon,
			URL: page.BuildURL(b.Build), Title: s.word + took(b)}
		if b.Height < iconSize || block.W < iconSize {
			block.Icon = ""
		}
		if text := strconv.FormatInt(int64(b.Build), 10); block.Icon != "" && block.W >= iconSize+3+len(text)*digitWidth {
			block.Number = text
		}
		v.Blocks = append(v.Blocks, block)
	}
	for _, t := range f.Scale.Ticks {
		tick := FallTick{Y: t.Top, Text: t.At.Format("15:04"), ISO: t.At.Format(time.RFC3339)}
		if t.At.Second() != 0 {
			tick.Text = t.At.Format("15:04:05")
		}
		if t.Day {
			tick.Weekday, tick.Day = t.At.Format("Mon"), t.At.Format("2 Jan")
		}
		v.Ticks = append(v.Ticks, tick)
	}
	for _, g := range f.Scale.Gaps {
		v.Gaps = append(v.Gaps, FallGap{Y: g.Top, H: g.Height, Text: span(g.For) + " idle"})
	}
	v.marks(f)
}

// span renders a time in minutes.
func span(d time.Duration) string {
	m := int(d.Round(time.Minute).Minutes())
	if m < 60 {
		return fmt.Sprintf("%d min", m)
	}
	return strings.TrimSuffix(fmt.Sprintf("%d h %d min", m/60, m%60), " 0 min")
}

// marks places revisions on the axis; those that are too near to each other share a mark.
func (v *WaterfallView) marks(f boards.Waterfall) {
	for i := 0; i < len(f.Marks); {
		m, n := f.Marks[i], i
		title := "First built " + m.At.UTC().Format(clock) + " UTC:"
		for ; n < len(f.Marks) && f.Marks[n].Top-m.Top < markSpace; n++ {
			if n-i < maxTold {
				title += "\n" + page.OneLine(f.Marks[n].Project, 60) + " " + page.OneLine(weir.ShortRevision(f.Marks[n].Revision), 24)
			}
		}
		mark := FallMark{Y: m.Top, URL: address("/console", "project", m.Project), Title: title, Text: page.OneLine(m.Project, 9)}
		if n-i > 1 {
			mark.Text += fmt.Sprintf(" +%d", n-i-1)
		}
		v.Marks = append(v.Marks, mark)
		i = n
	}
}

// smallIcons are the symbols on blocks, which are defined once in their size.
var smallIcons = [...]string{page.KindPass, page.KindFail, page.KindBroken, page.KindTimeout, page.KindInfra, page.KindOff, page.KindWait, page.KindRun, page.KindFlaky, page.KindGone}

// maxTold is how many revisions a mark names.
const maxTold = 12

// markSpace is how far from each other the words of marks must be.
const markSpace = 13

func took(b boards.Block) string {
	if d := b.Ended.Sub(b.Started); d > 0 {
		if d > time.Second {
			d = d.Truncate(time.Second)
		}
		return ", " + page.Duration(d)
	}
	return ""
}

// lines lists the builds, newest first.
func (v *WaterfallView) lines(f boards.Waterfall) {
	blocks := slices.Clone(f.Blocks)
	slices.SortStableFunc(blocks, func(a, b boards.Block) int { return b.Started.Compare(a.Started) })
	for _, b := range blocks {
		s := signOf(b.Grade, b.Outcome)
		line := FallLine{Builder: v.Heads[b.Column].Title, Number: strconv.FormatInt(int64(b.Build), 10), URL: page.BuildURL(b.Build), Class: s.class, Icon: s.icon,
			Word: s.word, Revision: page.OneLine(weir.ShortRevision(b.Revision), 24), Worker: page.OneLine(b.Worker, 40), At: page.At(b.Started, f.At)}
		line.Took = strings.TrimPrefix(took(b), ", ")
		v.Lines = append(v.Lines, line)
	}
}
