package product_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/product"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func makeTree(t *testing.T, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, "bin", "tool"), "#!/bin/sh\necho hi\n", 0o755)
	write(t, filepath.Join(dir, "lib", "data"), strings.Repeat("data", 1000), 0o600)
	write(t, filepath.Join(dir, "lib", strings.Repeat("long", 40), "ünï"), "", 0o644)
	link(t, "tool", filepath.Join(dir, "bin", "alias"))
	link(t, filepath.Join(dir, "lib", "data"), filepath.Join(dir, "bin", "absolute"))
	link(t, "../lib/nothing", filepath.Join(dir, "bin", "dangling"))
}

func pack(t *testing.T, dir string) []byte {
	t.Helper()
	var buf bytes.Buffer
	if _, err := product.Pack(dir, &buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	makeTree(t, a)
	makeTree(t, b)
	packed := pack(t, a)
	if !bytes.Equal(packed, pack(t, b)) {
		t.Error("equal trees at different times and places pack differently")
	}
	out := t.TempDir()
	stats, err := product.Unpack(bytes.NewReader(packed), out)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Entries != 9 || stats.Bytes != 4018 {
		t.Errorf("stats: %+v", stats)
	}
	if !bytes.Equal(packed, pack(t, out)) {
		t.Error("what was unpacked packs differently")
	}
	if target, _ := os.Readlink(filepath.Join(out, "bin", "absolute")); filepath.ToSlash(target) != "../lib/data" {
		t.Errorf("the absolute link became %q", target)
	}
	if info, err := os.Stat(filepath.Join(out, "bin", "alias")); err != nil || runtime.GOOS != "windows" && info.Mode()&0o111 == 0 {
		t.Errorf("the tool is not executable: %v %v", info, err)
	}
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, target string
	}{
		{"bin/up", "../../x"}, {"abs", "/etc/passwd"}, {"a", ".."}, {"same", filepath.Dir(os.TempDir())},
	} {
		dir := t.TempDir()
		makeTree(t, dir)
		link(t, c.target, filepath.Join(dir, c.name))
		_, err := product.Pack(dir, io.Discard)
		if weir.CodeOf(err) != weir.Invalid || !strings.Contains(err.Error(), c.target) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s -> %s: %v", c.name, c.target, err)
		}
	}
	if _, err := product.Pack(filepath.Join(t.TempDir(), "none"), io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing tree: %v", err)
	}
}

type entry struct {
	kind           byte
	name, linkname string
	body           string
}

