// Command pgtest runs a command with a PostgreSQL of its own:
//
//	pgtest -- go test ./...
//
// It starts a private cluster, tells its address in WEIR_TEST_POSTGRES, runs
// the command, stops the cluster, and exits with the command's exit code.
// Interrupt, terminate and hang-up signals are handed on to the command. If
// WEIR_TEST_POSTGRES is set already, that cluster is used.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/weir-ci/weir/internal/store/pgtest"
)

// Exit codes of pgtest itself, as shells use them.
const (
	exitUsage      = 2
	exitNoServer   = 125
	exitNotStarted = 127
	exitSignal     = 128 // plus the signal's number
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) (code int) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: pgtest -- COMMAND [ARGUMENT...]")
		return exitUsage
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	env := os.Environ()
	if os.Getenv(pgtest.Env) == "" {
		cluster, err := pgtest.Start(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			return exitNoServer
		}
		defer func() {
			if err := cluster.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "pgtest:", err)
				code = max(code, 1)
			}
		}()
		env = append(env, pgtest.Env+"="+cluster.DSN())
	}
	return command(args, env, signals)
}

// command runs args to its end, handing on signals.
func command(args, env []string, signals <-chan os.Signal) int {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, env
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return exitNotStarted
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // it may have ended just now
		case err := <-ended:
			return exitCode(err)
		}
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return 1
	case exit.ExitCode() >= 0:
		return exit.ExitCode()
	}
	if status, ok := exit.Sys().(interface {
		Signaled() bool
		Signal() syscall.Signal
	}); ok && status.Signaled() {
		return exitSignal + int(status.Signal())
	}
	return 1
}
