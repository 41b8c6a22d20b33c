package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/archive"
	"github.com/weir-ci/weir/internal/source/release"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	// Each group is before the next; what stands in one group is equal.
	groups := []string{
		"0.9.10", "0.10", "1.0~~1", "1.0~rc1", "1.0.dev1", "1.0.dev2 1.0-dev.2", "1.0a1 1.0-alpha.1 v1.0alpha1 1.0_ALPHA_1", "1.0a2", "1.0b1 1.0beta1", "1.0rc1 1.0c1 1-rc1",
		"1.0rc10", "1.0 1 1.0.0 v1.0 1.0-final 1.00", "1.0+build.1", "1.0+build.2", "1.0.post1 1.0-p1", "1.0a", "1.0b", "1.0.1",
		"1.0.2", "1.0.2a", "1.0.2k", "1.0.10 1.000.00010", "2", "2024.01.02", "20240102", "99999999999999999999999999", "100000000000000000000000000",
	}
	for i, group := range groups {
		for j, other := range groups {
			for _, a := range strings.Fields(group) {
				for _, b := range strings.Fields(other) {
					if got := archive.Compare(a, b); sign(got) != sign(i-j) {
						t.Errorf("%s, %s: got %d, want %d", a, b, sign(got), sign(i-j))
					}
				}
			}
		}
	}
	for v, want := range map[string]bool{"1.0": false, "1.0.2a": false, "1.0a1": true, "2.0-rc.1": true, "2.0.0-p648": false, "1.0~2": true,
		"1.0-SNAPSHOT": true, "3.0m": false, "3.0.m2": true, "1.0+git1": false} {
		if archive.Prerelease(v) != want {
			t.Errorf("%s: want %t", v, want)
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// The order is one: with any three versions, it does not matter which two are compared.
func TestCompareIsAnOrder(t *testing.T) {
	t.Parallel()
	word := rapid.SampledFrom([]string{"0", "1", "00", "10", ".", "-", "~", "+", "a", "b", "rc", "dev", "x", "post", "final", "p"})
	version := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(word, 1, 8).Draw(t, "words"), "") })
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := version.Draw(t, "a"), version.Draw(t, "b"), version.Draw(t, "c")
		ab, bc, ac := sign(archive.Compare(a, b)), sign(archive.Compare(b, c)), sign(archive.Compare(a, c))
		if sign(archive.Compare(b, a)) != -ab {
			t.Fatalf("%s, %s: not the same from behind", a, b)
		}
		if ab <= 0 && bc <= 0 && (ac > 0 || ac == 0 && (ab < 0 || bc < 0)) {
			t.Fatalf("%s, %s, %s: %d, %d, but %d", a, b, c, ab, bc, ac)
		}
	})
}

func pack(t testing.TB, top string, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, content := range files {
		h := &tar.Header{Name: top + name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func archives(t *testing.T) *archive.Archives {
	t.Helper()
	c := release.NewClient(release.Options{Pause: time.Millisecond})
	t.Cleanup(c.Close)
	return archive.New(c)
}

// dist serves tool-VERSION.tar.gz for some versions, and pages that link to them.
func dist(t *testing.T, versions ...string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	var page strings.Builder
	page.WriteString("<html><body><a name=x>no link</a><a href='http://elsewhere.invalid/tool-9.9.tar.gz'>x</a><a href='tool-latest.tar.gz'>")
	for _, v := range versions {
		_, _ = fmt.Fprintf(&page, "<A HREF=\"tool-%s.tar.gz?download#x\">tool</A><a href=tool-%s.tar.gz.asc>", v, v)
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page.String()) })
	mux.HandleFunc("GET /{name}", func(w http.ResponseWriter, r *http.Request) {
		for _, v := range versions {
			if r.PathValue("name") == "tool-"+v+".tar.gz" {
				w.Header().Set("Last-Modified", "Tue, 02 Jan 2024 03:04:05 GMT")
				_, _ = w.Write(pack(t, "tool-"+v+"/", map[string]string{"VERSION": v}))
				return
			}
		}
		http.NotFound(w, r)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func ids(t *testing.T, a *archive.Archives, src weir.Source, known string) string {
	t.Helper()
	l, err := a.Revisions(t.Context(), src, known)
	if err != nil {
		t.Fatalf("%+v, known %q: %v", src, known, err)
	}
	var got []string
	for _, r := range l.Revisions {
		got = append(got, r.ID)
	}
	return strings.Join(got, " ")
}

func TestRevisions(t *testing.T) {
	t.Parallel()
	s := dist(t, "1.10", "1.9", "2.0rc1", "1.2", "1.9.1", "0.1")
	a := archives(t)
	src := weir.Source{Kind: weir.Archive, Location: s.URL + "/tool-{version}.tar.gz", Index: s.URL + "/"}
	for _, tc := range []struct {
		known, from, to string
		versions        []string
		closed          bool
		want            string
	}{
		{want: "1.10"},
		{from: "1.2", want: "1.2 1.9 1.9.1 1.10"},
		{from: "1.2", to: "1.9", want: "1.2 1.9"},
		{known: "1.9", want: "1.9.1 1.10"},
		{known: "1.9", versions: []string{"2.0rc1"}, want: "1.9.1 1.10 2.0rc1"},
		{known: "1.10", want: ""},
		{from: "0.1", versions: []string{"0.3", "0.2"}, closed: true, want: "0.2 0.3"},
	} {
		src := src
		src.From, src.To, src.Versions, src.Closed = tc.from, tc.to, tc.versions, tc.closed
		if got := ids(t, a, src, tc.known); got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
	l, err := a.Revisions(t.Context(), src, "")
	if err != nil || l.Revisions[0].Time.Unix() != 1704164645 || l.Revisions[0].Message != "tool 1.10" {
		t.Errorf("got %+v, %v", l, err)
	}
	// With no index only what is named is there; a dead index does not hide it.
	src.Index, src.Versions = "", []string{"1.9"}
	if got := ids(t, a, src, ""); got != "1.9" {
		t.Errorf("got %s", got)
	}
	src.Index = "http://127.0.0.1:1/"
	if got := ids(t, a, src, ""); got != "1.9" {
		t.Errorf("got %s", got)
	}
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	s := dist(t, "1.9")
	a := archives(t)
	src := weir.Source{Kind: weir.Archive, Location: s.URL + "/tool-{version}.tar.gz"}
	var log strings.Builder
	dir := filepath.Join(t.TempDir(), "x")
	if err := a.Checkout(t.Context(), src, "1.9", dir, &log); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "VERSION")); err != nil || string(data) != "1.9" {
		t.Errorf("got %q, %v", data, err)
	}
	if !strings.Contains(log.String(), "sha256 ") {
		t.Errorf("the log is %s", log.String())
	}
	expectCode(t, a.Checkout(t.Context(), src, "1.9", dir, nil), weir.Conflict)
	expectCode(t, a.Checkout(t.Context(), src, "1.8", filepath.Join(t.TempDir(), "x"), nil), weir.NotFound)
	expectCode(t, a.Checkout(t.Context(), src, "../1", t.TempDir(), nil), weir.Invalid)
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, v := range []string{"1.2", "1.10"} {
		dir := filepath.Join(root, v)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "tool-"+v+".tgz"), pack(t, "", map[string]string{"a": v, "b": v}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(root), "/")}
	src := weir.Source{Location: u.String() + "/{version}/tool-{version}.tgz", Index: u.String(), From: "1"}
	a := archives(t)
	l, err := a.Revisions(t.Context(), src, "1.0")
	if err != nil || len(l.Revisions) != 2 || l.Revisions[1].ID != "1.10" || l.Revisions[1].Time.IsZero() {
		t.Fatalf("got %+v, %v", l, err)
	}
	dir := t.TempDir()
	if err := a.Checkout(t.Context(), src, "1.10", dir, nil); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "b")); err != nil || string(data) != "1.10" {
		t.Errorf("got %q, %v", data, err)
	}
	expectCode(t, a.Checkout(t.Context(), src, "3", t.TempDir(), nil), weir.NotFound)
}

