package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// levels of use are told apart by how dark a cell is.
const levels = 4

// StripView is how a worker was in use: a cell an hour.
type StripView struct {
	Width, Height int
	Label         string
	Paths         [levels + 1]string // cells of each level; 0 is idle
	Trouble       string             // marks of hours with infrastructure errors or losses
	Texts         []StripText
}

// StripText is a label beside the cells.
type StripText struct {
	X, Y int
	Text string
	End  bool // it ends there
}

// level is how dark a cell is.
func level(use float64) int {
	if use <= 0 {
		return 0
	}
	return min(levels, 1+int(use*levels*.999))
}

// Sizes of cells, in pixels.
const (
	hourWidth, hourHeight = 6, 14 // in the strip of a day
	cellWidth, cellHeight = 19, 8 // in the calendar of a month
	leftEdge, topEdge     = 34, 16
)

// dayStrip draws the last 24 hours in one line.
func dayStrip(hours []roster.Hour, now time.Time) StripView {
	v := StripView{Width: 24 * hourWidth, Height: hourHeight}
	first := now.UTC().Truncate(time.Hour).Add(-23 * time.Hour)
	byHour := index(hours)
	var paths [levels + 1]strings.Builder
	var marks strings.Builder
	busy := 0
	for i := range 24 {
		h := byHour[first.Add(time.Duration(i)*time.Hour)]
		cell(&paths[level(h.Use)], i*hourWidth, 0, hourWidth-1, hourHeight)
		if h.Use > 0 {
			busy++
		}
		if h.Infra+h.Lost > 0 {
			diamond(&marks, i*hourWidth+hourWidth/2, hourHeight/2, 3)
		}
	}
	v.set(paths, &marks)
	v.Label = fmt.Sprintf("at work in %d of the last 24 hours", busy)
	return v
}

// calendar draws a month: a column a day, a row an hour.
func calendar(h roster.History, now time.Time) StripView {
	v := StripView{Width: leftEdge + roster.Days*cellWidth, Height: topEdge + 24*cellHeight}
	byHour := index(h.Hours)
	var paths [levels + 1]strings.Builder
	var marks strings.Builder
	busy, trouble := 0, 0
	for day, sum := range h.Days {
		x := leftEdge + day*cellWidth
		if sum.From.Weekday() == time.Monday || day == 0 && sum.From.Weekday() < time.Saturday && sum.From.Weekday() > time.Sunday {
			v.Texts = append(v.Texts, StripText{X: x, Y: topEdge - 5, Text: sum.From.Format("2 Jan")})
		}
		for hour := range 24 {
			at := sum.From.Add(time.Duration(hour) * time.Hour)
			if at.After(now) {
				break
			}
			use := byHour[at]
			y := topEdge + hour*cellHeight
			cell(&paths[level(use.Use)], x, y, cellWidth-1, cellHeight-1)
			if use.Use > 0 {
				busy++
			}
			if use.Infra+use.Lost > 0 {
				diamond(&marks, x+cellWidth/2, y+cellHeight/2-1, 4)
				trouble++
			}
		}
	}
	for _, hour := range []int{0, 6, 12, 18} {
		v.Texts = append(v.Texts, StripText{X: leftEdge - 5, Y: topEdge + hour*cellHeight + cellHeight + 1, Text: fmt.Sprintf("%02d h", hour), End: true})
	}
	v.set(paths, &marks)
	v.Label = fmt.Sprintf("at work in %s of the last %d days, with trouble in %d; a column a day, a row an hour in UTC", page.Count(busy, "hour", "hours"), roster.Days, trouble)
	return v
}

func index(hours []roster.Hour) map[time.Time]roster.Hour {
	out := make(map[time.Time]roster.Hour, len(hours))
	for _, h := range hours {
		out[h.Hour.UTC()] = h
	}
	return out
}

func (v *StripView) set(paths [levels + 1]strings.Builder, marks *strings.Builder) {
	for i := range paths {
		v.Paths[i] = paths[i].String()
	}
	v.Trouble = marks.String()
}

func cell(b *strings.Builder, x, y, w, h int) { fmt.Fprintf(b, "M%d %dh%dv%dh-%dz", x, y, w, h, w) }

func diamond(b *strings.Builder, x, y, r int) {
	fmt.Fprintf(b, "M%d %dl%d %dl-%d %dl-%d-%dz", x, y-r, r, r, r, r, r, r)
}
