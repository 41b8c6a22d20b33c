// Package worker is the program on a machine that somebody lends to the farm:
// it asks a server for builds, has them run, streams their logs and reports
// how they ended.
//
// It dials out, so it works behind NAT, and it speaks internal/protocol. What
// happens to an attempt, from the worker's side:
//
//	lease    the server assigns it; the worker gives it one of its slots
//	run      the slot's supervisor, a process of its own, runs the build and
//	         writes all that happens into the attempt's spool on disk
//	relay    what is in the spool is sent on, and the server says whether to go on
//	store    product and results are put under their digests
//	finish   the outcome is reported, with the rest of the log, as often as it
//	         takes to get an answer
//
// Messages may be lost: all of them are sent until they are answered. An
// attempt that is no longer the worker's, because the server gave it away or
// ended it, is killed and dropped without a word.
//
// This program may be lost, too: killed, or replaced by a newer one. Builds go
// on meanwhile, in their supervisors. The next program on the same directory
// adopts them: it finds a note for each attempt (held.go) and its spool, tells
// the server that it holds it, and relays on from where the server stands
// (adopt.go). A supervisor that was killed took its build with it; what it
// left running is ended, and the attempt is reported as the worker's fault.
//
// The owner of the machine may have a say in what runs there: with a policy the
// worker asks for nothing while that wants it to rest, and gives back what it does
// not allow (owner.go). Nothing begins but through begin, which asks it.
//
// The subpackages know nothing of the server: supervise is the supervisors'
// process, execute runs a build, spool is what an attempt leaves on disk,
// product keeps the trees that builds hand down, shell runs the commands of
// steps, notes reads what these write for others, cache and trees keep what later
// builds of a job find, filelock and disk are about files.
package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/filelock"
	"github.com/weir-ci/weir/internal/worker/policyfile"
	"github.com/weir-ci/weir/internal/worker/spool"
	"github.com/weir-ci/weir/internal/worker/supervise"
)

// Options say what a worker is. Server, Token, Dir and Runner must be set.
type Options struct {
	Server string // base URL, for example https://farm.example.org
	Token  string // the worker's secret
	// Dir holds everything that the worker writes except products: slots, which
	// are emptied after each attempt, spools, which are removed, and caches.
	Dir    string
	Slots  int      // attempts at once, at most protocol.MaxSlots; zero means 1
	Labels []string // what the machine offers, at most protocol.MaxLabels
	// Platform is what builds for this machine are for; empty means what the
	// program was compiled for.
	Platform weir.Platform
	Program  string // version of the program
	Host     string // empty means the machine's name
	// Supervisor is the command line of the processes that run builds:
	// usually supervise.Self. If it is empty they run in this process, and end
	// with it.
	Supervisor []string
	// Products is where products are unpacked. Supervisors are told.
	Products string
	// Runner runs the builds in this process. Its Fetch is the worker's own, an
	// empty CacheDir means one below Dir, and no CPUs mean that the slots
	// share all. Supervisors in processes of their own are told its CacheDir,
	// PassEnv, CPUs, Grace, Linger, CacheLimit and Trees.
	Runner execute.Runner
	Logger *slog.Logger // nil means silence
	// Policy is what the owner of the machine allows; nil means everything.
	Policy *policyfile.File
}

// Worker runs attempts. Use New.
type Worker struct {
	opts     Options
	client   *client
	log      *slog.Logger
	stop     time.Duration // how long farewells may take once Run is cancelled
	fresh    time.Duration // how long an attempt may take to need no sync
	instance string        // names this program to the server
	version  int           // of the protocol, as it says hello first
	warmth   warmth
	owner    owner
	leases   int64      // since the newest hello; only the goroutine that asks for work uses it
	starting sync.Mutex // held while a supervisor is started, so that no slot gets two

	mu       sync.Mutex
	settings protocol.HelloAnswer
	running  map[weir.AttemptID]*attempt
	slots    []slot
	watched  chan struct{} // closed and replaced when there is more to watch
	freed    chan struct{} // receives when a slot becomes free
	fatal    chan error    // receives what ends Run

	draining  chan struct{} // closed by Drain
	drainOnce sync.Once
}

