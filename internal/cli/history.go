package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
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
	server := console.ServerFlag(c)
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
		show.History(c.OutOrStdout(), h)
		if slices.ContainsFunc(h.Builders, func(b client.BuilderHistory) bool { return !b.Now.Removed && b.Now.Status.Bad() }) {
			return console.ErrBadNews
		}
		return nil
	}
	return c
}
