package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

// Screen shows a farm in a terminal: a live view that is drawn over itself,
// or plain lines when the output is not a terminal.
type Screen struct {
	Out  io.Writer
	Live bool
	// Width is the terminal's, in columns; lines are cut there when Live.
	Width int

	drawn int                        // lines of the live view
	said  map[weir.RegressionID]bool // printed by Found
	start time.Time
}

// Title starts a new stage.
func (s *Screen) Title(text string) {
	s.clear()
	if s.start.IsZero() {
		s.start = time.Now()
		s.said = map[weir.RegressionID]bool{}
	}
	fmt.Fprintf(s.Out, "%5.1fs  %s\n", time.Since(s.start).Seconds(), text)
}

// Found prints the regressions whose culprit was found since the last call.
func (s *Screen) Found(o client.Overview) {
	s.clear()
	for _, r := range slices.Backward(slices.Concat(o.Regressions, o.Recent)) {
		if r.Culprit.Project == "" || r.State == weir.Merged || s.said[r.ID] {
			continue
		}
		s.said[r.ID] = true
		fmt.Fprintf(s.Out, "        %s %s broke %s\n", r.Culprit.Project, r.Culprit.Revision.Short(), Victims(r))
	}
}

// Show brings the live view up to date.
func (s *Screen) Show(o client.Overview) {
	s.clear()
	if !s.Live {
		return
	}
	lines := s.view(o)
	for _, l := range lines {
		if r := []rune(l); s.Width > 1 && len(r) >= s.Width {
			l = string(r[:s.Width-1])
		}
		fmt.Fprintln(s.Out, l)
	}
	s.drawn = len(lines)
}

func (s *Screen) view(o client.Overview) []string {
	lines := []string{"", fmt.Sprintf("       running %d, queued %d, waiting for a product %d, doubted %d",
		len(o.Running), o.Queue[weir.Queued], o.Queue[weir.Blocked], o.Doubted)}
	for _, r := range o.Regressions {
		if r.State == weir.Searching {
			lines = append(lines, fmt.Sprintf("       who broke %s? %s", Victims(r), r.Note))
		}
	}
	for _, row := range o.Builders {
		var marks strings.Builder
		for i := len(row.Recent) - 1; i >= 0; i-- {
			marks.WriteString(mark(row.Recent[i]))
		}
		lines = append(lines, fmt.Sprintf("       %-24s %s", row.Builder.Project+"/"+row.Builder.Job, marks.String()))
	}
	return lines
}

// mark is one build as one letter.
func mark(b weir.Build) string {
	switch {
	case !b.State.Final():
		return "·"
	case b.Changes.Worse() > 0:
		return "✗"
	case b.Outcome == weir.Passed:
		return "✓"
	case b.Outcome == weir.Failed, b.Outcome == weir.Broken, b.Outcome == weir.TimedOut:
		return "x"
	}
	return "?"
}

// clear removes the live view.
func (s *Screen) clear() {
	if s.drawn > 0 {
		fmt.Fprintf(s.Out, "\x1b[%dA\x1b[J", s.drawn)
		s.drawn = 0
	}
}

// Close leaves the terminal as it should be.
func (s *Screen) Close() { s.clear() }

// Victims sums up who suffers: tests per project.
func Victims(r weir.Regression) string {
	var parts []string
	for _, p := range weir.VictimsByProject(r.Victims) {
		noun := "tests"
		if p.Tests == 1 {
			noun = "test"
		}
		parts = append(parts, fmt.Sprintf("%d %s of %s", p.Tests, noun, p.Project))
	}
	return strings.Join(parts, ", ")
}