// slot is room for one attempt. Its supervisor stays for the next one.
type slot struct {
	taken      bool
	supervisor *supervise.Handle
}

// Timing that nobody needs to change.
const (
	stopTime    = 10 * time.Second
	messageTime = 15 * time.Second // for one message, well below weir.LeaseTime
	freshTime   = 30 * time.Millisecond
)

// New checks the options. Its error has code Invalid.
func New(o Options) (*Worker, error) {
	base, err := url.Parse(o.Server)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, weir.Errorf(weir.Invalid, "the server %.200q is not a URL", o.Server).
			WithHint("give the farm's address, for example https://farm.example.org")
	}
	if o.Token == "" {
		return nil, weir.Errorf(weir.Unauthenticated, "the worker has no token").WithHint(tokenHint)
	}
	if !filepath.IsAbs(o.Dir) {
		return nil, weir.Errorf(weir.Invalid, "the worker's directory %.200q is not an absolute path", o.Dir)
	}
	if o.Slots < 0 || o.Slots > protocol.MaxSlots || len(o.Labels) > protocol.MaxLabels {
		return nil, weir.Errorf(weir.Invalid, "a worker has 1 to %d slots and at most %d labels", protocol.MaxSlots, protocol.MaxLabels)
	}
	if r := o.Runner; r.Checkout == nil || r.Products == nil || r.Formats.Read == nil || r.Formats.Normalise == nil || r.Formats.Encode == nil {
		return nil, weir.Errorf(weir.Invalid, "the worker's runner is not complete")
	}
	o.Slots = max(o.Slots, 1)
	if o.Platform == "" {
		o.Platform = weir.Platform(runtime.GOOS + "/" + runtime.GOARCH)
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	if o.Runner.CacheDir == "" {
		o.Runner.CacheDir = filepath.Join(o.Dir, "cache")
	}
	if o.Runner.CPUs <= 0 {
		o.Runner.CPUs = max(1, runtime.NumCPU()/o.Slots)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Worker{opts: o, client: newClient(base, o.Token, o.Logger), log: o.Logger, stop: stopTime, fresh: freshTime, version: protocol.Version,
		warmth: warmth{dir: filepath.Join(o.Dir, "projects")}, instance: rand.Text(), running: map[weir.AttemptID]*attempt{}, slots: make([]slot, o.Slots),
		watched: make(chan struct{}), freed: make(chan struct{}, 1), fatal: make(chan error, 1), draining: make(chan struct{})}
	w.owner = w.newOwner()
	return w, nil
}

// Drain makes Run return nil once the attempts that run now have ended; no
// more are taken. It may be called at any time, also before Run.
func (w *Worker) Drain() { w.drainOnce.Do(func() { close(w.draining) }) }

func (w *Worker) isDraining() bool {
	select {
	case <-w.draining:
		return true
	default:
		return false
	}
}

// Run works until ctx ends, and then returns nil: it kills what is running,
// tells the server so that it is given to others at once, and leaves no
// workspace behind. Drain ends it, too, but kills nothing.
//
// Other errors: Unauthenticated or Forbidden if the server does not want this
// worker, Unsupported if they do not understand each other, Conflict if
// another worker uses Dir or keeps using the same token, and those of the disk.
func (w *Worker) Run(ctx context.Context) error {
	for _, dir := range []string{w.opts.Runner.CacheDir, w.opts.Dir, w.slotsDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // steps may run helpers as other users
			return err
		}
	}
	lock, err := w.lock()
	if err != nil {
		return err
	}
	defer lock.Release()
	defer w.client.close()
	if err := os.MkdirAll(w.heldDir(), 0o700); err != nil {
		return err
	}
	parent := ctx
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(errStopped)
	defer func() {
		w.dismiss()
		w.sweep()
		_ = w.clearSlots(nil) // nobody is left
		for _, dir := range []string{w.slotsDir(), w.spoolDir(), w.heldDir()} {
			_ = os.Remove(dir) // unless something is left
		}
	}()
	var attempts sync.WaitGroup
	defer attempts.Wait()
	if err := w.adopt(ctx, &attempts); err != nil {
		cancel(errStopped)
		return err
	}
	if _, err := w.supervisor(0); err != nil { // the others when they are needed
		cancel(errStopped)
		return err
	}
	var helpers sync.WaitGroup
	defer helpers.Wait()
	helpers.Go(func() { w.watch(ctx) })
	helpers.Go(func() { w.awaitDrain(ctx) })
	done := make(chan error, 1)
	go func() { done <- w.work(ctx, &attempts) }()
	select {
	case err = <-done:
	case err = <-w.fatal:
		cancel(errStopped)
		<-done
	}
	cancel(errStopped)
	if parent.Err() != nil {
		return nil
	}
	return err
}

