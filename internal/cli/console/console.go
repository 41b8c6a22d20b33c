// Package console is what the verbs of the command line share: how mistakes are
// told and exit codes chosen, how the farm file is found, and how a farm is
// reached, with which token.
//
// A verb parses its flags, calls the package that does the work and prints what
// people want to know. It returns errors and never prints them: the command line
// does that once, with the hint that says what to do next.
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

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

// ErrBadNews ends a verb whose answer is bad news that it has printed already.
var ErrBadNews = errors.New("bad news")

// UsageError marks mistakes on the command line. See Usage.
type UsageError struct {
	error
	hint string // empty: see the help
}

// Usage marks err as a mistake on the command line.
func Usage(err error) error { return UsageError{error: err} }

// UsageHint is Usage with a hint of what to write instead.
func UsageHint(err error, hint string) error { return UsageError{err, hint} }

// UntriedError ends weir repro, if it could not find out.
type UntriedError struct{ error }

// Untried marks err as the reason why nothing could be found out.
func Untried(err error) error { return UntriedError{err} }

// Unwrap is the reason.
func (e UntriedError) Unwrap() error { return e.error }

// SeeHelp is the hint to look at a verb's help.
func SeeHelp(c *cobra.Command) string { return "see " + c.CommandPath() + " --help" }

// Subcommands are the arguments of a verb that has verbs of its own: whatever
// gets here is none of them.
func Subcommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := SeeHelp(c)
	if names := c.SuggestionsFor(args[0]); len(names) > 0 {
		hint = fmt.Sprintf("did you mean %s %s? ", c.CommandPath(), strings.Join(names, " or ")) + hint
	}
	return UsageError{fmt.Errorf("unknown command %.80q", args[0]), hint}
}

// WrapArgs marks errors about positional arguments as usage errors.
func WrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				var usage UsageError
				if !errors.As(err, &usage) {
					usage = UsageError{err, SeeHelp(c)}
				}
				return usage
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		WrapArgs(sub)
	}
}

// PrintError prints an error the way all verbs do: what is wrong, and below
// it what to do next.
func PrintError(w io.Writer, err error) {
	var usage UsageError
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

// ExitCode is the code that the program exits with after err.
func ExitCode(ctx context.Context, err error) int {
	var usage UsageError
	var untried UntriedError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrBadNews):
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
