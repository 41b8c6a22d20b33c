package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/show"
)

func newRegressions() *cobra.Command {
	c := &cobra.Command{
		Use:   "regressions [ID]",
		Short: "who broke which tests of whom",
		Long: `List regressions with their culprits, or tell the whole story of one:
who is to blame, what each side can do about it, the tests, and every build
that this rests on, with what it said and what speaks against it.

Exits with 1 if any is open.`,
		Example: "  weir regressions\n  weir regressions --all\n  weir regressions 3",
		Args:    cobra.MaximumNArgs(1),
	}
	server := serverFlag(c)
	all := c.Flags().Bool("all", false, "list closed ones too")
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := client.New(server(), nil)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			return tellRegression(c.Context(), c.OutOrStdout(), farm, args[0])
		}
		list, err := farm.Regressions(c.Context(), *all)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "no regressions")
			return nil
		}
		show.Regressions(c.OutOrStdout(), list)
		if slices.ContainsFunc(list, func(r weir.Regression) bool { return r.State.Open() }) {
			return errBadNews
		}
		return nil
	}
	return c
}

func parseID(s, what string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, usageError{error: fmt.Errorf("%.40q is not the number of a %s", s, what)}
	}
	return n, nil
}

// tellRegression prints the whole story of one.
func tellRegression(ctx context.Context, w io.Writer, farm *client.Client, arg string) error {
	id, err := parseID(arg, "regression")
	if err != nil {
		return err
	}
	d, err := farm.Regression(ctx, weir.RegressionID(id))
	if err != nil {
		return err
	}
	show.Regression(w, d)
	if d.Regression.State.Open() {
		return errBadNews
	}
	return nil
}
