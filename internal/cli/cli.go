// Package cli is the command line: one file per verb, one printer for errors,
// one table of exit codes.
//
// A verb parses its flags, calls the package that does the work and prints
// what people want to know. Errors are returned, never printed by verbs: Main
// prints them once, with the hint that says what to do next.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir/internal/cli/access"
	"github.com/weir-ci/weir/internal/cli/call"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/hooks"
	"github.com/weir-ci/weir/internal/cli/local"
	"github.com/weir-ci/weir/internal/cli/recipes"
	"github.com/weir-ci/weir/internal/cli/reload"
	"github.com/weir-ci/weir/internal/cli/starts"
)

// Main runs the command line and returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	code := console.ExitCode(ctx, err)
	if err != nil && code != console.ExitInterrupted && !errors.Is(err, console.ErrBadNews) { // who interrupts knows
		console.PrintError(stderr, err)
	}
	return code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "a build farm that says which upstream commit broke which tests of whom",
		Long: `Weir builds an upstream project whenever it changes, runs the tests of
every downstream project against that fresh build, and says which commit
broke which tests of whom, and how sure it is.

Start here:
  weir demo               see a whole farm at work on a toy ecosystem
  weir init               write a commented weir.yaml
  weir up                 run the server and a worker on this machine
  weir status             what is broken, and what runs

Exit codes: 0 fine, 1 bad news (a build failed, a file has problems, there
are regressions), 2 wrong command line, 3 something does not answer,
4 not allowed, 5 internal error.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.Args, root.SuggestionsMinimumDistance = console.Subcommands, 2
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return console.UsageHint(err, console.SeeHelp(c)) })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(recipes.Commands()...)
	root.AddCommand(newServe(), newWorker(), newUp(), local.Detect(), local.Import(), local.Run(), newStatus(),
		newLogs(), newRegressions(), newBisect(), newHistory(), newFlaky(), newForce(), hooks.Change(), hooks.Command(), newCancel(), newWorkers(), newDemo(), newVersion(), newSupervise(), newRepro(), reload.Command(), call.Command())
	root.AddCommand(starts.Commands()...)
	root.AddCommand(access.Commands()...)
	for _, c := range root.Commands() {
		console.WrapArgs(c)
	}
	return root
}
