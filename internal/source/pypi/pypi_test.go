package pypi

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
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

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/release"
)

// indexServer is a small index: simple API below /simple, files below
// /packages, and the JSON API.
type indexServer struct {
	*httptest.Server
	simple   []byte
	kind     string // the simple API's media type
	about    []byte
	packages map[string][]byte
	login    string
}

func serve(t *testing.T) *indexServer {
	t.Helper()
	s := &indexServer{packages: map[string][]byte{}, kind: "application/vnd.pypi.simple.v1+json; charset=utf-8"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /simple/sample-project/", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); s.login != "" && user+":"+password != s.login {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", s.kind)
		_, _ = w.Write(s.simple)
	})
	mux.HandleFunc("GET /packages/{name}", func(w http.ResponseWriter, r *http.Request) {
		data, ok := s.packages[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	})
	mux.HandleFunc("GET /pypi/sample-project/json", func(w http.ResponseWriter, r *http.Request) {
		if s.about == nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(s.about)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func projects(t *testing.T, env ...string) *Projects {
	t.Helper()
	c := release.NewClient(release.Options{Pause: time.Millisecond})
	t.Cleanup(c.Close)
	return New(c, append([]string{}, env...))
}

func ids(t *testing.T, p *Projects, src weir.Source, known string) string {
	t.Helper()
	ctx := source.WithSecrets(t.Context(), func(string) (string, error) { return "pw", nil })
	l, err := p.Revisions(ctx, src, known)
	if err != nil {
		t.Fatalf("%+v, known %q: %v", src, known, err)
	}
	var got []string
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

func TestRevisions(t *testing.T) {
	t.Parallel()
	p := projects(t)
	for _, form := range []struct{ file, kind, all string }{
		{"simple.json", "application/vnd.pypi.simple.v1+json", "0.9 1.0 1.2 1.10.0"},
		{"simple.html", "text/html; charset=utf-8", "0.9 1.0 1.2 1.10.0"},
	} {
		s := serve(t)
		s.simple, s.kind = golden(t, form.file), form.kind
		for _, tc := range []struct {
			known, from, to string
			versions        []string
			want            string
		}{
			{want: "1.10.0"},
			{from: "0.1", want: "0.1 " + form.all}, // the bound itself is named
			{from: "0.9", to: "1.2", want: "0.9 1.0 1.2"},
			{known: "1.0.0", want: "1.2 1.10.0"},
			{known: "1.0", versions: []string{"1.1"}, want: "1.1 1.2 1.10.0"},
			{known: "1.10", want: ""},
			{known: "1.10", versions: []string{"2.0rc1", "2.0.dev3", "1!0.1", "1.10.post1"}, want: "1.10.post1 2.0.dev3 2.0rc1 1!0.1"},
		} {
			src := weir.Source{Location: "Sample_Project", Index: s.URL + "/simple/", From: tc.from, To: tc.to, Versions: tc.versions}
			if got := ids(t, p, src, tc.known); got != tc.want {
				t.Errorf("%s: %+v: got %s", form.file, tc, got)
			}
		}
		_, err := p.Revisions(t.Context(), weir.Source{Location: "gone", Index: s.URL + "/simple"}, "")
		expectCode(t, err, weir.NotFound)
	}
	s := serve(t)
	s.simple = []byte("<html>sign in</html>")
	_, err := p.Revisions(t.Context(), weir.Source{Location: "sample.project", Index: s.URL + "/simple"}, "")
	expectCode(t, err, weir.Unavailable)
}

func TestWhatIsKnownOfAVersion(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.simple, s.about = golden(t, "simple.json"), golden(t, "about.json")
	l, err := projects(t).Revisions(t.Context(), weir.Source{Location: "sample-project", Index: s.URL + "/simple", From: "1.0"}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []weir.Revision{
		{ID: "1.0", Time: time.Date(2019, 4, 5, 5, 7, 8, 0, time.UTC), Message: "sample-project 1.0"},
		{ID: "1.2", Time: time.Date(2021, 4, 4, 6, 7, 8, 91011000, time.UTC), Message: "sample-project 1.2"},
		{ID: "1.10.0", Time: time.Date(2024, 1, 2, 3, 4, 5, 678901000, time.UTC), Author: "Ann Example <ann@example.org>",
			Message: "sample-project 1.10.0\n\nA sample project\nRepository: https://example.org/sample.git"},
	}
	if len(l.Revisions) != len(want) {
		t.Fatalf("got %+v", l.Revisions)
	}
	for i, r := range l.Revisions {
		if r != want[i] {
			t.Errorf("got  %+v\nwant %+v", r, want[i])
		}
	}
}

// sourceDist is a source distribution as python makes one.
func sourceDist(t *testing.T, version string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	top := "sample_project-" + version + "/"
	for _, f := range []struct{ name, content string }{{"PKG-INFO", "Name: sample-project\nVersion: " + version + "\n"},
		{"pyproject.toml", "[build-system]\n"}, {"src/sample/__init__.py", ""}} {
		if err := w.WriteHeader(&tar.Header{Name: top + f.name, Mode: 0o644, Size: int64(len(f.content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []io.Closer{w, z} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func aWheel(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("sample/__init__.py")
	if err == nil {
		_, err = io.WriteString(w, "# wheel\n")
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.packages["sample_project-1.0.tar.gz"] = sourceDist(t, "1.0")
	s.packages["sample_project-1.1-py3-none-any.whl"] = aWheel(t)
	link := func(name, fragment string) string {
		return fmt.Sprintf("<a href=\"/packages/%s%s\">%s</a>\n", name, fragment, name)
	}
	sum := fmt.Sprintf("#sha256=%x", sha256.Sum256(s.packages["sample_project-1.0.tar.gz"]))
	s.kind = "text/html"
	s.simple = []byte(link("sample_project-1.0-py3-none-any.whl", "") + link("sample_project-1.0.tar.gz", sum) +
		link("sample_project-1.1-cp313-cp313-plan9_mips.whl", "") + link("sample_project-1.1-py3-none-any.whl", "") +
		link("sample_project-1.2-cp313-cp313-plan9_mips.whl", "") +
		link("sample_project-1.4.tar.gz", ""))
	p := projects(t)
	src := weir.Source{Location: "sample-project", Index: s.URL + "/simple"}
	for revision, file := range map[string]string{"1.0": "PKG-INFO", "1.0.0": "src/sample/__init__.py", "1.1": "sample/__init__.py"} {
		var log strings.Builder
		dir := filepath.Join(t.TempDir(), "x")
		if err := p.Checkout(t.Context(), src, revision, dir, &log); err != nil {
			t.Errorf("%s: %v", revision, err)
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil || !strings.Contains(log.String(), "sha256 ") {
			t.Errorf("%s: %v, log %s", revision, err, log.String())
		}
	}
	expectCode(t, p.Checkout(t.Context(), src, "1.2", t.TempDir(), nil), weir.Unsupported)
	expectCode(t, p.Checkout(t.Context(), src, "1.4", t.TempDir(), nil), weir.Unavailable)
	expectCode(t, p.Checkout(t.Context(), src, "3", t.TempDir(), nil), weir.NotFound)
	expectCode(t, p.Checkout(t.Context(), src, "new", t.TempDir(), nil), weir.Invalid)
	s.simple = []byte(link("sample_project-1.0.tar.gz", "#sha256="+strings.Repeat("0", 64)))
	expectCode(t, p.Checkout(t.Context(), src, "1.0", t.TempDir(), nil), weir.Invalid)
}

func TestTheUsersIndex(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.simple = golden(t, "simple.json")
	src := weir.Source{Location: "sample-project"}
	if got := ids(t, projects(t, "PIP_INDEX_URL="+s.URL+"/simple/"), src, ""); got != "1.10.0" {
		t.Errorf("got %s", got)
	}
	s.login = "__token__:pw"
	conf := filepath.Join(t.TempDir(), "pip.conf")
	if err := os.WriteFile(conf, []byte("[install]\nindex-url = http://wrong/\n[global]\n# x\nindex_url: "+strings.Replace(s.URL, "://", "://__token__:pw@", 1)+"/simple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, projects(t, "PIP_CONFIG_FILE="+conf), src, ""); got != "1.10.0" {
		t.Errorf("got %s", got)
	}
	src.Credentials, src.Index = "pypi", s.URL+"/simple"
	if got := ids(t, projects(t), src, ""); got != "1.10.0" {
		t.Errorf("got %s", got)
	}
	src.Credentials = ""
	_, err := projects(t).Revisions(t.Context(), src, "")
	expectCode(t, err, weir.Unavailable)
	if configured(nil) != PublicIndex {
		t.Errorf("got %s", configured(nil))
	}
}

func TestRefusedNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a b", "../x", "-x", "x-", "a/b", strings.Repeat("a", 300), "x?y", "https://u:p@h/"} {
		_, err := projects(t).Revisions(t.Context(), weir.Source{Location: name, Versions: []string{"1.0"}, Closed: true}, "")
		expectCode(t, err, weir.Invalid)
	}
	for in, want := range map[string]string{"Sample__Pro.-ject": "sample-pro-ject", "x": "x"} {
		if got := Normalize(in); got != want {
			t.Errorf("%s: got %s", in, got)
		}
	}
}

func FuzzSimple(f *testing.F) {
	f.Add(golden(f, "simple.json"), true)
	f.Add(golden(f, "simple.html"), false)
	base := &url.URL{Scheme: "https", Host: "example.org", Path: "/simple/sample-project/"}
	f.Fuzz(func(t *testing.T, data []byte, isJSON bool) {
		files := parseHTML(data, base)
		if isJSON {
			var err error
			if files, err = parseJSON(data, base); err != nil {
				return
			}
		}
		for i := range files {
			files[i].read("sample-project")
			if files[i].kind != other && !isVersion(files[i].version) {
				t.Errorf("%+v", files[i])
			}
		}
		for _, v := range released(files) {
			if _, err := choose(files, v, "x"); err != nil && weir.CodeOf(err) != weir.Unsupported {
				t.Errorf("%s: %v", v, err)
			}
		}
	})
}

func FuzzAbout(f *testing.F) {
	f.Add(golden(f, "about.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		revs := []weir.Revision{{ID: "1.10.0"}, {ID: "1.2"}}
		parseAbout(data).describe(revs)
		for _, r := range revs {
			if len(r.Message) > weir.MaxMessage || strings.ContainsAny(r.Author, "\n\x00") {
				t.Errorf("%+v", r)
			}
		}
	})
}
