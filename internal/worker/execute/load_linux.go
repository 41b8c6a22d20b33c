package execute

import (
	"bytes"
	"math"
	"os"
	"strconv"
)

// LoadAverage is how many processes of the machine wanted to run during the last
// minute.
func LoadAverage() (float64, bool) {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	first, _, _ := bytes.Cut(data, []byte(" "))
	n, err := strconv.ParseFloat(string(first), 64)
	return n, err == nil && n >= 0 && !math.IsInf(n, 0) // not a NaN either
}
