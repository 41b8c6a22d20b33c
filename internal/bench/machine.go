package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/weir-ci/weir/internal/bench/process"
)

// machine describes where the figures come from, one fact a line.
func (b *Bench) machine(ctx context.Context) []string {
	version, err := process.Run(ctx, process.Command{Env: b.options.Env, Args: []string{b.options.Program, "version"}})
	if err != nil {
		version = "weir"
	}
	first, _, _ := strings.Cut(version, "\n")
	facts := []string{
		"date: " + time.Now().UTC().Format("2006-01-02"),
		"processor: " + field("/proc/cpuinfo", "model name") + ", " + fmt.Sprint(runtime.NumCPU()) + " cores",
		"memory: " + Bytes.Format(process.Kilobytes(readFile("/proc/meminfo"), "MemTotal:")),
		"kernel: " + strings.TrimSpace(string(readFile("/proc/sys/kernel/osrelease"))),
		first,
	}
	if b.postgres != nil {
		facts = append(facts, b.postgres.version(ctx)+", as durable as by default")
	}
	if b.buildbot != "" {
		facts = append(facts, b.buildbot+" (Debian's package) on SQLite")
	}
	return facts
}

// readFile reads a small file; empty if it is not there.
func readFile(path string) []byte {
	data, _ := os.ReadFile(filepath.Clean(path)) // not Linux: the fact is missing
	return data
}

// field finds the first line "NAME : value" of a file.
func field(path, name string) string {
	for line := range strings.Lines(string(readFile(path))) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// loadAverage is how many processes wanted a processor in the last minute.
func loadAverage() string {
	first, _, _ := strings.Cut(string(readFile("/proc/loadavg")), " ")
	return first
}
