// Package reload is the verb weir reload: make a running server read its farm
// file again, or say beforehand what that would change.
package reload

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
)

// Command makes the verb.
func Command() *cobra.Command {
	c := &cobra.Command{
		Use:   "reload",
		Short: "make the server read its farm file again, or say what that would change",
		Long: `Make a running server read its farm file again and put it in force, and list
what that changed. The server does the same by itself within seconds of a change
of the file, and on SIGHUP. A file with mistakes changes nothing: the server goes
on with what the file said before.

With --dry-run nothing is put in force: what would change is listed, for the
server's file as it is now, or for another one.

Builds that run or wait are not touched, not even if their job is gone.

It needs a token with the right config; see weir token --help. Exits with 1 if
the file has mistakes.`,
		Example: "  weir reload --dry-run\n  weir reload --dry-run --file weir.yaml --server https://weir.example.org\n  weir reload",
		Args:    cobra.NoArgs,
	}
	farm := console.AdminFlags(c)
	dry := c.Flags().Bool("dry-run", false, "only list what would change")
	file := c.Flags().String("file", "", "with --dry-run: compare with this file of this machine, not with the server's own")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *file != "" && !*dry {
			return console.UsageHint(fmt.Errorf("--file goes with --dry-run only: the server puts nothing in force but its own file"), console.SeeHelp(c))
		}
		farm, err := farm()
		if err != nil {
			return err
		}
		if !*dry {
			r, err := farm.Reload(c.Context())
			if err != nil {
				return err
			}
			show.Reload(c.OutOrStdout(), r)
			return bad(r.Errors)
		}
		var data []byte
		if *file != "" {
			if data, err = read(*file); err != nil {
				return err
			}
		}
		r, err := farm.CompareSetup(c.Context(), data)
		if err != nil {
			return err
		}
		show.Reload(c.OutOrStdout(), r)
		return bad(r.Errors)
	}
	return c
}

func bad(mistakes int) error {
	if mistakes > 0 {
		return console.ErrBadNews
	}
	return nil
}

// read reads a farm file that is sent elsewhere.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "the farm file %s cannot be read: %w", path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, recipe.MaxFile+1))
	switch {
	case err != nil:
		return nil, weir.Errorf(weir.Invalid, "the farm file %s cannot be read: %w", path, err)
	case len(data) > recipe.MaxFile:
		return nil, weir.Errorf(weir.TooLarge, "%s is larger than %d MiB", path, recipe.MaxFile>>20)
	case len(data) == 0:
		return nil, weir.Errorf(weir.Invalid, "%s is empty", path)
	}
	return data, nil
}
