package hg

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

func TestTheRemoteVanishes(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	checkoutOf(t, m, r.source(), a)
	if err := os.Rename(r.dir, r.dir+".away"); err != nil {
		t.Fatal(err)
	}
	_, err := m.Revisions(t.Context(), r.source(), a)
	expectCode(t, err, weir.Unavailable)
	expectFiles(t, checkoutOf(t, m, r.source(), a), "file=a") // the mirror has it
	_, err = newMirrors(t).Revisions(t.Context(), r.source(), "")
	expectCode(t, err, weir.Unavailable)
	expectCode(t, newMirrors(t).Checkout(t.Context(), r.source(), a, t.TempDir(), nil), weir.Unavailable)
}

func TestAnInterruptedClone(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	mir := m.cloneOf(r.source())
	if err := os.MkdirAll(filepath.Join(mir.dir+".new", ".hg", "store"), 0o755); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, checkoutOf(t, m, r.source(), a), "file=a")
	// A pull that was killed in its transaction.
	b := r.commit("b")
	store := filepath.Join(mir.dir, ".hg", "store")
	for name, text := range map[string]string{"journal": "", "journal.backupfiles": "2\n"} {
		if err := os.WriteFile(filepath.Join(store, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expectFiles(t, checkoutOf(t, m, r.source(), b), "file=b")
	// A mirror that is broken.
	c := r.commit("c")
	if err := os.WriteFile(filepath.Join(store, "00changelog.i"), []byte("broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, checkoutOf(t, m, r.source(), c), "file=c")
	if err := os.Truncate(filepath.Join(store, "00manifest.i"), 10); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, checkoutOf(t, m, r.source(), a), "file=a")
}

func TestTheContextEnds(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Revisions(ctx, r.source(), "")
	expectCode(t, err, weir.Unavailable)
	expectCode(t, m.Checkout(ctx, r.source(), a, t.TempDir(), nil), weir.Unavailable)
}

// hg serve stands behind a proxy that wants a password.
func TestCredentials(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	next := httputil.NewSingleHostReverseProxy(serve(t, r.dir))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		user, password, _ := q.BasicAuth()
		if user != "ann" || password != "s3cret:with=odd #chars" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		q.Header.Del("Authorization")
		next.ServeHTTP(w, q)
	}))
	defer web.Close()
	src := weir.Source{Kind: weir.Hg, Location: web.URL + "/", Credentials: "key"}
	secrets := func(value string) context.Context {
		return source.WithSecrets(t.Context(), func(string) (string, error) { return value, nil })
	}
	l, err := m.Revisions(secrets("ann:s3cret:with=odd #chars"), src, "")
	if err != nil || len(l.Revisions) != 1 || l.Revisions[0].ID != a {
		t.Fatalf("got %+v, %v", l, err)
	}
	for _, value := range []string{"ann:wr0ng", "wr0ng"} {
		_, err = newMirrors(t).Revisions(secrets(value), src, "")
		expectCode(t, err, weir.Unavailable)
		if strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("the error tells: %v", err)
		}
	}
	_, err = m.Revisions(secrets("a\nb"), src, "")
	expectCode(t, err, weir.Invalid)
	_, err = m.Revisions(t.Context(), src, "")
	expectCode(t, err, weir.Invalid)
	// Nothing stays, not even of a process that was killed.
	old := filepath.Join(m.dir, "auth-1.rc")
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.Chtimes(old, time.Time{}, time.Now().Add(-2*staleAuth)), New(m.dir, nil).mkdir()); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(m.dir, "auth-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// serve runs hg serve until the test ends, and returns its URL.
func serve(t *testing.T, repo string) *url.URL {
	t.Helper()
	cmd := exec.Command("hg", "serve", "--address=127.0.0.1", "--port=0", "--config", "web.push_ssl=false")
	cmd.Dir, cmd.Env = repo, environment(os.Environ())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	const patience = 3 * time.Minute
	defer time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }).Stop() // then its output ends
	line, err := bufio.NewReader(out).ReadString('\n')
	port := regexp.MustCompile(`:([0-9]+)`).FindAllStringSubmatch(line, -1)
	if err != nil || len(port) == 0 {
		t.Fatalf("hg serve says %q, %v", line, err)
	}
	return &url.URL{Scheme: "http", Host: "127.0.0.1:" + port[len(port)-1][1]}
}
