package git

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

// prepare does what a request wants, in a new directory.
func prepare(t *testing.T, m *Mirrors, r source.Request) (string, error) {
	t.Helper()
	if r.Dir == "" {
		r.Dir = filepath.Join(t.TempDir(), "src")
	}
	return r.Dir, m.Prepare(t.Context(), r)
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil { //nolint:gosec // hooks have to be programs
			t.Fatal(err)
		}
	}
}

// A commit that is on no branch is found by its ref, also after the ref moved on.
func TestRefs(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	r.run("", "checkout", "--quiet", "--detach")
	first := r.commit("pull 1")
	second := r.commit("pull 2")
	r.run("", "update-ref", "refs/pull/7/head", second)
	r.run("", "checkout", "--quiet", "main")
	r.run("", "tag", "-a", "-m", "x", "v1", a)
	r.run("", "tag", "v2", first)
	r.run("", "config", "uploadpack.allowAnySHA1InWant", "false")
	for _, revision := range []string{first, second} {
		dir, err := prepare(t, m, source.Request{Source: r.source(), Revision: revision, Ref: "refs/pull/7/head"})
		if err != nil || at(t, dir, "rev-parse", "HEAD") != revision {
			t.Errorf("%v", err)
		}
	}
	for _, ref := range []string{"pull/7/head", "refs/--upload-pack=x/..", "refs/x:refs/heads/main", "-x"} {
		_, err := prepare(t, m, source.Request{Source: r.source(), Revision: first, Ref: ref})
		expectCode(t, err, weir.Invalid)
	}
	refs, err := m.Refs(t.Context(), r.source())
	if err != nil || strings.Join(refs.Branches, " ") != "main" || refs.More || len(refs.Tags) != 2 ||
		refs.Tags[0] != (source.Tag{Name: "v1", Revision: a, Ref: "refs/tags/v1"}) || refs.Tags[1].Revision != first {
		t.Errorf("got %+v, %v", refs, err)
	}
	for _, c := range []struct{ ref, revision, want string }{
		{"", "", a}, {"refs/pull/7/head", "", second}, {"refs/pull/7/head", first, first}, {"", "v1", a}, {"", "v2", first}, {"", a[:9], a}, {"", second, second},
	} {
		rev, err := newMirrors(t).Resolve(t.Context(), r.source(), c.ref, c.revision)
		if err != nil || rev.ID != c.want || rev.Message == "" {
			t.Errorf("%+v: got %+v, %v", c, rev, err)
		}
	}
	r.run("", "tag", "-f", "v2", a)
	if rev, err := m.Resolve(t.Context(), r.source(), "", "v2"); err != nil || rev.ID != a {
		t.Errorf("got %+v, %v", rev, err)
	}
	for _, c := range [][2]string{{"refs/pull/8/head", ""}, {"", "v3"}, {"", strings.Repeat("a", 40)}} {
		_, err := m.Resolve(t.Context(), r.source(), c[0], c[1])
		expectCode(t, err, weir.NotFound)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(r.dir, "link")); err != nil {
		t.Fatal(err)
	}
	a := r.save("a", map[string]string{"dir/x y": "12", ":(top)b": "b"})
	names, err := m.Files(t.Context(), r.source(), a)
	if err != nil || strings.Join(names, "|") != ":(top)b|dir/x y" {
		t.Errorf("got %q, %v", names, err)
	}
	for path, want := range map[string]string{"dir/x y": "12", ":(top)b": "b"} {
		if text, err := m.ReadFile(t.Context(), r.source(), a, path, 2); err != nil || string(text) != want {
			t.Errorf("got %q, %v", text, err)
		}
	}
	for path, want := range map[string]weir.Code{"dir": weir.NotFound, "link": weir.NotFound, "*": weir.NotFound, "../x": weir.Invalid, "dir/x y": weir.TooLarge} {
		_, err := m.ReadFile(t.Context(), r.source(), a, path, 1)
		expectCode(t, err, want)
	}
	_, err = m.ReadFile(t.Context(), r.source(), strings.Repeat("a", 40), "a", 1)
	expectCode(t, err, weir.NotFound)
}

func TestDepth(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a, b, c := r.commit("a"), r.commit("b"), r.commit("c")
	src := r.source()
	src.Checkout.Depth = 2
	dir, err := prepare(t, m, source.Request{Source: src, Revision: c})
	if err != nil {
		t.Fatal(err)
	}
	if got := at(t, dir, "log", "--format=%s"); got != "c\nb" {
		t.Errorf("got %q", got)
	}
	if got := at(t, dir, "remote", "get-url", "origin"); got != r.dir {
		t.Errorf("got %q", got)
	}
	dir, err = prepare(t, m, source.Request{Source: src, Revision: weir.Without(c, a)})
	expectCode(t, err, weir.Invalid) // it conflicts: all history was there to see it
	expectFiles(t, dir, "")
	dir, err = prepare(t, m, source.Request{Source: src, Revision: b})
	if err != nil || at(t, dir, "rev-parse", "HEAD") != b {
		t.Errorf("%v", err)
	}
}

