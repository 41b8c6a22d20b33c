package worker

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/filelock"
)

// Names of files below Options.Dir.
const (
	lockName  = "lock"
	drainName = "drain" // exists if the worker is asked to drain
)

const (
	drainPoll = 500 * time.Millisecond // how often a worker looks for the request
	leavePoll = 200 * time.Millisecond // how often it is looked whether a worker has left
)

// awaitDrain drains the worker once RequestDrain asks for it.
func (w *Worker) awaitDrain(ctx context.Context) {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		if _, err := os.Lstat(filepath.Join(w.opts.Dir, drainName)); err == nil {
			w.Drain()
		}
		select {
		case <-w.draining:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RequestDrain asks the worker that uses dir to drain, and waits until it has
// left. running is called with the number of builds that it still finishes, at
// first and whenever that has changed. If ctx ends it returns its cause; the
// worker drains all the same. NotFound if no worker uses dir.
func RequestDrain(ctx context.Context, dir string, running func(n int)) error {
	lock := filepath.Join(dir, lockName)
	if _, err := os.Lstat(lock); err != nil || !locked(lock) {
		return weir.Errorf(weir.NotFound, "no worker runs in %s", dir).
			WithHint("name the directory of the worker, which is the flag --dir that it was started with")
	}
	request := filepath.Join(dir, drainName)
	if err := os.WriteFile(request, nil, 0o600); err != nil {
		return err
	}
	tick := time.NewTicker(leavePoll)
	defer tick.Stop()
	for last := -1; ; {
		// The next worker removes the request, if this one was killed.
		if _, err := os.Lstat(request); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !locked(lock) {
			if err := os.Remove(request); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}
		if notes, err := filepath.Glob(filepath.Join(dir, heldName, "*"+notePost)); err == nil && len(notes) != last {
			last = len(notes)
			running(last)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// locked reports whether somebody holds the lock.
func locked(name string) bool {
	lock, err := filelock.Try(name, filelock.Shared)
	if err == nil {
		lock.Release()
	}
	return weir.CodeOf(err) == weir.Conflict
}
