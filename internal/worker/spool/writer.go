package spool

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/filelock"
)

// Options are a writer's limits. Zero values mean the defaults.
type Options struct {
	// Limit is how many bytes all logs of the attempt may have together,
	// before compression. One step gets at most protocol.MaxLogBytes of it.
	Limit int64
	// Tail is how many bytes of the end of a step's log are kept if it goes
	// over the limit; part of Limit, and at most half of it.
	Tail int64
	// Flush is how long output waits for company. What comes after a longer
	// silence does not wait.
	Flush time.Duration
	// Notify is called after something was appended to the journal, or asked
	// for. It must not block.
	Notify func()
	// Encoders are what the writer shares with others of its process; nil
	// means that it shares nothing.
	Encoders *Encoders
	// Reserve is a file that keeps room on the disk for the report. It is made
	// if need be and stays, for the attempts to come. Empty means one in the
	// spool.
	Reserve string
}

// Defaults of Options.
const (
	DefaultLimit = protocol.MaxLogBytes
	DefaultTail  = 1 << 20
	DefaultFlush = 200 * time.Millisecond
)

const (
	// notes is what is set aside for what a spool says in a log, in bytes.
	notes = 256
	// each is what every step may write at its beginning, and at its end, even
	// if there is no room left, in bytes.
	each = 64 << 10
	// reserve is the size of the reserve file: enough for most reports.
	reserve = 16 << 10
)

// How often it is looked for files that the worker program leaves, unless
// Nudge says that there is one.
const (
	cancelPoll = 100 * time.Millisecond
	answerPoll = 50 * time.Millisecond
)

// Writer is the supervisor's side of a spool. It is the attempt's
// execute.Observer. Its methods may be called at the same time.
type Writer struct {
	dir        string
	reserve    string // a file
	assignment []byte
	lock       *filelock.Lock
	file       appendFile
	pipe       *pipeline
	notify     func()
	limit      int64
	perStep    int64
	tail       int64
	every      time.Duration

	done      chan struct{} // closed by Close
	cancelled chan struct{}
	watching  sync.WaitGroup

	nudges sync.Mutex
	nudged chan struct{} // closed and replaced by Nudge

	mu      sync.Mutex
	room    int64 // what beginnings of logs may still use up
	outputs []*output
	over    bool      // a step has gone over the limit
	flushed time.Time // when a frame was last made
	timer   *time.Timer
	armed   bool
	closed  bool
	bad     error // of a call, not of the disk
	told    bool  // somebody has asked for the error
}

// Attach begins to write a spool, which it holds until Close. Conflict if
// somebody else has begun it before; NotFound if there is none; and errors of
// the disk.
func Attach(dir string, o Options) (*Writer, error) {
	return attach(dir, o, func(f *os.File) appendFile { return f })
}

func attach(dir string, o Options, wrap func(*os.File) appendFile) (*Writer, error) {
	taken := weir.Errorf(weir.Conflict, "the attempt %s was begun before", filepath.Base(dir)).
		WithHint("an attempt runs once; the server gives the build another one")
	if exists(filepath.Join(dir, journalFile)) {
		return nil, taken
	}
	assignment, err := readAssignment(dir)
	if err != nil {
		return nil, err
	}
	lock, err := filelock.Try(filepath.Join(dir, assignmentFile), filelock.Exclusive)
	if err != nil {
		return nil, err
	}
	if o.Reserve == "" {
		o.Reserve = filepath.Join(dir, reserveFile)
	}
	file, err := begin(dir, o.Reserve)
	if err != nil {
		lock.Release()
		if errors.Is(err, fs.ErrExist) {
			return nil, taken
		}
		return nil, err
	}
	if o.Encoders == nil {
		o.Encoders = &Encoders{}
	}
	w := newWriter(dir, o)
	w.assignment, w.lock, w.file = assignment, lock, wrap(file)
	w.pipe = newPipeline(w.file, int64(len(magic)), o.Encoders, w.notify)
	w.timer = time.AfterFunc(time.Hour, w.tick)
	w.timer.Stop()
	w.watching.Go(w.watch)
	return w, nil
}

