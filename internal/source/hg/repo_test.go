package hg

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	hg(t, "", "init", "--", r.dir)
	return r
}

// hg runs hg as nobody in particular.
func hg(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("hg", args...)
	cmd.Dir, cmd.Env = dir, environment(os.Environ())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("hg %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) run(args ...string) string { r.t.Helper(); return hg(r.t, r.dir, args...) }

// commit makes a commit that changes one file, and returns its hash.
func (r *repo) commit(message string) string {
	r.t.Helper()
	return r.save(message, map[string]string{"file": message + "\n"})
}

// save makes a commit with these files; an empty content removes one.
func (r *repo) save(message string, files map[string]string) string {
	r.t.Helper()
	r.now += 60
	for name, text := range files {
		path := filepath.Join(r.dir, filepath.FromSlash(name))
		if text == "" {
			if err := os.Remove(path); err != nil {
				r.t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	return r.seal(message)
}

// craft makes a commit with files that hg itself would not write like that.
func (r *repo) craft(message string, files map[string]string) string {
	r.t.Helper()
	patch := ""
	for name, text := range files {
		n := strings.Count(text, "\n")
		text = "+" + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n+") + "\n"
		patch += fmt.Sprintf("diff --git a/%s b/%s\nnew file mode 100644\n--- /dev/null\n+++ b/%s\n@@ -0,0 +1,%d @@\n%s", name, name, name, n, text)
	}
	path := filepath.Join(r.t.TempDir(), "patch")
	if err := os.WriteFile(path, []byte(patch), 0o644); err != nil {
		r.t.Fatal(err)
	}
	r.run("import", "--quiet", "--bypass", "--user=Ann", "--message="+message, path)
	return r.run("log", "--rev=tip", "--template={node}")
}

// seal commits what is there.
func (r *repo) seal(message string) string {
	r.t.Helper()
	out := r.run("commit", "--debug", "--addremove", "--config", "ui.allowemptycommit=true", "--user=Ann <ann@example.com>",
		fmt.Sprintf("--date=%d 0", r.now), "--message="+message)
	said := committed.FindAllStringSubmatch(out, -1)
	if len(said) == 0 {
		r.t.Fatalf("hg commit says %s", out)
	}
	return said[len(said)-1][1]
}

var committed = regexp.MustCompile(`committed changeset [0-9]+:([0-9a-f]{40})`)

func (r *repo) source() weir.Source { return weir.Source{Kind: weir.Hg, Location: r.dir} }

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

// checkoutOf checks a revision out into a new directory.
func checkoutOf(t *testing.T, m *Mirrors, src weir.Source, revision string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "src")
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
			if d != nil && d.Name() == ".hg" {
				return filepath.SkipDir
			}
			return err
		}
		name, _ := filepath.Rel(dir, path)
		text, err := os.ReadFile(path)
		got = append(got, filepath.ToSlash(name)+"="+strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "|"))
		return err
	})
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("got  %v, %v\nwant %v", got, err, want)
	}
}
