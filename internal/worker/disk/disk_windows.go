package disk

import (
	"errors"

	"golang.org/x/sys/windows"

	"github.com/weir-ci/weir"
)

func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// Free tells the room on the file system that holds path, which must exist.
func Free(path string) (Space, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return Space{}, weir.Errorf(weir.Invalid, "%q is not a path", path).WithCause(err)
	}
	var free, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, &total, &all); err != nil {
		return Space{}, weir.Errorf(weir.NotFound, "the free space of %s cannot be read", path).WithCause(err)
	}
	return Space{Free: int64(free), Total: int64(total)}, nil
}
