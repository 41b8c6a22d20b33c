package worker

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// loadScale is what the system divides the averages by that it gives as integers.
const loadScale = 1 << 16

// load is the load average of the last minute, per processor; negative if it is not
// known.
func load() float64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return -1
	}
	return float64(info.Loads[0]) / loadScale / float64(runtime.NumCPU())
}
