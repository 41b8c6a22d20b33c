// Package shell runs one command of a build: it finds the shell that a recipe
// names, starts it in a process group of its own, passes its output on, ends it
// when it takes too long, and says how it ended.
//
//	program := shell.Program{Shell: weir.ShellBash, Run: "make test", Path: path}
//	line, err := program.Line()
//	exit := shell.Command{Line: line, Dir: dir, Env: env, Out: log, Timeout: limit}.Execute(ctx)
//
// Recipes are the same on every system, so each shell behaves alike everywhere:
// it stops at the first command that fails, reads no files of the user's, and
// finds nothing on its standard input.
//
// Whatever a command starts is ended with it. What leaves its process group, as
// daemons do, is found by its environment, where the system tells (KillStrays).
package shell

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// Line is a command line that can be started.
type Line struct {
	argv []string // the first is an absolute path
	raw  string   // Windows: the whole line, for programs with their own rules for quotes
}

// Program is what a step wants to run: Run or Script.
type Program struct {
	Shell  weir.Shell
	Run    string // text for the shell
	Script string // absolute path of a file: run by the shell, or by itself if none is named
	// Path is where shells are looked for, as in the variable PATH.
	Path string
	// Scratch is a directory for the files that some shells read Run from.
	Scratch string
}

// Line finds out what to start. Unsupported: the machine lacks the shell, and
// another one may have it; Invalid: the program cannot be run on any machine of
// this kind; and errors of the disk.
func (p Program) Line() (Line, error) {
	if p.Script != "" && p.Shell == weir.ShellDefault {
		return p.self()
	}
	switch p.Shell {
	case weir.ShellDefault:
		return p.native()
	case weir.ShellSh:
		return p.posix("sh", "-e")
	case weir.ShellBash:
		return p.posix("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
	case weir.ShellPowerShell:
		return p.powerShell()
	case weir.ShellCmd:
		return p.cmd()
	case weir.ShellPython:
		return p.python()
	}
	return Line{}, weir.Errorf(weir.Invalid, "there is no shell %.40q", string(p.Shell)).
		WithHint("the shells are %v", weir.Shells())
}

func (p Program) posix(name string, args ...string) (Line, error) {
	shell, err := p.find(name)
	if err != nil {
		return Line{}, err
	}
	argv := append([]string{shell}, args...)
	if p.Script != "" {
		return Line{argv: append(argv, p.Script)}, nil
	}
	return Line{argv: append(argv, "-c", p.Run)}, nil
}

func (p Program) python() (Line, error) {
	python, err := p.find("python3", "python")
	if err != nil {
		return Line{}, err
	}
	if p.Script != "" {
		return Line{argv: []string{python, p.Script}}, nil
	}
	return Line{argv: []string{python, "-c", p.Run}}, nil
}

// powerShell runs a file, because PowerShell reads a command line by rules of
// its own, and goes on after errors unless it is told otherwise. The mark at
// the file's beginning makes Windows PowerShell read it as UTF-8.
func (p Program) powerShell() (Line, error) {
	shell, err := p.find("pwsh", "powershell")
	if err != nil {
		return Line{}, err
	}
	run := p.Run
	if p.Script != "" {
		run = "& '" + strings.ReplaceAll(p.Script, "'", "''") + "'"
	}
	f, err := os.CreateTemp(p.Scratch, "step-*.ps1")
	if err != nil {
		return Line{}, err
	}
	_, err = io.WriteString(f, "\uFEFF$ErrorActionPreference = 'Stop'\n$PSNativeCommandUseErrorActionPreference = $true\n"+
		run+"\nif (Test-Path -LiteralPath variable:LASTEXITCODE) { exit $LASTEXITCODE }\n")
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return Line{argv: []string{shell, "-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", f.Name()}}, err
}

// cmdLine is what the shell of Windows takes: one line. It goes on after
// errors, so the lines are joined by &&, which does not.
func cmdLine(run string) string {
	var lines []string
	for line := range strings.Lines(run) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return `cmd /E:ON /V:OFF /D /S /C "` + strings.Join(lines, " && ") + `"`
}

// find looks for the first of the names that is there.
func (p Program) find(names ...string) (string, error) {
	for _, name := range names {
		if path := lookPath(name, p.Path); path != "" {
			return path, nil
		}
	}
	return "", weir.Errorf(weir.Unsupported, "there is no %s on this machine", strings.Join(names, " and no ")).
		WithHint("install it, or give the job a label that only workers with it have")
}

// lookPath finds a program in a list of directories; empty if it is not there.
// Directories that are relative are passed over: they would be different ones
// in each step.
func lookPath(name, path string) string {
	dirs := filepath.SplitList(path)
	if runtime.GOOS != "windows" {
		dirs = append(dirs, "/bin", "/usr/bin")
	}
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) || foreignBash(name, dir) {
			continue
		}
		for _, ext := range extensions() {
			file := filepath.Join(dir, name+ext)
			if info, err := os.Stat(file); err == nil && runnable(info) {
				return file
			}
		}
	}
	return ""
}

