package worktree_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worktree"
)

// repo is a repository of a test.
type repo struct {
	t   *testing.T
	dir string
}

func (r repo) run(tool string, args ...string) string {
	r.t.Helper()
	c := exec.CommandContext(r.t.Context(), tool, args...)
	c.Dir = r.dir
	c.Env = append(os.Environ(), "HGPLAIN=1", "HGUSER=Ada Kern <ada@kern.example>", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Ada Kern", "GIT_AUTHOR_EMAIL=ada@kern.example", "GIT_COMMITTER_NAME=Ada Kern", "GIT_COMMITTER_EMAIL=ada@kern.example")
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repo) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// git makes a remote with one commit and a clone of it.
func git(t *testing.T) (remote, clone repo) {
	remote, clone = repo{t, t.TempDir()}, repo{t, t.TempDir()}
	remote.run("git", "init", "-q", "-b", "main")
	for name, text := range map[string]string{"a.txt": "one\ntwo\n", "gone.txt": "x\n", "dir/b.txt": "b\n", ".gitignore": "*.o\n"} {
		remote.write(name, text)
	}
	remote.run("git", "add", "-A")
	remote.run("git", "commit", "-q", "-m", "first")
	clone.run("git", "clone", "-q", remote.dir, ".")
	return remote, clone
}

func look(t *testing.T, dir, base string) worktree.Change {
	t.Helper()
	c, err := worktree.Look(t.Context(), dir, base)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGit(t *testing.T) {
	t.Parallel()
	_, clone := git(t)
	pushed := clone.run("git", "rev-parse", "HEAD")
	if c := look(t, clone.dir, ""); len(c.Patch) != 0 || c.Base != pushed || c.Kind != weir.Git {
		t.Errorf("nothing changed: %+v", c)
	}
	clone.write("local.txt", "committed, not pushed\n")
	clone.run("git", "add", "local.txt")
	clone.run("git", "commit", "-q", "-m", "local")
	clone.write("a.txt", "one\n2\n")
	clone.write("dir/new é.bin", "\x00\x01\xff new")
	clone.write("built.o", "ignored")
	clone.write("staged.txt", "staged\n")
	clone.run("git", "add", "staged.txt")
	if err := os.Remove(filepath.Join(clone.dir, "gone.txt")); err != nil {
		t.Fatal(err)
	}
	before := clone.run("git", "status", "--porcelain")
	objects := clone.run("git", "count-objects", "-v")
	c := look(t, filepath.Join(clone.dir, "dir"), "")
	want := []string{"a.txt", "dir/new é.bin", "gone.txt", "local.txt", "staged.txt"}
	if slices.Sort(c.Files); c.Base != pushed || !slices.Equal(c.Files, want) {
		t.Errorf("base %s, files %q; want %s, %q", c.Base, c.Files, pushed, want)
	}
	if after := clone.run("git", "status", "--porcelain"); after != before {
		t.Errorf("looking changed the tree from\n%s\nto\n%s", before, after)
	}
	if after := clone.run("git", "count-objects", "-v"); after != objects {
		t.Errorf("looking left objects:\n%s", after)
	}
	other := repo{t, t.TempDir()}
	other.run("git", "clone", "-q", clone.dir, ".")
	other.run("git", "checkout", "-q", c.Base)
	other.write("../patch-of-"+filepath.Base(other.dir), string(c.Patch))
	other.run("git", "apply", "--index", "--binary", "../patch-of-"+filepath.Base(other.dir))
	for name, text := range map[string]string{"a.txt": "one\n2\n", "dir/new é.bin": "\x00\x01\xff new", "local.txt": "committed, not pushed\n"} {
		if got, err := os.ReadFile(filepath.Join(other.dir, name)); err != nil || string(got) != text {
			t.Errorf("patched, %s holds %q, %v", name, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(other.dir, "gone.txt")); err == nil {
		t.Error("patched, gone.txt is still there")
	}
	if c := look(t, clone.dir, "HEAD"); slices.Contains(c.Files, "local.txt") {
		t.Errorf("from HEAD on, files are %q", c.Files)
	}
}

func TestHg(t *testing.T) {
	t.Parallel()
	remote, clone := repo{t, t.TempDir()}, repo{t, t.TempDir()}
	remote.run("hg", "init")
	remote.write("a.txt", "one\n")
	remote.run("hg", "commit", "-q", "-A", "-m", "first")
	clone.run("hg", "clone", "-q", remote.dir, ".")
	pushed := clone.run("hg", "log", "-r", ".", "-T", "{node}")
	clone.write("b.bin", "\x00b")
	clone.run("hg", "commit", "-q", "-A", "-m", "local")
	clone.write("a.txt", "two\n")
	c := look(t, clone.dir, "")
	if slices.Sort(c.Files); c.Base != pushed || c.Kind != weir.Hg || !slices.Equal(c.Files, []string{"a.txt", "b.bin"}) || !strings.Contains(string(c.Patch), "GIT binary patch") {
		t.Errorf("%+v\n%s", c, c.Patch)
	}
	clone.write("unknown.txt", "?")
	if _, err := worktree.Look(t.Context(), clone.dir, ""); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("with a file that hg does not know: %v", err)
	}
}

func TestNothingToLookAt(t *testing.T) {
	t.Parallel()
	if _, err := worktree.Look(t.Context(), t.TempDir(), ""); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("outside of any tree: %v", err)
	}
	empty := repo{t, t.TempDir()}
	empty.run("git", "init", "-q")
	if _, err := worktree.Look(t.Context(), empty.dir, ""); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("without a commit: %v", err)
	}
	empty.write("a", "a")
	empty.run("git", "add", "a")
	empty.run("git", "commit", "-q", "-m", "a")
	if _, err := worktree.Look(t.Context(), empty.dir, ""); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("without a remote: %v", err)
	}
	if _, err := worktree.Look(t.Context(), empty.dir, "--help"); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("with a strange base: %v", err)
	}
	_, clone := git(t)
	clone.write("big.bin", strings.Repeat("0123456789abcdef", 1<<21))
	if _, err := worktree.Look(t.Context(), clone.dir, ""); err == nil {
		if c := look(t, clone.dir, ""); len(c.Patch) > worktree.MaxPatch {
			t.Errorf("a patch of %d bytes", len(c.Patch))
		}
	} else if weir.CodeOf(err) != weir.TooLarge {
		t.Error(err)
	}
}
