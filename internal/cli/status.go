package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

func newStatus() *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "what is broken and by whom, what runs, what waits",
		Long: `Show the state of a farm: open regressions with their culprits first, then
what runs and what waits, then each builder's newest builds (the newest on
the left), then workers and sources that need attention.

Builds: ✓ passed, ✗ failed, ! broken (did not get to its tests), t timed out,
? the farm's own fault, - cancelled, · not finished.

Exits with 1 if there are open regressions.`,
		Example: "  weir status\n  weir status --server https://weir.example.org",
		Args:    cobra.NoArgs,
	}
	server := serverFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		farm, err := client.New(server(), nil)
		if err != nil {
			return err
		}
		o, err := farm.Overview(c.Context())
		if err != nil {
			return err
		}
		writeStatus(c.OutOrStdout(), o)
		if len(o.Regressions) > 0 {
			return errBadNews
		}
		return nil
	}
	return c
}

func writeStatus(w io.Writer, o client.Overview) {
	if len(o.Regressions) == 0 {
		fmt.Fprintln(w, "no open regressions")
	} else {
		writeRegressions(w, o.Regressions)
	}
	fmt.Fprintf(w, "\nrunning %d, queued %d, blocked %d", len(o.Running), o.Queue[weir.Queued], o.Queue[weir.Blocked])
	if o.Doubted > 0 {
		fmt.Fprintf(w, ", %d run again because something is newly bad", o.Doubted)
	}
	fmt.Fprintln(w)
	for _, b := range o.Running {
		fmt.Fprintf(w, "  build %d  %s  on %s  %s\n", b.ID, safe(b.Builder.Name()), safe(b.Worker), age(o.At, b.Started))
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
		fmt.Fprintf(t, "  %s\t%s\t%s\n", safe(row.Builder.Name()), marks.String(), last)
	}
	t.Flush()
	writeIdle(w, o.Workers, o.At)
	if len(o.Workers) == 0 {
		fmt.Fprint(w, "\nno worker has said hello yet: start one with weir worker, or use weir up\n")
	}
	for _, s := range o.Sources {
		if s.Error != "" {
			fmt.Fprintf(w, "\nsource of %s does not answer: %s\n", safe(s.Project), safe(s.Error))
		}
	}
}

// mark is one build as one letter: its outcome by shape, not by colour.
func mark(b weir.Build) string {
	if !b.State.Final() {
		return "·"
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
	if n := b.Changes.Worse(); n > 0 {
		s += fmt.Sprintf(", %d newly", n)
	}
	if hidden := b.Ledger.String(); hidden != "" {
		s += "; " + safe(hidden)
	}
	return s
}

// plural counts something, for example "1 build is" and "3 builds are".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// safe makes text from the farm harmless for a terminal: control characters
// and direction marks are shown as �.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200e && r <= 0x200f || r >= 0x202a && r <= 0x202e ||
			r >= 0x2066 && r <= 0x2069 {
			return '�'
		}
		return r
	}, s)
}

func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// age says how long ago something was.
func age(now, then time.Time) string {
	if then.IsZero() {
		return "not started"
	}
	d := now.Sub(then)
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
