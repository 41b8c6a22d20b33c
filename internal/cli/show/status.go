package show

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

// Status prints how the whole farm stands: open regressions, what runs, each
// builder's newest builds, workers and sources that need attention.
func Status(w io.Writer, o client.Overview) {
	if len(o.Regressions) == 0 {
		fmt.Fprintln(w, "no open regressions")
	} else {
		Regressions(w, o.Regressions, o.At)
		if more := o.Open - len(o.Regressions); more > 0 {
			fmt.Fprintf(w, "and %d more\n", more)
		}
	}
	fmt.Fprintf(w, "\nrunning %d, queued %d, blocked %d", len(o.Running), o.Queue[weir.Queued], o.Queue[weir.Blocked])
	if o.Doubted > 0 {
		fmt.Fprintf(w, ", %d run again because something is newly bad", o.Doubted)
	}
	fmt.Fprintln(w)
	for _, b := range o.Running {
		fmt.Fprintf(w, "  build %d  %s  on %s  %s\n", b.ID, Safe(b.Builder.Name()), Safe(b.Worker), Age(o.At, b.Started))
	}
	for _, b := range o.Waiting {
		fmt.Fprintf(w, "  build %d  %s  %s\n", b.ID, Safe(b.Builder.Name()), Safe(b.Waits.Text))
	}
	if more := o.Queue[weir.Queued] + o.Queue[weir.Blocked] - len(o.Waiting); len(o.Waiting) > 0 && more > 0 {
		fmt.Fprintf(w, "  and %d more that wait\n", more)
	}
	if len(o.Builders) > 0 {
		fmt.Fprintln(w)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, row := range o.Builders {
		var marks strings.Builder
		for _, b := range row.Recent {
			marks.WriteString(mark(b))
		}
		last := ""
		if len(row.Recent) > 0 {
			last = buildLine(row.Recent[0])
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", Safe(row.Builder.Name()), marks.String(), last)
	}
	t.Flush()
	writeIdle(w, o.Workers, o.At)
	if len(o.Workers) == 0 {
		fmt.Fprint(w, "\nno worker has said hello yet: start one with weir worker, or use weir up\n")
	}
	Setup(w, o.Config)
	for _, s := range o.Sources {
		if s.Error != "" {
			fmt.Fprintf(w, "\nsource of %s does not answer: %s\n", Safe(s.Project), Safe(s.Error))
		}
	}
}

// mark is one build as one letter: its outcome by shape, not by colour.
func mark(b weir.Build) string {
	if !b.State.Final() {
		return "·"
	}
	if b.Hollow() { // green, and nothing was tested
		return "○"
	}
	switch b.Outcome {
	case weir.Passed:
		return "✓"
	case weir.Failed:
		return "✗"
	case weir.Broken:
		return "!"
	case weir.TimedOut:
		return "t"
	case weir.Infra:
		return "?"
	}
	return "-"
}

// buildLine says in few words how a build ended.
func buildLine(b weir.Build) string {
	s := fmt.Sprintf("build %d %s", b.ID, b.State)
	if b.State.Final() {
		s = fmt.Sprintf("build %d %s", b.ID, b.Outcome)
	}
	if n := b.Counts.Total(); n > 0 {
		s += fmt.Sprintf(", %d of %d tests bad", b.Counts.Bad(), n)
	}
	if b.Hollow() {
		s += ", none ran"
	}
	if n := b.Changes.Worse(); n > 0 {
		s += fmt.Sprintf(", %d newly", n)
	}
	if hidden := b.Ledger.String(); hidden != "" {
		s += "; " + Safe(hidden)
	}
	return s
}
