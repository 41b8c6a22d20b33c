package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/access"
	"github.com/weir-ci/weir/internal/demo"
	"github.com/weir-ci/weir/internal/ecosystem"
	"github.com/weir-ci/weir/internal/recipe"
)

func newDemo() *cobra.Command {
	c := &cobra.Command{
		Use:   "demo",
		Short: "see a whole farm at work on a toy ecosystem",
		Long: `Start a farm (server, worker, database) in a scratch directory on a toy
ecosystem: an upstream with a history of 52 commits and a dozen downstreams,
some of which its commits break. Push the history stage by stage, show what
the farm finds, and print the regressions with their culprits. The pages stay
open until Ctrl-C; then the scratch directory is removed.

Exits with 1 if the farm found anything but what was planted.`,
		Example: "  weir demo\n  weir demo --exit --slots 8",
		Args:    cobra.NoArgs,
	}
	exit := c.Flags().Bool("exit", false, "end when the story does, instead of waiting for Ctrl-C")
	listen := c.Flags().String("listen", "127.0.0.1:0", "address of the pages; port 0 takes a free one")
	slots := c.Flags().Int("slots", 2, "how many builds run at once")
	database := c.Flags().String("database", "", "a postgres:// address (default: SQLite in the scratch directory)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkSlots(*slots); err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "weir-demo-")
		if err != nil {
			return weir.Errorf(weir.Exhausted, "no scratch directory: %w", err)
		}
		defer app.RemoveAll(dir)
		eco, err := ecosystem.Create(filepath.Join(dir, "ecosystem"))
		if err != nil {
			return err
		}
		file, err := eco.WriteConfig()
		if err != nil {
			return err
		}
		farm, problems, err := recipe.Load(file)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, problems.Format())
		}
		farm.Listen, farm.Data, farm.Database = *listen, filepath.Join(dir, "data"), *database
		farm.Worker.Slots = *slots
		log, err := os.Create(filepath.Join(dir, "log"))
		if err != nil {
			return err
		}
		defer log.Close()
		ctx, stop := contextWithCancel(c)
		defer stop()
		story := make(chan error, 1)
		started := false
		err = up(ctx, app.ServerOptions{Farm: farm, Log: slog.New(slog.NewTextHandler(log, nil))}, filepath.Join(dir, "products"), func(s *app.Server) error {
			watch, err := client.New(s.Address(), nil)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			fmt.Fprintf(out, "the pages are at %s\n", s.URL())
			if !*exit {
				link, err := access.Link(ctx, s.Access(), s.URL(), access.Admin, "the link that the demo prints")
				if err != nil {
					return err
				}
				fmt.Fprintf(out, "to change something there, sign in (once, within an hour): %s\n", link)
			}
			fmt.Fprintln(out)
			started = true
			go func() {
				err := tell(ctx, out, &demo.Show{Ecosystem: eco, Farm: watch, Screen: newScreen(out)})
				if err == nil && !*exit {
					fmt.Fprintf(out, "\nlook around at %s; Ctrl-C ends the demo\n", s.URL())
					<-ctx.Done()
				}
				story <- err
				stop()
			}()
			return nil
		})
		if started {
			if told := <-story; told != nil && c.Context().Err() == nil {
				return told
			}
		}
		return err
	}
	return c
}

func newScreen(out io.Writer) *demo.Screen {
	s := &demo.Screen{Out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.Live = true
		s.Width, _, _ = term.GetSize(int(f.Fd()))
	}
	return s
}
