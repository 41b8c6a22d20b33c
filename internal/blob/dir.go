package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/weir-ci/weir"
)

// Dir keeps blobs as files of one directory: DIR/ab/cdef... for a digest that
// starts with abcdef. A blob appears whole or not at all: it is written beside
// its place, flushed to the disk and renamed.
type Dir struct{ root string }

// leftoverAge is how old an unfinished file must be before NewDir takes it
// for the remains of a crash and not for another server's work.
const leftoverAge = time.Hour

const unfinished = "put-"

// NewDir opens a directory, makes it if it is missing, and removes what a
// crash has left unfinished.
func NewDir(root string) (*Dir, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, diskError(root, err)
	}
	left, err := filepath.Glob(filepath.Join(root, unfinished+"*"))
	if err != nil {
		return nil, err
	}
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > leftoverAge {
			os.Remove(path)
		}
	}
	return &Dir{root: root}, nil
}

// Put reads content to its end and keeps it. See Store.
func (d *Dir) Put(ctx context.Context, want weir.Digest, content io.Reader, limit int64) (err error) {
	path, err := d.path(want)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(d.root, unfinished)
	if err != nil {
		return diskError(d.root, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	sum := sha256.New()
	source := &contextReader{ctx: ctx, r: io.LimitReader(content, limit+1)}
	n, err := io.Copy(io.MultiWriter(f, sum), source)
	switch {
	case err != nil && source.err != nil:
		return weir.Errorf(weir.Unavailable, "blob %s broke off after %d bytes", want.Short(), n).WithCause(err)
	case err != nil:
		return diskError(d.root, err)
	case n > limit:
		return weir.Errorf(weir.TooLarge, "blob %s is longer than %d bytes", want.Short(), limit)
	case weir.DigestOfSum(sum.Sum(nil)) != want:
		return weir.Errorf(weir.Invalid, "blob %s has another content than its name says", want.Short()).
			WithHint("send it again")
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return diskError(d.root, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return diskError(d.root, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return diskError(d.root, err)
	}
	return nil
}

// contextReader ends with its context, and remembers whether reading failed.
type contextReader struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		c.err = err
		return 0, err
	}
	n, err := c.r.Read(p)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// Open reads a blob; NotFound if there is none.
func (d *Dir) Open(_ context.Context, want weir.Digest) (Content, error) {
	path, err := d.path(want)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(want, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, openError(want, err)
	}
	return file{f, info.Size()}, nil
}

type file struct {
	*os.File
	size int64
}

// Size is the blob's length in bytes.
func (f file) Size() int64 { return f.size }

// Stat tells a blob's size in bytes; NotFound if there is none.
func (d *Dir) Stat(_ context.Context, want weir.Digest) (int64, error) {
	path, err := d.path(want)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, openError(want, err)
	}
	return info.Size(), nil
}

// Remove deletes a blob; it is no error if there is none.
func (d *Dir) Remove(_ context.Context, want weir.Digest) error {
	path, err := d.path(want)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError(d.root, err)
	}
	return nil
}

// path is a blob's place. The digest is checked here, so that no caller can
// reach a file outside of the directory.
func (d *Dir) path(want weir.Digest) (string, error) {
	checked, err := weir.ParseDigest(string(want))
	if err != nil {
		return "", err
	}
	h := checked.Hex()
	return filepath.Join(d.root, h[:2], h[2:]), nil
}

func openError(want weir.Digest, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return weir.Errorf(weir.NotFound, "there is no blob %s", want.Short())
	}
	return weir.Errorf(weir.Internal, "blob %s cannot be read", want.Short()).WithCause(err)
}

func diskError(root string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "disk quota exceeded") {
		return weir.Errorf(weir.Exhausted, "the disk that holds %s is full", root).WithCause(err).
			WithHint("free space there; what was being sent is sent again")
	}
	return weir.Errorf(weir.Internal, "blobs cannot be kept in %s", root).WithCause(err)
}
