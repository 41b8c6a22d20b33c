//go:build unix

package supervise

import (
	"os"
	"os/exec"
	"syscall"
)

// detach puts the supervisor into a session of its own, out of reach of the
// terminal that the worker program may have.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// polite are the signals that a supervisor does not listen to. They are
// caught, not ignored: what is ignored would be ignored by the steps as well.
// Among them is the one for a pipe that the worker program has left.
func polite() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE}
}
