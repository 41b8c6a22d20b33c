package supervise

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func restarted(Process) bool { return false }

func ownImage() string { return "" }

// started is the time of the start.
func started(pid int) string {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(p.Proc.P_pid) != pid || p.Proc.P_stat == zombie {
		return ""
	}
	return fmt.Sprintf("%d.%06d", p.Proc.P_starttime.Sec, p.Proc.P_starttime.Usec)
}

// zombie is SZOMB of sys/proc.h.
const zombie = 5

func killProcess(pid int) { _ = unix.Kill(pid, unix.SIGKILL) }

// killSession ends what a session's dead leader left behind.
func killSession(p Process) {
	if started(p.PID) != "" { // the number was used again, so the session is gone
		return
	}
	for range rounds {
		list, err := unix.SysctlKinfoProcSlice("kern.proc.uid", os.Getuid())
		found := false
		for _, q := range list {
			pid := int(q.Proc.P_pid)
			sid, err := unix.Getsid(pid)
			if err == nil && sid == p.PID && q.Proc.P_stat != zombie && unix.Kill(pid, unix.SIGKILL) == nil {
				found = true
			}
		}
		if err != nil || !found {
			return
		}
	}
}
