package shell

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// strayRounds is how often processes are looked for: those found may have
// started others meanwhile.
const strayRounds = 5

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
		found := false
		files, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, name := range files {
			env, err := os.ReadFile(name)
			if err != nil || !hasEntry(env, []byte(entry)) {
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err == nil && pid != os.Getpid() && syscall.Kill(pid, syscall.SIGKILL) == nil {
				found = true
			}
		}
		if !found {
			return
		}
	}
}

func hasEntry(env, entry []byte) bool {
	for kv := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.Equal(kv, entry) {
			return true
		}
	}
	return false
}
