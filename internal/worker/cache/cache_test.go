package cache

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// build is a place for a build, with files in it.
func build(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(content, "->"); ok {
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func want(dir, key string, paths ...string) Want {
	w := Want{Project: "toy", Key: key}
	for _, p := range paths {
		w.Places = append(w.Places, Place{Name: p, Base: dir, Path: p})
	}
	return w
}

// diary collects sentences.
type diary struct{ strings.Builder }

func (d *diary) say(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func save1(t *testing.T, s Store, w Want) string {
	t.Helper()
	var d diary
	if err := s.Save(t.Context(), w, d.say); err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func restore1(t *testing.T, s Store, w Want) (string, string) {
	t.Helper()
	var d diary
	key := s.Restore(t.Context(), w, d.say)
	return key, d.String()
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return "none"
	}
	return string(data)
}

func TestSaveAndRestore(t *testing.T) {
	t.Parallel()
	s := Store{Root: filepath.Join(t.TempDir(), "caches")}
	from := build(t, map[string]string{"deps/a/x": "1", "deps/b": "2", "deps/link": "->a/x", "deps/out": "->/nowhere", "file": "3"})
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(filepath.Join(from, "deps/b"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(from, "deps/a"), 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(from, "deps/a"), 0o755) })
	paths := []string{"deps", "file", "none"}
	if said := save1(t, s, want(from, "k1", paths...)); !strings.Contains(said, "none: there is no such thing") || !strings.Contains(said, "cached under k1") {
		t.Errorf("said %s", said)
	}
	to := build(t, nil)
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(to, "deps/a"), 0o755) })
	if key, said := restore1(t, s, want(to, "k1", paths...)); key != "k1" {
		t.Fatalf("got %q: %s", key, said)
	}
	for name, content := range map[string]string{"deps/a/x": "1", "deps/b": "2", "deps/link": "1", "file": "3"} {
		if got := read(t, to, name); got != content {
			t.Errorf("%s: %s", name, got)
		}
	}
	if target, err := os.Readlink(filepath.Join(to, "deps/out")); err != nil || target != "/nowhere" {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	if info, err := os.Stat(filepath.Join(to, "deps/b")); err != nil || !info.ModTime().Equal(old) || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(to, "deps/a")); err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("got %v, %v", info, err)
	}
	if got := s.Projects(); len(got) != 1 || got[0] != "toy" {
		t.Errorf("projects: %v", got)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := Store{Root: t.TempDir()}
	for _, key := range []string{"go-1", "go-2", "py-1"} {
		save1(t, s, want(build(t, map[string]string{"d/x": key}), key, "d"))
	}
	// What is there never changes.
	if said := save1(t, s, want(build(t, map[string]string{"d/x": "new"}), "go-1", "d")); !strings.Contains(said, "cached already") {
		t.Errorf("said %s", said)
	}
	for _, c := range []struct {
		change func(*Want)
		key    string
	}{
		{func(w *Want) { w.Key = "go-1" }, "go-1"},
		{func(w *Want) { w.Key, w.Fallback = "go-9", []string{"rs-", "go-", "py-"} }, "go-2"},
		{func(w *Want) { w.Key, w.Fallback = "x", []string{""} }, "py-1"},
		{func(w *Want) { w.Key = "go-9" }, ""},
		{func(w *Want) { w.Project = "other" }, ""},
		{func(w *Want) { w.Places[0].Name = "e" }, ""},
	} {
		to := build(t, nil)
		w := want(to, "go-1", "d")
		c.change(&w)
		key, said := restore1(t, s, w)
		if key != c.key || key != "" && read(t, to, "d/x") != key {
			t.Errorf("%+v: got %q, %s", w, key, said)
		}
	}
}

