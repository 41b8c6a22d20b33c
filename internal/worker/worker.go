// Package worker is the program on a machine that somebody lends to the farm:
// it asks a server for builds, runs them, streams their logs and reports how
// they ended.
//
// It dials out, so it works behind NAT, and it speaks internal/protocol. What
// happens to an attempt, from the worker's side:
//
//	lease    the server assigns it; the worker gives it one of its slots
//	run      execute.Runner runs the build; steps and output go to a syncer
//	sync     the syncer tells the server, and learns whether to go on
//	store    product and results are put under their digests
//	drain    the rest of the log is sent
//	finish   the outcome is reported, as often as it takes to get an answer
//
// Messages may be lost: all of them are sent until they are answered. Output
// waits on disk (package logs) while the server is away. An attempt that is no
// longer the worker's, because the server gave it away or ended it, is killed
// and dropped without a word.
//
// The subpackages know nothing of the server: execute runs a build, product
// keeps the trees that builds hand down, logs spools output, filelock and disk
// are about files.
package worker

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/filelock"
)

// Options say what a worker is. Server, Token, Dir and Runner must be set.
type Options struct {
	Server string // base URL, for example https://farm.example.org
	Token  string // the worker's secret
	// Dir holds everything that the worker writes except products: slots,
	// which are emptied after each attempt, and caches.
	Dir    string
	Slots  int      // attempts at once, at most protocol.MaxSlots; zero means 1
	Labels []string // what the machine offers, at most protocol.MaxLabels
	// Platform is what builds for this machine are for; empty means what the
	// program was compiled for.
	Platform weir.Platform
	Program  string // version of the program
	Host     string // empty means the machine's name
	// MaxLogBytes is how much of a step's output is kept; zero means logs.DefaultLimit.
	MaxLogBytes int64
	// Runner runs the builds. Its Fetch is the worker's own, an empty CacheDir
	// means one below Dir, and no CPUs mean that the slots share all.
	Runner execute.Runner
	Client *http.Client // nil means one with sensible limits
	Logger *slog.Logger // nil means silence
}

// Worker runs attempts. Use New.
type Worker struct {
	opts   Options
	client *client
	log    *slog.Logger
	stop   time.Duration // how long farewells may take once Run is cancelled

	mu       sync.Mutex
	settings protocol.HelloAnswer
	running  map[weir.AttemptID]*attempt
	slots    []bool        // which are taken
	freed    chan struct{} // receives when a slot becomes free
	fatal    chan error    // receives what ends Run
}

// Timing that nobody needs to change.
const (
	stopTime     = 10 * time.Second
	messageTime  = 15 * time.Second // for one message, well below weir.LeaseTime
	flushDefault = 200 * time.Millisecond
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
	return &Worker{opts: o, client: newClient(base, o.Token, o.Client, o.Logger), log: o.Logger, stop: stopTime,
		running: map[weir.AttemptID]*attempt{}, slots: make([]bool, o.Slots),
		freed: make(chan struct{}, 1), fatal: make(chan error, 1)}, nil
}

