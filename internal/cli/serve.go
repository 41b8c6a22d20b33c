package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/access"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/recipe"
)

// logFlag adds --verbose and returns how to make the logger.
func logFlag(c *cobra.Command) func(w io.Writer) *slog.Logger {
	verbose := c.Flags().BoolP("verbose", "v", false, "log every request and every decision")
	return func(w io.Writer) *slog.Logger {
		level := slog.LevelInfo
		if *verbose {
			level = slog.LevelDebug
		}
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
	}
}

// devFlag adds --dev.
func devFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("dev", false, "add pages for those who work on the pages: /dev/components")
}

func newServe() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve [FILE]",
		Short: "run the server: pages, API, and the farm's decisions",
		Long: `Run the server of the farm that a farm file describes (weir.yaml here, if none
is named), until Ctrl-C or SIGTERM. It keeps everything in the data directory; with the
key database, builds and their history are in PostgreSQL instead. Starting
again goes on where it stopped. Workers on other machines need a token: see weir token --help.

The file is read again when it changes, on SIGHUP, and by weir reload.`,
		Example: "  weir serve\n  weir serve farms/python.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	logger, dev := logFlag(c), devFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := console.LoadFarm(c, args)
		if err != nil {
			return err
		}
		s, err := app.NewServer(c.Context(), app.ServerOptions{Farm: farm, File: console.FarmFile(args), Log: logger(c.ErrOrStderr()), Dev: *dev})
		if err != nil {
			return err
		}
		if err := greet(c, farm.Name, s); err != nil {
			return errors.Join(err, s.Close())
		}
		return s.Run(c.Context())
	}
	return c
}

// greet says where the pages are, and how to sign in.
func greet(c *cobra.Command, name string, s *app.Server) error {
	link, err := access.Link(c.Context(), s.Access(), s.URL(), access.Admin, "the link that the server prints when it starts")
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s is at %s\nto change something there, sign in (once, within an hour): %s\n", name, s.URL(), link)
	return nil
}

func newUp() *cobra.Command {
	c := &cobra.Command{
		Use:   "up [FILE]",
		Short: "run the server and a worker on this machine",
		Long: `Run the server of a farm and one worker beside it, until Ctrl-C or SIGTERM:
everything a farm needs on one machine. The worker runs the projects' commands
as the user who runs weir; see docs/threat-model.md before it runs code that
you do not trust. It is called local-HOST, and gets a new token at each start.`,
		Example: "  weir up\n  weir up examples/go-modules/weir.yaml\n  weir up --slots 4",
		Args:    cobra.MaximumNArgs(1),
	}
	logger, dev := logFlag(c), devFlag(c)
	slots := c.Flags().Int("slots", 0, "how many builds run at once (default: what the file says, or 1)")
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := console.LoadFarm(c, args)
		if err != nil {
			return err
		}
		if c.Flags().Changed("slots") {
			if err := checkSlots(*slots); err != nil {
				return err
			}
			farm.Worker.Slots = *slots
		}
		return up(c.Context(), app.ServerOptions{Farm: farm, File: console.FarmFile(args), Log: logger(c.ErrOrStderr()), Dev: *dev}, "", func(s *app.Server) error {
			return greet(c, farm.Name, s)
		})
	}
	return c
}

func checkSlots(n int) error {
	if n < 1 || n > recipe.MaxSlots {
		return console.Usage(fmt.Errorf("--slots is %d, it must be 1 to %d", n, recipe.MaxSlots))
	}
	return nil
}

// up runs a server and a worker until ctx ends or one of them does. ready is
// called when both can be reached.
// Products are unpacked below products; empty means the user's usual place.
func up(ctx context.Context, o app.ServerOptions, products string, ready func(*app.Server) error) error {
	o.Alone = true
	s, err := app.NewServer(ctx, o)
	if err != nil {
		return err
	}
	w, err := localWorker(ctx, s, o.Farm, products, o.Log)
	if err == nil {
		err = ready(s)
	}
	if err != nil {
		s.Close()
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	// The worker stops first, while there is still a server to tell.
	serverCtx, stopServer := context.WithCancel(context.WithoutCancel(ctx))
	g.Go(func() error {
		defer stopServer()
		return w.Run(ctx)
	})
	g.Go(func() error { return s.Run(serverCtx) })
	return g.Wait()
}

// localWorker makes the worker that runs beside a server. Its token is made
// anew each time and lives in memory only.
func localWorker(ctx context.Context, s *app.Server, farm *recipe.Farm, products string, log *slog.Logger) (*app.Worker, error) {
	name := localName()
	secret, err := app.NewToken(ctx, s.Access(), name, true)
	if err != nil {
		return nil, err
	}
	return app.NewWorker(app.WorkerOptions{Server: s.Address(), Token: secret, Slots: farm.Worker.Slots,
		Labels: farm.Worker.Labels, Dir: filepath.Join(farm.Data, "worker"), Products: products, Log: log,
		Supervisor: app.Supervisor()})
}

// localName names the worker of weir up after the machine.
func localName() string {
	host, err := os.Hostname()
	host, _, _ = strings.Cut(host, ".")
	if name := "local-" + host; err == nil && weir.ValidName(name) {
		return name
	}
	return "local"
}
