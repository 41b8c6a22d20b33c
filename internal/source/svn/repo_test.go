package svn

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
	t    testing.TB
	dir  string
	last int
}

// newRepo makes a repository with the usual layout in r1.
func newRepo(t testing.TB) *repo {
	t.Helper()
	r := &repo{t: t, dir: filepath.Join(t.TempDir(), "up stream@x")}
	r.tool("svnadmin", "create", r.dir)
	r.commit("layout", "mkdir", "trunk", "mkdir", "branches", "mkdir", "tags")
	return r
}

func (r *repo) tool(name string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = environment(os.Environ())
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit runs actions of svnmucc as one commit, and returns its id.
func (r *repo) commit(message string, actions ...string) string {
	r.t.Helper()
	r.tool("svnmucc", append([]string{"--non-interactive", "--config-dir=" + filepath.Join(filepath.Dir(r.dir), "conf"), "--username=ann",
		"-U", base(r.source("")), "-m", message}, actions...)...)
	r.last++
	return id(int64(r.last))
}

// put commits one file.
func (r *repo) put(path, text string) string {
	r.t.Helper()
	return r.commit("put "+path, "put", r.file(text), escape(path))
}

// file writes a file for svnmucc to read.
func (r *repo) file(text string) string {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "text")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (r *repo) source(branch string) weir.Source {
	return weir.Source{Kind: weir.Svn, Location: r.dir, Branch: branch}
}

func newRepositories(t testing.TB) *Repositories {
	t.Helper()
	return New(filepath.Join(t.TempDir(), "cache"), nil)
}

// ids lists what Revisions answers, and "!" first if history was rewritten.
func ids(t *testing.T, m *Repositories, src weir.Source, known string) string {
	t.Helper()
	l, err := m.Revisions(t.Context(), src, known)
	if err != nil {
		t.Fatalf("known %q: %v", known, err)
	}
	var got []string
	if l.Rewritten {
		got = []string{"!"}
	}
	for _, r := range l.Revisions {
		got = append(got, r.ID)
	}
	return strings.Join(got, " ")
}

func expectCode(t *testing.T, err error, want weir.Code) {
	t.Helper()
	if weir.CodeOf(err) != want {
		t.Errorf("got code %q, want %q: %v", weir.CodeOf(err), want, err)
	}
}

func checkoutOf(t *testing.T, m *Repositories, src weir.Source, revision string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "s@rc")
	if err := m.Checkout(t.Context(), src, revision, dir, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// expectFiles compares a directory's files with "name=content ...".
func expectFiles(t *testing.T, dir, want string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == ".svn" {
				return filepath.SkipDir
			}
			return err
		}
		name, _ := filepath.Rel(dir, path)
		text, err := os.ReadFile(path)
		got = append(got, fmt.Sprintf("%s=%s", filepath.ToSlash(name), strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "|")))
		return err
	})
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("got  %v, %v\nwant %v", got, err, want)
	}
}
