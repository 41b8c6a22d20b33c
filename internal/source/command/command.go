// Package command runs the tools that read sources: the git and go commands.
//
// It is the one place that knows how to run a foreign program so that nothing
// is left behind and nothing leaks:
//
//   - The program gets a session (Unix) or a job object (Windows) of its own.
//     When the context ends, everything in it ends: first with a polite
//     signal, so that git removes its lock files, then by force. A program
//     without a terminal cannot ask for a password either.
//   - What it prints is limited. Standard error is kept as an excerpt, without
//     the credentials that URLs may hold, and becomes part of a [Failure].
//   - Standard output is either collected up to a limit ([Output]) or read as
//     it comes ([Stream]); a reader that has seen enough ends the program.
package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// Limits of what is kept of a program's output, in bytes, and of the time it
// has to end after it was told to.
const (
	MaxOutput = 32 << 20 // of standard output, by Output
	MaxStderr = 8 << 10  // of standard error: the first and the last half of it
	grace     = 2 * time.Second
)

// Cmd is a program to run.
type Cmd struct {
	Name  string   // the program: a name on PATH or a path
	Args  []string // without the program's name
	Dir   string   // working directory
	Env   []string // the whole environment, as NAME=VALUE
	Stdin string
	Log   io.Writer // gets standard error as it comes, redacted line by line; may be nil
}

// Failure is a program that did not end well. Its text holds an excerpt of
// standard error and is redacted, yet it is a cause and not a message: it may
// name directories of this machine.
type Failure struct {
	Tool   string // the program and its first argument that is not an option
	Stderr string // at most MaxStderr bytes, redacted
	Err    error  // from os/exec, or the context's error
}

// Error names the tool, the reason and the last line of standard error.
func (f *Failure) Error() string {
	s := f.Tool + ": " + f.Err.Error()
	if f.Stderr != "" {
		s += ": " + f.Stderr
	}
	return s
}

// Unwrap returns the reason.
func (f *Failure) Unwrap() error { return f.Err }

// Has reports whether standard error holds one of the words.
func (f *Failure) Has(words ...string) bool {
	for _, w := range words {
		if strings.Contains(f.Stderr, w) {
			return true
		}
	}
	return false
}

// Status is the exit status that a program ended with; 0 if that is not what err
// is about.
func Status(err error) int {
	var f *Failure
	var e *exec.ExitError
	if errors.As(err, &f) && errors.As(f.Err, &e) {
		return e.ExitCode()
	}
	return 0
}

// LastLine is the last line of standard error that says something, redacted
// and at most 200 bytes long.
func (f *Failure) LastLine() string {
	lines := strings.Split(strings.TrimSpace(f.Stderr), "\n")
	return Excerpt(lines[len(lines)-1], 200)
}

// Excerpt cuts s to limit bytes without splitting a character.
func Excerpt(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "")
}

// Output runs c and returns its standard output. Errors: a *Failure; or a
// *weir.Error with code Unsupported when the program is not installed, and
// TooLarge when it prints more than MaxOutput. What was printed before a
// Failure is returned with it.
func Output(ctx context.Context, c Cmd) ([]byte, error) {
	var out []byte
	err := Stream(ctx, c, func(r *bufio.Reader) error {
		var err error
		out, err = io.ReadAll(io.LimitReader(r, MaxOutput+1))
		if len(out) > MaxOutput {
			return weir.Errorf(weir.TooLarge, "%s printed more than %d bytes", c.tool(), MaxOutput)
		}
		return err
	})
	return out, err
}

// ErrStop is what a reader returns to Stream when it has seen enough: the
// program is ended and Stream returns nil.
var ErrStop = errors.New("seen enough")

// Stream runs c while read reads its standard output. If read returns an
// error, the program is ended and the error returned, but ErrStop is no error.
// Otherwise errors are those of Output.
func Stream(ctx context.Context, c Cmd, read func(*bufio.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return &Failure{Tool: c.tool(), Err: err}
	}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	stderr := &excerpt{log: c.Log}
	cmd := exec.CommandContext(inner, c.Name, c.Args...)
	cmd.Dir, cmd.Env, cmd.Stderr, cmd.WaitDelay = c.Dir, c.Env, stderr, grace
	if c.Stdin != "" {
		cmd.Stdin = strings.NewReader(c.Stdin)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return &Failure{Tool: c.tool(), Err: err}
	}
	g := newGroup(cmd)
	cmd.Cancel = g.terminate
	if err := cmd.Start(); err != nil {
		g.close()
		return startError(c, err)
	}
	g.started()

	// A process that outlives its parent may hold the pipe open; the context
	// must end the reading all the same.
	unblock := context.AfterFunc(inner, func() {
		time.AfterFunc(grace, func() { stdout.Close() })
	})
	readErr := read(bufio.NewReaderSize(stdout, 64<<10))
	if readErr != nil {
		stop()
	}
	waitErr := cmd.Wait()
	unblock()
	if inner.Err() != nil {
		g.kill()
	}
	g.close()
	stderr.flush()
	switch {
	case ctx.Err() != nil:
		return &Failure{Tool: c.tool(), Stderr: stderr.String(), Err: ctx.Err()}
	case errors.Is(readErr, ErrStop):
		return nil
	case readErr != nil:
		return readErr
	case waitErr != nil && !errors.Is(waitErr, exec.ErrWaitDelay): // that one: it ended well, a child of it did not
		return &Failure{Tool: c.tool(), Stderr: stderr.String(), Err: waitErr}
	}
	return nil
}

// startError tells a missing program from one that cannot be started.
func startError(c Cmd, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return weir.Errorf(weir.Unsupported, "%s is not installed on this machine", c.Name).
			WithHint("install %s and see that `%s version` works for the user that runs weir", c.Name, c.Name).
			WithCause(err)
	}
	return &Failure{Tool: c.tool(), Err: err}
}

// tool names c in errors: the program and its verb.
func (c Cmd) tool() string {
	for i, a := range c.Args {
		if strings.HasPrefix(a, "-") || i > 0 && (c.Args[i-1] == "-c" || c.Args[i-1] == "-C") {
			continue
		}
		return fmt.Sprintf("%s %s", c.Name, a)
	}
	return c.Name
}
