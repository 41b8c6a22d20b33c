package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
)

func newFlaky() *cobra.Command {
	c := &cobra.Command{
		Use:   "flaky [PROJECT]",
		Short: "which tests are flaky, how often they fail, and what their bad runs have in common",
		Long: `List the flaky tests of a project, or of all: tests that were good and bad at
equal revisions, in processes of their own. What is new comes first, the worst
first. Each has why it is believed to be flaky, how often it fails for no
reason, when it is quiet if nobody sees it again, the builds that show it, and
what its bad runs have in common.

With --digest it prints what the project's owners would be told now: what has
changed since they were told the last time.`,
		Example: "  weir flaky\n  weir flaky twisted\n  weir flaky twisted --digest",
		Args:    cobra.MaximumNArgs(1),
	}
	server := console.ServerFlag(c)
	digest := c.Flags().Bool("digest", false, "print what the owners of PROJECT would be told now")
	c.RunE = func(c *cobra.Command, args []string) error {
		project := ""
		if len(args) > 0 {
			project = args[0]
		}
		if *digest && project == "" {
			return console.UsageHint(fmt.Errorf("--digest is about one project"), "weir flaky PROJECT --digest")
		}
		farm, err := client.New(server(), nil)
		if err != nil {
			return err
		}
		if *digest {
			d, err := farm.FlakyDigest(c.Context(), project)
			if err == nil {
				show.FlakyDigest(c.OutOrStdout(), d)
			}
			return err
		}
		list, err := farm.Flaky(c.Context(), project)
		if err == nil {
			show.Flaky(c.OutOrStdout(), list)
		}
		return err
	}
	return c
}
