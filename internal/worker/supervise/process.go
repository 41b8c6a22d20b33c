package supervise

import "github.com/weir-ci/weir/internal/worker/execute"

// Process names a process in a way that outlives it: another one with the same
// number, or one after a restart of the machine, is not mistaken for it.
type Process struct {
	PID int `json:"pid,omitempty"`
	// Started says when it was started, in words that only Alive
	// understands; empty if this system does not say.
	Started string `json:"started,omitempty"`
}

// Identify names a running process.
func Identify(pid int) Process { return Process{PID: pid, Started: started(pid)} }

// Known reports whether Alive can tell about the process.
func (p Process) Known() bool { return p.PID > 0 && p.Started != "" }

// Alive reports whether the process still runs.
func (p Process) Alive() bool { return p.Known() && started(p.PID) == p.Started }

// Restarted reports whether the machine was restarted since, as far as this
// system says.
func (p Process) Restarted() bool { return p.Known() && restarted(p) }

// Kill ends the process if it still runs.
func (p Process) Kill() {
	if p.Alive() {
		killProcess(p.PID)
	}
}

// rounds is how often processes are looked for: those found may have started
// others meanwhile.
const rounds = 5

// Leftover ends what a supervisor that is dead left running: what belongs to
// its session, and what was started for the build in directory work.
func Leftover(p Process, work string) {
	if p.Alive() {
		return
	}
	if p.Known() {
		killSession(p)
	}
	execute.KillStrays(work)
}
