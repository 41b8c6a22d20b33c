package shell

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// strayRounds is how often processes are looked for: those found may have
	// started others meanwhile.
	strayRounds = 10
	// execPause is what is left to a process that turns into another program, which
	// has no environment for a moment.
	execPause = time.Millisecond
)

// Adopt makes this process the parent of what its descendants leave behind,
// so that Runner.Alone may be set.
func Adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// Childless reports whether this process has no children. Those that are dead
// are buried on the way.
func Childless() bool {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR || err == nil && pid > 0:
		default:
			return err == syscall.ECHILD
		}
	}
}

// KillStrays ends the processes that have the entry in their environment.
// Daemons leave the process group of the step that started them, but they
// rarely forget where they came from.
func KillStrays(entry string) {
	for range strayRounds {
		found, changing := false, false
		dirs, _ := filepath.Glob("/proc/[0-9]*")
		for _, dir := range dirs {
			env, err := os.ReadFile(filepath.Join(dir, "environ"))
			if err == nil && len(env) == 0 {
				changing = changing || inExec(dir)
			}
			if err != nil || !hasEntry(env, []byte(entry)) {
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(dir))
			if err == nil && pid != os.Getpid() && syscall.Kill(pid, syscall.SIGKILL) == nil {
				found = true
			}
		}
		switch {
		case !found && !changing:
			return
		case !found:
			<-time.After(execPause)
		}
	}
}

// inExec reports whether the process of a directory in /proc, which has no
// environment, is about to have one: it has no arguments either, but a program.
// Those of the kernel, and those that are dead, have none.
func inExec(dir string) bool {
	args, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil || len(args) > 0 {
		return false
	}
	_, err = os.Readlink(filepath.Join(dir, "exe"))
	return err == nil
}

func hasEntry(env, entry []byte) bool {
	for kv := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.Equal(kv, entry) {
			return true
		}
	}
	return false
}
