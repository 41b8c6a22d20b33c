package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/weir-ci/weir/client"
)

const (
	shownSightings = 3  // of a flaky test
	shownQuiet     = 10 // tests
	shownRuns      = 6  // of a sighting
)

// Flaky prints flaky tests: what is new, what is known, and what is quiet.
func Flaky(w io.Writer, l client.FlakyList) {
	if len(l.New)+len(l.Open) == 0 {
		fmt.Fprintln(w, "No test is flaky.")
	}
	for _, part := range []struct {
		head  string
		tests []client.FlakyTest
	}{{"New in the last seven days:", l.New}, {"Known:", l.Open}} {
		for i, t := range part.tests {
			if i == 0 {
				fmt.Fprintln(w, part.head)
			}
			writeFlaky(w, t)
		}
	}
	for i, t := range l.Quiet[:min(len(l.Quiet), shownQuiet)] {
		if i == 0 {
			fmt.Fprintf(w, "Quiet: %d\n", len(l.Quiet))
		}
		fmt.Fprintf(w, "  %s on %s: %s\n", Safe(t.Test.String()), Safe(t.Builder.Name()), Safe(t.Mark.Reason))
	}
	if more := len(l.Quiet) - shownQuiet; more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
	if l.Omitted > 0 {
		fmt.Fprintf(w, "and %d more, which have not flaked for longer\n", l.Omitted)
	}
}

func writeFlaky(w io.Writer, t client.FlakyTest) {
	fmt.Fprintf(w, "  %s on %s\n", Safe(t.Test.String()), Safe(t.Builder.Name()))
	line := t.Mark.Reason
	if t.Mark.Rearmed > 0 {
		line += fmt.Sprintf("; was quiet %s before", Plural(t.Mark.Rearmed, "time", "times"))
	}
	if t.Hidden {
		line += "; does not run at present"
	}
	fmt.Fprintf(w, "    %s\n", Safe(line))
	fmt.Fprintf(w, "    fails for no reason in %s, from %s in %s\n", Safe(t.Rate.Says), Plural(t.Rate.Flakes, "flake", "flakes"), Plural(t.Rate.Builds, "build", "builds"))
	if !t.Mark.Closes.IsZero() {
		fmt.Fprintf(w, "    quiet if silent until %s\n", t.Mark.Closes.UTC().Format(time.DateOnly))
	}
	for _, h := range t.Hints {
		fmt.Fprintf(w, "    its bad runs have in common: %s\n", Safe(h.Says))
	}
	for _, s := range t.Seen[:min(len(t.Seen), shownSightings)] {
		var runs []string
		for _, r := range s.Runs[:min(len(s.Runs), shownRuns)] {
			run := fmt.Sprintf("%s build %d", map[bool]string{false: "✓", true: "✗"}[r.Bad], r.Build)
			if r.Worker != "" {
				run += " on " + r.Worker
			}
			runs = append(runs, Safe(run))
		}
		if more := len(s.Runs) - shownRuns; more > 0 {
			runs = append(runs, fmt.Sprintf("and %d more", more))
		}
		fmt.Fprintf(w, "    %s\n", strings.Join(runs, "  "))
	}
	if more := t.Older + len(t.Seen) - min(len(t.Seen), shownSightings); more > 0 {
		fmt.Fprintf(w, "    and at %s\n", Plural(more, "other set of revisions", "other sets of revisions"))
	}
}

// FlakyDigest prints what the owners of a project would be told now.
func FlakyDigest(w io.Writer, d client.FlakyDigest) {
	if !d.News {
		fmt.Fprintf(w, "Nothing is new of the flaky tests of %s, so nobody would be told.\n", Safe(d.Project))
	}
	for line := range strings.Lines(d.Text) {
		fmt.Fprintln(w, Safe(strings.TrimSuffix(line, "\n")))
	}
}
