package shell

import (
	"bytes"
	"os"
	"strconv"
)

// OutOfMemory counts the processes that the system has killed for want of
// memory, on the whole machine or within a limit of a container, since it
// started; 0 if that cannot be known.
func OutOfMemory() int64 {
	data, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(data) {
		if count, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			n, _ := strconv.ParseInt(string(bytes.TrimSpace(count)), 10, 64)
			return n
		}
	}
	return 0
}
