package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

func open(t *testing.T) (*Dir, string) {
	t.Helper()
	root := t.TempDir()
	d, err := NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	return d, root
}

// files lists the regular files below root.
func files(t *testing.T, root string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPutOpenRemove(t *testing.T) {
	t.Parallel()
	d, root := open(t)
	content := bytes.Repeat([]byte("weir\n"), 1000)
	digest := weir.DigestOf(content)
	for range 2 { // twice is once
		if err := d.Put(t.Context(), digest, bytes.NewReader(content), int64(len(content))); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(files(t, root)); n != 1 {
		t.Errorf("%d files, want 1", n)
	}
	c, err := d.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, content) || c.Size() != int64(len(content)) {
		t.Errorf("read %d bytes of %d, %v", len(got), c.Size(), err)
	}
	if n, err := d.Stat(t.Context(), digest); err != nil || n != int64(len(content)) {
		t.Errorf("size %d, %v", n, err)
	}
	for range 2 {
		if err := d.Remove(t.Context(), digest); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Open(t.Context(), digest); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("opening a removed blob: %v", err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestPutRefuses(t *testing.T) {
	t.Parallel()
	d, root := open(t)
	good := weir.DigestOf([]byte("abc"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name    string
		ctx     context.Context
		digest  weir.Digest
		content io.Reader
		limit   int64
		want    weir.Code
	}{
		{"other content", t.Context(), good, strings.NewReader("abd"), 10, weir.Invalid},
		{"too long", t.Context(), good, strings.NewReader("abc"), 2, weir.TooLarge},
		{"connection breaks", t.Context(), good, io.MultiReader(strings.NewReader("ab"), brokenReader{}), 10, weir.Unavailable},
		{"context ends", ended, good, strings.NewReader("abc"), 10, weir.Unavailable},
		{"path for a digest", t.Context(), "sha256:../../../../etc/passwd", strings.NewReader("abc"), 10, weir.Invalid},
	}
	for _, tt := range tests {
		if err := d.Put(tt.ctx, tt.digest, tt.content, tt.limit); weir.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if left := files(t, root); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOpenCleansUp(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old, young := filepath.Join(root, unfinished+"old"), filepath.Join(root, unfinished+"young")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * leftoverAge)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	if _, err := NewDir(root); err != nil {
		t.Fatal(err)
	}
	if got := files(t, root); len(got) != 1 || got[0] != young {
		t.Errorf("left are %v, want only %s", got, young)
	}
}
