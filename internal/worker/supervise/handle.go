package supervise

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/execute"
)

// ErrDied says that a supervisor ended before its attempt did.
var ErrDied = errors.New("the supervisor of the build was killed")

// Handle is the worker program's side of a supervisor. Its methods may be
// called at the same time, but there is one attempt at a time.
type Handle struct {
	proc Process
	kill func() // ends the supervisor at once
	dead chan struct{}

	mu    sync.Mutex
	in    io.WriteCloser
	run   *Run // the present attempt
	death error
}

// Run is one attempt in a supervisor.
type Run struct {
	// News receives when the spool may have something new.
	News chan struct{}
	// Ended is closed when the attempt is over or its supervisor is dead.
	Ended chan struct{}
	// Err says, once Ended is closed, why the spool may hold no report; nil if it does.
	Err error
}

// secrets are the variables that supervisors do not get.
func secrets() []string { return []string{"WEIR_TOKEN"} }

// Self is the command line of a supervisor that is the same program as this
// one: its verb supervise has to call Program.
func Self() []string {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return []string{self, "supervise"}
}

// Start starts a supervisor as a process. argv is its command line, at least
// one word. What it prints when it crashes goes to stderr, which may be nil.
func Start(argv []string, c Config, stderr *os.File) (*Handle, error) {
	cmd := command(argv)
	cmd.Dir = c.Dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(secrets(), name)
	})
	if stderr != nil {
		cmd.Stderr = stderr
	}
	detach(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, weir.Errorf(weir.Internal, "the supervisor cannot be started: %w", err)
	}
	h := &Handle{in: in, kill: func() { _ = cmd.Process.Kill() }, dead: make(chan struct{}), proc: Identify(cmd.Process.Pid)}
	go func() {
		h.listen(out)
		err := cmd.Wait()
		if err == nil {
			err = errors.New("it ended")
		}
		h.die(err)
	}()
	return h, h.configure(c)
}

func command(argv []string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec // the worker's own options
	if self, err := os.Executable(); err == nil && self == argv[0] {
		if image := ownImage(); image != "" {
			cmd.Path, cmd.Err = image, nil
		}
	}
	return cmd
}

// InProcess starts a supervisor as a part of this program, for tests and for
// programs that cannot start themselves. It dies with the program.
func InProcess(c Config, build func(Config) (execute.Runner, error)) (*Handle, error) {
	orders, in := io.Pipe()
	out, notices := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	h := &Handle{in: in, kill: cancel, dead: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		err := Main(ctx, orders, notices, build)
		_ = orders.CloseWithError(io.ErrClosedPipe)
		_ = notices.Close()
		ended <- err
	}()
	go func() {
		h.listen(out)
		_ = out.Close()
		err := <-ended
		cancel()
		h.die(err)
	}()
	return h, h.configure(c)
}

func (h *Handle) configure(c Config) error {
	err := h.send(order{Config: &c})
	if err != nil {
		h.Close()
	}
	return err
}

// Process identifies the supervisor; it is zero for one in this process.
func (h *Handle) Process() Process { return h.proc }

// Dead is closed when the supervisor has ended.
func (h *Handle) Dead() <-chan struct{} { return h.dead }

// Alive reports whether the supervisor can be given an attempt.
func (h *Handle) Alive() bool {
	select {
	case <-h.dead:
		return false
	default:
		return true
	}
}

// Begin starts an attempt. The one before must have ended.
func (h *Handle) Begin(t Task) (*Run, error) {
	r := &Run{News: make(chan struct{}, 1), Ended: make(chan struct{})}
	h.mu.Lock()
	switch {
	case h.death != nil:
		h.mu.Unlock()
		return nil, h.death
	case h.run != nil:
		h.mu.Unlock()
		return nil, weir.Errorf(weir.Conflict, "the supervisor has an attempt already")
	}
	h.run = r
	h.mu.Unlock()
	if err := h.send(order{Run: &t}); err != nil {
		h.mu.Lock()
		h.run = nil
		h.mu.Unlock()
		return nil, err
	}
	return r, nil
}

// Cancel cancels the present attempt.
func (h *Handle) Cancel() { _ = h.send(order{Cancel: true}) }

// Nudge tells the present attempt to look for answers in its spool.
func (h *Handle) Nudge() { _ = h.send(order{Nudge: true}) }

// Close lets the supervisor end once it has nothing more to do.
func (h *Handle) Close() { _ = h.in.Close() }

// Kill ends the supervisor at once, whatever it does, and waits for its end.
// What it was running goes on: see Leftover.
func (h *Handle) Kill() {
	h.kill()
	h.Close()
	<-h.dead
}

func (h *Handle) send(o order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if _, err := h.in.Write(append(line, '\n')); err != nil {
		return weir.Errorf(weir.Internal, "the supervisor does not listen: %w", err)
	}
	return nil
}

// listen passes notices on until there will be no more.
func (h *Handle) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 512), maxOrder)
	for lines.Scan() {
		what, text, _ := strings.Cut(lines.Text(), " ")
		h.mu.Lock()
		r := h.run
		if what == noticeEnd {
			h.run = nil
		}
		h.mu.Unlock()
		switch {
		case r == nil:
		case what == noticeNews:
			select {
			case r.News <- struct{}{}:
			default:
			}
		case what == noticeEnd:
			if text != "" {
				if plain, err := strconv.Unquote(text); err == nil {
					text = plain
				}
				r.Err = errors.New(text)
			}
			close(r.Ended)
		}
	}
}

func (h *Handle) die(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.death = ErrDied
	if err != nil {
		h.death = errors.Join(ErrDied, err)
	}
	if r := h.run; r != nil {
		r.Err, h.run = h.death, nil
		close(r.Ended)
	}
	_ = h.in.Close()
	close(h.dead)
}