// Run works until ctx ends, and then returns nil: it kills what is running,
// tells the server so that it is given to others at once, and leaves no
// workspace behind. Other errors: Unauthenticated or Forbidden if the server
// does not want this worker, Unsupported if they do not understand each
// other, Conflict if another worker uses Dir, and those of the disk.
func (w *Worker) Run(ctx context.Context) error {
	if err := os.MkdirAll(w.opts.Runner.CacheDir, 0o755); err != nil { //nolint:gosec // steps may run helpers as other users
		return err
	}
	if err := os.MkdirAll(w.opts.Dir, 0o755); err != nil { //nolint:gosec // see above
		return err
	}
	lock, err := filelock.Try(filepath.Join(w.opts.Dir, "lock"), filelock.Exclusive)
	if err != nil {
		if weir.CodeOf(err) == weir.Conflict {
			return weir.Errorf(weir.Conflict, "another worker uses %s", w.opts.Dir).WithHint("stop it, or give this one another directory")
		}
		return err
	}
	defer lock.Release()
	if err := disk.RemoveAll(w.slotsDir()); err != nil { // left by a crash
		return err
	}
	defer func() {
		_ = disk.RemoveAll(w.slotsDir())
		w.client.close()
	}()
	parent := ctx
	ctx, cancel := context.WithCancelCause(parent)
	var attempts sync.WaitGroup
	defer attempts.Wait()
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

func (w *Worker) slotsDir() string { return filepath.Join(w.opts.Dir, "slots") }

// work says hello and leases until ctx ends or the server does not want it.
func (w *Worker) work(ctx context.Context, attempts *sync.WaitGroup) error {
	retry := w.client.newBackoff()
	for {
		if err := w.hello(ctx); err != nil {
			return err
		}
		err := w.leaseAll(ctx, attempts, retry)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if code := weir.CodeOf(err); code == weir.Unauthenticated || code == weir.Forbidden {
			return err
		}
		w.log.Warn("no work could be asked for", "error", err)
		if err := retry.wait(ctx); err != nil {
			return err
		}
	}
}

// hello introduces the worker, however long it takes to get an answer.
func (w *Worker) hello(ctx context.Context) error {
	w.mu.Lock()
	msg := protocol.Hello{Version: protocol.Version, Platform: w.opts.Platform, Labels: w.opts.Labels, Slots: w.opts.Slots,
		Program: w.opts.Program, Host: w.opts.Host}
	held := map[weir.AttemptID]*attempt{}
	for id, a := range w.running {
		msg.Holds = append(msg.Holds, id)
		held[id] = a
	}
	w.mu.Unlock()
	var answer protocol.HelloAnswer
	if err := w.client.persist(ctx, "hello", msg, &answer); err != nil {
		return err
	}
	for _, id := range answer.Keep {
		delete(held, id)
	}
	for _, a := range held {
		a.drop(errFenced)
	}
	w.mu.Lock()
	w.settings = answer
	w.mu.Unlock()
	w.log.Info("connected", "server", w.opts.Server, "name", answer.Name, "slots", w.opts.Slots)
	return nil
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
		flush = flushDefault
	}
	return min(max(heartbeat, 10*time.Millisecond), weir.LeaseTime/3), min(max(flush, time.Millisecond), 5*time.Second)
}

// leaseAll asks for work for the free slots, again and again, until a message fails.
func (w *Worker) leaseAll(ctx context.Context, attempts *sync.WaitGroup, retry *backoff) error {
	for {
		free := w.free()
		for free == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-w.freed:
				free = w.free()
			}
		}
		var answer protocol.LeaseAnswer
		ask := protocol.Lease{Free: free, Wait: protocol.MaxLeaseWait}
		if err := w.client.call(ctx, "lease", ask.Wait+messageTime, ask, &answer); err != nil {
			return err
		}
		retry.reset()
		for _, assignment := range answer.Attempts {
			w.begin(ctx, assignment, attempts)
		}
	}
}

func (w *Worker) free() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, taken := range w.slots {
		if !taken {
			n++
		}
	}
	return n
}

// begin gives an assignment a slot. One that is running already, or has no
// slot, is passed over: the server sees that nobody syncs for it.
func (w *Worker) begin(ctx context.Context, assignment protocol.Assignment, attempts *sync.WaitGroup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := assignment.Attempt
	slot := -1
	for i, taken := range w.slots {
		if !taken {
			slot = i
			break
		}
	}
	if w.running[id] != nil || slot < 0 || id.Build < 1 || id.Number < 1 {
		w.log.Warn("an assignment was passed over", "attempt", id.String(), "running", w.running[id] != nil)
		return
	}
	a := w.newAttempt(ctx, assignment, slot)
	w.running[id], w.slots[slot] = a, true
	attempts.Go(func() {
		a.run()
		w.mu.Lock()
		delete(w.running, id)
		w.slots[slot] = false
		w.mu.Unlock()
		select {
		case w.freed <- struct{}{}:
		default:
		}
	})
}

// abort ends Run with an error.
func (w *Worker) abort(err error) {
	select {
	case w.fatal <- err:
	default:
	}
}
