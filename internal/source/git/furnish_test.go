package git

import (
	"context"
	"net/http"
	"net/http/cgi" //nolint:gosec // in a test, on the loopback
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

// serve serves the repositories below root to those who know the password.
func serve(t *testing.T, root, password string) string {
	t.Helper()
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if _, got, _ := q.BasicAuth(); got != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		q.Header.Del("Authorization")
		backend.ServeHTTP(w, q)
	}))
	t.Cleanup(web.Close)
	return web.URL
}

// secrets makes a context in which every secret has one value.
func secrets(t *testing.T, value string) context.Context {
	return source.WithSecrets(t.Context(), func(string) (string, error) { return value, nil })
}

// gitlink commits a .gitmodules and a submodule's commit, without asking git.
func (r *repo) gitlink(name, url, commit string) string {
	r.t.Helper()
	write(r.t, r.dir, map[string]string{".gitmodules": "[submodule \"" + name + "\"]\n\tpath = " + name + "\n\turl = " + url + "\n"})
	if err := os.MkdirAll(filepath.Join(r.dir, name), 0o755); err != nil { // or git add would take the link away
		r.t.Fatal(err)
	}
	r.run("", "add", ".gitmodules")
	r.run("", "update-index", "--add", "--cacheinfo", "160000,"+commit+","+name)
	r.now += 60
	r.run("", "commit", "--quiet", "-m", "link "+name)
	return r.head()
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	r, inner, other := newRepo(t), newRepo(t), newRepo(t)
	root := filepath.Dir(filepath.Dir(r.dir))
	in, out := inner.commit("inner"), other.commit("other")
	name := func(r *repo) string { n, _ := filepath.Rel(root, r.dir); return filepath.ToSlash(n) }
	web := serve(t, root, "s3cret'with$odd \"chars")
	elsewhere := serve(t, root, "another")
	r.gitlink("sub", "../../"+name(inner), in)
	good := r.save("files", map[string]string{"a": "a"})
	src := weir.Source{Kind: weir.Git, Location: web + "/" + name(r), Credentials: "key", Checkout: weir.Checkout{Submodules: true}}
	ctx := secrets(t, "ann:s3cret'with$odd \"chars")
	m := newMirrors(t)
	l, err := m.Revisions(ctx, src, "")
	if err != nil || len(l.Revisions) != 1 || l.Revisions[0].ID != good {
		t.Fatalf("got %+v, %v", l, err)
	}
	dir := filepath.Join(t.TempDir(), "src")
	if err := m.Checkout(ctx, src, good, dir, nil); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "sub", "file")); err != nil || string(text) != "inner" {
		t.Errorf("got %q, %v", text, err)
	}
	err = filepath.WalkDir(filepath.Join(dir, ".git"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "s3cret") {
			t.Errorf("%s holds the password", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for value, want := range map[string]weir.Code{"ann:wr0ng": weir.Unavailable, "wr0ng": weir.Unavailable, "": weir.Invalid, "a\nb": weir.Invalid} {
		_, err := newMirrors(t).Revisions(secrets(t, value), src, "")
		expectCode(t, err, want)
		if strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("the error tells: %v", err)
		}
	}
	_, err = m.Revisions(t.Context(), src, "")
	expectCode(t, err, weir.Invalid)
	local := r.source()
	local.Credentials = "key"
	_, err = m.Revisions(ctx, local, "")
	expectCode(t, err, weir.Invalid)
	// The password is for the source's own server, and files of this machine are for nobody.
	for url, want := range map[string]weir.Code{
		elsewhere + "/" + name(other): weir.Unavailable,
		other.dir:                     weir.Invalid,
		"file://" + other.dir:         weir.Invalid,
		"ext::touch /tmp/x":           weir.Invalid,
		"--upload-pack=x":             weir.Invalid,
	} {
		bad := r.gitlink("sub", url, out)
		dir := t.TempDir()
		err := m.Checkout(ctx, src, bad, dir, nil)
		if weir.CodeOf(err) != want || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", url, err)
		}
		expectFiles(t, dir, "")
	}
}

