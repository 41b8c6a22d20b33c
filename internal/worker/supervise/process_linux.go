package supervise

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ownImage is this program even if its file was replaced meanwhile, so that
// both sides are always of one version.
func ownImage() string { return "/proc/self/exe" }

// Fields of /proc/PID/stat, counted from the one behind the program's name.
const (
	fieldState   = 0
	fieldSession = 3
	fieldStarted = 19
)

func stat(pid int) []string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	// The name may hold anything, also spaces and parentheses.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) <= fieldStarted || fields[fieldState] == "Z" || fields[fieldState] == "X" {
		return nil
	}
	return fields
}

func bootID() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data))
}

// started is the time of the start in ticks since the boot, and which boot.
func started(pid int) string {
	fields, boot := stat(pid), bootID()
	if fields == nil || boot == "" {
		return ""
	}
	return boot + " " + fields[fieldStarted]
}

func restarted(p Process) bool {
	boot, _, _ := strings.Cut(p.Started, " ")
	return boot != bootID()
}

func killProcess(pid int) { _ = unix.Kill(pid, unix.SIGKILL) }

// killSession ends what a session's dead leader left behind. The number of
// the leader is not used again while its session has a member; if it is used,
// none is left.
func killSession(p Process) {
	if restarted(p) || stat(p.PID) != nil {
		return
	}
	for range rounds {
		found := false
		dirs, _ := filepath.Glob("/proc/[0-9]*")
		for _, dir := range dirs {
			pid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil {
				continue
			}
			fields := stat(pid)
			if fields != nil && fields[fieldSession] == strconv.Itoa(p.PID) && unix.Kill(pid, unix.SIGKILL) == nil {
				found = true
			}
		}
		if !found {
			return
		}
	}
}
