package execute

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// shell makes the command for a step. The shell of Windows takes one line and
// goes on after errors, so the lines are joined by &&, which does not.
func shell(run string) *exec.Cmd {
	var lines []string
	for line := range strings.Lines(run) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	cmd := exec.Command("cmd")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// Written out, since the shell has its own rules for quotes.
		CmdLine:       `cmd /E:ON /V:OFF /D /S /C "` + strings.Join(lines, " && ") + `"`,
		CreationFlags: windows.CREATE_NEW_PROCESS_GROUP,
	}
	return cmd
}

// group is a job object that holds a command and all it starts.
type group struct {
	job windows.Handle
	pid uint32
}

func newGroup(p *os.Process) group {
	g := group{pid: uint32(p.Pid)}
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return g
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, _ = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, g.pid)
	if err == nil {
		err = windows.AssignProcessToJobObject(job, h)
		_ = windows.CloseHandle(h)
	}
	if err != nil {
		_ = windows.CloseHandle(job)
		return g
	}
	g.job = job
	return g
}

// ask asks every process of the group to end.
func (g group) ask() { _ = windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, g.pid) }

// kill ends every process of the group.
func (g group) kill() {
	if g.job != 0 {
		_ = windows.TerminateJobObject(g.job, 1)
		return
	}
	if p, err := os.FindProcess(int(g.pid)); err == nil {
		_ = p.Kill()
		_ = p.Release()
	}
}

// alive is false: what is left of the group is not waited for.
func (g group) alive() bool { return false }

func (g group) close() {
	if g.job != 0 {
		_ = windows.CloseHandle(g.job)
	}
}

func ending(s *os.ProcessState) (code int, signal string, number int) { return s.ExitCode(), "", 0 }

func exitHint(code int) string {
	if code == 9009 {
		return "a command was not found"
	}
	return ""
}
