package web

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/history"
)

// HistoryView is the page of one test: how it is on each builder, since when,
// and how often it fails.
type HistoryView struct {
	Project  string
	Test     string
	Where    string // compares the builders; empty if there is nothing to compare
	Builders []PastView
}

// PastView is a test's past on one builder.
type PastView struct {
	ID       string // of its section
	Builder  string
	Platform string
	Mark     Mark
	Since    string // "build 812"
	SinceURL string
	SinceAt  When
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
	Mark    Mark
	Text    string
	FromURL string // may be empty
	From    string
}

// MoveLine is one change.
type MoveLine struct {
	Mark           Mark
	URL            string
	Build          string // "build 41"
	At             When
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

// testURL is the page of a test.
func testURL(b weir.Builder, id weir.TestID) string {
	q := url.Values{"project": {b.Project}, "job": {b.Job}, "name": {id.Name}}
	if id.Suite != "" {
		q.Set("suite", id.Suite)
	}
	return "/tests?" + q.Encode()
}

func (s *Site) test(w http.ResponseWriter, r *http.Request) {
	in := r.URL.Query()
	q := farm.TestQuery{Project: in.Get("project"), Job: in.Get("job"), Test: weir.TestID{Suite: in.Get("suite"), Name: in.Get("name")}}
	if q.Project == "" || q.Test.Name == "" {
		s.Fail(w, r, weir.Errorf(weir.Invalid, "the address of a test has its project and its name").
			WithHint("follow the link on the page of a build that ran it"))
		return
	}
	after, err := s.farm.LastEvent(r.Context())
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	h, err := s.farm.TestHistory(r.Context(), q)
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	v := historyView(h, s.now())
	s.render(w, r, http.StatusOK, s.page(r, v.Test, "", "build", after), historyPage(v))
}

func historyView(h farm.TestHistory, now time.Time) HistoryView {
	v := HistoryView{Project: oneLine(h.Project, maxName), Test: testName(h.Test), Where: whereText(h.Where)}
	for i, b := range h.Builders {
		p := pastView(b, now)
		p.ID = fmt.Sprintf("on-%d", i+1)
		v.Builders = append(v.Builders, p)
	}
	return v
}

func pastView(b farm.BuilderHistory, now time.Time) PastView {
	v := PastView{Builder: oneLine(b.Builder.Name(), maxName), Platform: oneLine(string(b.Builder.Platform), maxName),
		Mark: presentMark(b), Says: oneLine(b.Says, maxMessage), Strip: stripView(b.Segments)}
	v.Since, v.SinceURL = pointText(b.Since.Point)
	v.SinceAt = when(b.Since.At, now)
	if b.Since.Latest > b.Since.Earliest {
		v.Began = fmt.Sprintf("it began between its builds no. %s and %s, with 99 %%", thousands(int64(b.Since.Earliest)), thousands(int64(b.Since.Latest)))
	}
	if b.Rate.Runs > 0 && !b.Now.Removed {
		v.Rate = "fails in " + history.RateText(b.Rate.Interval)
		v.Runs = fmt.Sprintf("%s of %s", thousands(int64(b.Rate.Failures)), count(b.Rate.Runs, "run", "runs"))
	}
	for _, c := range b.Changes {
		v.Changes = append(v.Changes, moveLine(c, now))
	}
	if b.Older > 0 {
		v.Older = "and " + count(b.Older, "older change", "older changes")
	}
	return v
}

// pointText names a build; its URL is empty if it is not known.
func pointText(p history.Point) (text, address string) {
	switch {
	case p.Build > 0:
		return fmt.Sprintf("build %d", p.Build), buildURL(p.Build)
	case p.Number > 0:
		return "its build no. " + thousands(int64(p.Number)), ""
	}
	return "", ""
}

// presentMark says how a test stands after the newest build.
func presentMark(b farm.BuilderHistory) Mark {
	switch {
	case b.Now.Removed:
		return Mark{markOff, "taken out"}
	case b.Now.Masked.Number > 0:
		return Mark{markNone, "does not run"}
	}
	return segmentMark(history.Segment{Status: b.Now.Status})
}

// segmentMark says what a test did in most builds of a segment, or that it did
// now this and now that.
func segmentMark(s history.Segment) Mark {
	switch s.Status {
	case weir.Pass, weir.ExpectedFailure:
		if s.Failures+s.Flakes > 0 {
			return Mark{markFlaky, "passing, not always"}
		}
		if s.Status == weir.ExpectedFailure {
			return Mark{markPass, "failing as expected"}
		}
		return Mark{markPass, "passing"}
	case weir.Fail:
		return Mark{markFail, "failing"}
	case weir.Fault:
		return Mark{markBroken, "failing with an error"}
	case weir.Skip:
		return Mark{markOff, "skipped"}
	case weir.Absent:
		return Mark{markNone, "does not run"}
	}
	return Mark{markNone, "unknown"}
}

// stripView draws segments: each has some width, the rest is theirs by builds.
func stripView(segments []history.Segment) StripView {
	left := max(0, len(segments)-maxSegments)
	v := StripView{Width: stripWidth, Label: "How it was: " + count(len(segments), "segment", "segments")}
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
	line := MoveLine{Mark: verdictMark(c.Change.Verdict), At: when(c.At, now), What: statusMark(c.Change.To).Word,
		Cause: incidentWords[c.Change.Cause], Message: block(c.Change.Message, maxMessage), Absolved: c.Absolved}
	if c.Change.From != "" {
		line.What = fromWord(c.Change.From) + " → " + line.What
	}
	line.What = line.Mark.Word + ": " + line.What
	line.Build, line.URL = pointText(c.Point)
	for _, m := range c.Moved[:min(len(c.Moved), maxMoved)] {
		line.Moved = append(line.Moved, MovedPin{oneLine(m.Project, maxName), revisionText(m.From), revisionText(m.To)})
	}
	line.MoreMoved = len(c.Moved) - len(line.Moved)
	return line
}

func revisionText(rev string) string {
	if rev == "" {
		return "none"
	}
	return oneLine(weir.ShortRevision(rev), 60)
}

// whereText compares the builders in words.
func whereText(w history.Where) string {
	const some = 6 // builders that are named
	names := func(all []string) string {
		var clean []string
		for _, n := range all {
			clean = append(clean, oneLine(n, maxName))
		}
		return list(clean, some)
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
