package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/logs"
)

// maxStuck is how many syncs in a row may move nothing before the rest of a
// log is given up, so that an attempt ends even if the server keeps refusing
// its log.
const maxStuck = 20

// syncer tells the server what happens to one attempt. It is the attempt's
// execute.Observer.
type syncer struct {
	client *client
	path   string
	token  string
	spool  *logs.Spool
	drop   func(cause error) // the attempt is not ours any more
	pace   func() (heartbeat, flush time.Duration)
	wake   chan struct{} // steps changed, or draining began
	done   chan struct{}

	mu       sync.Mutex
	steps    map[int]weir.StepRecord // changed since they were last sent
	draining bool
	seq      int64
	stuck    int
}

func newSyncer(c *client, id weir.AttemptID, token string, spool *logs.Spool) *syncer {
	return &syncer{client: c, path: "attempts/" + id.String() + "/", token: token, spool: spool,
		wake: make(chan struct{}, 1), done: make(chan struct{}), steps: map[int]weir.StepRecord{}}
}

// Step notes a change, which is sent at once.
func (s *syncer) Step(rec weir.StepRecord) {
	s.mu.Lock()
	s.steps[rec.Index] = rec
	s.mu.Unlock()
	s.poke()
}

// Output returns where the output of a step goes.
func (s *syncer) Output(step int) io.Writer { return s.spool.Writer(step) }

func (s *syncer) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// drain waits until the server has everything, or ctx ends.
func (s *syncer) drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.poke()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.done:
		return context.Cause(ctx)
	}
}

// run syncs until everything is drained, the attempt is dropped, or ctx ends.
func (s *syncer) run(ctx context.Context) {
	defer close(s.done)
	retry := s.client.newBackoff()
	for s.await(ctx) {
		progress, err := s.sync(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.drop(err)
			return
		}
		if progress {
			retry.reset()
			s.stuck = 0
		} else if s.stuck++; s.stuck >= maxStuck && s.isDraining() {
			return
		} else if retry.wait(ctx) != nil {
			return
		}
		if s.isDraining() && s.clean() {
			return
		}
	}
}

func (s *syncer) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// clean reports whether the server knows everything.
func (s *syncer) clean() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.steps) == 0 && s.spool.Pending() == 0
}

// await waits until there is a reason to sync: a change of a step, enough
// output or output that has waited long enough, or a sign of life that is due.
func (s *syncer) await(ctx context.Context) bool {
	heartbeat, flush := s.pace()
	due := time.NewTimer(heartbeat)
	defer due.Stop()
	var flushed <-chan time.Time
	for {
		s.mu.Lock()
		now := s.draining || len(s.steps) > 0
		s.mu.Unlock()
		pending := s.spool.Pending()
		if now || pending >= weir.MaxFrame {
			return ctx.Err() == nil
		}
		if pending > 0 && flushed == nil {
			t := time.NewTimer(flush)
			defer t.Stop()
			flushed = t.C
		}
		select {
		case <-ctx.Done():
			return false
		case <-due.C:
			return true
		case <-flushed:
			return true
		case <-s.wake:
		case <-s.spool.Changed():
		}
	}
}

// sync sends one message and waits for its answer. It reports whether the
// server took any of the log, or there was none to take.
func (s *syncer) sync(ctx context.Context) (progress bool, err error) {
	frames, err := s.spool.Frames(protocol.MaxSyncFrames)
	if err != nil {
		return false, fmt.Errorf("reading the log back: %w", err)
	}
	s.seq++
	msg := protocol.Sync{Token: s.token, Seq: s.seq, Frames: frames}
	s.mu.Lock()
	for _, rec := range s.steps {
		msg.Steps = append(msg.Steps, rec)
	}
	clear(s.steps)
	s.mu.Unlock()
	slices.SortFunc(msg.Steps, func(a, b weir.StepRecord) int { return a.Index - b.Index })
	var answer protocol.SyncAnswer
	if err := s.client.persist(ctx, s.path+"sync", msg, &answer); err != nil {
		return false, err
	}
	if answer.Cancel != nil {
		return false, errEnded
	}
	before := s.spool.Pending()
	if err := s.spool.Acknowledge(answer.Offsets); err != nil {
		return false, err
	}
	var sent int64
	for _, f := range frames {
		sent += int64(f.Size)
	}
	return sent == 0 || s.spool.Pending() < before, nil
}

// Why an attempt ends early.
var (
	errStopped = errors.New("the worker was stopped")
	errFenced  = errors.New("the attempt was given away")
	errEnded   = errors.New("the server ended the attempt")
)
