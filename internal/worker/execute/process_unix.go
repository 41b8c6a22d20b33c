//go:build unix

package execute

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// shell makes the command for a step. Its standard input is empty, since
// exec.Cmd opens the null device for it.
func shell(run string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-e", "-c", run)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// group is the process group of a command; its id is that of its first process.
type group int

func newGroup(p *os.Process) group { return group(p.Pid) }

// ask asks every process of the group to end.
func (g group) ask() { _ = syscall.Kill(-int(g), syscall.SIGTERM) }

// kill ends every process of the group.
func (g group) kill() { _ = syscall.Kill(-int(g), syscall.SIGKILL) }

// alive reports whether the group has any process besides its first one,
// which has been waited for. Orphans that fell to this process (see Adopt) are
// buried first: dead, they would count as alive.
func (g group) alive() bool {
	for {
		if pid, err := syscall.Wait4(-int(g), nil, syscall.WNOHANG, nil); pid <= 0 && !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	err := syscall.Kill(-int(g), 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func (g group) close() {}

func ending(s *os.ProcessState) (code int, signal string, number int) {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 0, ws.Signal().String(), int(ws.Signal())
	}
	return s.ExitCode(), "", 0
}

// exitHint explains the exit codes that shells make up.
func exitHint(code int) string {
	switch {
	case code == 126:
		return "a command is not executable"
	case code == 127:
		return "a command was not found"
	case code > 128 && code < 128+65:
		return fmt.Sprintf("a command was killed by signal: %v", syscall.Signal(code-128))
	}
	return ""
}
