package execute

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/disk"
)

// dirMode is that of the directories that a build finds.
const dirMode = 0o755 // steps may run helpers as other users

// Tidy makes dir as a build of this specification has to find it: without
// anything that another one left. It is made if need be. Directories that are
// empty and that the build needs are kept: to make them again costs more than
// a look at them.
func Tidy(dir string, spec weir.Spec) error {
	checkout, err := checkoutName(spec)
	if err != nil {
		checkout = ""
	}
	if !plain(dir) {
		if err := disk.RemoveAll(dir); err != nil {
			return err
		}
		return os.MkdirAll(dir, dirMode)
	}
	return prune(dir, func(name, path string) (keep bool, err error) {
		switch name {
		case "home", "tmp":
			return empty(path)
		case "src":
			if !plain(path) {
				return false, nil
			}
			return true, prune(path, func(name, path string) (bool, error) {
				if name != checkout {
					return false, nil
				}
				return empty(path)
			})
		}
		return false, nil
	})
}

// prune removes the entries of a directory that are not to be kept.
func prune(dir string, keep func(name, path string) (bool, error)) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	_ = d.Close()
	for _, name := range names {
		path := filepath.Join(dir, name)
		ok, keepErr := keep(name, path)
		if !ok || keepErr != nil {
			keepErr = disk.RemoveAll(path)
		}
		err = errors.Join(err, keepErr)
	}
	return err
}

// plain reports whether path is a directory with the usual rights.
func plain(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode() == fs.ModeDir|dirMode
}

// empty reports whether path is a plain directory without entries.
func empty(path string) (bool, error) {
	if !plain(path) {
		return false, nil
	}
	d, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer d.Close()
	_, err = d.Readdirnames(1)
	return errors.Is(err, io.EOF), nil
}
