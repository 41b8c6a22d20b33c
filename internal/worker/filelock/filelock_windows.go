package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockedAt is the upper half of the position of the byte that is locked: far
// behind the content, since what is locked here cannot be read by others.
const lockedAt = 1 << 30

func tryLock(f *os.File, mode Mode) error {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if mode == Exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: lockedAt})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errBusy
	}
	return err
}

// unlock does nothing: handles are not inherited, and closing drops the lock.
func unlock(*os.File) {}