func TestWhatLiesThereStays(t *testing.T) {
	t.Parallel()
	s := Store{Root: t.TempDir()}
	save1(t, s, want(build(t, map[string]string{"d/x": "old", "f": "old", "e/x": "old"}), "k", "d", "f", "e"))
	to := build(t, map[string]string{"d/y": "mine", "f": "mine"})
	if err := os.Mkdir(filepath.Join(to, "e"), 0o755); err != nil {
		t.Fatal(err)
	}
	key, said := restore1(t, s, want(to, "k", "d", "f", "e"))
	if key != "k" || strings.Count(said, "something lies there already") != 2 || read(t, to, "d/x") != "none" || read(t, to, "f") != "mine" || read(t, to, "e/x") != "old" {
		t.Errorf("got %q, %s", key, said)
	}
}

// TestNothingLeaves puts links into the way, of the checkout and of the archive.
func TestNothingLeaves(t *testing.T) {
	t.Parallel()
	victim := build(t, map[string]string{"keys/id": "mine"})
	s := Store{Root: t.TempDir()}
	// Saving follows no links out of the checkout.
	from := build(t, map[string]string{"d": "->" + filepath.Join(victim, "keys"), "up": "->" + victim})
	if err := s.Save(t.Context(), want(from, "k1", "up/keys"), (&diary{}).say); err == nil {
		t.Error("what a link leads to is saved")
	}
	save1(t, s, want(from, "k2", "d"))
	to := build(t, nil)
	restore1(t, s, want(to, "k2", "d"))
	if info, err := os.Lstat(filepath.Join(to, "d")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("a link was saved as something else: %v, %v", info, err)
	}
	// Restoring writes through none.
	save1(t, s, want(build(t, map[string]string{"up/keys/new": "bad"}), "k3", "up/keys"))
	to = build(t, map[string]string{"up": "->" + victim})
	if key, said := restore1(t, s, want(to, "k3", "up/keys")); key != "" || read(t, victim, "keys/new") != "none" {
		t.Errorf("got %q: %s", key, said)
	}
}

