//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/weir-ci/weir/internal/store/pgtest"
)

func TestRunReturnsTheCommandsExitCode(t *testing.T) {
	t.Setenv(pgtest.Env, "") // a private cluster
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"address", []string{"--", "sh", "-c", `case $` + pgtest.Env + ` in postgres://*) exit 7; esac`}, 7},
		{"success", []string{"true"}, 0},
		{"usage", []string{"--"}, exitUsage},
		{"unknown", []string{"--", "/no/such/program"}, exitNotStarted},
		{"killed", []string{"sh", "-c", "kill -KILL $$"}, exitSignal + int(syscall.SIGKILL)},
	} {
		if got := run(c.args); got != c.want {
			t.Errorf("%s: exit code %d, want %d", c.name, got, c.want)
		}
	}
}

func TestSignalsAreHandedOn(t *testing.T) {
	t.Parallel()
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	// The default action ends the command, trapped or not yet.
	got := command([]string{"sh", "-c", `while :; do :; done`}, os.Environ(), signals)
	if want := exitSignal + int(syscall.SIGTERM); got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}