// TestStrangers checks out a stranger's revision whose submodule is a repository that
// the source's credential opens, and the stranger's own does not.
func TestStrangers(t *testing.T) {
	t.Parallel()
	r, private := newRepo(t), newRepo(t)
	root := filepath.Dir(filepath.Dir(r.dir))
	name := func(r *repo) string { n, _ := filepath.Rel(root, r.dir); return filepath.ToSlash(n) }
	plain := r.commit("plain")
	head := r.gitlink("sub", "../../"+name(private), private.commit("private"))
	web := serve(t, root, "s3cret")
	netrc := t.TempDir()
	if err := os.WriteFile(filepath.Join(netrc, ".netrc"), []byte("default login ann password s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := New(t.TempDir(), append(os.Environ(), "HOME="+netrc))
	src := weir.Source{Kind: weir.Git, Location: web + "/" + name(r), Credentials: "key", Checkout: weir.Checkout{Submodules: true}}
	prepare := func(revision string, stranger bool) error {
		return m.Prepare(secrets(t, "ann:s3cret"), source.Request{Source: src, Revision: revision, Dir: filepath.Join(t.TempDir(), "src"), Untrusted: stranger})
	}
	if err := prepare(head, false); err != nil {
		t.Errorf("of somebody trusted: %v", err)
	}
	if err := prepare(plain, true); err != nil {
		t.Errorf("a stranger's that names nothing: %v", err)
	}
	expectCode(t, prepare(head, true), weir.Unavailable)
}

func TestSubmodules(t *testing.T) {
	t.Parallel()
	r, lib, inner, m := newRepo(t), newRepo(t), newRepo(t), newMirrors(t)
	in := inner.save("in", map[string]string{"i": "i"})
	lib.gitlink("deep", inner.dir, in)
	l := lib.save("lib", map[string]string{"l": "l"})
	lib.save("later", map[string]string{"l": "later"})
	rel, err := filepath.Rel(r.dir, lib.dir)
	if err != nil {
		t.Fatal(err)
	}
	a := r.gitlink("sub", filepath.ToSlash(rel), l)
	src := r.source()
	src.Checkout.Submodules = true
	dir := checkout(t, m, src, a)
	for path, want := range map[string]string{"sub/l": "l", "sub/deep/i": "i"} {
		if text, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(text) != want {
			t.Errorf("%s: got %q, %v", path, text, err)
		}
	}
	if got := at(t, dir, "status", "--porcelain"); got != "" {
		t.Errorf("changed: %s", got)
	}
	dir = checkout(t, m, r.source(), a)
	if entries, err := os.ReadDir(filepath.Join(dir, "sub")); err != nil || len(entries) > 0 {
		t.Errorf("got %v, %v", entries, err)
	}
	lost := r.gitlink("sub", filepath.ToSlash(rel), strings.Repeat("a", 40))
	expectCode(t, m.Checkout(t.Context(), src, lost, t.TempDir(), nil), weir.NotFound)
}

func TestLFS(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	r.run("", "lfs", "install", "--local")
	r.run("", "lfs", "track", "*.big")
	a := r.save("a", map[string]string{"x.big": "large indeed", "y": "y"})
	src := r.source()
	dir := checkout(t, m, src, a)
	if text, err := os.ReadFile(filepath.Join(dir, "x.big")); err != nil || !strings.HasPrefix(string(text), "version https://git-lfs") {
		t.Errorf("got %q, %v", text, err)
	}
	src.Checkout.LFS = true
	dir = checkout(t, m, src, a)
	if text, err := os.ReadFile(filepath.Join(dir, "x.big")); err != nil || string(text) != "large indeed" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := os.RemoveAll(filepath.Join(r.dir, ".git", "lfs", "objects")); err != nil {
		t.Fatal(err)
	}
	expectCode(t, m.Checkout(t.Context(), src, a, t.TempDir(), nil), weir.Unavailable)
}