func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw, err := zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(zw)
	for _, e := range entries {
		h := &tar.Header{Typeflag: e.kind, Name: e.name, Linkname: e.linkname, Mode: 0o6777, Size: int64(len(e.body))}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestUnpackHostile(t *testing.T) {
	t.Parallel()
	dir := entry{kind: tar.TypeDir, name: "d/"}
	for name, entries := range map[string][]entry{
		"parent":            {{kind: tar.TypeReg, name: "../evil", body: "x"}},
		"hidden parent":     {dir, {kind: tar.TypeReg, name: "d/../../evil", body: "x"}},
		"absolute":          {{kind: tar.TypeReg, name: "/evil", body: "x"}},
		"dot":               {{kind: tar.TypeDir, name: "./"}},
		"empty":             {{kind: tar.TypeReg, name: ""}},
		"link up":           {{kind: tar.TypeSymlink, name: "l", linkname: ".."}},
		"link absolute":     {{kind: tar.TypeSymlink, name: "l", linkname: "/etc"}},
		"link nowhere":      {{kind: tar.TypeSymlink, name: "l", linkname: ""}},
		"link through link": {dir, {kind: tar.TypeSymlink, name: "d/l", linkname: ".."}, {kind: tar.TypeSymlink, name: "x", linkname: "d/l/.."}},
		"write through link": {
			{kind: tar.TypeSymlink, name: "l", linkname: "evil"}, {kind: tar.TypeReg, name: "l", body: "x"},
		},
		"twice":        {{kind: tar.TypeReg, name: "a", body: "x"}, {kind: tar.TypeReg, name: "a", body: "y"}},
		"no directory": {{kind: tar.TypeReg, name: "a/b", body: "x"}},
		"hard link":    {{kind: tar.TypeLink, name: "l", linkname: "/etc/passwd"}},
		"device":       {{kind: tar.TypeChar, name: "null"}},
		"fifo":         {{kind: tar.TypeFifo, name: "pipe"}},
		"long name":    {{kind: tar.TypeReg, name: strings.Repeat("a/", 3000) + "x"}},
		"file as dir":  {{kind: tar.TypeReg, name: "a", body: "x"}, {kind: tar.TypeDir, name: "a/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			dir := filepath.Join(parent, "in", "out")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			_, err := product.Unpack(bytes.NewReader(archive(t, entries...)), dir)
			if weir.CodeOf(err) != weir.Invalid {
				t.Errorf("got %v", err)
			}
			for _, p := range []string{parent, filepath.Join(parent, "in")} {
				if list, _ := os.ReadDir(p); len(list) != 1 {
					t.Errorf("%s has %v", p, list)
				}
			}
		})
	}
}

func TestUnpackDropsBits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := product.Unpack(bytes.NewReader(archive(t, entry{kind: tar.TypeReg, name: "f"})), dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o755 {
		t.Errorf("mode is %v", info.Mode())
	}
}

func TestUnpackDamaged(t *testing.T) {
	t.Parallel()
	tree := t.TempDir()
	makeTree(t, tree)
	good := pack(t, tree)
	for name, data := range map[string][]byte{
		"empty": {}, "short": good[:len(good)/2], "not zstd": []byte("hello, this is not zstd at all"),
		"more": append(bytes.Clone(good), "garbage"...),
	} {
		if _, err := product.Unpack(bytes.NewReader(data), t.TempDir()); weir.CodeOf(err) != weir.Invalid && name != "empty" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const key = "0123456789abcdef0123"

// world is a store and a packed product for it, made elsewhere.
type world struct {
	store   *product.Store
	product weir.Product
	packed  []byte
	fetches atomic.Int32
}

func newWorld(t *testing.T, limit int64) *world {
	t.Helper()
	store, err := product.New(filepath.Join(t.TempDir(), "products"), limit)
	if err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	makeTree(t, tree)
	w := &world{store: store, packed: pack(t, tree)}
	prefix, err := store.Prefix(key)
	if err != nil {
		t.Fatal(err)
	}
	w.product = weir.Product{Digest: weir.DigestOf(w.packed), Prefix: prefix, Size: int64(len(w.packed))}
	return w
}

func (w *world) fetch(context.Context, weir.Digest) (io.ReadCloser, error) {
	w.fetches.Add(1)
	return io.NopCloser(bytes.NewReader(w.packed)), nil
}

func (w *world) use(t *testing.T) *product.Hold {
	t.Helper()
	hold, err := w.store.Use(t.Context(), w.product, w.fetch, nil)
	if err != nil {
		t.Fatal(err)
	}
	return hold
}

func TestUseReuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	first := w.use(t)
	second := w.use(t) // both at once
	if w.fetches.Load() != 1 || first.Reused || !second.Reused {
		t.Errorf("fetched %d times; reused: %v, %v", w.fetches.Load(), first.Reused, second.Reused)
	}
	first.Release()
	second.Release()
	// Compiled Python does no harm, anything else does.
	write(t, filepath.Join(w.product.Prefix, "lib", "__pycache__", "x.pyc"), "x", 0o644)
	w.use(t).Release()
	if w.fetches.Load() != 1 {
		t.Error("unpacked again for a compiled file")
	}
	intruder := filepath.Join(w.product.Prefix, "lib", "left-behind.py")
	write(t, intruder, "x", 0o644)
	w.use(t).Release()
	if _, err := os.Stat(intruder); w.fetches.Load() != 2 || !os.IsNotExist(err) {
		t.Errorf("an altered tree was used: %v", err)
	}
}

// TestDistrust unpacks a product anew for whoever comes behind a stranger, whatever
// that did to it, and keeps counting what it holds.
func TestDistrust(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	stranger := w.use(t)
	for range 2 {
		if err := stranger.Distrust(); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.store.Digests(10); len(got) != 1 || got[0] != w.product.Digest {
		t.Errorf("it is not counted: %v", got)
	}
	stranger.Release()
	if next := w.use(t); next.Reused || w.fetches.Load() != 2 {
		t.Errorf("a tree that nobody trusts was used; fetched %d times", w.fetches.Load())
	} else {
		next.Release()
	}
	w.use(t).Release()
	if w.fetches.Load() != 2 {
		t.Error("the fresh one is not used again")
	}
}

func TestMakeThenUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	w.use(t).Release()
	hold, err := w.store.Make(t.Context(), key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(hold.Prefix); err != nil || len(list) != 0 {
		t.Errorf("the place is not empty: %v %v", list, err)
	}
	write(t, filepath.Join(hold.Prefix, "new"), "x", 0o644)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := w.store.Use(ctx, w.product, w.fetch, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("used while it was made: %v", err)
	}
	w.product.Digest = weir.DigestOf(pack(t, hold.Prefix))
	if err := hold.Settle(w.product.Digest); err != nil {
		t.Fatal(err)
	}
	hold.Release()
	if used := w.use(t); !used.Reused || w.fetches.Load() != 1 {
		t.Errorf("not reused after making; %d fetches", w.fetches.Load())
	} else {
		used.Release()
	}
	// A build that fails leaves nothing.
	hold, err = w.store.Make(t.Context(), key, nil)
	if err != nil {
		t.Fatal(err)
	}
	hold.Release()
	if _, err := os.Lstat(hold.Prefix); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

func TestUseRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	occupied := filepath.Join(t.TempDir(), key)
	write(t, filepath.Join(occupied, "precious"), "x", 0o644)
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x", 0o644)
	for name, change := range map[string]func(p *weir.Product){
		"relative":     func(p *weir.Product) { p.Prefix = key },
		"no key":       func(p *weir.Product) { p.Prefix = filepath.Join(t.TempDir(), "usr") },
		"not clean":    func(p *weir.Product) { p.Prefix = t.TempDir() + "/x/../" + key },
		"occupied":     func(p *weir.Product) { p.Prefix = occupied },
		"no directory": func(p *weir.Product) { p.Prefix = filepath.Join(file, key) },
		"wrong digest": func(p *weir.Product) { p.Digest = weir.DigestOf([]byte("other")) },
	} {
		p := w.product
		change(&p)
		if _, err := w.store.Use(t.Context(), p, w.fetch, nil); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(occupied, "precious")); err != nil {
		t.Error("a foreign directory was touched")
	}
	if list, _ := os.ReadDir(filepath.Dir(w.product.Prefix)); len(list) != 1 { // the lock
		t.Errorf("left behind: %v", list)
	}
	elsewhere := w.product
	elsewhere.Prefix = filepath.Join(t.TempDir(), "other", "root", key)
	hold, err := w.store.Use(t.Context(), elsewhere, w.fetch, nil)
	if err != nil {
		t.Fatalf("a free place elsewhere: %v", err)
	}
	hold.Release()
	w.packed = w.packed[:len(w.packed)/2]
	if _, err := w.store.Use(t.Context(), w.product, w.fetch, nil); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("half a product: %v", err)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5000) // room for one tree
	held := w.use(t)
	other := w.product
	other.Prefix = filepath.Join(filepath.Dir(w.product.Prefix), "ffffffffffffffffffff")
	hold, err := w.store.Use(t.Context(), other, w.fetch, nil)
	if err != nil {
		t.Fatal(err)
	}
	if freed, err := w.store.Prune(); freed != 0 || err != nil {
		t.Errorf("pruned what is in use: %d, %v", freed, err)
	}
	hold.Release()
	if freed, err := w.store.Prune(); freed < 4000 || err != nil {
		t.Errorf("freed %d, %v", freed, err)
	}
	if _, err := os.Stat(held.Prefix); err != nil {
		t.Error("the one in use is gone")
	}
	if _, err := os.Stat(other.Prefix); !os.IsNotExist(err) {
		t.Error("the other one is still there")
	}
	held.Release()
	if freed, err := w.store.Prune(); freed != 0 || err != nil {
		t.Errorf("pruned below the limit: %d, %v", freed, err)
	}
}
