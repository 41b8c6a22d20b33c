package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/weir-ci/weir"
)

// Dir keeps blobs as files of a directory: the blob whose digest begins with
// "abcdef" lies in ab/cdef.... A file appears under that name only when it is
// whole, checked and on the disk, so a crash at any moment leaves either the
// blob or nothing. Several processes may use the same directory.
type Dir struct {
	path string
	// sink stands between Put and its file; tests let disks fill up with it.
	sink func(io.Writer) io.Writer
}

var _ Store = (*Dir)(nil)

// Names of files that are being written, and the age at which one that is left
// must be from a crash.
const (
	tempPrefix = ".put-"
	tempSuffix = ".tmp"
	tempAge    = time.Hour
)

// NewDir opens a directory, which is made if it does not exist, and removes
// what a crash may have left in it. Invalid if it cannot be made or read.
func NewDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, failure(err, "the blob directory %s cannot be made", path)
	}
	d := &Dir{path: path, sink: func(w io.Writer) io.Writer { return w }}
	if err := d.sweep(time.Now().Add(-tempAge)); err != nil {
		return nil, failure(err, "the blob directory %s cannot be read", path)
	}
	return d, nil
}

// sweep removes unfinished files that nobody has written to since the time
// given. Anything that does not look like one of Dir's own stays.
func (d *Dir) sweep(before time.Time) error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix) || !strings.HasSuffix(e.Name(), tempSuffix) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue // gone already, or somebody is at work
		}
		if err := os.Remove(filepath.Join(d.path, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// file is where a blob lies. The digest is checked first: it becomes part of
// a file name.
func (d *Dir) file(digest weir.Digest) (string, error) {
	checked, err := weir.ParseDigest(string(digest))
	if err != nil {
		return "", err
	}
	name := checked.Hex()
	return filepath.Join(d.path, name[:2], name[2:]), nil
}

// Put reads content to its end and keeps it under want. Besides what Store
// says, it is Unavailable if the content breaks off with an error.
func (d *Dir) Put(ctx context.Context, want weir.Digest, content io.Reader, limit int64) error {
	if _, err := d.file(want); err != nil {
		return err
	}
	_, err := d.write(ctx, want, content, limit)
	return err
}

// add keeps content under its digest, see Add.
func (d *Dir) add(ctx context.Context, content io.Reader, limit int64) (weir.Digest, error) {
	return d.write(ctx, "", content, limit)
}

// write keeps content under its digest, which must be want unless that is empty.
func (d *Dir) write(ctx context.Context, want weir.Digest, content io.Reader, limit int64) (weir.Digest, error) {
	what := "a new blob"
	if want != "" {
		what = "blob " + want.Short()
	}
	temp, err := os.CreateTemp(d.path, tempPrefix+"*"+tempSuffix)
	if err != nil {
		return "", failure(err, "%s cannot be stored", what)
	}
	kept := false
	defer func() {
		temp.Close() // closed already if all went well
		if !kept {
			os.Remove(temp.Name()) // a leftover is swept later
		}
	}()
	got, err := d.receive(ctx, temp, what, content, limit)
	if err != nil {
		return "", err
	}
	if want != "" && got != want {
		return "", weir.Errorf(weir.Invalid, "the content is not that of %s: its digest is %s", what, got).
			WithHint("it was changed on its way; send it again")
	}
	name, err := d.file(got)
	if err != nil {
		return "", err
	}
	if err := errors.Join(temp.Sync(), temp.Close()); err != nil {
		return "", failure(err, "%s cannot be stored", what)
	}
	if kept, err = place(temp.Name(), name); err != nil {
		return "", failure(err, "%s cannot be stored", what)
	}
	return got, nil
}

// receive copies the content into a file, checks its length, and returns its digest.
func (d *Dir) receive(ctx context.Context, temp *os.File, what string, content io.Reader, limit int64) (weir.Digest, error) {
	in := &source{ctx: ctx, r: io.LimitReader(content, max(0, limit)+1)}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(d.sink(temp), hash), in)
	var known *weir.Error
	switch {
	case errors.As(in.err, &known):
		return "", in.err
	case in.err != nil:
		return "", weir.Errorf(weir.Unavailable, "the content of %s broke off after %d bytes", what, n).
			WithHint("send it again").WithCause(in.err)
	case err != nil:
		return "", failure(err, "%s cannot be stored", what)
	case n > max(0, limit):
		return "", weir.Errorf(weir.TooLarge, "%s is longer than %d bytes", what, max(0, limit))
	}
	return weir.DigestOfSum(hash.Sum(nil)), nil
}

// place gives a finished file its name, and reports whether it was moved. A
// blob that is there already stays: somebody may be reading it.
func place(temp, name string) (moved bool, err error) {
	fresh, err := os.Stat(temp)
	if err != nil {
		return false, err
	}
	if old, err := os.Stat(name); err == nil && old.Mode().IsRegular() && old.Size() == fresh.Size() {
		return false, nil
	}
	dir := filepath.Dir(name)
	if err := os.Mkdir(dir, 0o750); err == nil {
		err = syncDir(filepath.Dir(dir))
		if err != nil {
			return false, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	if err := os.Rename(temp, name); err != nil {
		return false, err
	}
	return true, syncDir(dir)
}

// syncDir makes the names in a directory survive a loss of power. Windows has
// no such thing, and needs none.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// source reads content until its context ends, and remembers its own error,
// which is the sender's fault and not the disk's.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.err = err
		return 0, err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// Open reads a blob; NotFound if there is none.
func (d *Dir) Open(_ context.Context, digest weir.Digest) (Content, error) {
	name, err := d.file(digest)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, missing(err, digest)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, missing(err, digest)
	}
	return &file{File: f, size: info.Size()}, nil
}

// file is an open blob.
type file struct {
	*os.File
	size int64
}

func (f *file) Size() int64 { return f.size }

// Stat tells a blob's size in bytes; NotFound if there is none.
func (d *Dir) Stat(_ context.Context, digest weir.Digest) (int64, error) {
	name, err := d.file(digest)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return 0, missing(err, digest)
	}
	return info.Size(), nil
}

// Remove deletes a blob; it is no error if there is none.
func (d *Dir) Remove(_ context.Context, digest weir.Digest) error {
	name, err := d.file(digest)
	if err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failure(err, "blob %s cannot be removed", digest.Short())
	}
	return nil
}

func missing(err error, digest weir.Digest) error {
	if errors.Is(err, fs.ErrNotExist) {
		return weir.Errorf(weir.NotFound, "there is no blob %s", digest.Short()).WithHint("it has expired or was never stored")
	}
	return failure(err, "blob %s cannot be read", digest.Short())
}

// failure explains an error of the file system.
func failure(err error, format string, args ...any) error {
	code, hint := weir.Internal, "the server's log has the cause"
	switch {
	case diskFull(err):
		code, hint = weir.Exhausted, "free space on the disk of the blob directory"
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EROFS):
		code, hint = weir.Invalid, "check that the blob directory is one, and that the server may write there"
	}
	return weir.Errorf(code, format, args...).WithHint("%s", hint).WithCause(err)
}

// What Windows says when a disk is full.
const (
	windowsHandleDiskFull syscall.Errno = 39
	windowsDiskFull       syscall.Errno = 112
)

func diskFull(err error) bool {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return true
	}
	var code syscall.Errno
	return runtime.GOOS == "windows" && errors.As(err, &code) && (code == windowsHandleDiskFull || code == windowsDiskFull)
}
