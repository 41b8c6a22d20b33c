package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
)

// workerFlags are what the verb worker can be told.
type workerFlags struct {
	server, tokenFile, dir, products, policy string
	slots, cacheSize                         int
	labels                                   []string
	drain, check                             bool
}

// maxCacheSize limits --cache-size, in GiB.
const maxCacheSize = 1 << 20

func newWorker() *cobra.Command {
	c := &cobra.Command{
		Use:   "worker",
		Short: "lend this machine to a farm",
		Long: `Run builds for a farm. The worker dials out over HTTP, so it works behind a
firewall; it needs the farm's address and a token that the farm's admin makes
with: weir token add NAME

Ctrl-C or SIGTERM drains it: it takes nothing more, finishes what it runs, and
leaves. A second one stops it at once, and what it runs is given to others.
With --drain it asks the worker that runs in DIR to drain, and waits until that
has left. If the worker is killed, its builds go on: the next worker in the
same DIR takes them over.

It runs the commands of the farm's projects as the user who runs weir, without
isolation: lend a machine, or a user, that may come to harm. docs/workers.md
says what it does, and docs/threat-model.md what it does not keep apart.

A policy is a YAML file in which you say which projects and commands may run
here, and when. With --check the worker is not started: what the policy allows
is printed, and whether a build may begin now. Exits with 1 if the policy has
mistakes.

The token is read from WEIR_TOKEN or from a file, never from the command line,
where other users of this machine could see it.`,
		Example: "  WEIR_TOKEN=... weir worker --server https://weir.example.org\n" +
			"  weir worker --server https://weir.example.org --token-file token --slots 4 --label gpu\n" +
			"  weir worker --policy policy.yaml --check\n" +
			"  weir worker --drain --dir weir-worker",
		Args: cobra.NoArgs,
	}
	var f workerFlags
	c.Flags().StringVar(&f.server, "server", os.Getenv("WEIR_SERVER"), "address of the farm (default: $WEIR_SERVER)")
	c.Flags().StringVar(&f.tokenFile, "token-file", "", "file that holds the token (default: $WEIR_TOKEN)")
	c.Flags().IntVar(&f.slots, "slots", 1, "how many builds run at once")
	c.Flags().StringSliceVar(&f.labels, "label", nil, "`NAME` of something that this machine offers; may be repeated")
	c.Flags().StringVar(&f.dir, "dir", "weir-worker", "directory for checkouts and caches")
	c.Flags().StringVar(&f.products, "products", "", "directory where products are unpacked; the same path on all workers of a platform (default: below the user's cache directory)")
	c.Flags().IntVar(&f.cacheSize, "cache-size", app.DefaultCacheSize, "how many `GIB` the caches that jobs name may have together")
	c.Flags().StringVar(&f.policy, "policy", os.Getenv("WEIR_POLICY"), "`FILE` that says what may run here, and when (default: $WEIR_POLICY, else everything)")
	c.Flags().BoolVar(&f.check, "check", false, "say what --policy allows, and whether a build may begin now, and end")
	c.Flags().BoolVar(&f.drain, "drain", false, "ask the worker that runs in --dir to finish what it runs and leave, and wait for that")
	logger := logFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		dir, err := filepath.Abs(f.dir)
		if err != nil {
			return err
		}
		if f.drain {
			return drainWorker(c, dir)
		}
		if f.check {
			return checkPolicy(c, f.policy, dir)
		}
		o, err := f.options(c)
		if err != nil {
			return err
		}
		o.Dir, o.Log, o.Supervisor = dir, logger(c.ErrOrStderr()), app.Supervisor()
		w, err := app.NewWorker(o)
		if err != nil {
			return badPolicy(c, f.policy, err)
		}
		app.Modest()
		return runWorker(c, w)
	}
	return c
}

// options checks the flags.
func (f *workerFlags) options(c *cobra.Command) (o app.WorkerOptions, err error) {
	if f.server == "" {
		return o, console.UsageHint(fmt.Errorf("--server is missing: the address of the farm"), console.SeeHelp(c))
	}
	if err := checkSlots(f.slots); err != nil {
		return o, err
	}
	if f.cacheSize < 1 || f.cacheSize > maxCacheSize {
		return o, console.UsageHint(fmt.Errorf("--cache-size is %d: it is a number of GiB from 1 to %d", f.cacheSize, maxCacheSize), console.SeeHelp(c))
	}
	token, err := console.ReadToken("WEIR_TOKEN", f.tokenFile)
	if err != nil {
		return o, err
	}
	if token == "" {
		return o, weir.Errorf(weir.Unauthenticated, "the worker has no token").
			WithHint("make one on the server with: weir token add NAME; then set WEIR_TOKEN or --token-file")
	}
	products := f.products
	if products != "" {
		if products, err = filepath.Abs(products); err != nil {
			return o, err
		}
	}
	return app.WorkerOptions{Server: f.server, Token: token, Slots: f.slots, Labels: f.labels, Products: products, CacheSize: f.cacheSize, Policy: f.policy}, nil
}

// runWorker runs a worker that the first signal drains and the second stops.
func runWorker(c *cobra.Command, w *app.Worker) error {
	ctx, stop := context.WithCancel(context.WithoutCancel(c.Context()))
	defer stop()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	// The program listens to signals from its start, so one may have come before.
	defer context.AfterFunc(c.Context(), w.Drain)()
	go func() {
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			if n > 0 {
				fmt.Fprintln(c.ErrOrStderr(), "stopping at once: what runs is given back")
				stop()
				return
			}
			if running := w.Running(); running > 0 {
				fmt.Fprintf(c.ErrOrStderr(), "no more builds are taken; %s being finished; a second signal stops at once\n", show.Plural(running, "build is", "builds are"))
			}
			w.Drain()
		}
	}()
	return w.Run(ctx)
}

// drainWorker waits until the worker in dir has left.
func drainWorker(c *cobra.Command, dir string) error {
	out := c.OutOrStdout()
	err := app.DrainWorker(c.Context(), dir, func(n int) {
		fmt.Fprintf(out, "the worker takes nothing more; %s being finished\n", show.Plural(n, "build is", "builds are"))
	})
	if c.Context().Err() != nil {
		fmt.Fprintln(out, "not waiting any longer; the worker leaves when it has finished")
	} else if err == nil {
		fmt.Fprintln(out, "the worker has left")
	}
	return err
}

// newSupervise is the verb of the processes that a worker starts for its
// builds. It is not for people.
func newSupervise() *cobra.Command {
	return &cobra.Command{
		Use:    "supervise",
		Short:  "run builds for a worker of this machine",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return app.Supervise(c.Context(), c.InOrStdin(), c.OutOrStdout())
		},
	}
}
