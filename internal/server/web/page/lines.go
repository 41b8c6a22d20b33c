package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// BuildLine is a build in a list.
type BuildLine struct {
	ID       weir.BuildID
	URL      string
	Name     string // of its builder
	Platform string
	Mark     Mark
	Revision string
	Cause    string
	Worker   string
	At       When     // started, or finished, or made
	Took     string   // how long it ran; empty if it did not
	News     NewsView // what changed in it
	Quiet    bool     // no news: as before, or an answer to a question about what is known to be bad
}

// NewBuildLine puts a build into a list, as seen from now.
func NewBuildLine(b weir.Build, now time.Time) BuildLine {
	line := BuildLine{ID: b.ID, URL: BuildURL(b.ID), Name: OneLine(b.Builder.Project+"/"+b.Builder.Job+cell(b), MaxName),
		Platform: OneLine(string(b.Builder.Platform), MaxName), Mark: BuildMark(b),
		Revision: OneLine(weir.ShortRevision(b.Revision()), 40), Cause: CauseWord(b.Cause), Worker: OneLine(b.Worker, MaxName),
		News: NewNews(b.Changes), Quiet: (b.Judgement == weir.Settled || b.Judgement == weir.Answering) && b.Changes.Worse() == 0}
	switch {
	case !b.Finished.IsZero():
		line.At = At(b.Finished, now)
	case !b.Started.IsZero():
		line.At = At(b.Started, now)
	default:
		line.At = At(b.Created, now)
	}
	if b.State.Final() { // of what runs, At says as much
		line.Took = Took(b, now)
	}
	return line
}

func cell(b weir.Build) string {
	text := ""
	for _, part := range []string{b.Builder.Cell, b.Builder.Branch} {
		if part != "" {
			text += " " + part
		}
	}
	return text
}

// Took is for how long a build ran, or has run until now; empty if it has not begun.
func Took(b weir.Build, now time.Time) string {
	switch {
	case b.Started.IsZero():
		return ""
	case !b.Finished.IsZero():
		return Duration(b.Finished.Sub(b.Started))
	case b.State == weir.Running:
		return Duration(now.Sub(b.Started).Truncate(time.Second))
	}
	return ""
}

// NewsView says what is not as it was.
type NewsView struct {
	Text   string // "3 newly failing"; may be empty
	Better bool   // all of it is good news
}

// NewNews says what is not as it was in a build, worst first.
func NewNews(c weir.VerdictCounts) NewsView {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{
		{c.NewlyFailing, "newly failing"}, {c.FailingDifferently, "failing differently"}, {c.Vanished, "vanished"},
		{c.NewlySkipped, "newly skipped"}, {c.Masked, "masked"}, {c.Flaky, "flaky"}, {c.Fixed, "fixed"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", Thousands(int64(p.n)), p.word))
		}
	}
	return NewsView{Text: strings.Join(parts, ", "), Better: len(parts) == 1 && c.Fixed > 0}
}
