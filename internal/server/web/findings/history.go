package findings

import (
	"fmt"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// HistoryView is the page of one test: how it is on each builder, since when,
// and how often it fails.
type HistoryView struct {
	Project  string
	Test     string
	Where    string // compares the builders; empty if there is nothing to compare
	FlakyURL string // of the project's flaky tests
	Builders []PastView
}

// PastView is a test's past on one builder.
type PastView struct {
	ID       string // of its section
	Builder  string
	Platform string
	Mark     page.Mark
	Since    string // "build 812"
	SinceURL string
	SinceAt  page.When
	Began    string // "between its 40th and 44th build, with 99 %"; empty if that is known exactly
	Rate     string // "fails in 0.17 % of runs (95 %: 0.02 % to 0.5 %)"; empty if it does not run
	Runs     string // on which that rests
	Says     string // all of it in one sentence
	Strip    StripView
	Changes  []MoveLine
	Older    string // "and 12 older changes"; empty if all are listed
}

// StripView draws the segments, the oldest on the left.
type StripView struct {
	Label string // the drawing in one sentence
	Width int    // in its own units
	Parts []StripPart
	Lines []SegmentLine // the same in words, the newest first
	Open  bool          // the words are shown at once
}

// StripPart is one segment in the drawing.
type StripPart struct {
	X, Width int
	MarkX    int
	Kind     string // of its mark
	Title    string
}

// SegmentLine is one segment in words.
type SegmentLine struct {
	Mark    page.Mark
	Text    string
	FromURL string // may be empty
	From    string
}

// MoveLine is one change.
type MoveLine struct {
	Mark           page.Mark
	URL            string
	Build          string // "build 41"
	At             page.When
	What           string // "newly failing: passed → failed"
	Cause, Message string
	Absolved       bool
	Moved          []MovedPin
	MoreMoved      int
}

// MovedPin is a project whose revision moved.
type MovedPin struct{ Project, From, To string }

// Limits of the page.
const (
	stripWidth  = 360
	stripLeast  = 18 // units of one segment
	maxSegments = 16 // drawn and listed, the newest
	fewSegments = 6  // are listed at once
	maxMoved    = 12 // pins of one change
)

// NewHistoryView makes the page of a test, as seen from now.
func NewHistoryView(h farm.TestHistory, now time.Time) HistoryView {
	v := HistoryView{Project: page.OneLine(h.Project, page.MaxName), Test: page.TestName(h.Test), Where: whereText(h.Where),
		FlakyURL: FlakyURL(h.Project)}
	for i, b := range h.Builders {
		p := pastView(b, now)
		p.ID = fmt.Sprintf("on-%d", i+1)
		v.Builders = append(v.Builders, p)
	}
	return v
}

func pastView(b farm.BuilderHistory, now time.Time) PastView {
	v := PastView{Builder: page.OneLine(b.Builder.Name(), page.MaxName), Platform: page.OneLine(string(b.Builder.Platform), page.MaxName),
		Mark: presentMark(b), Says: page.OneLine(b.Says, page.MaxMessage), Strip: stripView(b.Segments)}
	v.Since, v.SinceURL = pointText(b.Since.Point)
	v.SinceAt = page.At(b.Since.At, now)
	if b.Since.Latest > b.Since.Earliest {
		v.Began = fmt.Sprintf("it began between its builds no. %s and %s, with 99 %%", page.Thousands(int64(b.Since.Earliest)), page.Thousands(int64(b.Since.Latest)))
	}
	if b.Rate.Runs > 0 && !b.Now.Removed {
		v.Rate = "fails in " + history.RateText(b.Rate.Interval)
		v.Runs = fmt.Sprintf("%s of %s", page.Thousands(int64(b.Rate.Failures)), page.Count(b.Rate.Runs, "run", "runs"))
	}
	for _, c := range b.Changes {
		v.Changes = append(v.Changes, moveLine(c, now))
	}
	if b.Older > 0 {
		v.Older = "and " + page.Count(b.Older, "older change", "older changes")
	}
	return v
}

// pointText names a build; its URL is empty if it is not known.
func pointText(p history.Point) (text, address string) {
	switch {
	case p.Build > 0:
		return fmt.Sprintf("build %d", p.Build), page.BuildURL(p.Build)
	case p.Number > 0:
		return "its build no. " + page.Thousands(int64(p.Number)), ""
	}
	return "", ""
}

// presentMark says how a test stands after the newest build.
func presentMark(b farm.BuilderHistory) page.Mark {
	switch {
	case b.Now.Removed:
		return page.Mark{Kind: page.KindOff, Word: "taken out"}
	case b.Now.Masked.Number > 0:
		return page.Mark{Kind: page.KindNone, Word: "does not run"}
	}
	return segmentMark(history.Segment{Status: b.Now.Status})
}

// segmentMark says what a test did in most builds of a segment, or that it did
// now this and now that.
func segmentMark(s history.Segment) page.Mark {
	switch s.Status {
	case weir.Pass, weir.ExpectedFailure:
		if s.Failures+s.Flakes > 0 {
			return page.Mark{Kind: page.KindFlaky, Word: "passing, not always"}
		}
		if s.Status == weir.ExpectedFailure {
			return page.Mark{Kind: page.KindPass, Word: "failing as expected"}
		}
		return page.Mark{Kind: page.KindPass, Word: "passing"}
	case weir.Fail:
		return page.Mark{Kind: page.KindFail, Word: "failing"}
	case weir.Fault:
		return page.Mark{Kind: page.KindBroken, Word: "failing with an error"}
	case weir.Skip:
		return page.Mark{Kind: page.KindOff, Word: "skipped"}
	case weir.Absent:
		return page.Mark{Kind: page.KindNone, Word: "does not run"}
	}
	return page.Mark{Kind: page.KindNone, Word: "unknown"}
}

// stripView draws segments: each has some width, the rest is theirs by builds.
func stripView(segments []history.Segment) StripView {
	left := max(0, len(segments)-maxSegments)
	v := StripView{Width: stripWidth, Label: "How it was: " + page.Count(len(segments), "segment", "segments")}
	if left > 0 {
		v.Label += fmt.Sprintf(", of which the newest %d are drawn", maxSegments)
	}
	segments = segments[left:]
	v.Open = len(segments) > 1 && len(segments) <= fewSegments
	builds := 0
	for _, s := range segments {
		builds += s.Builds
	}
	x := 0
	spare := stripWidth - stripLeast*len(segments)
	for i, s := range segments {
		m := segmentMark(s)
		width := stripLeast + spare*s.Builds/max(builds, 1)
		if i == len(segments)-1 {
			width = stripWidth - x
		}
		v.Parts = append(v.Parts, StripPart{X: x, Width: width, MarkX: x + width/2 - 7, Kind: m.Kind, Title: s.String()})
		x += width
		line := SegmentLine{Mark: m, Text: s.String()}
		line.From, line.FromURL = pointText(s.From)
		v.Lines = append([]SegmentLine{line}, v.Lines...)
	}
	return v
}

func moveLine(c farm.TestMove, now time.Time) MoveLine {
	line := MoveLine{Mark: page.VerdictMark(c.Change.Verdict), At: page.At(c.At, now), What: page.StatusMark(c.Change.To).Word,
		Cause: page.IncidentWord(c.Change.Cause), Message: page.Block(c.Change.Message, page.MaxMessage), Absolved: c.Absolved}
	if c.Change.From != "" {
		line.What = page.StatusWord(c.Change.From) + " → " + line.What
	}
	line.What = line.Mark.Word + ": " + line.What
	line.Build, line.URL = pointText(c.Point)
	for _, m := range c.Moved[:min(len(c.Moved), maxMoved)] {
		line.Moved = append(line.Moved, MovedPin{page.OneLine(m.Project, page.MaxName), revisionText(m.From), revisionText(m.To)})
	}
	line.MoreMoved = len(c.Moved) - len(line.Moved)
	return line
}

func revisionText(rev string) string {
	if rev == "" {
		return "none"
	}
	return page.OneLine(weir.ShortRevision(rev), 60)
}

// whereText compares the builders in words.
func whereText(w history.Where) string {
	const some = 6 // builders that are named
	names := func(all []string) string {
		var clean []string
		for _, n := range all {
			clean = append(clean, page.OneLine(n, page.MaxName))
		}
		return page.List(clean, some)
	}
	text := ""
	switch w.Spread {
	case history.OnlyHere:
		text = fmt.Sprintf("Only here: on %s it fails in %s, and on %s in %s.", names(w.Here), history.RateText(w.HereRate), names(w.There), history.RateText(w.ThereRate))
	case history.Everywhere:
		text = fmt.Sprintf("Everywhere: it is bad on all %d builders that run it.", len(w.Here))
	case history.Alike:
		text = fmt.Sprintf("Alike: on the %d builders that run it, it fails in %s.", len(w.Here), history.RateText(w.HereRate))
	}
	if len(w.Silent) > 0 && len(w.Here)+len(w.There) > 0 {
		text += " It does not run on " + names(w.Silent) + "."
	}
	return text
}
