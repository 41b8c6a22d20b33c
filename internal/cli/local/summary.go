package local

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/verdict"
	"github.com/weir-ci/weir/internal/worker/execute"
)

// paint colours text on a terminal. Colours only repeat what words say.
type paint bool

// painter says whether what is written to w is coloured.
func painter(w io.Writer) paint {
	f, ok := w.(*os.File)
	return paint(ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd())))
}

func (p paint) in(code, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p paint) bold(s string) string  { return p.in("1", s) }
func (p paint) red(s string) string   { return p.in("31", s) }
func (p paint) green(s string) string { return p.in("32", s) }
func (p paint) faint(s string) string { return p.in("2", s) }

// Limits on a summary.
const (
	maxListed = 50 // tests
	maxOutput = 8  // lines of what a failing test printed
)

// summarise prints how a build ended and which tests were bad.
func summarise(w io.Writer, name string, r execute.Report, p paint, quiet bool) {
	listed := 0
	for _, t := range r.Set.Results {
		if !t.Status.Bad() || t.Test.Suite == weir.StepSuite {
			continue
		}
		if listed++; listed > maxListed {
			continue
		}
		fmt.Fprintf(w, "%s %s\n", p.red(string(t.Status)), show.Safe(t.Test.String()))
		if message, _, _ := strings.Cut(t.Message, "\n"); message != "" {
			fmt.Fprintf(w, "    %s\n", show.Clip(show.Safe(message), 200))
		}
		if !quiet {
			for _, line := range tail(t.Output, maxOutput) {
				fmt.Fprintln(w, p.faint("    | "+show.Clip(show.Safe(line), 160)))
			}
		}
	}
	if listed > maxListed {
		fmt.Fprintf(w, "and %d more\n", listed-maxListed)
	}
	if !quiet {
		tellSteps(w, r, p)
	}
	var took time.Duration
	for _, s := range r.Steps {
		if !s.Ended.IsZero() && len(r.Steps) > 0 {
			took = s.Ended.Sub(r.Steps[0].Started).Round(10 * time.Millisecond)
		}
	}
	colour := p.green
	if r.Outcome != weir.Passed {
		colour = p.red
	}
	line := colour(fmt.Sprintf("=== %s %s%s", name, r.Outcome, console.ReasonText(r.Reason)))
	if counts := r.Set.Count(); counts.Total() > 0 {
		line += fmt.Sprintf("; %s, %d bad, %d skipped", show.Plural(counts.Total(), "test", "tests"), counts.Bad(), counts.Skip)
	}
	if took > 0 {
		line += fmt.Sprintf("; %v", took)
	}
	fmt.Fprintln(w, line)
}

// tellSteps lists the steps with how long they took, and what they left for people.
func tellSteps(w io.Writer, r execute.Report, p paint) {
	for _, s := range r.Steps {
		took := ""
		if !s.Ended.IsZero() && !s.Started.IsZero() {
			took = s.Ended.Sub(s.Started).Round(10 * time.Millisecond).String()
		}
		line := fmt.Sprintf("    %-8s %8s  %s", s.State, took, show.Safe(s.Name))
		if s.Note != "" && s.State != weir.StepPassed {
			line += ": " + show.Safe(s.Note)
		}
		if s.State == weir.StepFailed || s.State == weir.StepKilled {
			line = p.red(line)
		}
		fmt.Fprintln(w, line)
	}
	for _, m := range r.Metrics {
		fmt.Fprintf(w, "    metric %s: %v %s\n", show.Safe(m.Name), m.Value, show.Safe(m.Unit))
	}
	if r.Summary != "" {
		for _, line := range tail(r.Summary, maxListed) {
			fmt.Fprintln(w, "    "+show.Clip(show.Safe(line), 200))
		}
	}
}

// tail is the last lines of a text, without empty ones at the end.
func tail(text string, n int) []string {
	text = strings.TrimRight(text, " \t\r\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):]
}

// headings say what each verdict means, in the order in which they are told.
func headings() []struct {
	verdict weir.Verdict
	text    string
} {
	return []struct {
		verdict weir.Verdict
		text    string
	}{
		{weir.NewlyFailing, "newly failing"}, {weir.FailingDifferently, "failing for another reason"},
		{weir.Vanished, "vanished"}, {weir.NewlySkipped, "newly skipped"},
		{weir.Flaky, "flaky: not bad each time"}, {weir.Masked, "did not run, and failed before: hidden, not fixed"},
		{weir.Fixed, "fixed"}, {weir.Removed, "removed"}, {weir.New, "new"},
	}
}

// tellVerdict prints what changed against the baseline, the worst first.
func tellVerdict(w io.Writer, p paint, c verdict.Comparison, l verdict.Ledger) {
	for _, h := range headings() {
		colour := func(s string) string { return s }
		switch {
		case h.verdict.Worse():
			colour = p.red
		case h.verdict == weir.Fixed:
			colour = p.green
		}
		listed := 0
		for _, ch := range c.Changes {
			if ch.Verdict != h.verdict {
				continue
			}
			if listed++; listed > maxListed || h.verdict == weir.New && listed > 3 && !ch.To.Bad() {
				continue
			}
			line := colour(h.text) + ": " + show.Safe(ch.Test.String())
			message, _, _ := strings.Cut(ch.Message, "\n")
			if message != "" {
				line += "\n    " + show.Clip(show.Safe(message), 200)
			}
			fmt.Fprintln(w, line)
		}
	}
	n := weir.CountVerdicts(c.Changes)
	line := p.green("nothing got worse")
	if n.Worse() > 0 {
		line = p.red(fmt.Sprintf("%d got worse", n.Worse()))
	}
	fmt.Fprintf(w, "%s: %d newly failing, %d failing for another reason, %d vanished, %d newly skipped, %d flaky, %d fixed, %d new",
		line, n.NewlyFailing, n.FailingDifferently, n.Vanished, n.NewlySkipped, n.Flaky, n.Fixed, n.New)
	if l.Expected > 0 {
		fmt.Fprintf(w, "; %d of %d expected tests ran", l.Executed, l.Expected)
	}
	fmt.Fprintln(w)
}
