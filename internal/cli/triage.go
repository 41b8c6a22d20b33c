package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
)

// triageVerbs are what people may say of a regression.
func triageVerbs() []*cobra.Command {
	return []*cobra.Command{newAcknowledge(),
		wordVerb("unacknowledge ID", "say that nobody has a regression in hand any more",
			`Take an acknowledgement back, whoever gave it. The regression stands with the
others again.`, "  weir regressions unacknowledge 3",
			func(ctx context.Context, farm *client.Client, id weir.RegressionID, why string) (string, error) {
				return "is in nobody's hand", farm.Unacknowledge(ctx, id, why)
			}),
		wordVerb("dismiss ID", "close a regression, or end a search",
			`Close an open regression, and say why. Its tests stay bad in the baseline, so
they speak again only if they are mended and break once more. A search is ended
in the same way: no more builds are made for it.`, "  weir regressions dismiss 3 --why \"the new text is intended\"",
			func(ctx context.Context, farm *client.Client, id weir.RegressionID, why string) (string, error) {
				return fmt.Sprintf("is closed; it can be opened again: weir regressions reopen %d", id), farm.Dismiss(ctx, id, why)
			}),
		wordVerb("reopen ID", "search a closed regression again",
			`Search a regression that is fixed or dismissed once more. Builds at its
revisions that are kept are heard again; what was concluded is forgotten, and
stays in its log.`, "  weir regressions reopen 3 --why \"it was no flake\"",
			func(ctx context.Context, farm *client.Client, id weir.RegressionID, why string) (string, error) {
				return "is searched again", farm.Reopen(ctx, id, why)
			}),
		newAssign(), newMerge(), newSplit()}
}

func newAssign() *cobra.Command {
	c := &cobra.Command{
		Use:   "assign ID [NAME]",
		Short: "say whose business a regression is",
		Long: `Assign an open regression to a person, by the name that people know. It says so
wherever the regression is listed, until it is assigned to somebody else, and it
stays with the others: who looks after it now says so with acknowledge. Without a
name it is nobody's business any more.`,
		Example: "  weir regressions assign 3 ada --why \"she knows the tables\"\n  weir regressions assign 3",
		Args:    cobra.RangeArgs(1, 2),
	}
	return says(c, func(ctx context.Context, farm *client.Client, id weir.RegressionID, name []string, why string) (string, error) {
		to := strings.Join(name, " ")
		err := farm.Assign(ctx, id, to, why)
		return "is assigned to " + show.Safe(cmp.Or(to, "nobody")), err
	})
}

// wordVerb makes a verb that needs no more than a regression and a reason.
func wordVerb(use, short, long, example string, do func(context.Context, *client.Client, weir.RegressionID, string) (string, error)) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: cobra.ExactArgs(1)}
	return says(c, func(ctx context.Context, farm *client.Client, id weir.RegressionID, _ []string, why string) (string, error) {
		return do(ctx, farm, id, why)
	})
}

// says lets a verb say something of a regression: do gets what stands behind its number,
// and returns what is to be said when it is done.
func says(c *cobra.Command, do func(ctx context.Context, farm *client.Client, id weir.RegressionID, rest []string, why string) (string, error)) *cobra.Command {
	farm, why := console.AdminFlags(c), whyFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := console.ParseID(args[0], "regression")
		if err != nil {
			return err
		}
		farm, err := farm()
		if err != nil {
			return err
		}
		done, err := do(c.Context(), farm, weir.RegressionID(id), args[1:], *why)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "regression %d %s\n", id, done)
		return nil
	}
	return c
}

func whyFlag(c *cobra.Command) *string {
	return c.Flags().String("why", "", "one line for people")
}

