package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
)

// maxStuck is how many syncs in a row may move nothing before the rest of a
// log is given up, so that an attempt ends even if the server keeps refusing
// its log.
const maxStuck = 20

// relay tells the server what is in one attempt's spool, and the attempt what
// the server says. First run does so, beside the build; then finish takes over.
type relay struct {
	a    *attempt
	path string
	stop chan struct{} // closed when run has to end
	done chan struct{} // closed when it has; nil if it was never started

	steps map[int]weir.StepRecord // newest records
	fresh map[int]bool            // those that the server does not have
	known bool                    // it is known how much of the log the server has
	stuck int
}

func newRelay(a *attempt) *relay {
	// Of an attempt that somebody else began the server has to say what it has.
	return &relay{a: a, path: "attempts/" + a.held.Attempt.String() + "/", known: !a.adopted,
		stop: make(chan struct{}), steps: map[int]weir.StepRecord{}, fresh: map[int]bool{}}
}

// start starts run.
func (r *relay) start(ctx context.Context) {
	r.done = make(chan struct{})
	go r.run(ctx)
}

// run syncs until it is stopped, the attempt is dropped, or ctx ends.
func (r *relay) run(ctx context.Context) {
	defer close(r.done)
	if r.rest(ctx) {
		return
	}
	retry := r.a.w.client.newBackoff()
	for r.await(ctx) {
		progress, err := r.sync(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			r.a.drop(err)
			return
		case progress:
			retry.reset()
			r.stuck = 0
		default:
			r.stuck++
			if retry.wait(ctx) != nil {
				return
			}
		}
	}
}

// rest gives a new attempt the time to end before anything is said about it.
// It reports whether run is stopped meanwhile.
func (r *relay) rest(ctx context.Context) bool {
	if r.a.adopted {
		return false
	}
	timer := time.NewTimer(r.a.w.fresh)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.stop:
		return true
	case <-ctx.Done():
	}
	return false
}

// take learns what is new in the spool. What is wrong with it shows when the
// report is read; there is no use in going on until then.
func (r *relay) take() (pending int64) {
	recs, err := r.a.reader.Steps()
	for _, rec := range recs {
		r.steps[rec.Index], r.fresh[rec.Index] = rec, true
	}
	if err == nil {
		pending, err = r.a.reader.Pending()
	}
	r.judge(err)
	return pending
}

// judge ends the attempt if err says that its spool is damaged. Other errors,
// such as a want of file handles, may pass.
func (r *relay) judge(err error) {
	if _, damaged := errors.AsType[*weir.Error](err); damaged && weir.CodeOf(err) == weir.Internal {
		r.a.spoil(err)
	}
}

// await waits until there is a reason to sync: a change of a step, output, a
// sign of life that is due, or the server that has something to say. How long
// output waits for company is decided where it is written.
func (r *relay) await(ctx context.Context) bool {
	heartbeat, _ := r.a.w.pace()
	due := time.NewTimer(heartbeat)
	defer due.Stop()
	for {
		select {
		case <-r.stop:
			return false
		default:
		}
		pending := r.take()
		if !r.known || (len(r.fresh) > 0 || pending > 0) && !r.over() {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-r.stop:
			return false
		case <-due.C:
			return true
		case <-r.a.due:
			return true
		case <-r.a.news:
		}
	}
}

// over reports whether the build is: what is left can go with the finish.
func (r *relay) over() bool {
	select {
	case <-r.a.ended:
		return true
	default:
		return false
	}
}

// sync sends one message and waits for its answer. It reports whether the
// server took any of the log, or there was none to take.
func (r *relay) sync(ctx context.Context) (progress bool, err error) {
	msg := protocol.Sync{Token: r.a.held.Token}
	if msg.Seq, err = r.a.reader.Seq(); err != nil {
		return false, err
	}
	r.take()
	for _, i := range slices.Sorted(maps.Keys(r.fresh)) {
		msg.Steps = append(msg.Steps, r.steps[i])
	}
	clear(r.fresh)
	if r.known {
		if msg.Frames, err = r.a.reader.Frames(protocol.MaxSyncFrames, protocol.MaxSyncBytes); err != nil {
			r.judge(err)
			msg.Frames = nil
		}
	}
	var answer protocol.SyncAnswer
	if _, err := r.a.w.client.persist(ctx, r.path+"sync", msg, &answer, r.a.w.modern()); err != nil {
		return false, err
	}
	if answer.Cancel != nil {
		return false, errEnded
	}
	if err := r.a.reader.Acknowledge(answer.Offsets); err != nil {
		r.a.spoil(err)
		r.stuck = maxStuck
		return false, nil
	}
	r.known = true
	return len(msg.Frames) == 0 || r.moved(msg.Frames), nil
}

