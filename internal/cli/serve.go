package cli

import (
	"context"
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

func newServe() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve [FILE]",
		Short: "run the server: pages, API, and the farm's decisions",
		Long: `Run the server of the farm that a farm file describes (weir.yaml here, if none
is named), until Ctrl-C or SIGTERM. It keeps everything in the data directory; with the
key database, builds and their history are in PostgreSQL instead. Starting
again goes on where it stopped. Workers on other machines need a token: see weir token --help.`,
		Example: "  weir serve\n  weir serve farms/python.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	logger := logFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := loadFarm(c, args)
		if err != nil {
			return err
		}
		s, err := app.NewServer(c.Context(), app.ServerOptions{Farm: farm, Log: logger(c.ErrOrStderr())})
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%s is at %s\n", farm.Name, s.URL())
		return s.Run(c.Context())
	}
	return c
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
	logger := logFlag(c)
	slots := c.Flags().Int("slots", 0, "how many builds run at once (default: what the file says, or 1)")
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := loadFarm(c, args)
		if err != nil {
			return err
		}
		if c.Flags().Changed("slots") {
			if err := checkSlots(*slots); err != nil {
				return err
			}
			farm.Worker.Slots = *slots
		}
		return up(c.Context(), farm, "", logger(c.ErrOrStderr()), func(s *app.Server) error {
			fmt.Fprintf(c.OutOrStdout(), "%s is at %s\n", farm.Name, s.URL())
			return nil
		})
	}
	return c
}

func checkSlots(n int) error {
	if n < 1 || n > recipe.MaxSlots {
		return usageError{error: fmt.Errorf("--slots is %d, it must be 1 to %d", n, recipe.MaxSlots)}
	}
	return nil
}

// up runs a server and a worker until ctx ends or one of them does. ready is
// called when both can be reached.
// Products are unpacked below products; empty means the user's usual place.
func up(ctx context.Context, farm *recipe.Farm, products string, log *slog.Logger, ready func(*app.Server) error) error {
	s, err := app.NewServer(ctx, app.ServerOptions{Farm: farm, Log: log, Alone: true})
	if err != nil {
		return err
	}
	w, err := localWorker(ctx, s, farm, products, log)
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
		Labels: farm.Worker.Labels, Dir: filepath.Join(farm.Data, "worker"), Products: products, Log: log})
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

func newWorker() *cobra.Command {
	c := &cobra.Command{
		Use:   "worker",
		Short: "lend this machine to a farm",
		Long: `Run builds for a farm, until Ctrl-C or SIGTERM. The worker dials out over HTTP,
so it works behind a firewall; it needs the farm's address and a token that
the farm's admin makes with: weir token add NAME

It runs the commands of the farm's projects as the user who runs weir, without
isolation: lend a machine, or a user, that may come to harm. docs/workers.md
says what it does, and docs/threat-model.md what it does not keep apart.

The token is read from WEIR_TOKEN or from a file, never from the command line,
where other users of this machine could see it.`,
		Example: "  WEIR_TOKEN=... weir worker --server https://weir.example.org\n" +
			"  weir worker --server https://weir.example.org --token-file token --slots 4 --label gpu",
		Args: cobra.NoArgs,
	}
	server := c.Flags().String("server", os.Getenv("WEIR_SERVER"), "address of the farm (default: $WEIR_SERVER)")
	tokenFile := c.Flags().String("token-file", "", "file that holds the token (default: $WEIR_TOKEN)")
	slots := c.Flags().Int("slots", 1, "how many builds run at once")
	labels := c.Flags().StringSlice("label", nil, "`NAME` of something that this machine offers; may be repeated")
	dir := c.Flags().String("dir", "weir-worker", "directory for checkouts and caches")
	products := c.Flags().String("products", "", "directory where products are unpacked; the same path on all workers of a platform (default: below the user's cache directory)")
	logger := logFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *server == "" {
			return usageError{fmt.Errorf("--server is missing: the address of the farm"), seeHelp(c)}
		}
		if err := checkSlots(*slots); err != nil {
			return err
		}
		token := os.Getenv("WEIR_TOKEN")
		if *tokenFile != "" {
			data, err := os.ReadFile(*tokenFile)
			if err != nil {
				return weir.Errorf(weir.Invalid, "the token file cannot be read: %w", err)
			}
			token = strings.TrimSpace(string(data))
		}
		if token == "" {
			return weir.Errorf(weir.Unauthenticated, "the worker has no token").
				WithHint("make one on the server with: weir token add NAME; then set WEIR_TOKEN or --token-file")
		}
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return weir.Errorf(weir.Unauthenticated, "what was given as the token is none: it has spaces, line ends or other odd characters").
				WithHint("a token is one word, as weir token add NAME prints it on its standard output")
		}
		path, err := filepath.Abs(*dir)
		if err != nil {
			return err
		}
		if *products != "" {
			if *products, err = filepath.Abs(*products); err != nil {
				return err
			}
		}
		w, err := app.NewWorker(app.WorkerOptions{Server: *server, Token: token, Slots: *slots, Labels: *labels,
			Dir: path, Products: *products, Log: logger(c.ErrOrStderr())})
		if err != nil {
			return err
		}
		return w.Run(c.Context())
	}
	return c
}