func TestPatch(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.save("a", map[string]string{"a": "1\n", "gone": "x\n"})
	write(t, r.dir, map[string]string{"a": "2\n", "bin": "\x00\x01\xff", "new/n": "n\n"})
	if err := os.Remove(filepath.Join(r.dir, "gone")); err != nil {
		t.Fatal(err)
	}
	r.run("", "add", "--all")
	patch := r.run("", "diff", "--cached", "--binary") + "\n\n"
	try := func(text string) (string, error) {
		return prepare(t, m, source.Request{Source: r.source(), Patch: strings.NewReader(text), Revision: weir.Patched(a, weir.DigestOf([]byte(text)))})
	}
	dir, err := try(patch)
	if err != nil {
		t.Fatal(err)
	}
	expectFiles(t, dir, "a=2 bin=\x00\x01\xff new/n=n")
	if got := at(t, dir, "rev-parse", "HEAD"); got != a {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{"", "no patch", strings.ReplaceAll(patch, "-1", "-9"),
		"diff --git a/.git/config b/.git/config\nnew file mode 100644\n--- /dev/null\n+++ b/.git/config\n@@ -0,0 +1 @@\n+x\n",
		"diff --git a/../x b/../x\nnew file mode 100644\n--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n"} {
		dir, err := try(bad)
		expectCode(t, err, weir.Invalid)
		expectFiles(t, filepath.Dir(dir), "")
	}
	_, err = prepare(t, m, source.Request{Source: r.source(), Revision: weir.Patched(a, weir.DigestOf(nil))})
	expectCode(t, err, weir.Invalid)
}

func TestKeep(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.save("a", map[string]string{"a": "1\n", "b": "b\n", "d/x": "x\n", "old": "o\n", ".gitignore": "*.o\n"})
	b := r.save("b", map[string]string{"a": "2\n", "old": ""})
	outside := t.TempDir()
	mark := filepath.Join(t.TempDir(), "ran")
	for clean, want := range map[weir.Clean]string{
		weir.CleanFresh:       ".gitignore=*.o a=2 b=b d/x=x",
		weir.CleanIncremental: ".gitignore=*.o a=2 b=b d/x=x made.o=o nested/y=y",
		weir.CleanFull:        ".gitignore=*.o a=2 b=b d/x=x",
	} {
		dir := checkout(t, m, r.source(), a)
		if err := os.RemoveAll(filepath.Join(dir, "d")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(dir, "d")); err != nil {
			t.Fatal(err)
		}
		run := "#!/bin/sh\ntouch " + mark + "\n"
		write(t, dir, map[string]string{"a": "broken", "made.o": "o", "nested/y": "y",
			".git/hooks/post-checkout": run, ".git/monitor": run, ".git/info/attributes": "* filter=x\n",
			".git/config": "[core]\n\tfsmonitor = .git/monitor\n\thooksPath = .git/hooks\n[filter \"x\"]\n\tsmudge = touch " + mark + "\n\tclean = touch " + mark + "\n"})
		if err := os.RemoveAll(filepath.Join(dir, "b")); err != nil {
			t.Fatal(err)
		}
		r.run("", "init", "--quiet", filepath.Join(dir, "nested"))
		src := r.source()
		src.Checkout.Clean = clean
		for range 2 {
			if _, err := prepare(t, m, source.Request{Source: src, Revision: b, Dir: dir, Keep: true}); err != nil {
				t.Fatal(err)
			}
			expectFiles(t, dir, want)
			if got := at(t, dir, "rev-parse", "HEAD"); got != b {
				t.Errorf("%s: got %s", clean, got)
			}
			if got := at(t, dir, "status", "--porcelain"); strings.Trim(got, "? nested/\n") != "" {
				t.Errorf("%s: changed: %s", clean, got)
			}
		}
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a program of the build ran")
	}
	expectFiles(t, outside, "")
}

// A file that is right keeps its time, so that make has nothing to do.
func TestKeepLeavesFilesAlone(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.save("a", map[string]string{"a": "1\n", "b": "b\n"})
	b := r.save("b", map[string]string{"a": "2\n"})
	dir := checkout(t, m, r.source(), a)
	before, err := os.Stat(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	src := r.source()
	src.Checkout.Clean = weir.CleanIncremental
	if _, err := prepare(t, m, source.Request{Source: src, Revision: b, Dir: dir, Keep: true}); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(filepath.Join(dir, "b"))
	if err != nil || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Errorf("written again: %v", err)
	}
	// A patched checkout is no state that one could go on from.
	patch := "diff --git a/b b/b\n--- a/b\n+++ b/b\n@@ -1 +1 @@\n-b\n+c\n"
	if _, err := prepare(t, m, source.Request{Source: src, Dir: dir, Keep: true, Patch: strings.NewReader(patch), Revision: weir.Patched(b, weir.DigestOf(nil))}); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, dir, "a=2 b=c")
	write(t, dir, map[string]string{"left": "l"})
	if _, err := prepare(t, m, source.Request{Source: src, Revision: b, Dir: dir, Keep: true}); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, dir, "a=2 b=b")
}
