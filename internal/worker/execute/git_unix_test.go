//go:build unix

package execute

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/git"
)

// repo is a git repository for tests.
type repo struct {
	t   *testing.T
	dir string
}

func (r repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"}, args...)...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files and commits them.
func (r repo) commit(files map[string]string) string {
	r.t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "x")
	return r.git("rev-parse", "HEAD")
}

// TestRealCheckouts checks out with git what builds left, refs and patches.
func TestRealCheckouts(t *testing.T) {
	t.Parallel()
	up := repo{t, t.TempDir()}
	up.git("init", "-q")
	first := up.commit(map[string]string{"a": "1\n", "gone": "x\n", ".gitignore": "*.o\n"})
	up.git("rm", "-q", "gone")
	second := up.commit(map[string]string{"a": "2\n"})
	up.git("checkout", "-q", "-b", "pull", first)
	pull := up.commit(map[string]string{"a": "pull\n"})
	up.git("update-ref", "refs/pull/7/head", pull)
	up.git("checkout", "-q", "main")
	up.git("branch", "-q", "-D", "pull")

	r := newRunner(t, source.New(source.Adapters{weir.Git: git.New(filepath.Join(t.TempDir(), "git"), nil)}))
	s := spec(`ls; cat a; git status --short; echo junk > junk; echo obj > x.o; echo changed >> a; mkdir -p .git/hooks; echo "#!/bin/false" > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout`)
	s.Source = weir.Source{Kind: weir.Git, Location: up.dir, Branch: "main"}
	build := func(s weir.Spec) string {
		t.Helper()
		rec := newRecorder()
		got := run(t, r, s, rec)
		if got.Outcome != weir.Passed {
			t.Fatalf("got %+v\n%s", got.Reason, rec.all())
		}
		return rec.log(1)
	}
	for _, c := range []struct {
		clean weir.Clean
		later string
	}{{weir.CleanFull, "a\n2\n"}, {weir.CleanFresh, "a\n2\n"}, {weir.CleanIncremental, "a\njunk\nx.o\n2\n?? junk\n"}} {
		s.Source.Checkout.Clean, s.Revision = c.clean, first
		if got := build(s); got != "a\ngone\n1\n" {
			t.Errorf("%s, the first build: %q", c.clean, got)
		}
		s.Revision = second
		if got := build(s); got != c.later {
			t.Errorf("%s, the next build: %q, want %q", c.clean, got, c.later)
		}
	}

	s.Source.Checkout.Clean, s.Ref, s.Revision, s.Cause, s.Untrusted = weir.CleanIncremental, "refs/pull/7/head", pull, weir.CausePull, true
	if got := build(s); got != "a\ngone\npull\n" {
		t.Errorf("a pull request: %q", got)
	}

	patch := []byte(up.git("diff", first, second) + "\n")
	r.Fetch = func(context.Context, weir.Digest) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(patch)), nil
	}
	s.Ref, s.Cause, s.Revision = "", weir.CauseTry, weir.Patched(first, weir.DigestOf(patch))
	if got := build(s); !strings.HasPrefix(got, "a\n2\n") {
		t.Errorf("a patch: %q", got)
	}
	patch = []byte(strings.ReplaceAll(string(patch), "-1", "-9"))
	s.Revision = weir.Patched(first, weir.DigestOf(patch))
	if got := run(t, r, s, newRecorder()); got.Reason.Code != weir.ReasonCheckout {
		t.Errorf("a patch that does not apply: %+v", got.Reason)
	}
}
