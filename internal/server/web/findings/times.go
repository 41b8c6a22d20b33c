package findings

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/timing"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Times tells how long a test took lately.
type Times interface {
	// Of reads it for the first of some builders, as far as it is kept.
	Of(ctx context.Context, on []timing.Known, test weir.TestID) ([]timing.Series, error)
}

// TimesView is how long a test took on some builders.
type TimesView struct {
	Known bool // it was asked
	Rows  []TimesRow
	Quick bool   // all of them were too short for a time to be kept
	More  string // "and 3 more builders"; empty if all are drawn
}

// TimesRow is how long a test took on one builder.
type TimesRow struct {
	Builder string
	Line    string // of a drawing: the points of a polyline
	Dots    []TimesDot
	Newest  string // how long it took last
	Range   string // "0.3 s to 2 s in 8 builds"
	Label   string // the drawing in one sentence
}

// TimesDot is one build in the drawing.
type TimesDot struct {
	X, Y  string
	Bad   bool
	URL   string
	Title string
}

// Sizes of a drawing.
const (
	timesWidth  = 240
	timesHeight = 36
	timesEdge   = 5
)

// timed are the builders that still have a test.
func timed(h farm.TestHistory) (on []timing.Known) {
	for _, b := range h.Builders {
		if !b.Now.Removed {
			on = append(on, timing.Known{Builder: b.Builder.ID, Bad: b.Now.Status.Bad()})
		}
	}
	return on
}

// timesView reads how long a test took. What cannot be read costs its section, not the page.
func (s *site) timesView(req *http.Request, h farm.TestHistory) TimesView {
	on := timed(h)
	if s.times == nil || len(on) == 0 {
		return TimesView{}
	}
	series, err := s.times.Of(req.Context(), on, h.Test)
	if err != nil {
		s.Log().WarnContext(req.Context(), "times of a test cannot be read", "project", h.Project, "error", err)
		return TimesView{}
	}
	return NewTimesView(h, series, s.Now())
}

// NewTimesView draws how long a test took.
func NewTimesView(h farm.TestHistory, series []timing.Series, now time.Time) TimesView {
	v := TimesView{Known: true, Quick: true}
	names := map[weir.BuilderID]string{}
	for _, b := range h.Builders {
		names[b.Builder.ID] = page.OneLine(builderWithin(b.Builder), page.MaxName)
	}
	for _, s := range series {
		row := timesRow(s, now)
		row.Builder = names[s.Builder]
		row.Label = row.Builder + ": " + row.Range
		for _, p := range s.Points {
			v.Quick = v.Quick && p.Took == 0
		}
		v.Rows = append(v.Rows, row)
	}
	if more := len(timed(h)) - timing.MaxBuilders; more > 0 {
		v.More = "and " + page.Count(more, "more builder", "more builders")
	}
	return v
}

func timesRow(s timing.Series, now time.Time) TimesRow {
	var row TimesRow
	least, most := s.Points[0].Took, time.Duration(0)
	for _, p := range s.Points {
		least, most = min(least, p.Took), max(most, p.Took)
	}
	step := float64(timesWidth-2*timesEdge) / float64(max(len(s.Points)-1, 1))
	var line []string
	for i, p := range s.Points {
		x, y := timesEdge+float64(i)*step, float64(timesHeight-timesEdge)
		if most > 0 {
			y -= (timesHeight - 2*timesEdge) * float64(p.Took) / float64(most)
		}
		dot := TimesDot{X: fmt.Sprintf("%.1f", x), Y: fmt.Sprintf("%.1f", y), Bad: p.Status.Bad(), URL: page.BuildURL(p.Build),
			Title: fmt.Sprintf("build %d: %s, %s, %s", p.Build, page.TestTime(p.Took), page.StatusWord(p.Status), page.At(p.At, now).Rel)}
		row.Dots = append(row.Dots, dot)
		line = append(line, dot.X+","+dot.Y)
	}
	row.Line = strings.Join(line, " ")
	row.Newest = page.TestTime(s.Points[len(s.Points)-1].Took)
	row.Range = fmt.Sprintf("%s to %s in %s", page.TestTime(least), page.TestTime(most), page.Count(len(s.Points), "build", "builds"))
	if least == most {
		row.Range = fmt.Sprintf("%s in %s", page.TestTime(most), page.Count(len(s.Points), "build", "builds"))
	}
	return row
}
