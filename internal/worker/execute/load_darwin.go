package execute

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// LoadAverage is how many processes of the machine wanted to run during the last
// minute. The system gives three averages as integers of 32 bits, and behind them,
// aligned to 8 bytes, what to divide them by.
func LoadAverage() (float64, bool) {
	data, err := unix.SysctlRaw("vm.loadavg")
	if err != nil || len(data) < 24 {
		return 0, false
	}
	scale := binary.LittleEndian.Uint64(data[16:])
	if scale == 0 {
		return 0, false
	}
	return float64(binary.LittleEndian.Uint32(data)) / float64(scale), true
}
