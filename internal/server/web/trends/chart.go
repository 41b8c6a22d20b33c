package trends

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/changepoint"
	"github.com/weir-ci/weir/internal/farm/trends"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Sizes of a chart, in units of its drawing.
const (
	width, height = 460, 160
	left, right   = 52, 14
	top, bottom   = 14, 22
)

// Limits of a chart.
const (
	maxDrawn = 200 // points, the newest
	maxLinks = 40  // points that can be pointed at
	maxRows  = 24  // of the table
)

// Chart is a series, drawn.
type Chart struct {
	ID, Title    string
	Label        string // what it shows, in words
	Last         string // the newest value
	Better       string // in which direction; may be empty
	Line         string // path through all points
	Points       string // path with a spot at each
	Dots         []Dot
	Levels       []Level
	Marks        []float64 // where levels change, x
	Ticks        []Tick    // of the values
	From, To     string    // first and last day
	LastX, LastY string
	Shifts       []ShiftLine
	Rows         []PointRow
	More         int // rows that are left out
	Brief        bool
}

// Dot is a point that leads to its build.
type Dot struct{ X, Y, URL, Text string }

// Level is the median between two shifts.
type Level struct{ X1, X2, Y string }

// Tick is a line across the chart, and its value.
type Tick struct{ Y, Text string }

// ShiftLine says in words how a level changed.
type ShiftLine struct {
	Mark     page.Mark
	Change   string
	Build    weir.BuildID
	URL      string
	Revision string
	At       page.When
	Worse    bool
}

// PointRow is a row of the table.
type PointRow struct {
	Build weir.BuildID
	URL   string
	Value string
	At    page.When
	Shift bool // the first of a new level
}

// scale is how values of a series are written.
type scale struct {
	factor float64
	unit   string
	whole  bool
}

// newScale chooses a unit in which some values can be read.
func newScale(unit string, values ...float64) scale {
	largest, whole := 0.0, true
	for _, v := range values {
		largest = math.Max(largest, math.Abs(v))
		whole = whole && v == math.Trunc(v)
	}
	switch {
	case unit == "s" && largest >= 7200:
		return scale{1.0 / 3600, "h", false}
	case unit == "s" && largest >= 120:
		return scale{1.0 / 60, "min", false}
	case unit == "s" && largest < 1:
		return scale{1000, "ms", true}
	case unit == "":
		return scale{1, "", whole}
	}
	return scale{1, page.OneLine(unit, 20), whole && unit != "s"}
}

// text writes a value, with its unit.
func (s scale) text(v float64) string {
	v *= s.factor
	var number string
	switch a := math.Abs(v); {
	case s.whole && a < 1e15:
		number = page.Thousands(int64(math.Round(v)))
	case a >= 1e6 || a != 0 && a < 1e-3:
		number = strconv.FormatFloat(v, 'g', 4, 64)
	case a >= 100:
		number = strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 1:
		number = strconv.FormatFloat(v, 'f', 1, 64)
	default:
		number = strconv.FormatFloat(v, 'f', 3, 64)
	}
	return strings.TrimSpace(number + " " + s.unit)
}

// change says how a level changed: "12.1 s → 15.3 s (+26 %)".
func change(s trends.Shift, in scale) string {
	text := in.text(s.Before) + " → " + in.text(s.After)
	if s.Change != 0 {
		percent := s.Change * 100
		if math.Abs(percent) < 10 {
			text += fmt.Sprintf(" (%+.1f %%)", percent)
		} else {
			text += fmt.Sprintf(" (%+.0f %%)", percent)
		}
	}
	return text
}

// axis maps values to heights.
type axis struct{ low, high float64 }

func (a axis) y(v float64) float64 {
	v = math.Min(math.Max(v, a.low), a.high)
	return top + (height-top-bottom)*(1-(v-a.low)/(a.high-a.low))
}

// newAxis makes room for values, from a round number to a round number, and says
// which lines to draw. What is far from zero does not start there. Whole numbers
// get lines at whole numbers.
func newAxis(low, high float64, whole bool) (axis, []float64) {
	if low > 0 && low < high/2 {
		low = 0
	}
	if high-low < 1e-12*math.Max(math.Abs(high), 1) { // all the same
		low, high = low-math.Max(math.Abs(low)*.05, .5), high+math.Max(math.Abs(high)*.05, .5)
	}
	raw := (high - low) / 3
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	step := unit
	for _, f := range []float64{1, 2, 2.5, 5, 10} {
		if step = unit * f; step >= raw {
			break
		}
	}
	if whole {
		step = math.Max(math.Ceil(step), 1)
	}
	a := axis{math.Floor(low/step) * step, math.Ceil(high/step) * step}
	var ticks []float64
	for i := 0; i <= 6; i++ {
		if v := a.low + float64(i)*step; v <= a.high+step/1000 {
			ticks = append(ticks, v)
		}
	}
	return a, ticks
}

