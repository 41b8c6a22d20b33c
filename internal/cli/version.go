package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/protocol"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version of this program",
		Example: "  weir version",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			built := "with an unknown Go"
			if info, ok := debug.ReadBuildInfo(); ok {
				built = "with " + info.GoVersion
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "weir %s %s, built %s, worker protocol %d\n",
				app.Version, console.HostPlatform(), built, protocol.Version)
			return err
		},
	}
}
