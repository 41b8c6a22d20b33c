package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/logs"
)

// attempt is one attempt in one slot.
type attempt struct {
	w    *Worker
	as   protocol.Assignment
	dir  string
	log  *slog.Logger
	life context.Context // ends when the build has to stop
	kill context.CancelCauseFunc
	// talk is for messages. It outlives life, so that the end can be told,
	// unless the attempt was dropped.
	talk context.Context
	hush context.CancelCauseFunc
}

func (w *Worker) newAttempt(ctx context.Context, as protocol.Assignment, slot int) *attempt {
	a := &attempt{w: w, as: as, dir: filepath.Join(w.slotsDir(), strconv.Itoa(slot+1)),
		log: w.log.With("attempt", as.Attempt.String(), "project", as.Spec.Project, "job", as.Spec.Job.Name)}
	a.life, a.kill = context.WithCancelCause(ctx)
	a.talk, a.hush = context.WithCancelCause(context.WithoutCancel(ctx))
	return a
}

// drop kills the attempt and says no more about it.
func (a *attempt) drop(cause error) {
	if weir.CodeOf(cause) == weir.Unauthenticated {
		a.w.abort(cause)
	}
	a.log.Warn("the attempt is dropped", "reason", cause)
	a.kill(cause)
	a.hush(cause)
}

// run runs the attempt and reports it.
func (a *attempt) run() {
	defer a.hush(nil)
	defer a.kill(nil)
	defer a.clean()
	spool, err := a.prepare()
	if err != nil {
		defer a.hurry()()
		a.finish(a.trouble("the attempt cannot be run here", err))
		return
	}
	defer spool.Close()
	s := newSyncer(a.w.client, a.as.Attempt, a.as.Token, spool)
	s.drop, s.pace = a.drop, a.w.pace
	go s.run(a.talk)
	defer func() {
		a.hush(nil)
		<-s.done
	}()
	a.log.Info("the attempt begins")
	report := a.execute(s)
	defer a.hurry()()
	msg := a.message(report, spool)
	if err := a.store(msg, report); err != nil {
		a.replace(&msg, a.trouble("product or results cannot be stored", err))
	}
	if err := s.drain(a.talk); err == nil {
		a.finish(msg)
	}
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

// prepare makes the slot's directory, and a spool in it.
func (a *attempt) prepare() (*logs.Spool, error) {
	if n := len(a.as.Spec.Job.Steps); n > protocol.MaxSteps-4 { // the worker adds up to four
		return nil, weir.Errorf(weir.TooLarge, "the job has %d steps", n)
	}
	if p := a.as.Spec.Platform; p != a.w.opts.Platform {
		return nil, weir.Errorf(weir.Invalid, "the build is for %.40q, this worker is %s", p, a.w.opts.Platform)
	}
	if err := disk.RemoveAll(a.dir); err != nil {
		return nil, err
	}
	dir := filepath.Join(a.dir, "log")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // steps may run helpers as other users
		return nil, err
	}
	return logs.Open(dir, a.w.opts.MaxLogBytes)
}

func (a *attempt) execute(obs execute.Observer) execute.Report {
	runner := a.w.opts.Runner
	runner.Fetch = func(ctx context.Context, d weir.Digest) (io.ReadCloser, error) {
		return a.w.client.fetch(ctx, d, a.dir)
	}
	return runner.Run(a.life, execute.Job{Build: strconv.FormatInt(int64(a.as.Attempt.Build), 10), Spec: a.as.Spec, Dir: a.dir}, obs)
}

// message makes the report for the server.
func (a *attempt) message(r execute.Report, spool *logs.Spool) protocol.Finish {
	msg := protocol.Finish{Token: a.as.Token, Outcome: r.Outcome, Reason: r.Reason, Steps: r.Steps, Product: r.Product, Results: r.Results}
	switch {
	case r.Outcome == weir.OutcomeCancelled:
		// Nobody but the worker itself cancels what is still its own.
		a.replace(&msg, protocol.Finish{Outcome: weir.Infra, Reason: weir.Reason{Code: weir.ReasonWorker, Text: errStopped.Error()}})
	case spool.Err() != nil && r.Outcome != weir.Infra:
		a.replace(&msg, a.trouble("the log cannot be kept", spool.Err()))
	}
	return msg
}

// replace makes a report say that the worker is at fault.
func (a *attempt) replace(msg *protocol.Finish, trouble protocol.Finish) {
	msg.Outcome, msg.Reason, msg.Product, msg.Results = trouble.Outcome, trouble.Reason, weir.Product{}, ""
}

// trouble makes the report for something that is the worker's fault.
func (a *attempt) trouble(what string, err error) protocol.Finish {
	reason := weir.Reason{Code: weir.ReasonWorker, Text: fmt.Sprintf("%s: %v", what, err)}
	if disk.IsFull(err) && !errors.Is(err, errTransient) { // not the server's disk
		reason.Code = weir.ReasonDiskFull
	}
	reason.Text = reason.Text[:min(len(reason.Text), weir.MaxReason)]
	return protocol.Finish{Token: a.as.Token, Outcome: weir.Infra, Reason: reason}
}

// store puts the product and the results where others find them.
func (a *attempt) store(msg protocol.Finish, r execute.Report) error {
	if msg.Product.Digest != "" {
		if err := a.w.client.put(a.talk, msg.Product.Digest, r.ProductFile); err != nil {
			return err
		}
	}
	if msg.Results != "" {
		return a.w.client.put(a.talk, msg.Results, r.ResultsFile)
	}
	return nil
}

// finish reports the end until the server has understood it.
func (a *attempt) finish(msg protocol.Finish) {
	var answer protocol.FinishAnswer
	err := a.w.client.persist(a.talk, "attempts/"+a.as.Attempt.String()+"/finish", msg, &answer)
	switch {
	case err == nil:
		a.log.Info("the attempt has ended", "outcome", msg.Outcome, "reason", msg.Reason.Text)
	case a.talk.Err() == nil:
		a.drop(err)
	}
}

// clean empties the slot and makes room among the products.
func (a *attempt) clean() {
	if err := disk.RemoveAll(a.dir); err != nil {
		a.log.Error("the slot cannot be emptied", "dir", a.dir, "error", err)
	}
	if _, err := a.w.opts.Runner.Products.Prune(); err != nil {
		a.log.Error("old products cannot be removed", "error", err)
	}
}
