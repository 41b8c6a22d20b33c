package mirror

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/weir-ci/weir"
)

// CheckEmpty insists that dir is empty or absent. Conflict: it is not.
func CheckEmpty(dir string) error {
	list, err := os.Open(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err == nil {
		_, err = list.Readdirnames(1)
		list.Close()
	}
	if !errors.Is(err, io.EOF) {
		return weir.Errorf(weir.Conflict, "the directory %s for the checkout is not an empty directory", filepath.Base(dir)).
			WithHint("check out into a new directory").WithCause(err)
	}
	return nil
}

// Clear empties dir, which may be absent. What it holds may be read-only, as
// git's objects are, which hinders nobody on Unix; elsewhere os.RemoveAll deals
// with it.
func Clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// IsDir reports whether path is a directory and no link to one.
func IsDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// Replace puts the directory fresh in place of dir, which may be absent, so that
// a half one is never seen there. If that does not work, the old one stays, but
// for a crash in between: then there is none, or one called dir.old.
func Replace(fresh, dir string) error {
	old := dir + ".old"
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(dir, old); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// NoSpace reports whether err says that a disk is full.
func NoSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// maxStamp limits what a stamp may say, in bytes.
const maxStamp = 200

// ReadStamp reads the one line of the regular file at path, and nothing if there
// is none. Anybody may have written it.
func ReadStamp(path string) string {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxStamp {
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// MakeDir makes the directory at path below dir, for what a revision has from
// another repository: dir holds that revision, of which nothing may be there. No
// part of the path may be a link, which could lead anywhere. Invalid: that is not so.
func MakeDir(dir, path string) error {
	at := dir
	for part := range strings.SplitSeq(path, "/") {
		at = filepath.Join(at, part)
		if err := os.Mkdir(at, 0o755); err != nil && !IsDir(at) {
			return weir.Errorf(weir.Invalid, "%.80q, from another repository, lies behind a file or a link", path).WithCause(err)
		}
	}
	if err := CheckEmpty(at); err != nil {
		return weir.Errorf(weir.Invalid, "%.80q, from another repository, lies where there are files already", path).WithCause(err)
	}
	return nil
}
