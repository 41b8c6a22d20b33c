//go:build unix

package command

import (
	"os"
	"os/exec"
	"syscall"
)

// group is a program and all that it starts: a session of its own, which also
// takes the terminal away, so that ssh cannot wait for a password.
type group struct{ cmd *exec.Cmd }

func newGroup(cmd *exec.Cmd) *group {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return &group{cmd}
}

func (g *group) started() {}

// terminate asks all to end. Git then removes its lock files.
func (g *group) terminate() error { return g.signal(syscall.SIGTERM) }

// kill ends what is left.
func (g *group) kill() { _ = g.signal(syscall.SIGKILL) }

func (g *group) signal(s syscall.Signal) error {
	if err := syscall.Kill(-g.cmd.Process.Pid, s); err != nil {
		return os.ErrProcessDone
	}
	return nil
}

func (g *group) close() {}
