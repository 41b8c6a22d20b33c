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

	"github.com/weir-ci/weir"
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
		return func(o client.Overview) bool {
			return built(o, "by-git", n) && built(o, "by-hg", n) && built(o, "by-svn", n)
		}
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

// A pull request from a fork waits until somebody approves its head; that of a
// trusted user does not, and neither waits for the poll.
func TestPullRequestsAreBuilt(t *testing.T) {
	t.Parallel()
	r := newThree(t)
	fork := repo(filepath.Join(r.dir, "fork"))
	run(t, r.dir, "git", "clone", "-q", "hello.git", "fork")
	if err := os.WriteFile(filepath.Join(r.dir, "secret"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := farmtest.Start(t, farmFile(t, t.TempDir(), fmt.Sprintf(`
secrets: {HOOK: {file: %[1]s/secret}}
hooks: {gitea: {secret: HOOK}}
projects:
  hello:
    source: {git: %[1]s/hello.git, branch: main, poll: 720h, pulls: {build: own, trusted: ["77"]}}
    jobs: {test: {steps: ['grep -c proposed file || test "$WEIR_CAUSE" != pull']}}
`, r.dir)), farmtest.Options{})
	token, err := app.AddToken(t.Context(), f.Server.Access(), store.Token{Name: "boss", Scope: store.ScopeAdmin})
	if err != nil {
		t.Fatal(err)
	}
	f.Until(t, "main is built", func(o client.Overview) bool { return built(o, "hello", 1) })

	propose := func(text, action string, user int) string {
		head := fork.commit(t, text, map[string]string{"file": text + "\n"})
		fork.git(t, "push", "-q", "-f", "origin", "HEAD:refs/pull/5/head")
		side := func(id int) map[string]any {
			return map[string]any{"id": id, "clone_url": "file://" + r.dir + "/hello.git"}
		}
		who := map[string]any{"id": user, "login": "somebody"}
		status, answer := deliver(t, f.URL, "pull_request", head, "s3cret", map[string]any{"action": action, "number": 5, "repository": side(7), "sender": who,
			"pull_request": map[string]any{"number": 5, "title": text, "user": who, "state": "open", "base": map[string]any{"ref": "main", "repo": side(7)},
				"head": map[string]any{"ref": "topic", "sha": head, "repo": side(9)}}})
		if status != http.StatusAccepted || answer["head"] != head {
			t.Fatalf("%s: %d %v", action, status, answer)
		}
		return head
	}
	pull := func(head string) weir.Proposal {
		list, err := f.Pulls(t.Context(), "hello", "")
		if err != nil || len(list) != 1 || list[0].Head != head {
			t.Fatalf("got %+v, %v", list, err)
		}
		return list[0]
	}
	passed := func(head string) func(client.Overview) bool {
		return func(client.Overview) bool {
			list, err := f.Builds(t.Context(), client.BuildQuery{Project: "hello"})
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range list {
				if b.Pins["hello"] == head && b.State.Final() {
					if b.Outcome != weir.Passed {
						t.Fatalf("it %s: %s", b.Outcome, b.Reason.Text)
					}
					return true
				}
			}
			return false
		}
	}
	first := propose("proposed", "opened", 3)
	held := pull(first)
	if held.State != weir.ProposalHeld || !held.Fork || held.AuthorID != "3" {
		t.Errorf("got %+v", held)
	}
	if err := f.WithToken(token).DecidePull(t.Context(), held.ID, first, true); err != nil {
		t.Fatal(err)
	}
	f.Until(t, "what was approved is built", passed(first))
	second := propose("proposed by somebody else", "synchronized", 4)
	if p := pull(second); p.State != weir.ProposalHeld || p.AuthorID != "4" {
		t.Errorf("another one pushed, and it is %+v", p)
	}
	third := propose("proposed by a friend", "synchronized", 77)
	f.Until(t, "what needs no approval is built", passed(third))
}

// post sends what Gitea sends after a push.
func post(t *testing.T, server string, r three, secret string) (int, map[string]any) {
	t.Helper()
	head := repo(filepath.Join(r.dir, "git")).git(t, "rev-parse", "HEAD")
	return deliver(t, server, "push", head, secret, map[string]any{"ref": "refs/heads/main", "before": strings.Repeat("0", 40), "after": head,
		"repository": map[string]any{"id": 1, "full_name": "hello/hello", "clone_url": "file://" + r.dir + "/hello.git"}})
}

// deliver sends what Gitea sends.
func deliver(t *testing.T, server, event, id, secret string, payload map[string]any) (int, map[string]any) {
	t.Helper()
	body, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+"/hook", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "X-Gitea-Event": event, "X-GitHub-Event": event,
		"X-Gitea-Delivery": id, "X-Gitea-Signature": hex.EncodeToString(mac.Sum(nil))} {
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
