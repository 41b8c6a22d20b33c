// Package supervise runs attempts in a process of their own, so that they
// outlive the worker program.
//
// The worker program talks to the server; a supervisor runs builds. There is
// one per slot, in a session of its own, and it runs one attempt after the
// other:
//
//	worker program                       supervisor (weir supervise)
//	  orders, one JSON object a line  ->   standard input
//	  notices, one word a line        <-   standard output
//	  reads the attempt's spool       <-   writes the attempt's spool
//
// Pipes only save time: what counts is on disk, in package spool. When the
// worker program dies the pipes close, and the supervisor ends the attempt
// that it has before it ends itself. The next worker program finds the spool,
// reads on where the last one stopped, and asks for a cancellation through the
// spool if need be.
//
// A supervisor holds no secrets but those of its build: the worker's token is removed from its
// environment, an attempt's token is not in its spool, and what it needs from
// the server is fetched by the worker program. It does not end by the signals
// that end programs politely: only the worker decides.
//
// If a supervisor itself is killed, Leftover finds what it was running.
package supervise

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/spool"
)

// Config is what a supervisor has to know before its first attempt.
type Config struct {
	Dir      string        `json:"dir"`      // the worker's directory
	Products string        `json:"products"` // where products are unpacked
	CacheDir string        `json:"cache_dir"`
	PassEnv  []string      `json:"pass_env"` // nil means the default
	CPUs     int           `json:"cpus"`
	Grace    time.Duration `json:"grace"`  // zero means the default
	Linger   time.Duration `json:"linger"` // zero means the default
	// CacheLimit and Trees are as in execute.Runner.
	CacheLimit int64 `json:"cache_limit"`
	Trees      int   `json:"trees"`
}

// Task is one attempt.
type Task struct {
	Spool   string        `json:"spool"`   // directory, made by spool.Create
	Work    string        `json:"work"`    // directory for the build; emptied before
	Flush   time.Duration `json:"flush"`   // how long output waits for company; zero means the spool's default
	Reserve string        `json:"reserve"` // file with room for the report, kept for later tasks; empty means one in the spool
}

// order is one line from the worker program; exactly one field is set.
type order struct {
	Config *Config `json:"config,omitempty"`
	Run    *Task   `json:"run,omitempty"`
	Cancel bool    `json:"cancel,omitempty"` // the present attempt
	Nudge  bool    `json:"nudge,omitempty"`  // something in the spool has an answer
}

// Notices, one a line. noticeEnd may be followed by a space and why nothing
// was recorded.
const (
	noticeNews = "news" // the spool has something new
	noticeEnd  = "end"  // the attempt is over
)

// maxOrder limits a line of either direction, in bytes.
const maxOrder = 1 << 20

// errCancelled is why an attempt ends early.
var errCancelled = errors.New("the worker cancelled the attempt")

// supervisor is the state of Main.
type supervisor struct {
	build  func(Config) (execute.Runner, error)
	runner execute.Runner

	// Notices on their way. A worker program that stands still must not hold up
	// a build, so news that nobody has taken yet stand for later ones.
	news chan struct{}
	ends chan string

	encoders spool.Encoders
	widen    func(wide bool) // gives the program more than one processor; nil if it is not the supervisor's

	present *present
}

// present is the attempt that is being run.
type present struct {
	cancel context.CancelCauseFunc
	nudge  chan struct{}
	ended  chan struct{}
}

// Main runs attempts as in tells it to, until in ends and the attempt that was
// running then is over, or ctx ends, which cancels the attempt. build makes
// what runs builds. The error is Invalid if in does not make sense.
func Main(ctx context.Context, in io.Reader, out io.Writer, build func(Config) (execute.Runner, error)) error {
	return newSupervisor(build).main(ctx, in, out)
}

func newSupervisor(build func(Config) (execute.Runner, error)) *supervisor {
	return &supervisor{build: build, news: make(chan struct{}, 1), ends: make(chan string, 1)}
}

func (s *supervisor) main(ctx context.Context, in io.Reader, out io.Writer) error {
	orders := make(chan order)
	bad := make(chan error, 1)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	told := make(chan struct{})
	defer close(told)
	go s.tell(out, told)
	go func() {
		defer close(orders)
		bad <- read(ctx, in, orders)
	}()
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	for {
		var ended <-chan struct{}
		if s.present != nil {
			ended = s.present.ended
		}
		select {
		case o, ok := <-orders:
			if !ok {
				if s.present != nil {
					<-s.present.ended
				}
				return <-bad
			}
			if err := s.obey(ctx, o); err != nil {
				return err
			}
		case <-ended:
			s.present = nil
			idle.Reset(idleTime)
		case <-idle.C:
			if s.present == nil {
				debug.FreeOSMemory()
			}
		}
	}
}

// read decodes orders until in ends.
func read(ctx context.Context, in io.Reader, orders chan<- order) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 4<<10), maxOrder)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return weir.Errorf(weir.Invalid, "an order cannot be read: %v", err)
		}
		select {
		case orders <- o:
		case <-ctx.Done():
			return nil
		}
	}
	return nil // a pipe that breaks is one that ends
}

func (s *supervisor) obey(ctx context.Context, o order) error {
	switch p := s.present; {
	case o.Config != nil:
		runner, err := s.build(*o.Config)
		if err != nil {
			return err
		}
		s.runner = runner
	case o.Run != nil && s.runner.Checkout == nil:
		return weir.Errorf(weir.Invalid, "there is no configuration yet")
	case o.Run != nil:
		if p != nil {
			<-p.ended // it has said so already, or is about to
		}
		s.begin(ctx, *o.Run)
	case o.Cancel && p != nil:
		p.cancel(errCancelled)
	case o.Nudge && p != nil:
		select {
		case p.nudge <- struct{}{}:
		default:
		}
	}
	return nil
}

// begin runs an attempt beside the orders that may come for it.
func (s *supervisor) begin(ctx context.Context, task Task) {
	p := &present{nudge: make(chan struct{}, 1), ended: make(chan struct{})}
	ctx, p.cancel = context.WithCancelCause(ctx)
	s.present = p
	go func() {
		defer close(p.ended)
		defer p.cancel(nil)
		notice := noticeEnd
		if err := s.run(ctx, p, task); err != nil {
			notice = fmt.Sprintf("%s %.1000q", noticeEnd, err.Error())
		}
		s.ends <- notice
	}()
}

// tell writes notices until it is over. Nobody may be there to read them.
func (s *supervisor) tell(out io.Writer, over <-chan struct{}) {
	for {
		notice := noticeNews
		select {
		case <-over:
			return
		case <-s.news:
		case notice = <-s.ends:
		}
		if out == nil {
			continue
		}
		if _, err := io.WriteString(out, notice+"\n"); err != nil {
			out = nil
		}
	}
}

// inform says that the spool has something new.
func (s *supervisor) inform() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}
