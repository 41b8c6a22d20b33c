package chaos

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// node is a server or a worker: a program that is kept running, as an init
// system would, and what it starts.
type node struct {
	name string
	dir  string // its own; appears in the environment of all that it starts
	args []string
	env  []string
	log  string // file

	// busy is held by the fault that the node suffers from, so that one
	// restart does not undo another.
	busy sync.Mutex

	mu      sync.Mutex
	cmd     *exec.Cmd
	done    chan struct{} // closed when cmd has ended
	asked   bool          // to end: nobody wonders why it did
	wanted  bool
	problem []string
}

// markEnv is how processes of a node are recognised.
const markEnv = "WEIR_CHAOS_DIR"

// start starts the program unless it runs.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wanted = true
	if n.cmd != nil {
		return nil
	}
	out, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(n.args[0], n.args[1:]...) //nolint:gosec // the program under test
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.Dir = out, out, append(n.env, markEnv+"="+n.dir), n.dir
	// A group of its own, so that Ctrl-C does not reach it before us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s does not start: %w", n.name, err)
	}
	n.cmd, n.done, n.asked = cmd, make(chan struct{}), false
	go n.watch(cmd, n.done)
	return nil
}

// watch waits for the end of a program, and starts it again if nobody wanted it.
func (n *node) watch(cmd *exec.Cmd, done chan struct{}) {
	err := cmd.Wait()
	n.mu.Lock()
	n.cmd = nil
	surprise := !n.asked
	if surprise {
		n.problem = append(n.problem, fmt.Sprintf("%s ended by itself: %v", n.name, err))
	}
	again := surprise && n.wanted
	close(done)
	n.mu.Unlock()
	if again {
		<-time.After(300 * ms)
		if n.wants() {
			_ = n.start()
		}
	}
}

func (n *node) wants() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wanted
}

// pid is the program's process; 0 if it does not run.
func (n *node) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return 0
	}
	return n.cmd.Process.Pid
}

// end sends a signal that ends the program, and waits. One that does not end
// within the time given is a problem, and killed.
func (n *node) end(sig syscall.Signal, patience time.Duration) {
	n.mu.Lock()
	cmd, done := n.cmd, n.done
	n.asked = true
	n.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(sig)
	_ = cmd.Process.Signal(syscall.SIGCONT)
	select {
	case <-done:
	case <-time.After(patience):
		n.complain("%s did not end within %s of signal %d", n.name, patience, sig)
		_ = cmd.Process.Kill()
		<-done
	}
}

func (n *node) complain(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.problem = append(n.problem, fmt.Sprintf(format, args...))
}

func (n *node) problems() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.problem)
}

// process is one that was found in /proc.
type process struct {
	pid     int
	command string
}

// supervisor reports whether it is one that runs attempts.
func (p process) supervisor() bool {
	f := strings.Fields(p.command)
	return len(f) > 1 && f[1] == "supervise"
}

// processes finds all that live and belong to a directory: its path is in
// their environment, or they work in it. The one that asks is not among them.
func processes(dir string) []process {
	names, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
	var found []process
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, _ := os.ReadFile(filepath.Join(name, "environ"))
		cwd, _ := os.Readlink(filepath.Join(name, "cwd"))
		if !mentions(env, dir) && cwd != dir && !strings.HasPrefix(cwd, dir+"/") {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(name, "cmdline"))
		if _, err := os.Readlink(filepath.Join(name, "exe")); len(command) == 0 && err != nil {
			continue // dead, and its parent has not looked yet; others are about to have a command
		}
		found = append(found, process{pid, string(bytes.ReplaceAll(bytes.TrimRight(command, "\x00"), []byte{0}, []byte{' '}))})
	}
	return found
}

func mentions(env []byte, dir string) bool {
	for _, end := range []string{"/", "\x00", "\n"} {
		if bytes.Contains(env, []byte("="+dir+end)) {
			return true
		}
	}
	return false
}

// signal sends a signal to processes; those that are gone do not mind.
func signal(sig syscall.Signal, list []process) {
	for _, p := range list {
		_ = syscall.Kill(p.pid, sig)
	}
}

// killAll ends everything that belongs to a directory, until nothing is left.
func killAll(ctx context.Context, dir string) {
	for ctx.Err() == nil {
		list := processes(dir)
		if len(list) == 0 {
			return
		}
		signal(syscall.SIGKILL, list)
		<-time.After(20 * ms)
	}
}

// resident is how much memory a process has, in bytes; 0 if it is gone.
func resident(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	f := strings.Fields(string(data))
	if err != nil || len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// smallDisk mounts a file system of 32 MiB until the returned function is called.
func smallDisk(dir string) (release func() error, err error) {
	err = syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "size=32m,mode=700")
	if err != nil {
		return nil, fmt.Errorf("a disk that may be filled cannot be mounted (run as root, or below: unshare -rm): %w", err)
	}
	return func() error { return syscall.Unmount(dir, syscall.MNT_DETACH) }, nil
}

// fill writes a file until the disk is full.
func fill(file string) {
	f, err := os.Create(file)
	if err != nil {
		return
	}
	defer f.Close()
	for chunk := make([]byte, 1<<20); len(chunk) > 0; {
		n, err := f.Write(chunk)
		if err != nil && n == 0 {
			chunk = chunk[:len(chunk)/2]
		}
	}
}
