// Package process runs programs and says what they cost: processor time and
// memory of a program and of everything that it started, from /proc. Where
// there is no /proc, everything costs nothing.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopTime is how long a process may take to end when asked to.
const stopTime = 2 * time.Minute

// Process is a running program and everything it started.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error
}

// Command is a program to be run.
type Command struct {
	Dir  string
	Log  string   // file that its output is appended to
	Env  []string // besides that of this process
	Args []string
}

// Start runs a program in the background.
func Start(c Command) (*Process, error) {
	out, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, out, out
	cmd.Env = append(os.Environ(), c.Env...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, log: c.Log, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Run runs a program to its end and returns what it printed.
func Run(ctx context.Context, c Command) (string, error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), c.Env...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %.2000s", strings.Join(c.Args, " "), err, complaint.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// Alive is an error as soon as the process has ended, with the end of its log.
func (p *Process) Alive() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s has ended: %v: %s", filepath.Base(p.cmd.Path), p.err, p.tail())
	default:
		return nil
	}
}

func (p *Process) tail() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-3000):])
}

// Stop asks the process to end, and insists if it does not. A nil process has
// ended already.
func (p *Process) Stop() error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // gone already: fine
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTime):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return errors.New(filepath.Base(p.cmd.Path) + " had to be killed: " + p.tail())
}

// Interrupt stops a program that waits for its clients when asked politely. A
// nil process has ended already.
func (p *Process) Interrupt() error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(os.Interrupt) // gone already: fine
	return p.Stop()
}

// clockTick is the unit of processor time in /proc, the same on all Linux systems.
const clockTick = 10 * time.Millisecond

// stat is what /proc/PID/stat says of a process.
type stat struct {
	parent int
	cpu    time.Duration // its own, and that of children that have ended
}

// readStat parses /proc/PID/stat. The name in it may hold anything, so fields
// count from the last parenthesis.
func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	_, rest, ok := strings.Cut(string(data[bytes.LastIndexByte(data, ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 15 {
		return stat{}, fmt.Errorf("/proc/%d/stat is not as expected", pid)
	}
	var s stat
	s.parent, _ = strconv.Atoi(fields[1])
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return stat{}, err
		}
		s.cpu += time.Duration(n) * clockTick
	}
	return s, nil
}

// Tree lists the process and its descendants.
func (p *Process) Tree() map[int]stat {
	all := map[int]stat{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			if s, err := readStat(pid); err == nil { // otherwise it has just ended
				all[pid] = s
			}
		}
	}
	out := map[int]stat{}
	for pid, s := range all {
		for at, hops := pid, 0; at > 1 && hops < 64; at, hops = all[at].parent, hops+1 {
			if at == p.cmd.Process.Pid {
				out[pid] = s
				break
			}
		}
	}
	return out
}

// CPU is the processor time of the process and all it ever started, in
// seconds. Several processes may be given; nil ones count nothing.
func CPU(list ...*Process) float64 {
	var sum time.Duration
	for _, p := range list {
		if p != nil {
			for _, s := range p.Tree() {
				sum += s.cpu
			}
		}
	}
	return sum.Seconds()
}

// Memory is what a process and its descendants hold, in bytes.
type Memory struct {
	RSS  float64 // resident; shared pages count once for each process
	PSS  float64 // resident; shared pages are shared out
	Peak float64 // the highest RSS of each process
}

// Memory is what they hold now.
func (p *Process) Memory() Memory {
	var m Memory
	for pid := range p.Tree() {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		rollup, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		m.RSS += Kilobytes(status, "VmRSS:")
		m.Peak += Kilobytes(status, "VmHWM:")
		m.PSS += Kilobytes(rollup, "Pss:")
	}
	return m
}

// ResetPeak makes the peak begin anew.
func (p *Process) ResetPeak() {
	for pid := range p.Tree() {
		// Where this is not allowed, the peak is one since the start.
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
	}
}

// Kilobytes finds "NAME  123 kB" in a file of /proc and returns bytes.
func Kilobytes(data []byte, name string) float64 {
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return n * 1024
		}
	}
	return 0
}

// DirBytes adds up the sizes of all files below the directories.
func DirBytes(dirs ...string) (float64, error) {
	var sum float64
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
			if errors.Is(err, os.ErrNotExist) {
				return nil // removed while we walk
			}
			if err != nil || d.IsDir() {
				return err
			}
			if info, err := d.Info(); err == nil {
				sum += float64(info.Size())
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return sum, nil
}
