package git

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// repo is a real repository that a test makes.
type repo struct {
	t   testing.TB
	dir string
	now int // seconds since 1970 of the next commit
}

func newRepo(t testing.TB) *repo {
	t.Helper()
	r := &repo{t: t, dir: filepath.Join(t.TempDir(), "upstream"), now: 1_000_000_000}
	r.run("", "init", "--quiet", "-b", "main", r.dir)
	return r
}

// run runs git in the repository, with stdin, and returns what it prints.
func (r *repo) run(stdin string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Ann Author", "-c", "user.email=ann@example.com"}, args...)...)
	if args[0] != "init" {
		cmd.Dir = r.dir
	}
	date := fmt.Sprintf("%d +0000", r.now)
	_, shut := environments(os.Environ())
	cmd.Env = append(shut, "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit makes a commit that changes one file, and returns its hash.
func (r *repo) commit(message string) string {
	r.t.Helper()
	r.now += 60
	if err := os.WriteFile(filepath.Join(r.dir, "file"), []byte(message), 0o644); err != nil {
		r.t.Fatal(err)
	}
	r.run("", "add", "file")
	r.run("", "commit", "--quiet", "--allow-empty", "-m", message)
	return r.head()
}

// merge merges a branch, keeping our own files, and returns the merge's hash.
func (r *repo) merge(branch string) string {
	r.t.Helper()
	r.now += 60
	r.run("", "merge", "--quiet", "--no-ff", "-s", "ours", "-m", "merge "+branch, branch)
	return r.head()
}

func (r *repo) head() string { r.t.Helper(); return r.run("", "rev-parse", "HEAD") }

func (r *repo) source() weir.Source { return weir.Source{Kind: weir.Git, Location: r.dir} }

func newMirrors(t testing.TB) *Mirrors {
	t.Helper()
	return New(filepath.Join(t.TempDir(), "cache"), nil)
}

// ids lists what Revisions answers.
func ids(t *testing.T, m *Mirrors, src weir.Source, known string) (got []string, rewritten bool) {
	t.Helper()
	l, err := m.Revisions(t.Context(), src, known)
	if err != nil {
		t.Fatalf("known %q: %v", known, err)
	}
	for _, r := range l.Revisions {
		got = append(got, r.ID)
	}
	return got, l.Rewritten
}

// expect compares lists of revisions by the names the test gives them.
func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func expectCode(t *testing.T, err error, want weir.Code) {
	t.Helper()
	if weir.CodeOf(err) != want {
		t.Errorf("got code %q, want %q: %v", weir.CodeOf(err), want, err)
	}
}
