package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

func newHistory() *cobra.Command {
	c := &cobra.Command{
		Use:   "history PROJECT TEST",
		Short: "how a test is on each builder, since when, and how often it fails",
		Long: `Tell the past of one test: on each builder of the project that knows it how
it is, since when and how often it fails, and below that its segments, the
newest first: stretches of builds in which it behaved alike. The newest
changes have what moved with them.

TEST is the test's name, as on the page of a build or in weir regressions. If
it has a suite, name that with --suite; a step is a test of the suite (step).

Exits with 1 if the test is bad now on any builder.`,
		Example: "  weir history twisted test_connect --suite twisted.test.test_tcp\n  weir history app test --suite '(step)' --job test",
		Args:    cobra.ExactArgs(2),
	}
	server := serverFlag(c)
	suite := c.Flags().String("suite", "", "the test's suite, if it has one")
	job := c.Flags().String("job", "", "only builders of this job")
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := client.New(server(), nil)
		if err != nil {
			return err
		}
		h, err := farm.Test(c.Context(), args[0], *job, weir.TestID{Suite: *suite, Name: args[1]})
		if err != nil {
			return err
		}
		bad := false
		for i, b := range h.Builders {
			if i > 0 {
				fmt.Fprintln(c.OutOrStdout())
			}
			writePast(c.OutOrStdout(), b)
			bad = bad || !b.Now.Removed && b.Now.Status.Bad()
		}
		if text := spread(h.Where); text != "" {
			fmt.Fprintf(c.OutOrStdout(), "\n%s\n", safe(text))
		}
		if bad {
			return errBadNews
		}
		return nil
	}
	return c
}

// shownMoves is how many changes of a test are printed for a builder.
const shownMoves = 5

// writePast prints a test's past on one builder.
func writePast(w io.Writer, b client.BuilderHistory) {
	fmt.Fprintf(w, "%s: %s\n", safe(b.Builder.Name()), safe(b.Says))
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
		fmt.Fprintf(w, "  fails in %.3g %% of runs (95 %%: %.3g %% to %.3g %%)\n", 100*b.Rate.Mean, 100*b.Rate.Low, 100*b.Rate.High)
	}
	for _, c := range b.Changes[:min(len(b.Changes), shownMoves)] {
		line := fmt.Sprintf("  %s  %s", buildOf(c.Point), strings.ReplaceAll(string(c.Change.Verdict), "_", " "))
		if c.Absolved {
			line += ", found to be flaky"
		}
		for i, m := range c.Moved {
			line += fmt.Sprintf("%s%s %s -> %s", map[bool]string{true: "; ", false: ", "}[i == 0], m.Project, short(m.From), short(m.To))
		}
		fmt.Fprintln(w, safe(line))
	}
	if more := b.Older + len(b.Changes) - shownMoves; more > 0 {
		fmt.Fprintf(w, "  and %s\n", plural(more, "older change", "older changes"))
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
