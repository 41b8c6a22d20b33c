package cli

import (
	"github.com/spf13/cobra"

	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
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
	server := console.ServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		farm, err := client.New(server(), nil)
		if err != nil {
			return err
		}
		o, err := farm.Overview(c.Context())
		if err != nil {
			return err
		}
		show.Status(c.OutOrStdout(), o)
		if len(o.Regressions) > 0 {
			return console.ErrBadNews
		}
		return nil
	}
	return c
}
