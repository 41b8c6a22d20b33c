package worker

import (
	"encoding/binary"
	"runtime"

	"golang.org/x/sys/unix"
)

// load is the load average of the last minute, per processor; negative if it is not
// known. The system gives three averages as integers of 32 bits, and behind them,
// aligned to 8 bytes, what to divide them by.
func load() float64 {
	data, err := unix.SysctlRaw("vm.loadavg")
	if err != nil || len(data) < 24 {
		return -1
	}
	scale := binary.LittleEndian.Uint64(data[16:])
	if scale == 0 {
		return -1
	}
	return float64(binary.LittleEndian.Uint32(data)) / float64(scale) / float64(runtime.NumCPU())
}
