//go:build unix

package shell

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/weir-ci/weir"
)

// command makes the process to start. Its standard input is empty, since
// exec.Cmd opens the null device for it.
func (l Line) command() *exec.Cmd {
	cmd := exec.Command(l.argv[0], l.argv[1:]...) //nolint:gosec // running what recipes say is what this is for
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// native is the shell that every system of this kind has.
func (p Program) native() (Line, error) {
	return Line{argv: []string{"/bin/sh", "-e", "-c", p.Run}}, nil
}

// self runs a script as it wants to be run: as the kernel does if it is
// executable, else by what its first line names.
func (p Program) self() (Line, error) {
	info, err := os.Stat(p.Script)
	if err != nil {
		return Line{}, err
	}
	words, err := shebang(p.Script)
	switch {
	case err == nil && len(words) > 0 && filepath.IsAbs(words[0]):
		// Also if it is executable: so it may lie on a disk from which the kernel
		// runs nothing.
		return Line{argv: append(words, p.Script)}, nil
	case executable(info):
		return Line{argv: []string{p.Script}}, nil
	case err != nil:
		return Line{}, err
	}
	return Line{}, weir.Errorf(weir.Invalid, "the script %s is neither executable nor begins with #!", filepath.Base(p.Script)).
		WithHint("name the shell that runs it, or make it executable: git update-index --chmod=+x")
}

func (p Program) cmd() (Line, error) {
	return Line{}, weir.Errorf(weir.Invalid, "the shell cmd is there on Windows only").
		WithHint("leave the shell out: it is sh here and cmd there")
}

func extensions() []string { return []string{""} }

func runnable(info fs.FileInfo) bool { return info.Mode().IsRegular() && executable(info) }

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

// readNow reads what is in a pipe, also after its deadline. It does not wait: that
// there is nothing is an error.
func readNow(pipe *os.File, buf []byte) (n int, err error) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0, err
	}
	blame := raw.Control(func(fd uintptr) {
		for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
			n, err = syscall.Read(int(fd), buf) // as every pipe that has deadlines, it does not block
		}
	})
	if err = errors.Join(err, blame); err == nil && n == 0 {
		err = io.EOF
	}
	return max(n, 0), err
}

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