// moved reports whether the first of the frames is not the first any more.
func (r *relay) moved(sent []weir.LogFrame) bool {
	next, err := r.a.reader.Frames(1, 0)
	return err != nil || len(next) == 0 || next[0].Step != sent[0].Step || next[0].Offset != sent[0].Offset
}

func sizeOf(frames []weir.LogFrame) (n int64) {
	for _, f := range frames {
		n += int64(f.Size)
	}
	return n
}

// closed lists the steps of an attempt that ended without a word: what ran
// was killed, what waited was skipped.
func (r *relay) closed() []weir.StepRecord {
	r.pause()
	if r.a.reader != nil {
		r.take()
	}
	steps := make([]weir.StepRecord, 0, len(r.steps))
	for _, i := range slices.Sorted(maps.Keys(r.steps)) {
		s := r.steps[i]
		switch s.State {
		case weir.StepRunning:
			s.State, s.Ended, s.Note = weir.StepKilled, time.Now(), "lost with its supervisor"
		case weir.StepWaiting:
			s.State = weir.StepSkipped
		}
		steps = append(steps, s)
	}
	return steps
}

// pause ends run, so that its state can be used.
func (r *relay) pause() {
	select {
	case <-r.stop:
	default:
		close(r.stop)
	}
	if r.done != nil {
		<-r.done
	}
}

// finish reports the end until the server has understood it: first as much of
// the log as does not fit into the report, then the report with the rest.
func (r *relay) finish(msg protocol.Finish) {
	r.pause()
	ctx := r.a.talk
	err := r.drain(ctx, &msg)
	for refused := 0; err == nil; refused++ {
		var answer protocol.FinishAnswer
		_, err = r.a.w.client.persist(ctx, r.path+"finish", msg, &answer, r.a.w.modern())
		if weir.CodeOf(err) != weir.Conflict || len(msg.Frames) == 0 {
			break
		}
		// They do not fit behind what the server has; a sync tells what that is.
		msg.Frames, r.known, err = nil, false, nil
		if refused < maxStuck {
			err = r.drain(ctx, &msg)
		}
	}
	switch {
	case err == nil:
		r.a.log.Info("the attempt has ended", "outcome", msg.Outcome, "reason", msg.Reason.Text)
	case ctx.Err() == nil:
		r.a.drop(err)
	}
}

// drain syncs until the rest of the log fits into a finish, and puts it there.
func (r *relay) drain(ctx context.Context, msg *protocol.Finish) error {
	if r.a.reader == nil {
		return nil
	}
	retry := r.a.w.client.newBackoff()
	for {
		pending, err := r.a.reader.Pending()
		if err != nil {
			r.lose(msg, err)
			return ctx.Err()
		}
		if r.stuck >= maxStuck {
			r.a.log.Error("the server does not take the rest of the log", "bytes", pending)
			return ctx.Err()
		}
		if r.known && pending == 0 {
			return ctx.Err()
		}
		if r.known && r.a.w.modern() {
			frames, err := r.a.reader.Frames(protocol.MaxSyncFrames, protocol.MaxSyncBytes)
			if err != nil {
				r.lose(msg, err)
				return ctx.Err()
			}
			if sizeOf(frames) == pending {
				msg.Frames = frames
				return ctx.Err()
			}
		}
		progress, err := r.sync(ctx)
		switch {
		case err != nil:
			return err
		case progress:
			r.stuck = 0
		default:
			r.stuck++
			if err := retry.wait(ctx); err != nil {
				return err
			}
		}
	}
}

// lose makes a finish say that a part of the log is lost: without it nobody
// could tell what the outcome means.
func (r *relay) lose(msg *protocol.Finish, err error) {
	if msg.Outcome != weir.Infra {
		steps := msg.Steps
		*msg = r.a.finishOf(r.a.trouble("a part of the log is lost", err))
		msg.Steps = steps
	}
}
