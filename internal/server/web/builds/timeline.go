package builds

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// TimelineView draws when an attempt waited, and when each of its steps ran. Its
// lengths are shares of the drawing's width, such as "12.5%".
type TimelineView struct {
	Label  string // the drawing in words
	Height int    // pixels
	Bars   []TimelineBar
	More   int // steps that are not drawn
}

// TimelineBar is one span of time.
type TimelineBar struct {
	Kind     string // of mark
	Class    string // "wait", "own" (a step of the recipe) or "theirs" (one of the worker)
	Y, TextY int
	X, Width string
	TextX    string
	Anchor   string // of the text: start or end
	Text     string
	Title    string
	URL      string // of the step; may be empty
}

// What a timeline looks like.
const (
	timelineRow  = 26  // pixels
	maxBars      = 40  // steps
	waitShare    = 20  // percent that waiting takes at most: it is not what one looks at
	leastBar     = 0.4 // percent
	turnText     = 45  // percent from which on a text stands before the end of its bar
	maxBarLetter = 36
)

// timelineOf draws an attempt; nothing if it has not begun.
func timelineOf(d farm.BuildDetail, shown int, now time.Time) (v TimelineView) {
	a := d.Attempts[shown]
	since := d.Build.Created
	if shown > 0 {
		since = d.Attempts[shown-1].Ended
	}
	end := a.Ended
	if end.IsZero() {
		end = now
	}
	span := end.Sub(a.Leased)
	if span <= 0 || a.Leased.IsZero() {
		return v
	}
	waited := max(0, a.Leased.Sub(since))
	if since.IsZero() {
		waited = 0
	}
	wait := min(100*waited.Seconds()/(waited+span).Seconds(), waitShare)
	place := func(t time.Time) float64 {
		return min(max(wait+(100-wait)*t.Sub(a.Leased).Seconds()/span.Seconds(), wait), 100)
	}
	var words []string
	add := func(bar TimelineBar, from, to float64) {
		n := len(v.Bars)
		to = min(max(to, from+leastBar), 100)
		bar.Y, bar.TextY = n*timelineRow+15, n*timelineRow+11
		bar.X, bar.Width = percent(min(from, 100-leastBar)), percent(to-min(from, 100-leastBar))
		bar.TextX, bar.Anchor = percent(from), "start"
		if from > turnText {
			bar.TextX, bar.Anchor = percent(to), "end"
		}
		v.Bars = append(v.Bars, bar)
		words = append(words, bar.Title)
	}
	if waited >= time.Second {
		title := "waited " + page.Duration(waited)
		add(TimelineBar{Kind: page.KindWait, Class: "wait", Text: title, Title: title + " for a worker"}, 0, wait)
	}
	for _, s := range ended(a) {
		if s.Started.IsZero() {
			continue
		}
		if len(v.Bars) == maxBars {
			v.More++
			continue
		}
		m := page.StepMark(s.State)
		until, took := s.Ended, ""
		if until.IsZero() {
			until = end
		}
		took = page.Duration(until.Sub(s.Started))
		name := page.OneLine(s.Name, maxBarLetter)
		bar := TimelineBar{Kind: m.Kind, Class: "own", Text: name + " " + took, Title: name + " " + m.Word + ", " + took,
			URL: fmt.Sprintf("#step-%d", s.Index)}
		if !slices.ContainsFunc(d.Spec.Job.Steps, func(w weir.Step) bool { return w.Name == s.Name }) {
			bar.Class = "theirs"
			bar.Title += ", by the worker itself"
		}
		add(bar, place(s.Started), place(until))
	}
	v.Height = len(v.Bars)*timelineRow + 2
	v.Label = "When what ran: " + strings.Join(words, "; ")
	return v
}

func percent(f float64) string { return fmt.Sprintf("%.2f%%", f) }