// foreignBash reports whether a bash is the one of Windows that starts another
// system, which sees other files.
func foreignBash(name, dir string) bool {
	return runtime.GOOS == "windows" && name == "bash" && strings.EqualFold(filepath.Base(dir), "System32")
}

// maxShebang limits the first line of a script, in bytes, as kernels do.
const maxShebang = 256

// shebang reads how a script wants to be run: the words behind #!, or nothing.
func shebang(script string) ([]string, error) {
	f, err := os.Open(script)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, maxShebang))
	if err != nil {
		return nil, err
	}
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return nil, nil
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	// Everything behind the interpreter is one argument, as kernels have it,
	// unless env is asked to take it apart.
	interpreter, rest, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	words := []string{interpreter}
	if rest = strings.TrimSpace(rest); rest != "" {
		words = append(words, rest)
	}
	return words, nil
}

// InCheckout finds a script of the checkout: a regular file that no link leads
// out of it for. Invalid or NotFound say what is wrong with it.
func InCheckout(checkout, script string) (string, error) {
	name := filepath.FromSlash(script)
	if !filepath.IsLocal(name) {
		return "", weir.Errorf(weir.Invalid, "the script %.200q is not below the checkout", script)
	}
	root, err := os.OpenRoot(checkout)
	if err != nil {
		return "", err
	}
	defer root.Close()
	info, err := root.Stat(name)
	switch {
	case err != nil:
		return "", weir.Errorf(weir.NotFound, "the script %.200s is not in the checkout", script).WithCause(err)
	case !info.Mode().IsRegular():
		return "", weir.Errorf(weir.Invalid, "the script %.200s is not a file", script)
	}
	return filepath.Join(checkout, name), nil
}

// Command is a command to execute.
type Command struct {
	Line Line
	Dir  string
	Env  []string
	Out  io.Writer // of both output streams; an error from it ends the command
	// Timeout is how long it may take; zero: as long as it likes.
	Timeout time.Duration
	// Quiet is how long it may print nothing; zero: as long as it likes.
	Quiet time.Duration
	// Grace is how long it has between being asked to end and being killed.
	Grace time.Duration
	// Linger is how long output is still read once it has ended, if a process
	// that escaped holds it open.
	Linger time.Duration
}

// Exit is how a command ended.
type Exit struct {
	Code   int
	Signal string // its name; empty if there was none
	Number int    // of the signal; 0 if there was none
	Why    error  // why it was ended: a Limit, the context's cause, an error of Out; nil if it ended by itself
	Start  error  // why it could not be started
}

// Passed reports whether it did what it should.
func (e Exit) Passed() bool {
	return e.Why == nil && e.Start == nil && e.Code == 0 && e.Signal == ""
}

// Note says in one line what happened.
func (e Exit) Note() string {
	switch {
	case e.Start != nil:
		return fmt.Sprintf("cannot be started: %v", e.Start)
	case e.Signal != "":
		return "killed by signal: " + e.Signal
	}
	note := fmt.Sprintf("exit status %d", e.Code)
	if hint := exitHint(e.Code); hint != "" {
		note += " (" + hint + ")"
	}
	return note
}

// Limit is why a command ended that took too long.
type Limit struct {
	Code  weir.ReasonCode // ReasonTimeout or ReasonQuiet
	After time.Duration
}

// Error says which limit it was.
func (e Limit) Error() string {
	if e.Code == weir.ReasonQuiet {
		return "no output for " + e.After.String()
	}
	return "took longer than " + e.After.String()
}

// executable reports whether a file may be run as it is.
func executable(info fs.FileInfo) bool { return info.Mode()&0o111 != 0 }
