package local

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/execute"
)

// workingCopy checks out one project by copying a directory.
type workingCopy struct {
	dir     string
	of      string
	scratch string // is not copied, if it lies in dir
	source  weir.Source
	next    execute.Checkouter
}

// Checkout copies the directory if it is asked for the project's source.
func (w workingCopy) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	if src.Location != w.source.Location || revision != workingRevision {
		return w.next.Checkout(ctx, src, revision, dir, log)
	}
	fmt.Fprintf(log, "copying %s\n", w.dir)
	info, err := os.Stat(w.dir)
	if err != nil || !info.IsDir() {
		return weir.Errorf(weir.Invalid, "%s is not a directory", w.dir)
	}
	if err := w.copy(ctx, dir); err != nil {
		return weir.Errorf(weir.Invalid, "%s cannot be copied: %w", w.dir, err)
	}
	return nil
}

// copy copies files, directories and links; pipes and sockets belong to programs
// that run, and are left out.
func (w workingCopy) copy(ctx context.Context, to string) error {
	scratch, err := os.Stat(w.scratch)
	if err != nil {
		return err
	}
	return filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rel, err := filepath.Rel(w.dir, path)
		if err != nil || rel == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir() && os.SameFile(info, scratch):
			return fs.SkipDir
		case d.IsDir():
			return os.Mkdir(target, 0o777) //nolint:gosec // as a checkout makes them
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case info.Mode().IsRegular():
			return copyFile(path, target, info)
		}
		return nil
	})
}

// copyFile copies what a file holds, when it was changed and whether it can be
// run: tools look at both.
func copyFile(from, to string, info fs.FileInfo) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666|info.Mode()&0o777)
	if err != nil {
		return err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
		if err == nil {
			err = os.Chtimes(to, info.ModTime(), info.ModTime())
		}
	}()
	_, err = io.Copy(out, in)
	return err
}
