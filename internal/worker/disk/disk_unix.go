//go:build unix

package disk

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/weir-ci/weir"
)

func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// Free tells the room on the file system that holds path, which must exist.
func Free(path string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Space{}, weir.Errorf(weir.NotFound, "the free space of %s cannot be read", path).WithCause(err)
	}
	block := int64(st.Bsize) //nolint:unconvert // its type differs between systems
	return Space{Free: int64(st.Bavail) * block, Total: int64(st.Blocks) * block}, nil
}
