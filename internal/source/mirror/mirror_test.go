package mirror_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/mirror"
)

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	take := func(exclusive bool) (func(), error) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // one try
		return mirror.Lock(ctx, path, exclusive)
	}
	a, err := take(false)
	if err != nil {
		t.Fatal(err)
	}
	b, err := take(false)
	if err != nil {
		t.Errorf("two readers: %v", err)
	}
	if _, err := take(true); !errors.Is(err, context.Canceled) {
		t.Errorf("a writer beside readers: %v", err)
	}
	a()
	b()
	c, err := take(true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := take(false); !errors.Is(err, context.Canceled) {
		t.Errorf("a reader beside a writer: %v", err)
	}
	c()
	if _, err := mirror.Lock(t.Context(), filepath.Join(path, "x"), true); err == nil {
		t.Error("a lock below a file")
	}
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.Mkdir(in("sub"), 0o755), os.WriteFile(in("file"), []byte(" abc \n"), 0o600), os.Symlink(in("sub"), in("link"))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]weir.Code{"none": "", "sub": "", "file": weir.Conflict, ".": weir.Conflict} {
		if err := mirror.CheckEmpty(in(name)); weir.CodeOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []struct {
		name string
		want weir.Code
	}{{"sub/a/b", ""}, {"file/x", weir.Invalid}, {"link/x", weir.Invalid}, {"link", weir.Invalid}, {"sub/a", weir.Invalid}} { // the last one is there by then
		if err := mirror.MakeDir(dir, c.name); weir.CodeOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want == "" && !mirror.IsDir(in(c.name)) {
			t.Errorf("%s is no directory", c.name)
		}
	}
	if mirror.IsDir(in("link")) || mirror.IsDir(in("file")) || mirror.IsDir(in("none")) {
		t.Error("a link, a file or nothing is a directory")
	}
	if err := errors.Join(os.Symlink(in("file"), in("stamp")), os.WriteFile(in("long"), make([]byte, 1000), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"file": "abc", "stamp": "", "long": "", "none": "", "sub": ""} {
		if got := mirror.ReadStamp(in(name)); got != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for range 2 { // in place of nothing, and of another
		if err := errors.Join(os.Mkdir(in("fresh"), 0o755), mirror.Replace(in("fresh"), in("place"))); err != nil || !mirror.IsDir(in("place")) || mirror.IsDir(in("place.old")) {
			t.Errorf("replace: %v", err)
		}
	}
	if err := mirror.Replace(in("absent"), in("new")); err == nil {
		t.Error("nothing took a place")
	}
	if err := errors.Join(mirror.Clear(dir), mirror.Clear(in("none")), mirror.CheckEmpty(dir)); err != nil {
		t.Error(err)
	}
}

func FuzzField(f *testing.F) {
	f.Add("a\x00b", 5)
	f.Add("\xff\xfeé\x00", 1)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(0, limit%1000)
		got, err := mirror.Field(bufio.NewReaderSize(strings.NewReader(s), 16), limit)
		if want := strings.Contains(s, "\x00"); want != (err == nil) || !want && !errors.Is(err, io.EOF) {
			t.Fatalf("got %v", err)
		}
		if len(got) > limit || !utf8.ValidString(got) {
			t.Errorf("got %q", got)
		}
	})
}

func TestSecond(t *testing.T) {
	t.Parallel()
	for s, want := range map[int64]int{-1: 1, 0: 1970, 253402300799: 9999, 253402300800: 1} {
		if got := mirror.Second(s).Year(); got != want {
			t.Errorf("%d: got %d", s, got)
		}
	}
}
