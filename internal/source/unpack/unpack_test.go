package unpack_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/unpack"
)

type entry struct {
	name, content string
	kind          byte
	mode          int64
}

var when = time.Date(2020, 3, 4, 5, 6, 8, 0, time.UTC)

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, ModTime: when}
		switch e.kind {
		case tar.TypeReg:
			h.Size = int64(len(e.content))
		case tar.TypeXGlobalHeader:
			h = &tar.Header{Name: e.name, Typeflag: e.kind, PAXRecords: map[string]string{"comment": "x"}}
		default:
			h.Linkname = e.content
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == tar.TypeReg {
			if _, err := io.WriteString(w, e.content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compressed(t testing.TB, data []byte, w io.WriteCloser, err error, b *bytes.Buffer) []byte {
	t.Helper()
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(t testing.TB, data []byte) []byte {
	var b bytes.Buffer
	return compressed(t, data, gzip.NewWriter(&b), nil, &b)
}

func into(t testing.TB, data []byte, o unpack.Options) (string, error) {
	t.Helper()
	packed := filepath.Join(t.TempDir(), "packed")
	if err := os.WriteFile(packed, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := t.TempDir()
	return dir, unpack.Into(context.Background(), f, dir, o)
}

// list shows a tree: path=content, path* for executables, path->target.
func list(t testing.TB, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		name = filepath.ToSlash(name)
		if d.Type() == fs.ModeSymlink {
			target, err := os.Readlink(p)
			out = append(out, name+"->"+filepath.ToSlash(target))
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode()&0o100 != 0 && os.PathSeparator == '/' {
			name += "*"
		}
		data, err := os.ReadFile(p)
		out = append(out, name+"="+string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

func TestKinds(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, entry{"pax_global_header", "", tar.TypeXGlobalHeader, 0}, entry{"a-1/", "", tar.TypeDir, 0o755},
		entry{"a-1/run", "x", tar.TypeReg, 0o700}, entry{"./a-1/sub/f", "y", tar.TypeReg, 0o600})
	kinds := map[string][]byte{"tar": plain, "gzip": gz(t, plain)}
	var x, s, z bytes.Buffer
	xw, err := xz.NewWriter(&x)
	kinds["xz"] = compressed(t, plain, xw, err, &x)
	sw, err := zstd.NewWriter(&s)
	kinds["zstd"] = compressed(t, plain, sw, err, &s)
	cmd := exec.Command("bzip2", "-c")
	cmd.Stdin = bytes.NewReader(plain)
	if out, err := cmd.Output(); err == nil { // without the tool there is nobody who writes one
		kinds["bzip2"] = out
	}
	zw := zip.NewWriter(&z)
	for _, f := range []struct {
		name, content string
		mode          fs.FileMode
	}{{"a-1/", "", fs.ModeDir | 0o755}, {"a-1/run", "x", 0o755}, {"a-1/sub/f", "y", 0o644}} {
		h := &zip.FileHeader{Name: f.name, Modified: when, Method: zip.Deflate}
		h.SetMode(f.mode)
		w, err := zw.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	kinds["zip"] = z.Bytes()
	for name, data := range kinds {
		dir, err := into(t, data, unpack.Options{Strip: unpack.StripSingle})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := "run*=x sub/f=y"
		if os.PathSeparator != '/' {
			want = "run=x sub/f=y"
		}
		if got := list(t, dir); got != want {
			t.Errorf("%s: got %s", name, got)
		}
		if info, err := os.Stat(filepath.Join(dir, "run")); err != nil || !info.ModTime().Equal(when) {
			t.Errorf("%s: time: %v, %v", name, info, err)
		}
	}
}

func TestStrip(t *testing.T) {
	t.Parallel()
	one := entry{"p/p", "1", tar.TypeReg, 0o644}
	for _, tc := range []struct {
		strip   unpack.Strip
		entries []entry
		want    string
	}{
		{unpack.StripSingle, []entry{one}, "p=1"},
		{unpack.StripSingle, []entry{one, {"q", "2", tar.TypeReg, 0o644}}, "p/p=1 q=2"},
		{unpack.StripSingle, []entry{{"q", "2", tar.TypeReg, 0o644}}, "q=2"},
		{unpack.StripSingle, []entry{one, {"p/.unpacked", "3", tar.TypeReg, 0o644}}, ".unpacked=3 p=1"},
		{unpack.StripNothing, []entry{one}, "p/p=1"},
		{unpack.StripFirst, []entry{one, {"q/z", "2", tar.TypeReg, 0o644}}, "p=1 z=2"},
		{unpack.StripSingle, []entry{one, one, {"p/p", "again", tar.TypeReg, 0o644}}, "p=again"},
	} {
		dir, err := into(t, tarOf(t, tc.entries...), unpack.Options{Strip: tc.strip})
		if err != nil || list(t, dir) != tc.want {
			t.Errorf("%v: got %s, %v, want %s", tc.entries, list(t, dir), err, tc.want)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	if os.PathSeparator != '/' {
		return // other systems make no links without being asked
	}
	var log strings.Builder
	dir, err := into(t, tarOf(t,
		entry{"p/f", "1", tar.TypeReg, 0o644},
		entry{"p/a/b/c/f", "2", tar.TypeReg, 0o644},
		entry{"p/good", "a/b", tar.TypeSymlink, 0},
		entry{"p/a/up", "../f", tar.TypeSymlink, 0},
		entry{"p/dangling", "nothing", tar.TypeSymlink, 0},
		entry{"p/hard", "p/f", tar.TypeLink, 0},
		entry{"p/out", "../p/f", tar.TypeSymlink, 0}, // leads outside once p is left away
		entry{"p/root", "/etc/passwd", tar.TypeSymlink, 0},
		entry{"p/hardout", "p/a/up", tar.TypeLink, 0},
		entry{"p/a/b/c/d", "../../..", tar.TypeSymlink, 0},
		entry{"p/sly", "a/b/c/d/../secret", tar.TypeSymlink, 0}, // its words stay inside, d does not let it
		entry{"p/fifo", "", tar.TypeFifo, 0},
	), unpack.Options{Strip: unpack.StripSingle, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	want := "a/b/c/d->../../.. a/b/c/f=2 a/up->../f dangling->nothing f=1 good->a/b hard=1"
	if got := list(t, dir); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for _, name := range []string{"out", "root", "hardout", "sly", "fifo"} {
		if !strings.Contains(log.String(), name+`"`) {
			t.Errorf("the log does not name %s:\n%s", name, log.String())
		}
	}
}

func TestHostile(t *testing.T) {
	t.Parallel()
	file := func(name string) []byte { return tarOf(t, entry{name, "x", tar.TypeReg, 0o644}) }
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed)
	bomb := compressed(t, tarOf(t, entry{"zeros", strings.Repeat("\x00", 8<<20), tar.TypeReg, 0o644}), w, err, &packed)
	xzHuge := append([]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46"), 0x02, 0x00, 0x21, 0x01, 40, 0, 0, 0)
	for _, tc := range []struct {
		name string
		data []byte
		o    unpack.Options
		code weir.Code
	}{
		{"up", file("../x"), unpack.Options{}, weir.Invalid},
		{"inner up", file("a/../../x"), unpack.Options{}, weir.Invalid},
		{"absolute", file("/etc/x"), unpack.Options{}, weir.Invalid},
		{"backslash", file(`..\x`), unpack.Options{}, weir.Invalid},
		{"two kinds", tarOf(t, entry{"a", "x", tar.TypeReg, 0o644}, entry{"a/b", "x", tar.TypeReg, 0o644}), unpack.Options{}, weir.Invalid},
		{"nothing", nil, unpack.Options{}, weir.Invalid},
		{"text", []byte("<html>not found</html>"), unpack.Options{}, weir.Invalid},
		{"cut", gz(t, file("x"))[:40], unpack.Options{}, weir.Invalid},
		{"cut zip", []byte("PK\x03\x04"), unpack.Options{}, weir.Invalid},
		{"ratio", bomb, unpack.Options{Free: 1 << 20}, weir.TooLarge},
		{"dictionary", xzHuge, unpack.Options{}, weir.TooLarge},
		{"entries", tarOf(t, entry{"a", "", tar.TypeReg, 0o644}, entry{"b", "", tar.TypeReg, 0o644}), unpack.Options{Entries: 1}, weir.TooLarge},
		{"bytes", tarOf(t, entry{"a", "12", tar.TypeReg, 0o644}, entry{"b", "34", tar.TypeReg, 0o644}), unpack.Options{Bytes: 3}, weir.TooLarge},
	} {
		if _, err := into(t, tc.data, tc.o); weir.CodeOf(err) != tc.code {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.code)
		}
	}
}

func FuzzInto(f *testing.F) {
	plain := tarOf(f, entry{"p/f", "1", tar.TypeReg, 0o644}, entry{"p/l", "../../x", tar.TypeSymlink, 0}, entry{"p/h", "p/f", tar.TypeLink, 0})
	f.Add(plain)
	f.Add(gz(f, plain))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte("\xfd7zXZ\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir, err := into(t, data, unpack.Options{Strip: unpack.StripSingle, Entries: 50, Bytes: 1 << 20})
		if err != nil && weir.CodeOf(err) == weir.Internal {
			t.Errorf("%v", err)
		}
		root, rootErr := os.OpenRoot(dir)
		if rootErr != nil {
			t.Fatal(rootErr)
		}
		defer root.Close()
		if err != nil {
			return
		}
		// Whatever is there and leads somewhere leads inside.
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type() == fs.ModeSymlink {
				name, _ := filepath.Rel(dir, p)
				if _, err := os.Stat(p); err == nil {
					if _, err := root.Stat(name); err != nil {
						t.Errorf("%s leads outside", name)
					}
				}
			}
			return nil
		})
	})
}
