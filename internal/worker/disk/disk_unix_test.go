//go:build unix

package disk_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/weir-ci/weir/internal/worker/disk"
)

func TestIsFullErrno(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		if !disk.IsFull(&os.PathError{Op: "write", Path: "x", Err: errno}) {
			t.Errorf("%v is not full", errno)
		}
	}
	if disk.IsFull(syscall.EIO) {
		t.Error("an input/output error is not a full disk")
	}
}
