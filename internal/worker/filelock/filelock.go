// Package filelock keeps processes, and goroutines of one process, out of
// each other's way by locking a file. The operating system drops a lock when
// its holder dies, so nothing stays locked by a worker that was killed.
//
// The file itself stays behind: removing it while somebody else waits for it
// would give two holders of two files with one name.
package filelock

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/weir-ci/weir"
)

// Mode says whom a lock keeps out.
type Mode int

// The modes.
const (
	Shared    Mode = iota // keeps out Exclusive
	Exclusive             // keeps out everybody else
)

// How often a busy lock is tried.
const (
	pollMin = 5 * time.Millisecond
	pollMax = 500 * time.Millisecond
)

var errBusy = errors.New("held by somebody else")

// Lock is a held lock.
type Lock struct{ file *os.File }

// Acquire locks the file at path, which is made if it does not exist, and
// waits while others hold it. waiting, if not nil, is called once if it has to
// wait. If ctx ends first the error is its cause.
func Acquire(ctx context.Context, path string, mode Mode, waiting func()) (*Lock, error) {
	for pause := pollMin; ; pause = min(2*pause, pollMax) {
		lock, err := Try(path, mode)
		if err == nil || weir.CodeOf(err) != weir.Conflict {
			return lock, err
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// Try locks the file at path or fails with Conflict if somebody holds it.
func Try(path string, mode Mode) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(file, mode); err != nil {
		_ = file.Close()
		if errors.Is(err, errBusy) {
			return nil, weir.Errorf(weir.Conflict, "%s is in use", path)
		}
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return &Lock{file}, nil
}

// Release gives the lock up. Later calls do nothing.
func (l *Lock) Release() {
	if l.file != nil {
		// A child that is being forked has the file too until it runs its program,
		// so that closing alone may leave it locked for a moment.
		unlock(l.file)
		_ = l.file.Close()
		l.file = nil
	}
}
