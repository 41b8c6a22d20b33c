package execute

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/weir-ci/weir"
)

// groupPoll is how often it is looked whether an asked process group is gone.
const groupPoll = 20 * time.Millisecond

// execute runs the command until it and all of its group have ended.
//
// Both output streams are one pipe, so that their order is kept. The pipe is
// read by a goroutine of its own until every process that holds it is gone;
// one that left the group, and so survives, is no longer listened to after
// linger.
func (c command) execute(ctx context.Context) exit {
	if err := context.Cause(ctx); err != nil {
		return exit{why: err}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return exit{start: err}
	}
	cmd := shell(c.run)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, c.env, w, w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return exit{start: err}
	}
	group := newGroup(cmd.Process)
	defer group.close()
	pump := newPump(r, c.out)
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // cmd.ProcessState says it all
	}()
	why := c.watch(ctx, exited, pump)
	if why != nil {
		group.ask()
		c.await(exited, group)
	}
	group.kill()
	<-exited
	pump.stop(c.linger)
	e := exit{why: why}
	e.code, e.signal, e.number = ending(cmd.ProcessState)
	return e
}

// watch waits for the end of the command, or for a reason to end it.
func (c command) watch(ctx context.Context, exited <-chan struct{}, p *pump) error {
	var limit <-chan time.Time
	if c.timeout > 0 {
		t := time.NewTimer(c.timeout)
		defer t.Stop()
		limit = t.C
	}
	quiet := time.NewTimer(c.quiet)
	defer quiet.Stop()
	for {
		select {
		case <-exited:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit:
			return limitError{weir.ReasonTimeout, c.timeout}
		case err := <-p.failed:
			return err
		case <-quiet.C:
			idle := p.idle()
			if idle >= c.quiet {
				return limitError{weir.ReasonQuiet, c.quiet}
			}
			quiet.Reset(c.quiet - idle)
		}
	}
}

// await gives the group time to end by itself. It waits for all of it: the
// shell usually goes first, while what it ran is still cleaning up.
func (c command) await(exited <-chan struct{}, g group) {
	grace := time.NewTimer(c.grace)
	defer grace.Stop()
	select {
	case <-exited:
	case <-grace.C:
		return
	}
	tick := time.NewTicker(groupPoll)
	defer tick.Stop()
	for g.alive() {
		select {
		case <-tick.C:
		case <-grace.C:
			return
		}
	}
}

// pump copies a command's output.
type pump struct {
	r      *os.File
	last   atomic.Int64 // when output came last, in nanoseconds since start
	start  time.Time
	failed chan error // at most one
	done   chan struct{}
	off    atomic.Bool
}

func newPump(r *os.File, out io.Writer) *pump {
	p := &pump{r: r, start: time.Now(), failed: make(chan error, 1), done: make(chan struct{})}
	go p.copy(out)
	return p
}

func (p *pump) copy(out io.Writer) {
	defer close(p.done)
	buf := make([]byte, 64<<10)
	for broken := false; ; {
		n, err := p.r.Read(buf)
		if p.off.Load() {
			return
		}
		if n > 0 {
			p.last.Store(int64(time.Since(p.start)))
			// After an error it reads on, so that the command ends by being
			// asked to, not by a broken pipe.
			if !broken {
				if _, err := out.Write(buf[:n]); err != nil {
					broken = true
					p.failed <- err
				}
			}
		}
		if err != nil {
			return
		}
	}
}

// idle is how long there has been no output.
func (p *pump) idle() time.Duration {
	return time.Since(p.start) - time.Duration(p.last.Load())
}

// stop waits until all output is copied, but no longer than linger.
func (p *pump) stop(linger time.Duration) {
	if p.r.SetReadDeadline(time.Now().Add(linger)) == nil {
		<-p.done
	} else {
		// Pipes without deadlines: the goroutine ends with the last process
		// that holds the pipe, and writes nothing any more.
		t := time.NewTimer(linger)
		defer t.Stop()
		select {
		case <-p.done:
		case <-t.C:
			p.off.Store(true)
		}
	}
	_ = p.r.Close()
}

// tail passes output on and remembers its end, for messages.
type tail struct {
	w   io.Writer
	buf []byte
	err error
}

// errOutput hides the writer's error from processes; tail.err has it.
var errOutput = errors.New("the output cannot be kept")

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p[max(0, len(p)-tailBytes):]...)
	if len(t.buf) > 2*tailBytes {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailBytes:]...)
	}
	n, err := t.w.Write(p)
	if err != nil {
		t.err = err
		return n, errOutput
	}
	return n, nil
}
