package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/weir-ci/weir"
)

func newDir(t *testing.T) *Dir {
	t.Helper()
	d, err := NewDir(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func wantCode(t *testing.T, what string, err error, want weir.Code) {
	t.Helper()
	if got := weir.CodeOf(err); got != want {
		t.Errorf("%s: code %q of %v, want %q", what, got, err, want)
	}
}

// files lists the files below the directory.
func files(t *testing.T, d *Dir) (names []string) {
	t.Helper()
	err := filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, e.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestPutOpen(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	for _, data := range [][]byte{nil, []byte("hello"), bytes.Repeat([]byte("weir"), 1<<15)} {
		digest := weir.DigestOf(data)
		for range 2 { // twice is harmless
			wantCode(t, "Put", d.Put(t.Context(), digest, iotest.HalfReader(bytes.NewReader(data)), int64(len(data))), "")
		}
		size, err := d.Stat(t.Context(), digest)
		if err != nil || size != int64(len(data)) {
			t.Errorf("Stat: %d, %v", size, err)
		}
		c, err := d.Open(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(c, data); err != nil {
			t.Error(err)
		}
		if c.Size() != int64(len(data)) {
			t.Errorf("size %d, want %d", c.Size(), len(data))
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := files(t, d); len(got) != 3 {
		t.Errorf("files: %q", got)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	digest := weir.DigestOf([]byte("x"))
	wantCode(t, "Remove of nothing", d.Remove(t.Context(), digest), "")
	wantCode(t, "Put", d.Put(t.Context(), digest, strings.NewReader("x"), 1), "")
	wantCode(t, "Remove", d.Remove(t.Context(), digest), "")
	_, err := d.Stat(t.Context(), digest)
	wantCode(t, "Stat", err, weir.NotFound)
	_, err = d.Open(t.Context(), digest)
	wantCode(t, "Open", err, weir.NotFound)
}

type fullDisk struct{ room int }

func (f *fullDisk) Write(p []byte) (int, error) {
	if len(p) > f.room {
		return 0, &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	f.room -= len(p)
	return len(p), nil
}

func TestPutRefused(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	digest := weir.DigestOf([]byte("hello"))
	own := weir.Errorf(weir.Forbidden, "stop")
	for name, c := range map[string]struct {
		ctx     context.Context
		digest  weir.Digest
		content io.Reader
		limit   int64
		room    int
		want    weir.Code
	}{
		"other content":     {t.Context(), digest, strings.NewReader("jello"), 9, 99, weir.Invalid},
		"too long":          {t.Context(), digest, strings.NewReader("hello"), 4, 99, weir.TooLarge},
		"endless":           {t.Context(), digest, endless{}, 1 << 20, 1 << 30, weir.TooLarge},
		"no limit":          {t.Context(), digest, strings.NewReader("hello"), -1, 99, weir.TooLarge},
		"broken off":        {t.Context(), digest, io.MultiReader(strings.NewReader("he"), iotest.ErrReader(io.ErrUnexpectedEOF)), 9, 99, weir.Unavailable},
		"the sender's word": {t.Context(), digest, iotest.ErrReader(own), 9, 99, weir.Forbidden},
		"full disk":         {t.Context(), digest, strings.NewReader("hello"), 9, 3, weir.Exhausted},
		"ended context":     {ended, digest, strings.NewReader("hello"), 9, 99, weir.Unavailable},
		"path traversal":    {t.Context(), "sha256:../../../../etc/passwd", strings.NewReader("hello"), 9, 99, weir.Invalid},
		"no digest":         {t.Context(), "", strings.NewReader("hello"), 9, 99, weir.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDir(t)
			d.sink = func(w io.Writer) io.Writer { return io.MultiWriter(&fullDisk{c.room}, w) }
			wantCode(t, "Put", d.Put(c.ctx, c.digest, c.content, c.limit), c.want)
			if got := files(t, d); len(got) != 0 {
				t.Errorf("files left: %q", got)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestBadDigests(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	for _, digest := range []weir.Digest{"", "sha256:", "sha256:../x", weir.Digest("sha256:" + strings.Repeat("A", 64))} {
		_, err := d.Open(t.Context(), digest)
		wantCode(t, "Open", err, weir.Invalid)
		_, err = d.Stat(t.Context(), digest)
		wantCode(t, "Stat", err, weir.Invalid)
		wantCode(t, "Remove", d.Remove(t.Context(), digest), weir.Invalid)
	}
}

func TestPutTogether(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	data := bytes.Repeat([]byte("same"), 10_000)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := d.Put(t.Context(), weir.DigestOf(data), bytes.NewReader(data), 1<<20); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := files(t, d); len(got) != 1 {
		t.Errorf("files: %q", got)
	}
}

// A blob that was cut short by something outside is replaced when it is put
// again.
func TestPutRepairs(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	digest := weir.DigestOf([]byte("hello"))
	name, err := d.file(digest)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, "Put", d.Put(t.Context(), digest, strings.NewReader("hello"), 9), "")
	if err := os.Truncate(name, 2); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "Put again", d.Put(t.Context(), digest, strings.NewReader("hello"), 9), "")
	if data, err := os.ReadFile(name); string(data) != "hello" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	old := time.Now().Add(-2 * tempAge)
	for name, age := range map[string]time.Time{
		".put-1.tmp": old, ".put-2.tmp": time.Now(), "put-3.tmp": old, ".put-4.txt": old, "notes": old,
	} {
		file := filepath.Join(path, name)
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Chtimes(file, age, age)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(files(t, d), " "); got != ".put-2.tmp .put-4.txt notes put-3.tmp" {
		t.Errorf("left: %s", got)
	}
}

func TestNewDirRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewDir(filepath.Join(file, "below"))
	wantCode(t, "NewDir", err, weir.Invalid)
}

// plain hides that a store can name what it has written.
type plain struct{ Store }

func TestAdd(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	for name, s := range map[string]Store{"a directory": d, "another store": plain{d}} {
		data := bytes.Repeat([]byte(name), 1<<12)
		content := func() io.Reader { return bytes.NewReader(data) }
		digest, err := Add(t.Context(), s, content, int64(len(data)))
		if size, statErr := d.Stat(t.Context(), digest); err != nil || statErr != nil || digest != weir.DigestOf(data) || size != int64(len(data)) {
			t.Errorf("%s: blob %s of %d bytes, %v, %v", name, digest, size, err, statErr)
		}
		before := files(t, d)
		if _, err := Add(t.Context(), s, content, int64(len(data))-1); weir.CodeOf(err) != weir.TooLarge || len(files(t, d)) != len(before) {
			t.Errorf("%s: too long: %v, %d files", name, err, len(files(t, d)))
		}
	}
}
