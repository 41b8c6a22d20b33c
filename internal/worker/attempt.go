package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/spool"
	"github.com/weir-ci/weir/internal/worker/supervise"
)

// attempt is one attempt in one slot, as the worker program sees it.
type attempt struct {
	w       *Worker
	held    held
	spec    weir.Spec
	secrets []weir.EnvVar // until they are in the spool
	work    string        // where the build lies
	adopted bool          // an earlier program began it
	since   time.Time
	log     *slog.Logger
	life    context.Context // ends when the build has to stop
	kill    context.CancelCauseFunc
	// talk is for messages. It outlives life, so that the end can be told,
	// unless the attempt was dropped.
	talk context.Context
	hush context.CancelCauseFunc

	noted  int // which file of held.go is the attempt's
	reader *spool.Reader
	handle *supervise.Handle // nil if the supervisor is an earlier program's
	task   *supervise.Run    // the handle's; nil like it
	news   chan struct{}     // receives when the spool may have something new
	due    chan struct{}     // receives when a sync is wanted at once
	ended  chan struct{}     // closed when the build is over

	mu      sync.Mutex
	spoilt  error // why nothing of the attempt can be believed
	watched bool  // the server has said that it is over
}

func (w *Worker) newAttempt(ctx context.Context, h held) *attempt {
	a := &attempt{w: w, held: h, work: w.slotDir(h.Slot), since: time.Now(), log: w.log.With("attempt", h.Attempt.String()),
		news: make(chan struct{}, 1), due: make(chan struct{}, 1), ended: make(chan struct{})}
	a.life, a.kill = context.WithCancelCause(ctx)
	a.talk, a.hush = context.WithCancelCause(context.WithoutCancel(ctx))
	return a
}

// drop kills the attempt and says no more about it.
func (a *attempt) drop(cause error) {
	if weir.CodeOf(cause) == weir.Unauthenticated {
		a.w.abort(cause)
	}
	if a.talk.Err() == nil {
		a.log.Warn("the attempt is dropped", "reason", cause)
	}
	a.kill(cause)
	a.hush(cause)
}

