package execute

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/mask"
)

// stepLog is where a step's output goes: first the secrets are masked, then
// its end is remembered, and then the observer gets it.
type stepLog struct {
	*mask.Writer
	tail *tail
}

func newStepLog(m *mask.Masker, out io.Writer) *stepLog {
	t := &tail{w: out}
	return &stepLog{m.Writer(t), t}
}

// say adds a line of the worker's own.
func (l *stepLog) say(format string, args ...any) {
	l.flush()
	if n := len(l.tail.buf); n > 0 && l.tail.buf[n-1] != '\n' {
		format = "\n" + format
	}
	fmt.Fprintf(l, "weir: "+format+"\n", args...)
}

// flush passes on what was held back. Its error is in the tail.
func (l *stepLog) flush() { _ = l.Close() }

// lines returns the last lines of the output, without terminal sequences.
func (l *stepLog) lines() string {
	l.flush()
	return l.tail.lines()
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

// inTurn makes an observer's methods be called by one goroutine at a time,
// while services write beside the steps.
type inTurn struct {
	mu  sync.Mutex
	obs Observer
}

// Step passes a step on.
func (o *inTurn) Step(s weir.StepRecord) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.obs.Step(s)
}

// Output passes the step's output on.
func (o *inTurn) Output(step int) io.Writer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return &turnWriter{&o.mu, o.obs.Output(step)}
}

type turnWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (w *turnWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}
