package svn

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestCheckout(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	r.commit("a", "mkdir", "trunk/d", "put", r.file("1"), "trunk/d/é@", "put", r.file("2"), "trunk/a") // r2
	r.commit("b", "rm", "trunk/d", "put", r.file("3"), "trunk/a")                                      // r3
	r.commit("tag", "cp", "2", "trunk", "tags/v1")                                                     // r4
	r.commit("gone", "rm", "trunk")                                                                    // r5
	for revision, want := range map[string]string{"r2": "a=2 d/é@=1", "r3": "a=3"} {
		dir := checkoutOf(t, m, r.source("trunk"), revision)
		expectFiles(t, dir, want)
		if got := r.tool("svnversion", dir); got != revision[1:] {
			t.Errorf("got %q", got)
		}
	}
	dir := ""
	for _, ref := range []string{"tags/v1", "refs/tags/v1"} {
		dir = t.TempDir()
		if err := m.Prepare(t.Context(), source.Request{Source: r.source("trunk"), Revision: "r4", Ref: ref, Dir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	expectFiles(t, dir, "a=2 d/é@=1")
	expectCode(t, m.Checkout(t.Context(), r.source("trunk"), "r4", dir, nil), weir.Conflict)
	expectFiles(t, dir, "a=2 d/é@=1")
	dir = t.TempDir()
	expectCode(t, m.Checkout(t.Context(), r.source("trunk"), "r99", dir, nil), weir.NotFound)
	expectCode(t, m.Checkout(t.Context(), r.source("trunk"), "r5", dir, nil), weir.NotFound)
	expectCode(t, m.Checkout(t.Context(), r.source("trunk"), "HEAD", dir, nil), weir.Invalid)
	expectFiles(t, dir, "")
}

func TestPatch(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	r.commit("a", "put", r.file("1\n"), "trunk/a", "put", r.file("x\n"), "trunk/gone")
	work := checkoutOf(t, m, r.source("trunk"), "r2")
	for name, text := range map[string]string{"a": "2\n", "new": "n\n", "bin": "\x00\x01\xff"} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	work += "/"
	r.tool("svn", "add", "--quiet", work+"new", work+"bin")
	r.tool("svn", "propset", "--quiet", "svn:mime-type", "application/octet-stream", work+"bin")
	r.tool("svn", "remove", "--quiet", work+"gone")
	cmd := exec.Command("svn", "diff", "--git")
	cmd.Dir = work
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	patch := string(text)
	try := func(text string) (string, error) {
		dir := filepath.Join(t.TempDir(), "src")
		return dir, m.Prepare(t.Context(), source.Request{Source: r.source("trunk"), Dir: dir, Patch: strings.NewReader(text),
			Revision: weir.Patched("r2", weir.DigestOf([]byte(text)))})
	}
	dir, err := try(patch)
	if err != nil {
		t.Fatalf("%v\n%s", err, patch)
	}
	expectFiles(t, dir, "a=2 bin=\x00\x01\xff new=n")
	for _, bad := range []string{"", "no patch", strings.ReplaceAll(patch, "-1\n", "-9\n"),
		"Index: ../x\n===\n--- ../x\t(nonexistent)\n+++ ../x\t(working copy)\n@@ -0,0 +1 @@\n+out\n",
		"Index: nope\n===\n--- nope\t(revision 2)\n+++ nope\t(working copy)\n@@ -1 +1 @@\n-a\n+b\n"} {
		dir, err := try(bad)
		if weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%q: got %v", bad, err)
		}
		expectFiles(t, filepath.Dir(dir), "")
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	r.commit("a", "put", r.file("1"), "trunk/a", "put", r.file("b"), "trunk/b", "mkdir", "trunk/d", "put", r.file("x"), "trunk/d/x", "put", r.file("o"), "trunk/old")
	r.commit("b", "put", r.file("2"), "trunk/a", "rm", "trunk/old", "put", r.file("m"), "trunk/made")
	outside := t.TempDir()
	for clean, want := range map[weir.Clean]string{
		weir.CleanFresh:       "a=2 b=b d/x=x made=m",
		weir.CleanIncremental: "a=2 b=b d/x=x made=m mine/y=y",
		weir.CleanFull:        "a=2 b=b d/x=x made=m",
	} {
		dir := checkoutOf(t, m, r.source("trunk"), "r2")
		if err := os.RemoveAll(filepath.Join(dir, "d")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(dir, "d")); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"mine/y": "y", "a": "broken", "made": "obstructs", ".svn/wc.db": "no database"} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		src := r.source("trunk")
		src.Checkout.Clean = clean
		for range 2 {
			if err := m.Prepare(t.Context(), source.Request{Source: src, Revision: "r3", Dir: dir, Keep: true}); err != nil {
				t.Fatal(err)
			}
			expectFiles(t, dir, want)
			if got := r.tool("svnversion", dir); got != "3" {
				t.Errorf("%s: got %q", clean, got)
			}
		}
	}
	expectFiles(t, outside, "")
}

func TestExternals(t *testing.T) {
	t.Parallel()
	other, r, m := newRepo(t), newRepo(t), newRepositories(t)
	other.put("trunk/o", "old")
	other.put("trunk/o", "new")
	r.commit("lib", "mkdir", "branches/lib", "put", r.file("l"), "branches/lib/l", "propset", "svn:externals", "../../trunk/d deep", "branches/lib") // r2
	r.commit("a", "mkdir", "trunk/d", "put", r.file("a"), "trunk/d/a",
		"propset", "svn:externals", "# comment\n^/branches/lib sub/lib\n-r2 "+base(other.source(""))+"/trunk@2 \"o o\"\n^/branches/lib/l file\n", "trunk") // r3
	r.put("branches/lib/l", "later") // r4
	dir := checkoutOf(t, m, r.source("trunk"), "r3")
	expectFiles(t, dir, "d/a=a")
	src := r.source("trunk")
	src.Checkout.Submodules = true
	dir = checkoutOf(t, m, src, "r3")
	expectFiles(t, dir, "d/a=a file=l o o/o=old sub/lib/deep/a=a sub/lib/l=l")
	for text, want := range map[string]weir.Code{
		"^/branches/lib d":                 weir.Invalid,
		"svn+custom://h/x y":               weir.Invalid,
		"https://ann:s3cret@localhost/x y": weir.Invalid,
		"^/../../etc y":                    weir.Unavailable,
		"^/branches/nope y":                weir.NotFound,
	} {
		bad := r.commit("bad", "propset", "svn:externals", text, "trunk")
		dir := t.TempDir()
		err := m.Checkout(t.Context(), src, bad, dir, nil)
		if weir.CodeOf(err) != want || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", text, err)
		}
		expectFiles(t, dir, "")
	}
}

func TestResolveExternal(t *testing.T) {
	t.Parallel()
	at := place{URL: "https://example.com/svn/p/trunk/d", Root: "https://example.com/svn/p"}
	for text, want := range map[string]string{
		"../x p":                        "https://example.com/svn/p/trunk/x key",
		"^/x%20y p":                     "https://example.com/svn/p/x%20y key",
		"^/../q/x p":                    "https://example.com/svn/q/x key",
		"/svn/q p":                      "https://example.com/svn/q key",
		"//example.org/q p":             "https://example.org/q ",
		"p svn://example.com/q":         "svn://example.com/q ",
		"-r 17 https://example.com/q p": "https://example.com/q key",
		"file:///etc p":                 "!",
		"-r x ^/x p":                    "!",
		"^/x ../p":                      "!",
		"^/x .svn/p":                    "!",
		"^/x /p":                        "!",
		"^/x \"p":                       "!",
		"x p":                           "!",
	} {
		got := "!"
		if all, err := parseExternals(text); err == nil && len(all) == 1 && all[0].path == "p" {
			if src, err := all[0].resolve(weir.Source{Credentials: "key"}, at); err == nil {
				got = src.Location + " " + src.Credentials
			}
		}
		if got != want {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

// serve runs svnserve with a password until the test ends, and returns its URL.
func serve(t *testing.T, repo string) string {
	t.Helper()
	for name, text := range map[string]string{
		"svnserve.conf": "[general]\nanon-access = none\nauth-access = read\npassword-db = passwd\n",
		"passwd":        "[users]\nann = s3cret with blanks\n",
	} {
		if err := os.WriteFile(filepath.Join(repo, "conf", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Each connection gets a svnserve of its own, so that no port has to be guessed.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f, err := conn.(*net.TCPConn).File()
			conn.Close()
			if err != nil {
				return
			}
			cmd := exec.Command("svnserve", "--inetd", "--root="+repo)
			cmd.Stdin, cmd.Stdout = f, f
			if cmd.Start() == nil {
				go func() { _ = cmd.Wait() }()
			}
			f.Close()
		}
	}()
	return "svn://" + l.Addr().String()
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	r.put("trunk/a", "1")
	src := weir.Source{Kind: weir.Svn, Location: serve(t, r.dir), Branch: "trunk", Credentials: "key"}
	secrets := func(value string) context.Context {
		return source.WithSecrets(t.Context(), func(string) (string, error) { return value, nil })
	}
	good := secrets("ann:s3cret with blanks")
	l, err := m.Revisions(good, src, "")
	if err != nil || len(l.Revisions) != 1 || l.Revisions[0].ID != "r2" {
		t.Fatalf("got %+v, %v", l, err)
	}
	dir := t.TempDir()
	if err := m.Checkout(good, src, "r2", dir, nil); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, dir, "a=1")
	_, err = m.Revisions(secrets("ann:wr0ng"), src, "")
	expectCode(t, err, weir.Unavailable)
	if strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("the error tells: %v", err)
	}
	src.Credentials = ""
	_, err = m.Revisions(good, src, "")
	expectCode(t, err, weir.Unavailable)
	err = filepath.WalkDir(m.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if strings.Contains(lines.Text(), "s3cret") {
				t.Errorf("%s holds the password", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