func newAcknowledge() *cobra.Command {
	c := &cobra.Command{
		Use:   "acknowledge ID",
		Short: "say that you have a regression in hand, for a while",
		Long: `Say that you have an open regression in hand. Until the time is up it is listed
behind the others, with your name. It does not vanish, its search goes on, and
if it is still open then, it speaks again. 90 days are the most.`,
		Example: "  weir regressions acknowledge 3 --for 7d --why \"a fix is in review\"\n  weir regressions acknowledge 3 --until 2026-03-21",
		Args:    cobra.ExactArgs(1),
	}
	farm, why := console.AdminFlags(c), whyFlag(c)
	length := c.Flags().String("for", "", "for how long, for example 12h, 7d or 2w")
	date := c.Flags().String("until", "", "until when, for example 2026-03-21 (the beginning of that day in UTC)")
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := console.ParseID(args[0], "regression")
		if err != nil {
			return err
		}
		if *length != "" && *date != "" {
			return console.UsageHint(fmt.Errorf("--for and --until do not go together"), console.SeeHelp(c))
		}
		if *length == "" && *date == "" {
			return console.UsageHint(fmt.Errorf("say for how long you have it in hand, with --for or with --until"), console.SeeHelp(c))
		}
		farm, err := farm()
		if err != nil {
			return err
		}
		if *length != "" {
			var d time.Duration
			if d, err = parseLength(*length); err == nil {
				err = farm.AcknowledgeFor(c.Context(), weir.RegressionID(id), d, *why)
			}
		} else {
			var until time.Time
			if until, err = parseDate(*date); err == nil {
				err = farm.Acknowledge(c.Context(), weir.RegressionID(id), until, *why)
			}
		}
		if err != nil {
			return err
		}
		d, err := farm.Regression(c.Context(), weir.RegressionID(id))
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "regression %d is in your hand until %s\n", id, d.Regression.Acknowledged.Until.UTC().Format("2006-01-02 15:04 MST"))
		return nil
	}
	return c
}

// parseLength reads how long something holds: what Go reads, or days or weeks.
func parseLength(s string) (time.Duration, error) {
	for unit, day := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if text, ok := strings.CutSuffix(s, unit); ok {
			if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 10_000 {
				return time.Duration(n) * day, nil
			}
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= time.Second {
		return d, nil
	}
	return 0, console.UsageHint(fmt.Errorf("%.40q is not how long something can hold", s), "write it like 12h, 7d or 2w")
}

func parseDate(s string) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, console.UsageHint(fmt.Errorf("%.40q is not a date", s), "write it like 2026-03-21 or 2026-03-21T15:04:05Z")
}

func newMerge() *cobra.Command {
	c := &cobra.Command{
		Use:     "merge ID INTO",
		Short:   "hand the tests of a regression to another one",
		Long:    `Say that two open regressions are one: the first one ends, and the other one gets its tests.`,
		Example: "  weir regressions merge 4 3 --why \"the same assertion\"",
		Args:    cobra.ExactArgs(2),
	}
	farm, why := console.AdminFlags(c), whyFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := console.ParseID(args[0], "regression")
		if err != nil {
			return err
		}
		into, err := console.ParseID(args[1], "regression")
		if err != nil {
			return err
		}
		farm, err := farm()
		if err != nil {
			return err
		}
		if err := farm.Merge(c.Context(), weir.RegressionID(id), weir.RegressionID(into), *why); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "regression %d has the tests of regression %d\n", into, id)
		return nil
	}
	return c
}

func newSplit() *cobra.Command {
	c := &cobra.Command{
		Use:   "split ID TEST...",
		Short: "make a regression of its own of some tests",
		Long: `Say that an open regression is two: the tests that are named become one of
their own, with all that was observed of them, and are searched apart.

A test is named as in weir regressions ID: by its name, with its suite in front
if several suites have one of that name.`,
		Example: "  weir regressions split 3 TestUpper 'mill/text TestLower' --why \"another message\"",
		Args:    cobra.MinimumNArgs(2),
	}
	farm, why := console.AdminFlags(c), whyFlag(c)
	builder := c.Flags().String("builder", "", "on the builder of this name, if several have the tests")
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := console.ParseID(args[0], "regression")
		if err != nil {
			return err
		}
		farm, err := farm()
		if err != nil {
			return err
		}
		var picks []client.Pick
		for _, name := range args[1:] {
			picks = append(picks, client.Pick{Name: name, Builder: *builder})
		}
		made, err := farm.Split(c.Context(), weir.RegressionID(id), picks, *why)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "regression %d is split: regression %d has %d of its tests\n", id, made, len(picks))
		return nil
	}
	return c
}