// spoil notes why the attempt cannot say anything about its project, and ends it.
func (a *attempt) spoil(err error) {
	a.mu.Lock()
	if a.spoilt == nil {
		a.spoilt = err
	}
	a.mu.Unlock()
	a.kill(err)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// begin has the slot's supervisor run the build.
func (a *attempt) begin() error {
	a.log = a.log.With("project", a.spec.Project, "job", a.spec.Job.Name)
	if p := a.spec.Platform; p != a.w.opts.Platform {
		return weir.Errorf(weir.Invalid, "the build is for %.40q, this worker is %s", p, a.w.opts.Platform)
	}
	var err error
	if a.handle, err = a.w.supervisor(a.held.Slot); err != nil {
		return err
	}
	a.held.Supervisor, a.held.Clock = a.handle.Process(), a.w.client.clock.known()
	if err := a.w.note(a.noted, a.held); err != nil {
		return err
	}
	data, err := supervise.Assignment{Build: a.held.Attempt.Build, Spec: a.spec}.Encode()
	if err != nil {
		return err
	}
	secrets, err := supervise.Secrets(a.secrets)
	if err != nil {
		return err
	}
	if a.reader, err = spool.Create(a.spoolDir(), data, secrets); err != nil {
		return err
	}
	a.secrets = nil
	return a.submit()
}

// submit gives the spool to the supervisor.
func (a *attempt) submit() (err error) {
	_, flush := a.w.pace()
	a.task, err = a.handle.Begin(supervise.Task{Spool: a.spoolDir(), Work: a.work, Flush: flush,
		Reserve: a.w.reserveFile(a.held.Slot)})
	if err == nil {
		a.log.Info("the attempt begins")
	}
	return err
}

func (a *attempt) spoolDir() string {
	return filepath.Join(a.w.spoolDir(), a.held.Attempt.String())
}

// run follows the attempt to its end and reports it. leave is called as soon
// as another attempt may use the slot, while this one's end is still being told.
func (a *attempt) run(begin func() error, leave func()) {
	defer a.hush(nil)
	defer a.kill(nil)
	defer a.clean()
	defer leave()
	r := newRelay(a)
	if err := begin(); err != nil {
		close(a.ended)
		defer a.hurry()()
		a.log.Error("the attempt cannot be run", "error", err)
		r.finish(a.finishOf(a.trouble("the attempt cannot be run here", err)))
		a.vacate()
		return
	}
	cancelled := make(chan struct{})
	stop := context.AfterFunc(a.life, func() {
		defer close(cancelled)
		a.cancel()
	})
	go a.listen()
	r.start(a.talk)
	<-a.ended
	defer a.hurry()()
	report := a.report(r)
	if report.Outcome.SaysSomething() && a.spec.Source.Kind != weir.None {
		a.w.warmth.built(a.spec.Project)
	}
	if err := a.store(report); err != nil {
		steps := report.Steps
		report = a.trouble("product, results or artifacts cannot be stored", err)
		report.Steps = steps
	}
	if !stop() { // the supervisor's next attempt must not be hit
		<-cancelled
	}
	if report.Outcome != weir.Infra && a.moveOut() {
		leave()
		r.finish(a.finishOf(report))
		return
	}
	r.finish(a.finishOf(report))
	a.vacate()
}

// moveOut gives the slot up before the end is told. From then on the spool has
// to say all there is to say: that is noted first, for a program that takes over
// between here and there.
func (a *attempt) moveOut() bool {
	if a.life.Err() != nil {
		return false
	}
	a.held.Left, a.held.Unstored = true, a.w.modern()
	a.held.Clock = cmp.Or(a.w.client.clock.known(), a.held.Clock)
	if err := a.w.note(a.noted, a.held); err != nil {
		a.log.Warn("the slot is kept until the end is told", "error", err)
		return false
	}
	a.vacate()
	return true
}

// tell reports the end of an attempt that an earlier program had ended but for
// that.
func (a *attempt) tell() {
	defer a.hush(nil)
	defer a.kill(nil)
	defer a.clean()
	r := newRelay(a)
	close(a.ended)
	defer a.hurry()()
	r.finish(a.finishOf(a.report(r)))
}

// hurry limits how long messages are sent once the worker has to stop, from
// now on. The returned function ends that.
func (a *attempt) hurry() func() {
	stop := context.AfterFunc(a.life, func() {
		timer := time.NewTimer(a.w.stop)
		defer timer.Stop()
		select {
		case <-timer.C:
			a.hush(errStopped)
		case <-a.talk.Done():
		}
	})
	return func() { stop() }
}

// killTime is how long a supervisor has to end an attempt, beyond what it
// gives the steps.
const killTime = 10 * time.Second

// cancel has the build ended: politely, and if that does not help, together
// with its supervisor.
func (a *attempt) cancel() {
	if err := a.reader.Cancel(); err != nil {
		a.log.Error("the build cannot be asked to end", "error", err)
	}
	if a.handle != nil {
		a.handle.Cancel()
	}
	grace, linger := a.w.opts.Runner.Grace, a.w.opts.Runner.Linger
	if grace <= 0 {
		grace = execute.DefaultGrace
	}
	if linger <= 0 {
		linger = execute.DefaultLinger
	}
	timer := time.NewTimer(grace + linger + killTime)
	defer timer.Stop()
	select {
	case <-a.ended:
		return
	case <-timer.C:
	}
	a.log.Error("the build does not end; its supervisor is killed")
	if a.handle != nil {
		a.handle.Kill()
	} else {
		a.held.Supervisor.Kill()
	}
}

// How often it is looked at a spool whose supervisor does not say that there
// is something new: because it is an earlier program's, or for good measure.
const (
	adoptedPoll = 200 * time.Millisecond
	ownPoll     = 2 * time.Second
)

// listen waits for the end of the build. Meanwhile it passes on that there is
// something new, and gives the supervisor the blobs that it wants.
func (a *attempt) listen() {
	defer close(a.ended)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	ctx, cancel := context.WithCancel(a.talk)
	defer cancel()
	every, news, end := adoptedPoll, (chan struct{})(nil), (chan struct{})(nil)
	if a.task != nil {
		every, news, end = ownPoll, a.task.News, a.task.Ended
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	_, _, wants := weir.CutPatched(a.spec.Revision)
	for _, in := range a.spec.Inputs {
		wants = wants || in.Product.Digest != ""
	}
	asked := map[weir.Digest]bool{}
	for {
		if wants {
			a.answer(ctx, &fetching, asked)
		}
		select {
		case <-end:
			return
		case <-news:
		case <-tick.C:
			if end == nil && a.over() {
				return
			}
		}
		signal(a.news)
	}
}

// answer fetches the blobs that the supervisor wants and did not ask for before.
func (a *attempt) answer(ctx context.Context, fetching *sync.WaitGroup, asked map[weir.Digest]bool) {
	wanted, err := a.reader.Wanted()
	if err != nil {
		a.log.Error("what the build wants cannot be read", "error", err)
		return
	}
	for _, d := range wanted {
		if asked[d] {
			continue
		}
		asked[d] = true
		fetching.Go(func() {
			err := a.fetch(ctx, d)
			if err != nil && ctx.Err() == nil {
				known, ok := errors.AsType[*weir.Error](err)
				if !ok {
					known = weir.Errorf(weir.Internal, "the blob %s cannot be fetched: %v", d.Short(), err)
				}
				err = a.reader.Refuse(d, known)
			}
			if err != nil {
				a.log.Error("the build cannot be told what it asked for", "blob", d.Short(), "error", err)
			}
			if a.handle != nil {
				a.handle.Nudge()
			}
		})
	}
}

func (a *attempt) fetch(ctx context.Context, d weir.Digest) error {
	name := filepath.Join(a.reader.Dir(), "tmp-"+d.Hex())
	if err := disk.RemoveAll(name); err != nil {
		return err
	}
	if err := a.w.client.fetch(ctx, d, name); err != nil {
		return err
	}
	return a.reader.Fulfil(d, name)
}

var (
	errDied      = errors.New("its supervisor was killed")
	errRestarted = errors.New("the machine was restarted")
)

// report says how the build ended.
func (a *attempt) report(r *relay) supervise.Report {
	data, ok, err := a.reader.Report()
	report := supervise.Report{}
	if err == nil && ok {
		report, err = supervise.DecodeReport(data)
	}
	a.mu.Lock()
	spoilt := a.spoilt
	a.mu.Unlock()
	switch {
	case spoilt != nil:
		report = a.trouble("the attempt's log is lost", spoilt)
	case err != nil:
		report = a.trouble("what the build left on the disk cannot be read", err)
	case !ok && a.task != nil && !errors.Is(a.task.Err, supervise.ErrDied) && a.task.Err != nil:
		report = a.trouble("the build left no report", a.task.Err)
	case !ok && a.held.Supervisor.Restarted():
		report = a.trouble("the build was lost", errRestarted)
	case !ok:
		report = a.trouble("the build was lost", errDied)
	case report.Outcome == weir.OutcomeCancelled:
		// Nobody but the worker itself cancels what is still its own.
		report.Outcome, report.Reason = weir.Infra, weir.Reason{Code: weir.ReasonWorker, Text: errStopped.Error()}
	}
	if (!ok || err != nil) && !a.held.Left { // the slot may be somebody else's by now
		supervise.Leftover(a.held.Supervisor, a.work)
	}
	if report.Outcome == weir.Infra {
		report.Product, report.Results, report.Artifacts = weir.Product{}, "", nil
		if report.Steps == nil {
			report.Steps = r.closed()
		}
	}
	return report
}

// trouble makes the report for something that is the worker's fault.
func (a *attempt) trouble(what string, err error) supervise.Report {
	r := supervise.Trouble(what, err)
	if errors.Is(err, errTransient) { // not this disk
		r.Reason.Code = weir.ReasonWorker
	} else if space, err := disk.Free(a.w.opts.Dir); err == nil && space.Scarce() {
		r.Reason.Code = weir.ReasonDiskFull
	}
	return r
}

func (a *attempt) finishOf(r supervise.Report) protocol.Finish {
	fin := protocol.Finish{Token: a.held.Token, Outcome: r.Outcome, Reason: r.Reason, Steps: r.Steps, Product: r.Product, Results: r.Results,
		Surroundings: r.Surroundings, Metrics: r.Metrics, Summary: r.Summary}
	for _, kept := range r.Artifacts {
		fin.Artifacts = append(fin.Artifacts, kept.Artifact)
	}
	fin.Surroundings.Clock = cmp.Or(a.w.client.clock.known(), a.held.Clock)
	if r.Results != "" && (a.w.modern() || a.held.Unstored) {
		fin.Set = r.Set
	}
	return fin
}

// store puts the product, the results and what is kept where others find them.
// After a restart it is done again, as far as the server lacks anything.
func (a *attempt) store(r supervise.Report) error {
	type file struct {
		digest weir.Digest
		file   string
	}
	files := []file{{r.Product.Digest, r.ProductFile}, {r.Results, r.ResultsFile}}
	for _, kept := range r.Artifacts {
		files = append(files, file{kept.Digest, kept.File})
	}
	for _, b := range files {
		if b.digest == "" || a.talk.Err() != nil || b.digest == r.Results && r.Set != nil && a.w.modern() {
			continue
		}
		if err := a.w.client.put(a.talk, b.digest, b.file); err != nil {
			return err
		}
	}
	return nil
}

// vacate empties the slot, and makes room among the products if the attempt
// had to do with some.
func (a *attempt) vacate() {
	if err := execute.Tidy(a.work, a.spec); err != nil {
		a.log.Error("the slot cannot be emptied", "dir", a.work, "error", err)
	}
	if a.spec.ProductKey == "" && len(a.spec.Inputs) == 0 {
		return
	}
	if _, err := a.w.opts.Runner.Products.Prune(); err != nil {
		a.log.Error("old products cannot be removed", "error", err)
	}
}

// clean removes the spool, and with it what the note stands for.
func (a *attempt) clean() {
	var err error
	if a.reader != nil {
		err = a.reader.Remove()
	} else {
		err = disk.RemoveAll(a.spoolDir())
	}
	if err != nil {
		a.log.Error("the spool cannot be removed", "dir", a.spoolDir(), "error", err)
	}
}

// specOf reads what a spool is about.
func specOf(r *spool.Reader) (weir.Spec, error) {
	var as supervise.Assignment
	if err := json.Unmarshal(r.Assignment(), &as); err != nil {
		return weir.Spec{}, weir.Errorf(weir.Internal, "the assignment in the spool cannot be read: %v", err)
	}
	return as.Spec, nil
}
