// Package mirror has what adapters share that keep local copies of remote
// repositories: a lock that orders processes, directories that a copy or a
// checkout may go into, and text that foreign tools print.
package mirror

import (
	"context"
	"os"
	"time"
)

// The waits between two tries to get a lock.
const (
	firstWait = time.Millisecond
	lastWait  = 50 * time.Millisecond
)

// Lock takes a lock on the file at path, which is made if absent and stays
// behind. The lock excludes other goroutines and other processes alike, and
// the system drops it when this process dies. It is tried for, not waited for,
// because a wait inside the system cannot be ended by ctx. The error is that of
// ctx or of the file system.
func Lock(ctx context.Context, path string, exclusive bool) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		got, err := tryLock(f, exclusive)
		if got {
			return func() { f.Close() }, nil
		}
		if err != nil {
			f.Close()
			return nil, &os.PathError{Op: "lock", Path: path, Err: err}
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}
