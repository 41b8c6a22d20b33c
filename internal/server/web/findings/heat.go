package findings

import (
	"fmt"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/signature"
)

// heatBuilds is how many settled builds a row draws.
const heatBuilds = 60

// heat replays the newest settled builds of a builder, oldest first: between two
// changes every build said the same. The builds of changes are linked.
func heat(b farm.BuilderHistory) ([]page.Mark, []page.SparkLink) {
	last := b.Present().To.Number
	if len(b.Changes) > 0 {
		last = max(last, b.Changes[0].Number)
	}
	first := max(last-heatBuilds+1, 1)
	if known := knownFrom(b); known > first {
		first = known
	}
	if last < first {
		return nil, nil
	}
	marks := make([]page.Mark, last-first+1)
	var links []page.SparkLink
	status, at := b.Now.Status, last // how it was from the change that is looked at on, up to at
	fill := func(from int, s weir.Status) {
		for n := max(from, first); n <= at; n++ {
			marks[n-first] = page.StatusMark(s)
		}
		at = min(at, from-1)
	}
	for _, c := range b.Changes { // newest first
		if c.Number < 1 || c.Number > at+1 {
			continue
		}
		flaked := c.Change.Verdict == weir.Flaky || c.Absolved
		fill(c.Number+1, status)
		here := c.Change.To
		if status = c.Change.From; status == "" {
			status = weir.Absent
		}
		if c.Number >= first {
			m := page.StatusMark(here)
			if flaked {
				m = page.VerdictMark(weir.Flaky)
			}
			marks[c.Number-first] = m
			if text, address := pointText(c.Point); address != "" {
				links = append(links, page.SparkLink{At: c.Number - first, URL: address, Title: fmt.Sprintf("%s: %s", text, page.VerdictMark(c.Change.Verdict).Word)})
			}
		}
		at = min(at, c.Number-1)
	}
	fill(first, status)
	return marks, links
}

// knownFrom is the number of the first build of which anything is known.
func knownFrom(b farm.BuilderHistory) int {
	if len(b.Segments) > 0 {
		return b.Segments[0].From.Number
	}
	if n := len(b.Changes); n > 0 {
		return b.Changes[n-1].Number
	}
	return 0
}

// signatureOf is what a failure says, without what changes from run to run.
func signatureOf(c weir.TestChange) string {
	if c.Signature != "" && c.Signature != weir.AnySignature {
		return c.Signature
	}
	return signature.Of(c.Message, "").Key
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

// Limits of the drawing.
const (
	stripWidth  = 360
	stripLeast  = 18 // units of one segment
	maxSegments = 16 // drawn and listed, the newest
	fewSegments = 6  // are listed at once
)

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
