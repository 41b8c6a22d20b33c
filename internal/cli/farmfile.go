package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
)

// loadFarm reads the farm file: the argument, or weir.yaml here. Warnings go
// to stderr; problems are the error.
func loadFarm(c *cobra.Command, args []string) (*recipe.Farm, error) {
	path := recipe.FileName
	if len(args) > 0 {
		path = args[0]
	}
	farm, problems, err := recipe.Load(path)
	if err != nil {
		if len(problems) > 0 {
			return nil, showProblems(c.ErrOrStderr(), path, problems)
		}
		return nil, err
	}
	if len(problems) > 0 {
		fmt.Fprint(c.ErrOrStderr(), problems.Format())
	}
	return farm, nil
}

// showProblems prints what is wrong with a farm file and ends the verb.
func showProblems(w io.Writer, path string, problems recipe.Problems) error {
	fmt.Fprint(w, problems.Format())
	fmt.Fprintf(w, "\n%s has %s\n", path, show.Plural(len(problems), "problem", "problems"))
	return errBadNews
}

// serverFlag adds --server and returns how to find the farm's address: the
// flag, WEIR_SERVER, the farm file here, or the default.
func serverFlag(c *cobra.Command) func() string {
	flag := c.Flags().String("server", "", "address of the farm (default: $WEIR_SERVER, or what weir.yaml here says)")
	return func() string {
		if *flag != "" {
			return *flag
		}
		if env := os.Getenv("WEIR_SERVER"); env != "" {
			return env
		}
		if farm, _, err := recipe.Load(recipe.FileName); err == nil {
			if farm.URL != "" {
				return farm.URL
			}
			return localURL(farm.Listen)
		}
		return localURL(recipe.DefaultListen)
	}
}

// localURL is the address under which this machine reaches a server that
// listens at an address.
func localURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

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
		farm, err := loadFarm(c, args)
		if err != nil {
			return err
		}
		plans := recipe.Expand(farm, hostPlatform())
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
