package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
)

func newInit() *cobra.Command {
	c := &cobra.Command{
		Use:   "init [FILE]",
		Short: "write a commented weir.yaml",
		Long: `Write a farm file that teaches itself: an upstream, a downstream that is
tested against it, and every other key explained in comments. An existing
file is never overwritten.`,
		Example: "  weir init\n  weir init farms/python.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		path := recipe.FileName
		if len(args) > 0 {
			path = args[0]
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return weir.Errorf(weir.Conflict, "%s exists already", path).
				WithHint("check it with: weir check %s", path)
		}
		if err != nil {
			return weir.Errorf(weir.Invalid, "%s cannot be written: %w", path, errors.Unwrap(err))
		}
		if _, err := f.WriteString(recipe.Template()); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "wrote %s\nedit it, then: weir check %s && weir up %s\n", path, path, path)
		return nil
	}
	return c
}

func newCheck() *cobra.Command {
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "say everything that is wrong with a farm file",
		Long: `Read a farm file (weir.yaml here, if none is named) and list every problem
with its line, the offending text and a hint, all at once. Nothing is
started and nothing outside the file is looked at.`,
		Example: "  weir check\n  weir check examples/cpython/weir.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := console.LoadFarm(c, args)
		if err != nil {
			return err
		}
		plans := recipe.Expand(farm, console.HostPlatform())
		fmt.Fprintf(c.OutOrStdout(), "fine: %s, %s\n", show.Plural(len(farm.Projects), "project", "projects"),
			show.Plural(len(plans), "builder", "builders"))
		for _, p := range plans {
			line := "  " + p.Key.Name()
			if len(p.Upstreams) > 0 {
				line += "  against " + p.Key.Upstreams
			}
			fmt.Fprintln(c.OutOrStdout(), line)
		}
		return nil
	}
	return c
}