// places is how many decimal places the values of an axis need.
func places(step float64) int {
	for n := range 6 {
		if v := step * math.Pow10(n); math.Abs(v-math.Round(v)) < 1e-6*v {
			return n
		}
	}
	return 6
}

func newChart(id string, s trends.Series, brief bool, now time.Time) Chart {
	points, first := s.Points, 0
	if over := len(points) - maxDrawn; over > 0 {
		points, first = points[over:], over
	}
	c := Chart{ID: id, Title: page.OneLine(s.Name, page.MaxName), Brief: brief}
	if !s.Metric && c.Title != "" {
		c.Title = page.UpperFirst(c.Title)
	}
	switch s.Better {
	case trends.Lower:
		c.Better = "less is better"
	case trends.Higher:
		c.Better = "more is better"
	}
	values := make([]float64, len(points))
	low, high := math.Inf(1), math.Inf(-1)
	for i, p := range points {
		values[i] = p.Value
		low, high = math.Min(low, p.Value), math.Max(high, p.Value)
	}
	if len(points) == 0 {
		return c
	}
	in := newScale(s.Unit, values...)
	a, ticks := newAxis(low*in.factor, high*in.factor, in.whole)
	a = axis{a.low / in.factor, a.high / in.factor}
	decimals := places(ticks[1] - ticks[0])
	for _, t := range ticks {
		text := strings.TrimSpace(strconv.FormatFloat(t, 'f', decimals, 64) + " " + in.unit)
		if decimals == 0 && math.Abs(t) < 1e15 {
			text = strings.TrimSpace(page.Thousands(int64(math.Round(t))) + " " + in.unit)
		}
		c.Ticks = append(c.Ticks, Tick{f(a.y(t / in.factor)), text})
	}
	x := func(i int) float64 {
		return left + (width-left-right)*float64(i)/math.Max(float64(len(points)-1), 1)
	}
	var line, spots strings.Builder
	for i, p := range points {
		fmt.Fprintf(&line, "%c%s %s", "ML"[min(i, 1)], f(x(i)), f(a.y(p.Value)))
		fmt.Fprintf(&spots, "M%s %sh0", f(x(i)), f(a.y(p.Value)))
		if i >= len(points)-maxLinks {
			c.Dots = append(c.Dots, Dot{f(x(i)), f(a.y(p.Value)), page.BuildURL(p.Build), fmt.Sprintf("build %d: %s", p.Build, in.text(p.Value))})
		}
	}
	c.Line, c.Points = line.String(), spots.String()
	last := points[len(points)-1]
	c.Last, c.LastX, c.LastY = in.text(last.Value), f(x(len(points)-1)), f(a.y(last.Value))
	c.From, c.To = points[0].At.UTC().Format("2 Jan 2006"), last.At.UTC().Format("2 Jan 2006")
	c.shifts(s, in, first, len(points), x, a, now)
	c.rows(points, in, now)
	c.Label = fmt.Sprintf("%s of %s, from %s to %s: between %s and %s, the newest %s", c.Title, page.Count(len(points), "build", "builds"), c.From, c.To, in.text(low), in.text(high), c.Last)
	for _, shift := range c.Shifts {
		c.Label += fmt.Sprintf("; %s since build %d", shift.Change, shift.Build)
	}
	return c
}

// shifts draws the levels, and says how they changed.
func (c *Chart) shifts(s trends.Series, in scale, first, n int, x func(int) float64, a axis, now time.Time) {
	from := 0
	level := func(to int) {
		if to-from < 2 {
			return
		}
		var part []float64
		for _, p := range s.Points[first+from : first+to] {
			part = append(part, p.Value)
		}
		y := f(a.y(changepoint.Median(part)))
		c.Levels = append(c.Levels, Level{f(x(from)), f(x(to - 1)), y})
	}
	for _, shift := range s.Shifts {
		if at := shift.Index - first; at > 0 && at < n {
			level(at)
			c.Marks = append(c.Marks, (x(at-1)+x(at))/2)
			from = at
		}
		line := ShiftLine{Mark: shiftMark(shift), Worse: shift.Worse, Change: change(shift, in), Build: shift.Build, URL: page.BuildURL(shift.Build),
			Revision: page.OneLine(weir.ShortRevision(shift.Revision), 40), At: page.At(shift.At, now)}
		c.Shifts = append([]ShiftLine{line}, c.Shifts...) // newest first
	}
	level(n)
}

// rows fills the table, newest first.
func (c *Chart) rows(points []trends.Point, in scale, now time.Time) {
	if c.Brief {
		return
	}
	for i := len(points) - 1; i >= 0 && len(c.Rows) < maxRows; i-- {
		p := points[i]
		row := PointRow{Build: p.Build, URL: page.BuildURL(p.Build), Value: in.text(p.Value), At: page.At(p.At, now)}
		for _, s := range c.Shifts {
			row.Shift = row.Shift || s.Build == p.Build
		}
		c.Rows = append(c.Rows, row)
	}
	c.More = len(points) - len(c.Rows)
}

// f writes a coordinate.
func f(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
