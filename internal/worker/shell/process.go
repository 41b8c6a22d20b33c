package shell

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

// Execute runs the command until it and all of its group have ended.
//
// Both output streams are one pipe, so that their order is kept. The pipe is
// read by a goroutine of its own until every process that holds it is gone;
// one that left the group, and so survives, is no longer listened to after
// linger.
func (c Command) Execute(ctx context.Context) Exit {
	if err := context.Cause(ctx); err != nil {
		return Exit{Why: err}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return Exit{Start: err}
	}
	cmd := c.Line.command()
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, w, w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return Exit{Start: err}
	}
	group := newGroup(cmd.Process)
	defer group.close()
	pump := newPump(r, c.Out)
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
	pump.stop(c.Linger)
	e := Exit{Why: why}
	e.Code, e.Signal, e.Number = ending(cmd.ProcessState)
	return e
}

// watch waits for the end of the command, or for a reason to end it.
func (c Command) watch(ctx context.Context, exited <-chan struct{}, p *pump) error {
	var limit <-chan time.Time
	if c.Timeout > 0 {
		t := time.NewTimer(c.Timeout)
		defer t.Stop()
		limit = t.C
	}
	var silence <-chan time.Time
	quiet := time.NewTimer(max(c.Quiet, time.Nanosecond))
	defer quiet.Stop()
	if c.Quiet > 0 {
		silence = quiet.C
	}
	for {
		select {
		case <-exited:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit:
			return Limit{weir.ReasonTimeout, c.Timeout}
		case err := <-p.failed:
			return err
		case <-silence:
			idle := p.idle()
			if idle >= c.Quiet {
				return Limit{weir.ReasonQuiet, c.Quiet}
			}
			quiet.Reset(c.Quiet - idle)
		}
	}
}

// await gives the group time to end by itself. It waits for all of it: the
// shell usually goes first, while what it ran is still cleaning up.
func (c Command) await(exited <-chan struct{}, g group) {
	grace := time.NewTimer(c.Grace)
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
	left := maxPipe
	for broken := false; ; {
		n, err := p.r.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && left > 0 {
			n, err = readNow(p.r, buf[:min(left, len(buf))])
			left -= n
		}
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

// maxPipe is how much may lie in a pipe when linger is over, in bytes: what Linux
// lets anybody but root make it hold.
const maxPipe = 1 << 20

// stop waits until all output is copied. What a process that left the group may
// still say is waited for no longer than linger, which says nothing of what was
// said before: on a machine with too much to do that may take longer to read.
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