func TestHostileArchives(t *testing.T) {
	t.Parallel()
	link := func(name, target string) *tar.Header {
		return &tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}
	}
	file := func(name string) *tar.Header { return &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644} }
	dir := func(name string) *tar.Header { return &tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }
	for name, entries := range map[string][]*tar.Header{
		"beside":       {file("e")},
		"above":        {dir("d/"), file("d/../../e")},
		"absolute":     {file("/etc/e")},
		"beginning":    {file("dd")},
		"through link": {dir("d/"), link("d/l", "../.."), file("d/l/e")},
		"link first":   {link("d", "/"), file("d/e")},
		"over a link":  {dir("d/"), link("d/l", "../../e"), file("d/l")},
		"device":       {{Name: "d", Typeflag: tar.TypeChar}},
		"hard link":    {{Name: "d", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}},
		"twice":        {file("d"), file("d")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			zw, _ := zstd.NewWriter(&b)
			tw := tar.NewWriter(zw)
			for _, h := range entries {
				if err := tw.WriteHeader(h); err != nil {
					t.Fatal(err)
				}
			}
			if err := tw.Close(); err != nil {
				t.Fatal(err)
			}
			_ = zw.Close()
			outer := t.TempDir()
			base := filepath.Join(outer, "base")
			if err := os.Mkdir(base, 0o755); err != nil {
				t.Fatal(err)
			}
			root, err := os.OpenRoot(base)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if _, err := unpack(t.Context(), &b, root, "d"); err == nil {
				t.Error("it is unpacked")
			}
			if left, _ := os.ReadDir(outer); len(left) != 1 {
				t.Errorf("left outside: %v", left)
			}
		})
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	s := Store{Root: t.TempDir()}
	save1(t, s, want(build(t, map[string]string{"d/x": strings.Repeat("some text ", 1000)}), "k", "d"))
	parts, _ := filepath.Glob(filepath.Join(s.Root, "*", "*", "0.tar.zst"))
	if len(parts) != 1 {
		t.Fatalf("parts: %v", parts)
	}
	if err := os.Truncate(parts[0], 20); err != nil {
		t.Fatal(err)
	}
	to := build(t, nil)
	if key, said := restore1(t, s, want(to, "k", "d")); key != "" || !strings.Contains(said, "damaged") || read(t, to, "d/x") != "none" {
		t.Errorf("got %q: %s", key, said)
	}
	if _, said := restore1(t, s, want(to, "k", "d")); !strings.Contains(said, "nothing is cached") {
		t.Errorf("it is still there: %s", said)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Root, tempPrefix+"*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	s := Store{Root: t.TempDir()}
	var noise [4 << 10]byte
	for i := range noise {
		noise[i] = byte(i * i >> 3 * 7)
	}
	for _, key := range []string{"a", "b", "c"} {
		save1(t, s, want(build(t, map[string]string{"d/x": key + string(noise[:])}), key, "d"))
	}
	list, err := s.list()
	if err != nil || len(list) != 3 {
		t.Fatalf("got %v, %v", list, err)
	}
	for _, key := range []string{"a", "b", "c"} { // b was used last, then c
		at := time.Now().Add(-map[string]time.Duration{"a": 3, "b": 1, "c": 2}[key] * time.Hour)
		if err := os.Chtimes(filepath.Join(s.dir(want("", key, "d"), key), metaFile), at, at); err != nil {
			t.Fatal(err)
		}
	}
	s.Limit = list[0].bytes * 5 / 2
	restore1(t, s, want(build(t, nil), "a", "d")) // and now a
	if err := s.Prune(); err != nil {
		t.Fatal(err)
	}
	for key, kept := range map[string]bool{"a": true, "b": true, "c": false} {
		if got, _ := restore1(t, s, want(build(t, nil), key, "d")); (got == key) != kept {
			t.Errorf("%s: kept is %v", key, got == key)
		}
	}
	s.Limit = 10
	if err := s.Save(t.Context(), want(build(t, map[string]string{"d/x": string(noise[:])}), "e", "d"), (&diary{}).say); weir.CodeOf(err) != weir.TooLarge {
		t.Errorf("one that never fits: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Root, tempPrefix+"*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	s := Store{Root: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Save(ctx, want(build(t, map[string]string{"d/x": "1"}), "k", "d"), (&diary{}).say); err == nil {
		t.Error("it is saved")
	}
	if key, _ := restore1(t, s, want(build(t, nil), "k", "d")); key != "" {
		t.Error("there is half a cache")
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	look := func(name string) (string, bool) { return "<" + name + ">", name != "no" }
	hash := func(pattern string) (string, error) { return "#" + pattern, nil }
	for template, want := range map[string]string{
		"plain": "plain", "": "", "{platform}-{a}": "<platform>-<a>", "x-{hash: **/go.sum}-y": "x-#**/go.sum-y", "a}b": "a}b",
		"{no}": "error", "{": "error", "a{b": "error", strings.Repeat("{a}", MaxKey): "error",
	} {
		got, err := Expand(template, look, hash)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%.40q: got %q, want %q", template, got, want)
		}
	}
	if _, err := Expand("{hash:x}", look, func(string) (string, error) { return "", io.EOF }); err == nil {
		t.Error("no error")
	}
}

func BenchmarkSaveAndRestore(b *testing.B) {
	dir := b.TempDir()
	text := bytes.Repeat([]byte("package cache keeps what builds leave\n"), 500)
	for i := range 500 {
		if err := os.MkdirAll(filepath.Join(dir, "d", fmt.Sprint(i%20)), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "d", fmt.Sprint(i%20), fmt.Sprint(i)), append(text, fmt.Sprint(i)...), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(2 * 500 * len(text)))
	say := func(string, ...any) {}
	for i := 0; b.Loop(); i++ {
		s := Store{Root: filepath.Join(b.TempDir(), "caches")}
		w := Want{Project: "toy", Key: "k", Places: []Place{{Name: "d", Base: dir, Path: "d"}}}
		if err := s.Save(b.Context(), w, say); err != nil {
			b.Fatal(err)
		}
		w.Places[0].Base = b.TempDir()
		if s.Restore(b.Context(), w, say) == "" {
			b.Fatal("not restored")
		}
	}
}