// begin makes the journal.
func begin(dir, room string) (*os.File, error) {
	if info, err := os.Lstat(room); err != nil || info.Size() < reserve {
		if err := os.WriteFile(room, make([]byte, reserve), 0o600); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, journalFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(f, magic); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func newWriter(dir string, o Options) *Writer {
	if o.Limit <= 0 {
		o.Limit = DefaultLimit
	}
	if o.Tail <= 0 {
		o.Tail = DefaultTail
	}
	if o.Flush <= 0 {
		o.Flush = DefaultFlush
	}
	if o.Notify == nil {
		o.Notify = func() {}
	}
	o.Tail = min(o.Tail, o.Limit/2, protocol.MaxLogBytes/2)
	return &Writer{dir: dir, reserve: o.Reserve, limit: o.Limit, tail: o.Tail, every: o.Flush, notify: o.Notify,
		room: max(0, o.Limit-o.Tail-notes), perStep: min(o.Limit, protocol.MaxLogBytes) - o.Tail - notes,
		outputs: make([]*output, protocol.MaxSteps),
		done:    make(chan struct{}), cancelled: make(chan struct{}), nudged: make(chan struct{})}
}

// Assignment is what the worker program gave to Create.
func (w *Writer) Assignment() []byte { return w.assignment }

// Secrets takes what the worker program gave to Create beside the assignment
// off the disk: the second call finds nothing. It is nil if there is none.
func (w *Writer) Secrets() ([]byte, error) {
	name := filepath.Join(w.dir, secretsFile)
	data, err := readFile(name, maxSecrets)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, errors.Join(err, os.Remove(name))
}

// Step notes that a step has changed. If it has ended, so has its log.
func (w *Writer) Step(rec weir.StepRecord) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	record, err := stepRecord(rec)
	if err != nil {
		w.bad = errors.Join(w.bad, err)
		return
	}
	o := w.outputs[rec.Index]
	switch {
	case o == nil:
	case rec.State == weir.StepWaiting || rec.State == weir.StepRunning:
		o.flush(true)
	default:
		o.end()
	}
	w.pipe.record(record)
}

func stepRecord(rec weir.StepRecord) ([]byte, error) {
	if rec.Index < 0 || rec.Index >= protocol.MaxSteps {
		return nil, weir.Errorf(weir.Invalid, "step %d cannot be: an attempt has at most %d steps", rec.Index, protocol.MaxSteps)
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "step %d cannot be recorded: %v", rec.Index, err)
	}
	return newRecord(stepKind, data)
}

// Output returns where the output of a step goes. Writing waits only for the
// disk, and fails with its errors; with Invalid if there cannot be such a
// step, and with Conflict after Close.
func (w *Writer) Output(step int) io.Writer { return stepWriter{w, step} }

type stepWriter struct {
	w    *Writer
	step int
}

func (s stepWriter) Write(p []byte) (int, error) {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	switch err := w.pipe.failure(); {
	case err != nil:
		return 0, err
	case w.closed:
		return 0, weir.Errorf(weir.Conflict, "the spool of attempt %s is closed", filepath.Base(w.dir))
	case s.step < 0 || s.step >= len(w.outputs):
		return 0, weir.Errorf(weir.Invalid, "step %d cannot be: an attempt has at most %d steps", s.step, protocol.MaxSteps)
	case len(p) == 0:
		return 0, nil
	}
	o := w.outputs[s.step]
	if o == nil {
		o = &output{w: w, step: s.step}
		w.outputs[s.step] = o
	}
	now := time.Now()
	o.at = now
	o.add(p)
	if o.buf == nil {
		return len(p), nil
	}
	if now.Sub(w.flushed) >= w.every {
		w.flushAll(now)
	}
	w.arm()
	return len(p), nil
}

// flushAll makes frames of what is there, up to line ends.
func (w *Writer) flushAll(now time.Time) {
	w.flushed = now
	for _, o := range w.outputs {
		if o != nil {
			o.flush(false)
		}
	}
}

// arm sees to it that nothing waits for longer than it should.
func (w *Writer) arm() {
	if w.armed {
		return
	}
	for _, o := range w.outputs {
		if o != nil && o.buf != nil {
			w.armed = true
			w.timer.Reset(w.every)
			return
		}
	}
}

func (w *Writer) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	if w.closed {
		return
	}
	w.flushAll(time.Now())
	w.arm()
}

// roomFor is how many bytes of the beginning of a log may still be kept.
func (w *Writer) roomFor(o *output) int64 {
	least := min(each, w.perStep)
	return max(0, min(max(w.room, least-o.taken), w.perStep-o.taken))
}

// newTail makes what keeps the end of a log. The first one is the longest.
func (w *Writer) newTail() *tail {
	limit := w.tail
	if w.over {
		limit = min(limit, each)
	}
	w.over = true
	return &tail{limit: int(limit)}
}

// Flush waits until everything that was written is in the journal, and returns
// what Err does.
func (w *Writer) Flush() error {
	w.mu.Lock()
	if !w.closed {
		for _, o := range w.outputs {
			if o != nil {
				o.flush(true)
			}
		}
		_ = w.pipe.sync()
	}
	w.mu.Unlock()
	return w.Err()
}

// Err is the first error that made the journal incomplete, or nil. An attempt
// with one says nothing about its project.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.failure()
	w.told = w.told || err != nil
	return err
}

func (w *Writer) failure() error {
	if err := w.pipe.failure(); err != nil {
		return err
	}
	return w.bad
}

// Close ends the logs, appends the report and gives the spool up. With a nil
// report there is none, as if the supervisor had died.
//
// A report that was made without knowing of an error, which Err or Flush would
// have told, is not written, and Close returns the error. One that was made
// after that is taken to speak of it. Later calls do nothing.
func (w *Writer) Close(report []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	w.timer.Stop()
	close(w.done)
	for _, o := range w.outputs {
		if o != nil {
			o.end()
		}
	}
	w.pipe.close()
	w.watching.Wait()
	err := w.failure()
	if err == nil || w.told {
		err = w.report(report)
	}
	err = errors.Join(err, w.file.Close())
	w.lock.Release()
	w.notify()
	return err
}

// report appends the last record, for which there is a reserve on the disk.
func (w *Writer) report(report []byte) error {
	if report == nil {
		return nil
	}
	record, err := newRecord(reportKind, report)
	if err != nil {
		return err
	}
	if w.pipe.failure() != nil {
		_ = os.Remove(w.reserve) // without it there may still be enough
	}
	return w.pipe.append(record)
}