func newToken() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "make, list and revoke the tokens of workers",
		Long: `Manage the tokens with which workers on other machines prove who they are.
These verbs open the farm's database directly, so run them where the server
runs; the server need not be running. A token is shown once, when it is made;
only a hash of it is kept.`,
		Example: "  weir token add alices-laptop\n  weir token list\n  weir token revoke alices-laptop",
		Args:    subcommands,

		SuggestionsMinimumDistance: 2,
		RunE: func(*cobra.Command, []string) error {
			return usageError{fmt.Errorf("token what: add, list or revoke?"), "see weir token --help"}
		},
	}
	file := c.PersistentFlags().StringP("file", "f", recipe.FileName, "the farm file")
	open := func(c *cobra.Command, use func(db tokens) error) error {
		farm, err := loadFarm(c, []string{*file})
		if err != nil {
			return err
		}
		db, err := app.OpenStore(c.Context(), farm)
		if err != nil {
			return err
		}
		defer db.Close()
		return use(db)
	}
	c.AddCommand(
		&cobra.Command{Use: "add NAME", Short: "make a token for the worker of that name", Args: cobra.ExactArgs(1),
			Example: "  weir token add alices-laptop",
			RunE: func(c *cobra.Command, args []string) error {
				return open(c, func(db tokens) error {
					secret, err := app.NewToken(c.Context(), db, args[0], false)
					if err == nil {
						fmt.Fprintln(c.OutOrStdout(), secret)
						fmt.Fprintf(c.ErrOrStderr(), "the token of %s; it is not shown again. On the worker's machine:\n"+
							"  WEIR_TOKEN=... weir worker --server ADDRESS\n", args[0])
					}
					return err
				})
			}},
		&cobra.Command{Use: "list", Short: "list the tokens, without their secrets", Args: cobra.NoArgs,
			Example: "  weir token list",
			RunE: func(c *cobra.Command, _ []string) error {
				return open(c, func(db tokens) error {
					list, err := db.Tokens(c.Context())
					for _, t := range list {
						fmt.Fprintf(c.OutOrStdout(), "%s\tmade %s\n", t.Name, t.Created.Format("2006-01-02"))
					}
					return err
				})
			}},
		&cobra.Command{Use: "revoke NAME", Short: "make a token useless at once", Args: cobra.ExactArgs(1),
			Example: "  weir token revoke alices-laptop",
			RunE: func(c *cobra.Command, args []string) error {
				return open(c, func(db tokens) error {
					err := db.RevokeToken(c.Context(), args[0])
					if err == nil {
						fmt.Fprintf(c.OutOrStdout(), "the token of %s is revoked\n", args[0])
					}
					return err
				})
			}})
	return c
}

// tokens is the part of a database that keeps tokens.
type tokens = app.Tokens
