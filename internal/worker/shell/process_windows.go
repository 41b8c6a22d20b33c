package shell

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/weir-ci/weir"
)

// command makes the process to start.
func (l Line) command() *exec.Cmd {
	cmd := exec.Command(l.argv[0], l.argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: l.raw, CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	return cmd
}

// native is the shell that every system of this kind has.
func (p Program) native() (Line, error) { return p.cmd() }

func (p Program) cmd() (Line, error) {
	shell := os.Getenv("ComSpec")
	if shell == "" {
		shell = "cmd"
	}
	run := p.Run
	if p.Script != "" {
		run = `"` + p.Script + `"`
	}
	// Written out, since the shell has its own rules for quotes.
	return Line{argv: []string{shell}, raw: cmdLine(run)}, nil
}

// self runs a script by its extension, or else by what its first line names.
func (p Program) self() (Line, error) {
	switch strings.ToLower(filepath.Ext(p.Script)) {
	case ".exe", ".com":
		return Line{argv: []string{p.Script}}, nil
	case ".bat", ".cmd":
		return p.cmd()
	case ".ps1":
		return p.powerShell()
	case ".py":
		return p.python()
	case ".sh":
		return p.posix("sh", "-e")
	case ".bash":
		return p.posix("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
	}
	words, err := shebang(p.Script)
	if err != nil {
		return Line{}, err
	}
	if len(words) == 0 {
		return Line{}, weir.Errorf(weir.Invalid, "the script %s has no extension that says how to run it", filepath.Base(p.Script)).
			WithHint("name the shell that runs it")
	}
	name := path.Base(words[0])
	words = words[1:]
	if name == "env" && len(words) > 0 {
		words = strings.Fields(words[0])
		name, words = words[0], words[1:]
	}
	program, err := p.find(name)
	if err != nil {
		return Line{}, err
	}
	return Line{argv: append(append([]string{program}, words...), p.Script)}, nil
}

func extensions() []string { return []string{".exe", ".com", ".bat", ".cmd", ""} }

func runnable(info fs.FileInfo) bool { return info.Mode().IsRegular() }

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

// readNow is for pipes that have deadlines, which they have not here.
func readNow(*os.File, []byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func ending(s *os.ProcessState) (code int, signal string, number int) { return s.ExitCode(), "", 0 }

func exitHint(code int) string {
	if code == 9009 {
		return "a command was not found"
	}
	return ""
}
