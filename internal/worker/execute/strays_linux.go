package execute

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// strayRounds is how often processes are looked for: those found may have
// started others meanwhile.
const strayRounds = 5

// killStrays ends the processes that have the entry in their environment.
// Daemons leave the process group of the step that started them, but they
// rarely forget where they came from.
func killStrays(entry string) {
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
