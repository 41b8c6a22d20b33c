// Package disk answers what a worker has to know about its disk: whether an
// error means that it is full, how much is left, and how to remove a tree
// that was made to resist, such as a Go module cache with its read-only
// directories.
//
// A full disk is the farm's trouble and never a project's, so everything that
// writes for an attempt asks IsFull about its errors.
package disk

import (
	"errors"
	"io/fs"
	"os"

	"github.com/weir-ci/weir"
)

// Space is the room on the file system that holds a path, in bytes.
type Space struct {
	Free  int64 // for this user
	Total int64
}

// What counts as scarce: a build that fails with less room than this is not
// believed.
const (
	ScarceBytes    = 16 << 20
	scarceFraction = 1000 // one part in so many
)

// Scarce reports whether so little is left that a program which ended badly
// may have done so for want of room.
func (s Space) Scarce() bool {
	return s.Free < ScarceBytes || s.Free < s.Total/scarceFraction
}

// IsFull reports whether err says that a disk or a quota is used up: an error
// of the operating system, or a weir.Error with code Exhausted.
func IsFull(err error) bool {
	if err == nil {
		return false
	}
	return weir.CodeOf(err) == weir.Exhausted || isFull(err)
}

// RemoveAll removes path and everything below it, also what is write
// protected. Symbolic links are removed, never followed. It is no error if
// path does not exist.
func RemoveAll(path string) error {
	err := os.RemoveAll(path)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if err := unprotect(path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// unprotect gives the owner all rights on path and the directories below it.
// It works below an os.Root, so a link that is put in the way leads nowhere.
func unprotect(path string) error {
	if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // a directory needs its x bit
		return err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // what cannot be read is left to RemoveAll's own error
		}
		_ = root.Chmod(name, 0o700)
		return nil
	})
}
