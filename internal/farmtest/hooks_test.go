//go:build unix

package farmtest_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/hooks"
	"github.com/weir-ci/weir/internal/farmtest"
	"github.com/weir-ci/weir/internal/store"
)

// run runs a tool in a directory.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HGRCPATH=", "HGUSER=Ada Kern <ada@kern.example>", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// install writes the hook that weir prints.
func install(t *testing.T, path, kind, server, project, secret string) {
	t.Helper()
	var out bytes.Buffer
	c := hooks.Command()
	c.SetArgs([]string{kind, "--server", server, "--project", project, "--secret-file", secret})
	c.SetOut(&out)
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
}

// built reports whether a project has so many builds, and all are over.
func built(o client.Overview, project string, n int) bool {
	for _, row := range o.Builders {
		if row.Builder.Project == project {
			return len(row.Recent) == n && row.Recent[0].State.Final()
		}
	}
	return false
}

// three are a repository of each kind, with one commit, and a working tree.
type three struct{ dir string }

func newThree(t *testing.T) three {
	t.Helper()
	r := three{t.TempDir()}
	run(t, r.dir, "git", "init", "-q", "--bare", "-b", "main", "hello.git")
	newRepo(t, filepath.Join(r.dir, "git"), nil).git(t, "remote", "add", "origin", filepath.Join(r.dir, "hello.git"))
	r.git(t)
	run(t, r.dir, "hg", "init", "hello.hg")
	run(t, r.dir, "hg", "clone", "-q", "hello.hg", "hg")
	r.hg(t)
	run(t, r.dir, "svnadmin", "create", "hello.svn")
	run(t, r.dir, "svn", "mkdir", "-q", "-m", "trunk", "file://"+r.dir+"/hello.svn/trunk")
	run(t, r.dir, "svn", "checkout", "-q", "file://"+r.dir+"/hello.svn/trunk", "svn")
	r.svn(t)
	return r
}

func (r three) change(t *testing.T, tree string) string {
	t.Helper()
	tree = filepath.Join(r.dir, tree)
	f, err := os.OpenFile(filepath.Join(tree, "file"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("one more line\n"); err != nil {
		t.Fatal(err)
	}
	return tree
}

func (r three) git(t *testing.T) {
	t.Helper()
	tree := repo(r.change(t, "git"))
	tree.commit(t, "more", nil)
	tree.git(t, "push", "-q", "origin", "main")
}

func (r three) hg(t *testing.T) {
	t.Helper()
	tree := r.change(t, "hg")
	run(t, tree, "hg", "commit", "-q", "-A", "-m", "more")
	run(t, tree, "hg", "push", "-q")
}

func (r three) svn(t *testing.T) {
	t.Helper()
	tree := r.change(t, "svn")
	run(t, tree, "svn", "add", "-q", "--force", "file")
	run(t, tree, "svn", "commit", "-q", "-m", "more")
}

// A source that is polled once a month is looked at when its own hook says so:
// after a git push, an hg push, an svn commit. What forges post does the same, if
// it is signed, and so does weir change.
func TestPushesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	r := newThree(t)
	secret := filepath.Join(r.dir, "secret")
	if err := os.WriteFile(secret, []byte("it's a \"s3cret\" with \\ in it\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := farmtest.Start(t, farmFile(t, t.TempDir(), fmt.Sprintf(`
secrets: {HOOK: {file: %[1]s/secret}}
hooks: {generic: {secret: HOOK}, gitea: {secret: HOOK}}
projects:
  by-git: {source: {git: %[1]s/hello.git, branch: main, poll: 720h}, jobs: {test: {steps: [cat file]}}}
  by-hg: {source: {hg: %[1]s/hello.hg, branch: default, poll: 720h}, jobs: {test: {steps: [cat file]}}}
  by-svn: {source: {svn: "file://%[1]s/hello.svn", branch: trunk, poll: 720h}, jobs: {test: {steps: [cat file]}}}
`, r.dir)), farmtest.Options{})
	all := func(n int) func(client.Overview) bool {
		return func(o client.Overview) bool { return built(o, "by-git", n) && built(o, "by-hg", n) && built(o, "by-svn", n) }
	}
	f.Until(t, "everything is built once", all(1))

	install(t, filepath.Join(r.dir, "hello.git", "hooks", "post-receive"), "git", f.URL, "by-git", secret)
	install(t, filepath.Join(r.dir, "hook.sh"), "hg", f.URL, "by-hg", secret)
	hgrc := "[hooks]\nchangegroup.weir = " + filepath.Join(r.dir, "hook.sh") + "\n"
	if err := os.WriteFile(filepath.Join(r.dir, "hello.hg", ".hg", "hgrc"), []byte(hgrc), 0o600); err != nil {
		t.Fatal(err)
	}
	install(t, filepath.Join(r.dir, "hello.svn", "hooks", "post-commit"), "svn", f.URL, "by-svn", secret)
	r.git(t)
	r.hg(t)
	r.svn(t)
	f.Until(t, "the pushes are built", all(2))

	// A hook that reaches nobody fails no push.
	install(t, filepath.Join(r.dir, "hello.git", "hooks", "post-receive"), "git", "http://127.0.0.1:1", "by-git", secret)
	r.git(t)
	if status, answer := post(t, f.URL, r, "wrong"); status != http.StatusUnauthorized {
		t.Errorf("a webhook with a wrong signature: %d %s", status, answer)
	}
	if status, answer := post(t, f.URL, r, "it's a \"s3cret\" with \\ in it"); status != http.StatusAccepted || answer["repeated"] != false {
		t.Errorf("a signed webhook: %d %v", status, answer)
	}
	f.Until(t, "what the webhook told of is built", func(o client.Overview) bool { return built(o, "by-git", 3) })
	if status, answer := post(t, f.URL, r, "it's a \"s3cret\" with \\ in it"); status != http.StatusAccepted || answer["repeated"] != true {
		t.Errorf("the same webhook again: %d %v", status, answer)
	}
	counts, err := f.Hooks(t.Context())
	if err != nil || len(counts) != 2 || counts[1].Dialect != "gitea" || counts[1].Taken != 2 || counts[1].Refused != 1 {
		t.Errorf("got %+v, %v", counts, err)
	}

	r.git(t)
	token, err := app.AddToken(t.Context(), f.Server.Access(), store.Token{Name: "boss", Scope: store.ScopeAdmin})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.WithToken(token).Change(t.Context(), "by-git", ""); err != nil {
		t.Error(err)
	}
	f.Until(t, "what weir change told of is built", func(o client.Overview) bool { return built(o, "by-git", 4) })
}

// post sends what Gitea sends after a push.
func post(t *testing.T, server string, r three, secret string) (int, map[string]any) {
	t.Helper()
	head := repo(filepath.Join(r.dir, "git")).git(t, "rev-parse", "HEAD")
	body, err := json.Marshal(map[string]any{"ref": "refs/heads/main", "before": strings.Repeat("0", 40), "after": head,
		"repository": map[string]any{"id": 1, "full_name": "hello/hello", "clone_url": "file://" + r.dir + "/hello.git"}})
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+"/hook", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "X-Gitea-Event": "push", "X-GitHub-Event": "push",
		"X-Gitea-Delivery": "f6266f16-1bf3-46a5-9ea4-602e06ead473", "X-Gitea-Signature": hex.EncodeToString(mac.Sum(nil))} {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer
}
