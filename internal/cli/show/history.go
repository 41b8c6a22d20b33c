package show

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/history/beta"
)

// shownMoves is how many changes of a test are printed for a builder.
const shownMoves = 5

// History prints a test's past on each builder that knows it, and compares
// the builders.
func History(w io.Writer, h client.TestHistory) {
	for i, b := range h.Builders {
		if i > 0 {
			fmt.Fprintln(w)
		}
		writePast(w, b)
	}
	if text := spread(h.Where); text != "" {
		fmt.Fprintf(w, "\n%s\n", Safe(text))
	}
}

// writePast prints a test's past on one builder.
func writePast(w io.Writer, b client.BuilderHistory) {
	fmt.Fprintf(w, "%s: %s\n", Safe(b.Builder.Name()), Safe(b.Says))
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "  SEGMENT\tFROM\tTO\tBEGAN AT\tRUNS\tFAILED\tFLAKED")
	for i := len(b.Segments) - 1; i >= 0; i-- {
		s := b.Segments[i]
		began := fmt.Sprintf("no. %d", s.Earliest)
		if s.Latest > s.Earliest {
			began += fmt.Sprintf(" to %d", s.Latest)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%d of %d\t%d\t%d\n", strings.ReplaceAll(string(s.Status), "_", " "), buildOf(s.From), buildOf(s.To),
			began, s.Runs, s.Builds, s.Failures, s.Flakes)
	}
	t.Flush()
	if b.Rate.Runs > 0 {
		fmt.Fprintf(w, "  fails in %s\n", history.RateText(beta.Interval(b.Rate.Rate)))
	}
	for _, c := range b.Changes[:min(len(b.Changes), shownMoves)] {
		line := fmt.Sprintf("  %s  %s", buildOf(c.Point), strings.ReplaceAll(string(c.Change.Verdict), "_", " "))
		if c.Absolved {
			line += ", found to be flaky"
		}
		for i, m := range c.Moved {
			line += fmt.Sprintf("%s%s %s -> %s", map[bool]string{true: "; ", false: ", "}[i == 0], m.Project, short(m.From), short(m.To))
		}
		fmt.Fprintln(w, Safe(line))
	}
	if more := b.Older + len(b.Changes) - shownMoves; more > 0 {
		fmt.Fprintf(w, "  and %s\n", Plural(more, "older change", "older changes"))
	}
}

// buildOf names a build of a history.
func buildOf(p client.Point) string {
	if p.Build > 0 {
		return fmt.Sprintf("build %d", p.Build)
	}
	return fmt.Sprintf("no. %d", p.Number)
}

func short(revision string) string {
	if revision == "" {
		return "none"
	}
	return weir.ShortRevision(revision)
}

// spread compares the builders.
func spread(w client.Where) string {
	switch w.Spread {
	case "only_here":
		return "only here: it fails far more often on " + strings.Join(w.Here, ", ") + " than on " + strings.Join(w.There, ", ")
	case "everywhere":
		return "everywhere: it is bad on all builders that run it"
	case "alike":
		return "alike on all builders that run it"
	}
	return ""
}