func TestRefusedLocations(t *testing.T) {
	t.Parallel()
	a := archives(t)
	for _, l := range []string{"", "https://example.org/a.tar.gz", "ftp://example.org/{version}", "https://u:p@example.org/{version}", "https:///{version}",
		"https://{version}.example.org/", "file://host/{version}", "javascript:{version}", "https://example.org/{version}" + strings.Repeat("x", 3000)} {
		_, err := a.Revisions(t.Context(), weir.Source{Location: l, Versions: []string{"1"}}, "")
		expectCode(t, err, weir.Invalid)
		if err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("%v shows a password", err)
		}
	}
}

func TestCredentialsGoOnlyWhereTheyBelong(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("another host got the credentials")
		}
		_, _ = w.Write(pack(t, "x/", map[string]string{"f": "1"}))
	}))
	t.Cleanup(other.Close)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != "me" || p != "pw" {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, other.URL, http.StatusFound)
	}))
	t.Cleanup(s.Close)
	a := archives(t)
	src := weir.Source{Location: s.URL + "/{version}", Credentials: "dist"}
	ctx := source.WithSecrets(t.Context(), func(string) (string, error) { return "me:pw", nil })
	if err := a.Checkout(ctx, src, "1", t.TempDir(), nil); err != nil {
		t.Error(err)
	}
	expectCode(t, a.Checkout(t.Context(), src, "1", t.TempDir(), nil), weir.Invalid)
	src.Credentials = ""
	expectCode(t, a.Checkout(ctx, src, "1", t.TempDir(), nil), weir.Unavailable)
}

func expectCode(t *testing.T, err error, want weir.Code) {
	t.Helper()
	if weir.CodeOf(err) != want {
		t.Errorf("got code %q, want %q: %v", weir.CodeOf(err), want, err)
	}
}

func FuzzLinks(f *testing.F) {
	f.Add([]byte(`<base href="/x/"><a href="tool-1.tar.gz">`))
	f.Add([]byte("<a href='ftp://x'><a href=\"//y/z\"><a href"))
	base := &url.URL{Scheme: "https", Host: "example.org", Path: "/dist/"}
	f.Fuzz(func(t *testing.T, page []byte) {
		for _, l := range archive.Links(page, base) {
			if u, err := url.Parse(l); err != nil || u.Scheme != "http" && u.Scheme != "https" {
				t.Errorf("%q: %v", l, err)
			}
		}
	})
}

func FuzzCompare(f *testing.F) {
	f.Add("1.0", "1.0rc1")
	f.Fuzz(func(t *testing.T, a, b string) {
		if sign(archive.Compare(a, b)) != -sign(archive.Compare(b, a)) || archive.Compare(a, a) != 0 {
			t.Errorf("%q, %q", a, b)
		}
	})
}
