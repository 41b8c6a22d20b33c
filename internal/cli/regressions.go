package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
)

func newRegressions() *cobra.Command {
	c := &cobra.Command{
		Use:   "regressions [ID]",
		Short: "who broke which tests of whom",
		Long: `List regressions with their culprits, or tell the whole story of one:
who is to blame, what each side can do about it, the tests, and every build
that this rests on, with what it said and what speaks against it. What became
of it and who said what is at the end.

People can say that they have a regression in hand, for a while: it is listed
behind the others then, and speaks again when the time is up. They can assign
one to somebody, close and reopen one, merge two into one, or split one that is two. All of that
needs a token with the right triage; see weir token --help.

Exits with 1 if any is open.`,
		Example: "  weir regressions\n  weir regressions --all\n  weir regressions 3\n" +
			"  weir regressions acknowledge 3 --for 7d --why \"ada is on it\"\n  weir regressions dismiss 3 --why \"intended\"",
		Args: oneRegression,

		SuggestionsMinimumDistance: 2,
	}
	server := console.ServerFlag(c)
	all := c.Flags().Bool("all", false, "list closed ones too")
	var q client.RegressionQuery
	c.Flags().StringVar(&q.Project, "project", "", "only those with tests of this project, or with their culprit in it")
	c.Flags().StringVar(&q.Assignee, "assignee", "", "only those that are assigned to this person, or in this person's hand")
	before := c.Flags().Int64("before", 0, "only those with lower numbers: how to go on behind a long list")
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := client.New(server(), nil)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			return tellRegression(c.Context(), c.OutOrStdout(), farm, args[0])
		}
		if *all {
			q.State = "all"
		}
		q.Before = weir.RegressionID(*before)
		list, err := farm.FindRegressions(c.Context(), q)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "no regressions")
			return nil
		}
		show.Regressions(c.OutOrStdout(), list, time.Now())
		if slices.ContainsFunc(list, func(r weir.Regression) bool { return r.State.Open() }) {
			return console.ErrBadNews
		}
		return nil
	}
	c.AddCommand(triageVerbs()...)
	return c
}

// oneRegression takes the number of a regression, or nothing, and knows a verb
// that is not written right.
func oneRegression(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if len(c.SuggestionsFor(args[0])) > 0 {
		return console.Subcommands(c, args)
	}
	return cobra.MaximumNArgs(1)(c, args)
}

// tellRegression prints the whole story of one.
func tellRegression(ctx context.Context, w io.Writer, farm *client.Client, arg string) error {
	id, err := console.ParseID(arg, "regression")
	if err != nil {
		return err
	}
	d, err := farm.Regression(ctx, weir.RegressionID(id))
	if err != nil {
		return err
	}
	show.Regression(w, d, time.Now())
	if d.Regression.Aim == weir.AimBreak && d.Regression.State.Open() {
		return console.ErrBadNews
	}
	return nil
}