// lock keeps other workers out of the directory.
func (w *Worker) lock() (*filelock.Lock, error) {
	// Whoever waits for a worker to leave looks at the lock now and then.
	ctx, cancel := context.WithTimeout(context.Background(), leavePoll)
	defer cancel()
	lock, err := filelock.Acquire(ctx, filepath.Join(w.opts.Dir, lockName), filelock.Exclusive, nil)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, weir.Errorf(weir.Conflict, "another worker uses %s", w.opts.Dir).WithHint("stop it, or give this one another directory")
	}
	if err != nil {
		return nil, err
	}
	// What was asked of the last worker does not concern this one.
	if err := os.Remove(filepath.Join(w.opts.Dir, drainName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		lock.Release()
		return nil, err
	}
	return lock, nil
}

// supervisor gives the slot's supervisor, which is started if there is none.
func (w *Worker) supervisor(n int) (*supervise.Handle, error) {
	w.starting.Lock()
	defer w.starting.Unlock()
	w.mu.Lock()
	h := w.slots[n].supervisor
	w.mu.Unlock()
	if h != nil && h.Alive() {
		return h, nil
	}
	r := w.opts.Runner
	config := supervise.Config{Dir: w.opts.Dir, Products: w.opts.Products, CacheDir: r.CacheDir, PassEnv: r.PassEnv,
		CPUs: r.CPUs, Grace: r.Grace, Linger: r.Linger, CacheLimit: r.CacheLimit, Trees: r.Trees}
	var err error
	if len(w.opts.Supervisor) == 0 {
		h, err = supervise.InProcess(config, func(supervise.Config) (execute.Runner, error) { return r, nil })
	} else {
		h, err = w.startSupervisor(config)
	}
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.slots[n].supervisor = h
	w.mu.Unlock()
	return h, nil
}

// maxCrashes is how large the file with the supervisors' last words may grow, in bytes.
const maxCrashes = 1 << 20

func (w *Worker) startSupervisor(c supervise.Config) (*supervise.Handle, error) {
	crashes, err := os.OpenFile(filepath.Join(w.opts.Dir, "supervisors.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer crashes.Close()
	if info, err := crashes.Stat(); err == nil && info.Size() > maxCrashes {
		if err := crashes.Truncate(0); err != nil {
			return nil, err
		}
	}
	return supervise.Start(w.opts.Supervisor, c, crashes)
}

// dismiss ends the supervisors, which have nothing to do any more.
func (w *Worker) dismiss() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.slots {
		h := w.slots[i].supervisor
		if h == nil {
			continue
		}
		h.Close()
		timer := time.NewTimer(w.stop)
		select {
		case <-h.Dead():
		case <-timer.C:
			h.Kill()
		}
		timer.Stop()
	}
}

// pace is how often an attempt syncs, within what keeps its lease alive.
func (w *Worker) pace() (heartbeat, flush time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	heartbeat, flush = w.settings.SyncInterval, w.settings.FlushInterval
	if heartbeat <= 0 {
		heartbeat = weir.SyncInterval
	}
	if flush <= 0 {
		flush = spool.DefaultFlush
	}
	return min(max(heartbeat, 10*time.Millisecond), weir.LeaseTime/3), min(max(flush, time.Millisecond), 5*time.Second)
}

// abort ends Run with an error.
func (w *Worker) abort(err error) {
	select {
	case w.fatal <- err:
	default:
	}
}

// Why an attempt ends early.
var (
	errStopped = errors.New("the worker was stopped")
	errFenced  = errors.New("the attempt was given away")
	errEnded   = errors.New("the server ended the attempt")
)
