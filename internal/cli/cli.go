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
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
)

// The exit codes.
const (
	ExitOK          = 0
	ExitBad         = 1 // the answer is bad news: a build failed, a file has problems, regressions are open
	ExitUsage       = 2 // the command line is wrong
	ExitUntried     = 2 // of weir repro alone: it could not find out
	ExitUnavailable = 3 // something outside does not answer
	ExitDenied      = 4 // not allowed
	ExitInternal    = 5 // a bug or an unknown failure
	ExitInterrupted = 130
)

// badNews ends a verb whose answer is bad news that it has printed already.
var errBadNews = errors.New("bad news")

// usageError marks mistakes on the command line.
type usageError struct {
	error
	hint string // empty: see the help
}

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
	code := exitCode(ctx, err)
	if err != nil && code != ExitInterrupted && !errors.Is(err, errBadNews) { // who interrupts knows
		printError(stderr, err)
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
	root.Args, root.SuggestionsMinimumDistance = subcommands, 2
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError{err, seeHelp(c)} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newInit(), newCheck(), newServe(), newWorker(), newUp(), newRun(), newStatus(),
		newLogs(), newRegressions(), newBisect(), newHistory(), newFlaky(), newForce(), newCancel(), newWorkers(), newToken(), newDemo(), newVersion(), newSupervise(), newRepro())
	for _, c := range root.Commands() {
		wrapArgs(c)
	}
	return root
}

func seeHelp(c *cobra.Command) string { return "see " + c.CommandPath() + " --help" }

// subcommands are the arguments of a verb that has verbs of its own: whatever
// gets here is none of them.
func subcommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := seeHelp(c)
	if names := c.SuggestionsFor(args[0]); len(names) > 0 {
		hint = fmt.Sprintf("did you mean %s %s? ", c.CommandPath(), strings.Join(names, " or ")) + hint
	}
	return usageError{fmt.Errorf("unknown command %.80q", args[0]), hint}
}

// wrapArgs marks errors about positional arguments as usage errors.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				var usage usageError
				if !errors.As(err, &usage) {
					usage = usageError{err, seeHelp(c)}
				}
				return usage
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

// printError prints an error the way all verbs do: what is wrong, and below
// it what to do next.
func printError(w io.Writer, err error) {
	var usage usageError
	var e *weir.Error
	switch {
	case errors.As(err, &usage):
		if usage.hint == "" {
			usage.hint = "see weir --help"
		}
		fmt.Fprintf(w, "weir: %v\nhint: %s\n", usage.error, usage.hint)
	case errors.As(err, &e):
		fmt.Fprintf(w, "weir: %s\n", e.Message)
		if e.Hint != "" {
			fmt.Fprintf(w, "hint: %s\n", e.Hint)
		}
		if e.Code == weir.Internal && e.Err != nil {
			fmt.Fprintf(w, "cause: %v\n", e.Err)
		}
	default:
		fmt.Fprintf(w, "weir: %v\n", err)
	}
}

func exitCode(ctx context.Context, err error) int {
	var usage usageError
	var untried untriedError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errBadNews):
		return ExitBad
	case errors.As(err, &usage):
		return ExitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &untried):
		return ExitUntried
	}
	switch weir.CodeOf(err) {
	case weir.Unavailable:
		return ExitUnavailable
	case weir.Unauthenticated, weir.Forbidden:
		return ExitDenied
	case weir.Internal:
		return ExitInternal
	}
	return ExitBad
}
