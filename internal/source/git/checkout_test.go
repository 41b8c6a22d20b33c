package git

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/weir-ci/weir"
)

// at runs git in a checkout.
func at(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return (&repo{t: t, dir: dir, now: 1_000_000_000}).run("", args...)
}

func checkout(t *testing.T, m *Mirrors, src weir.Source, revision string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "work", "checkout")
	var log strings.Builder
	if err := m.Checkout(t.Context(), src, revision, dir, &log); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	if !strings.Contains(log.String(), "checked out "+weir.ShortRevision(revision)) {
		t.Errorf("log: %q", log.String())
	}
	return dir
}

func expectFile(t *testing.T, dir, want string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, "file"))
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	r.commit("a")
	r.run("", "tag", "-a", "-m", "one", "v1")
	b := r.commit("b")
	c := r.commit("c")
	dir := checkout(t, m, r.source(), b)
	expectFile(t, dir, "b")
	for want, args := range map[string][]string{
		b:                   {"rev-parse", "HEAD"},
		"v1-1-g" + b[:7]:    {"describe", "--abbrev=7"},
		"":                  {"status", "--porcelain"},
		"HEAD":              {"rev-parse", "--abbrev-ref", "HEAD"},
		r.source().Location: {"remote", "get-url", "origin"},
		c:                   {"rev-parse", "origin/main"},
		"2":                 {"rev-list", "--count", "HEAD"},
	} {
		if got := at(t, dir, args...); got != want {
			t.Errorf("git %v: got %q, want %q", args, got, want)
		}
	}
	// It stands on its own.
	if err := os.RemoveAll(m.dir); err != nil {
		t.Fatal(err)
	}
	at(t, dir, "fsck", "--full")
}

func TestCheckoutFetchesWhatIsMissing(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	expectFile(t, checkout(t, m, r.source(), a), "a")
	b := r.commit("b")
	expectFile(t, checkout(t, m, r.source(), b), "b")

	// A commit that the branch has left, from a branch that is gone.
	c := r.commit("c")
	r.run("", "reset", "--quiet", "--hard", a)
	expectFile(t, checkout(t, m, r.source(), c), "c")
	gone := r.source()
	gone.Branch = "gone"
	expectFile(t, checkout(t, newMirrors(t), gone, c), "c")

	dir := filepath.Join(t.TempDir(), "none")
	err := m.Checkout(t.Context(), r.source(), strings.Repeat("1", 40), dir, io.Discard)
	expectCode(t, err, weir.NotFound)
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestCheckoutWantsAnEmptyDirectory(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	err := m.Checkout(t.Context(), r.source(), a, r.dir, io.Discard)
	expectCode(t, err, weir.Conflict)
	expectFile(t, r.dir, "a")
	if err := m.Checkout(t.Context(), r.source(), a, t.TempDir(), nil); err != nil {
		t.Errorf("an empty directory: %v", err)
	}
	for _, bad := range []string{"main", "--orphan=x", a[:10], ""} {
		expectCode(t, m.Checkout(t.Context(), r.source(), bad, t.TempDir(), io.Discard), weir.Invalid)
	}
}

func TestSHA256Repository(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	r.run("", "init", "--quiet", "-b", "main", "--object-format=sha256", r.dir)
	a, b := r.commit("a"), r.commit("b")
	got, _ := ids(t, m, r.source(), "")
	expect(t, got, b)
	expectFile(t, checkout(t, newMirrors(t), r.source(), a), "a")
}

// The mirror's and the repository's hooks, and configuration that a user may
// have, change nothing.
func TestNothingOfTheUsersGetsIntoACheckout(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	if err := os.WriteFile(filepath.Join(r.dir, ".gitattributes"), []byte("file filter=x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.run("", "add", ".gitattributes")
	a := r.commit("line\n")
	home := t.TempDir()
	trap := filepath.Join(home, "hooks", "post-checkout")
	files := map[string]string{
		filepath.Join(home, ".gitconfig"): "[core]\nautocrlf = true\nhooksPath = " + filepath.Join(home, "hooks") +
			"\n[filter \"x\"]\nsmudge = touch " + filepath.Join(home, "sprung") + "; cat\n[clone]\ndefaultRemoteName = other\n",
		trap: "#!/bin/sh\ntouch " + filepath.Join(home, "sprung") + "\n",
		filepath.Join(home, ".config", "git", "attributes"): "file text eol=crlf\n",
	}
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	env := append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "GIT_DIR="+home, "GIT_WORK_TREE="+home, "GIT_INDEX_FILE=/nowhere/index",
		"GIT_OBJECT_DIRECTORY=/nowhere", "GIT_TEMPLATE_DIR="+home, "GIT_TRACE="+filepath.Join(home, "sprung"))
	m := New(filepath.Join(t.TempDir(), "cache"), env)
	got, _ := ids(t, m, r.source(), "")
	expect(t, got, a)
	expectFile(t, checkout(t, m, r.source(), a), "line\n")
	if _, err := os.Stat(filepath.Join(home, "sprung")); err == nil {
		t.Error("the user's hook, filter or trace ran")
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	var all []string
	for _, s := range []string{"a", "b", "c", "d"} {
		all = append(all, r.commit(s))
	}
	src := r.source()
	src.From = all[0]
	cache := filepath.Join(t.TempDir(), "cache")
	var wg sync.WaitGroup
	for i, id := range all { // each its own Mirrors, as if each were its own process
		wg.Go(func() {
			l, err := New(cache, nil).Revisions(t.Context(), src, "")
			if err != nil || len(l.Revisions) != len(all) {
				t.Errorf("got %d revisions, %v", len(l.Revisions), err)
			}
		})
		wg.Go(func() {
			dir := filepath.Join(t.TempDir(), "x")
			if err := New(cache, nil).Checkout(t.Context(), src, id, dir, io.Discard); err != nil {
				t.Errorf("checkout %d: %v", i, err)
				return
			}
			expectFile(t, dir, string(rune('a'+i)))
		})
	}
	wg.Wait()
	mirrors, _ := filepath.Glob(filepath.Join(cache, "*.git*"))
	if len(mirrors) != 1 {
		t.Errorf("got %v", mirrors)
	}
}

func BenchmarkCheckout(b *testing.B) {
	r, m := newRepo(b), newMirrors(b)
	for range 20 {
		r.commit(b.Name())
	}
	head, dir := r.head(), b.TempDir()
	for i := 0; b.Loop(); i++ {
		if err := m.Checkout(b.Context(), r.source(), head, filepath.Join(dir, strconv.Itoa(i)), io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
