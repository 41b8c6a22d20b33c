package hg

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

// filepathIn writes a file in a directory of its own.
func filepathIn(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// replace puts one directory in the place of another.
func replace(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.save("a", map[string]string{"a": "1\n", "dir/x": "x\n"})
	b := r.save("b", map[string]string{"a": "2\n", "dir/x": ""})
	for revision, want := range map[string]string{a: "a=1 dir/x=x", b: "a=2"} {
		dir := checkoutOf(t, m, r.source(), revision)
		expectFiles(t, dir, want)
		if got := hg(t, dir, "identify", "--debug", "--id"); got != revision {
			t.Errorf("got %q: %s", got, hg(t, dir, "status"))
		}
		if text, err := os.ReadFile(filepath.Join(dir, ".hg", "hgrc")); err != nil || !strings.Contains(string(text), "default = "+r.dir+"\n") {
			t.Errorf("got %q, %v", text, err)
		}
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	expectCode(t, m.Checkout(t.Context(), r.source(), a, full, nil), weir.Conflict)
	expectFiles(t, full, "mine=x")
	dir := t.TempDir()
	expectCode(t, m.Checkout(t.Context(), r.source(), strings.Repeat("a", 40), dir, nil), weir.NotFound)
	expectCode(t, m.Checkout(t.Context(), r.source(), "tip", dir, nil), weir.Invalid)
	expectFiles(t, dir, "")
}

// A step that writes to its checkout's store does not reach the mirror.
func TestCheckoutIsACopy(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	dir := checkoutOf(t, m, r.source(), a)
	err := filepath.WalkDir(filepath.Join(dir, ".hg", "store"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			err = os.WriteFile(path, []byte("broken"), 0o644)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	expectFiles(t, checkoutOf(t, m, r.source(), a), "file=a")
}

func TestHooksDoNotRun(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	a := r.commit("a")
	mark := filepath.Join(t.TempDir(), "ran")
	hooks := "[hooks]\npre-identify = touch " + mark + "\noutgoing = touch " + mark + "\nupdate = touch " + mark + "\nincoming = touch " + mark + "\n"
	if err := os.WriteFile(filepath.Join(r.dir, ".hg", "hgrc"), []byte(hooks), 0o644); err != nil {
		t.Fatal(err)
	}
	m := New(filepath.Join(t.TempDir(), "cache"), append(os.Environ(), "HGRCPATH="+filepathIn(t, "rc", hooks)))
	checkoutOf(t, m, r.source(), a)
	if _, err := os.Stat(mark); err == nil {
		t.Error("a hook ran")
	}
}

func TestPatch(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.save("a", map[string]string{"a": "1\n", "gone": "x\n"})
	if err := os.WriteFile(filepath.Join(r.dir, "bin"), []byte{0, 1, 2, 255}, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "a"), []byte("2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.run("add", "bin")
	r.run("remove", "gone")
	patch := r.run("diff", "--git") + "\n"
	revision := weir.Patched(a, weir.DigestOf([]byte(patch)))
	try := func(text string) (string, error) {
		dir := filepath.Join(t.TempDir(), "src")
		return dir, m.Prepare(t.Context(), source.Request{Source: r.source(), Revision: revision, Dir: dir, Patch: strings.NewReader(text)})
	}
	dir, err := try(patch)
	if err != nil {
		t.Fatal(err)
	}
	expectFiles(t, dir, "a=2 bin=\x00\x01\x02\xff")
	for _, bad := range []string{"", strings.ReplaceAll(patch, "-1", "-9"),
		"diff --git a/.hg/hgrc b/.hg/hgrc\nnew file mode 100644\n--- /dev/null\n+++ b/.hg/hgrc\n@@ -0,0 +1,1 @@\n+[hooks]\n",
		"diff --git a/../x b/../x\nnew file mode 100644\n--- /dev/null\n+++ b/../x\n@@ -0,0 +1,1 @@\n+out\n"} {
		dir, err := try(bad)
		expectCode(t, err, weir.Invalid)
		expectFiles(t, filepath.Dir(dir), "")
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.save("a", map[string]string{"a": "1\n", "b": "b\n", "old": "o\n"})
	b := r.save("b", map[string]string{"a": "2\n", "old": ""})
	mark := filepath.Join(t.TempDir(), "ran")
	for clean, want := range map[weir.Clean]string{
		weir.CleanFresh:       "a=2 b=b",
		weir.CleanIncremental: "a=2 b=b made/x=x nested/y=y",
	} {
		dir := checkoutOf(t, m, r.source(), a)
		// What a build may have done.
		for name, text := range map[string]string{"made/x": "x", "nested/y": "y", "a": "broken", "b": "",
			".hg/hgrc": "[hooks]\nupdate = touch " + mark + "\npre-update = touch " + mark + "\n"} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(filepath.Join(dir, "nested", ".hg"), 0o755); err != nil {
			t.Fatal(err)
		}
		src := r.source()
		src.Checkout.Clean = clean
		for range map[bool]int{false: 1, true: 2}[clean == weir.CleanIncremental] {
			if err := m.Prepare(t.Context(), source.Request{Source: src, Revision: b, Dir: dir, Keep: true}); err != nil {
				t.Fatal(err)
			}
			expectFiles(t, dir, want)
			if got := hg(t, dir, "identify", "--debug", "--id"); got != b {
				t.Errorf("%s: got %q: %s", clean, got, hg(t, dir, "status"))
			}
		}
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a hook ran")
	}
	// A directory that is none of hg's is emptied.
	dir := filepath.Dir(filepathIn(t, "x", "x"))
	src := r.source()
	src.Checkout.Clean = weir.CleanIncremental
	if err := m.Prepare(t.Context(), source.Request{Source: src, Revision: a, Dir: dir, Keep: true}); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, dir, "a=1 b=b old=o")
}

func TestSubrepositories(t *testing.T) {
	t.Parallel()
	m := newMirrors(t)
	inner, lib, r := newRepo(t), newRepo(t), newRepo(t)
	in := inner.save("in", map[string]string{"i": "i\n"})
	l := lib.craft("lib", map[string]string{"l": "l\n", ".hgsub": "deep = " + inner.dir + "\n", ".hgsubstate": in + " deep\n"})
	rel, err := filepath.Rel(r.dir, lib.dir)
	if err != nil {
		t.Fatal(err)
	}
	rel = filepath.ToSlash(rel)
	a := r.craft("a", map[string]string{"a": "a\n", ".hgsub": "# comment\nsub/lib = " + rel + "\n", ".hgsubstate": l + " sub/lib\n"})
	alone := ".hgsub=# comment|sub/lib = " + rel + " .hgsubstate=" + l + " sub/lib a=a"
	dir := checkoutOf(t, m, r.source(), a)
	expectFiles(t, dir, alone)
	src := r.source()
	src.Checkout.Submodules = true
	dir = checkoutOf(t, m, src, a)
	expectFiles(t, dir, alone+" sub/lib/.hgsub=deep = "+inner.dir+" sub/lib/.hgsubstate="+in+" deep sub/lib/deep/i=i sub/lib/l=l")
	if got := hg(t, dir, "status", "--subrepos"); got != "" {
		t.Errorf("changed: %s", got)
	}
	r.run("update", "--quiet", "null")
	if err := os.Symlink(t.TempDir(), filepath.Join(r.dir, "link")); err != nil {
		t.Fatal(err)
	}
	r.save("link", map[string]string{"file": "f\n"})
	for name, location := range map[string]string{"link/x": lib.dir, "sub": "ssh://-oProxyCommand=x/y"} {
		bad := r.craft("bad", map[string]string{".hgsub": name + " = " + location + "\n", ".hgsubstate": l + " " + name + "\n"})
		dir := t.TempDir()
		expectCode(t, m.Checkout(t.Context(), src, bad, dir, nil), weir.Invalid)
		expectFiles(t, dir, "")
	}
}

func TestParseSubrepos(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("a", 40)
	for _, c := range []struct {
		locations, states string
		want              weir.Code
		n                 int
	}{
		{"a = ../a\n; b = x\nc= /c\n[subpaths]\nd = e\n", hash + " a\n" + null + " c\n" + hash + " d\n", "", 1},
		{"", "", "", 0},
		{"sub = [git]https://example.com/x", hash + " sub", weir.Unsupported, 0},
		{"../up = /x", hash + " ../up", weir.Invalid, 0},
		{".HG/x = /x", hash + " .HG/x", weir.Invalid, 0},
		{"x/hg~1 = /x", hash + " x/hg~1", weir.Invalid, 0},
		{"/x = /x", hash + " /x", weir.Invalid, 0},
		{"x = $HOME", hash + " x", weir.Invalid, 0},
		{"x = /x", "tip x", weir.Invalid, 0},
	} {
		subs, err := parseSubrepos(c.locations, c.states)
		if len(subs) != c.n {
			t.Errorf("%q: got %v", c.locations, subs)
		}
		expectCode(t, err, c.want)
	}
}

func TestResolveSubrepo(t *testing.T) {
	t.Parallel()
	parent := weir.Source{Kind: weir.Hg, Location: "https://example.com/a/b", Credentials: "key"}
	for location, want := range map[string]string{
		"../c":                  "https://example.com/a/c key",
		"/c":                    "https://example.com/c key",
		"https://example.com/d": "https://example.com/d key",
		"https://example.org/d": "https://example.org/d ",
		"http://example.com/d":  "http://example.com/d ",
		"file:///etc":           "!",
		"ssh://u:p@h/x":         "!",
	} {
		src, err := subrepo{path: "p", location: location}.resolve(parent)
		got := src.Location + " " + src.Credentials
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%s: got %q, %v", location, got, err)
		}
	}
}

// Several processes with one cache: no checkout sees half a mirror.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	a := r.commit("a")
	cache := filepath.Join(t.TempDir(), "cache")
	var wg sync.WaitGroup
	for range 2 {
		m, dir := New(cache, nil), filepath.Join(t.TempDir(), "src")
		wg.Go(func() {
			if err := m.Checkout(t.Context(), r.source(), a, dir, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
