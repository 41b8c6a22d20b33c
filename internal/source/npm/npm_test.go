package npm

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/release"
)

// registryServer serves a document for each package, and tarballs below /-/.
type registryServer struct {
	*httptest.Server
	documents map[string][]byte
	tarballs  string // a directory
	login     string // what Authorization must be; empty: nothing
	full      int    // how often a whole document was asked for
}

func serve(t *testing.T) *registryServer {
	t.Helper()
	s := &registryServer{documents: map[string][]byte{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.login != r.Header.Get("Authorization") {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		if name, ok := strings.CutPrefix(r.URL.Path, "/-/"); ok {
			http.ServeFile(w, r, filepath.Join(s.tarballs, name))
			return
		}
		if r.Header.Get("Accept") == acceptFull {
			s.full++
		}
		name := strings.Replace(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "%2f", "/", 1)
		d, ok := s.documents[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(d)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *registryServer) golden(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	s.documents[name] = data
}

func packages(t *testing.T, env ...string) *Packages {
	t.Helper()
	c := release.NewClient(release.Options{Pause: time.Millisecond})
	t.Cleanup(c.Close)
	return New(c, append([]string{}, env...))
}

func ids(t *testing.T, p *Packages, src weir.Source, known string) string {
	t.Helper()
	ctx := source.WithSecrets(t.Context(), func(string) (string, error) { return "s3cret", nil })
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
	s := serve(t)
	s.golden(t, "left-pad")
	s.golden(t, "odd")
	p := packages(t)
	for _, tc := range []struct {
		name, known, from, to string
		versions              []string
		closed                bool
		want                  string
	}{
		{name: "left-pad", want: "1.3.0"},
		{name: "left-pad", from: "1.0.0", want: "1.0.0 1.1.3 1.2.0 1.3.0"},
		{name: "left-pad", from: "0.0.9", to: "1.1.3", want: "0.0.9 1.1.3"},
		{name: "left-pad", known: "1.1.3", want: "1.2.0 1.3.0"},
		{name: "left-pad", known: "1.3.0", want: ""},
		{name: "left-pad", from: "1.0.0", versions: []string{"1.0.1"}, closed: true, want: "1.0.1"},
		{name: "odd", from: "1.0.0", want: "1.0.0 2.0.0"},
		{name: "odd", from: "1.0.0", versions: []string{"1.1.0", "next"}, want: "1.0.0 1.1.0 2.0.0 3.0.0-beta.2"},
		{name: "odd", from: "1.1.0", want: "1.1.0 2.0.0"},
	} {
		src := weir.Source{Location: tc.name, Index: s.URL + "/", From: tc.from, To: tc.to, Versions: tc.versions, Closed: tc.closed}
		if got := ids(t, p, src, tc.known); got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
	s.full = 0
	if ids(t, p, weir.Source{Location: "left-pad", Index: s.URL}, "1.3.0"); s.full != 0 {
		t.Error("the whole document was asked for, with nothing new")
	}
	_, err := p.Revisions(t.Context(), weir.Source{Location: "gone", Index: s.URL}, "")
	expectCode(t, err, weir.NotFound)
	_, err = p.Revisions(t.Context(), weir.Source{Location: "odd", Index: s.URL, Versions: []string{"broken"}}, "")
	expectCode(t, err, weir.NotFound)
	s.documents["html"] = []byte("<html>sign in</html>")
	_, err = p.Revisions(t.Context(), weir.Source{Location: "html", Index: s.URL}, "")
	expectCode(t, err, weir.Unavailable)
}

func TestWhatIsKnownOfAVersion(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.golden(t, "odd")
	l, err := packages(t).Revisions(t.Context(), weir.Source{Location: "odd", Index: s.URL, From: "1.0.0", Versions: []string{"1.1.0"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []weir.Revision{
		{ID: "1.0.0", Time: time.Date(2015, 1, 2, 3, 4, 5, 6e6, time.UTC), Message: "odd 1.0.0\n\nRepository: git@example.org:odd.git"},
		{ID: "1.1.0", Author: "Ann Example <ann@example.org>", Message: "odd 1.1.0\n\nRepository: https://example.org/odd.git\nThis version is deprecated."},
		{ID: "2.0.0", Author: "ann <ann@example.org>", Time: time.Date(2023, 5, 6, 7, 8, 9, 10e6, time.UTC),
			Message: "odd 2.0.0\n\nOdd things\nRepository: https://example.org/odd.git\nCommit: 7b2f5f7e3d1f4f0f8f3f3b1b8f9f7a6c5d4e3f2a"},
	}
	for i, r := range l.Revisions {
		if r != want[i] {
			t.Errorf("got  %+v\nwant %+v", r, want[i])
		}
	}
}

// realPackage packs a package with npm itself and puts it into the registry.
func (s *registryServer) realPackage(t *testing.T, name, version string) {
	t.Helper()
	dir := t.TempDir()
	manifest := fmt.Sprintf(`{"name":%q,"version":%q,"description":"Pads","license":"MIT","scripts":{"prepare":"exit 1"}}`, name, version)
	for file, content := range map[string]string{"package.json": manifest, "index.js": "module.exports = s => s.padStart(8)\n", "lib/a.js": "// a\n"} {
		at := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "npm", "pack", "--json", "--offline", "--ignore-scripts", "--loglevel=error", "--cache", t.TempDir())
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("npm pack: %v", err)
	}
	var packed []struct{ Filename, Integrity, Shasum string }
	if err := json.Unmarshal(out, &packed); err != nil || len(packed) != 1 {
		t.Fatalf("npm pack said %s, %v", out, err)
	}
	s.tarballs = dir
	s.documents[name] = fmt.Appendf(nil, `{"name":%q,"dist-tags":{"latest":%q},"versions":{%q:{"dist":{"tarball":"%s/-/%s","integrity":%q,"shasum":%q}},
		"0.1.0":{"dist":{"tarball":"%[4]s/-/%[5]s","integrity":"sha512-%[8]s"}},
		"0.2.0":{"dist":{"tarball":"%[4]s/-/%[5]s","shasum":%[7]q}},
		"0.3.0":{"dist":{"tarball":"%[4]s/-/%[5]s"}},
		"0.4.0":{"dist":{"tarball":"https://registry.npmjs.org/-/%[5]s","integrity":%[6]q}}},
		"time":{%[3]q:"2024-01-02T03:04:05.000Z"}}`, name, version, version, s.URL, packed[0].Filename, packed[0].Integrity, packed[0].Shasum,
		base64.StdEncoding.EncodeToString(make([]byte, 64)))
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.realPackage(t, "@weir-test/leftish", "1.2.0")
	p := packages(t)
	src := weir.Source{Location: "@weir-test/leftish", Index: s.URL}
	if got := ids(t, p, src, ""); got != "1.2.0" {
		t.Errorf("got %s", got)
	}
	// 0.4.0 lies on the public registry as far as the mirror's document says.
	for _, version := range []string{"1.2.0", "0.2.0", "0.4.0"} {
		var log strings.Builder
		dir := filepath.Join(t.TempDir(), "x")
		if err := p.Checkout(t.Context(), src, version, dir, &log); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "lib", "a.js"))
		if err != nil || string(data) != "// a\n" || !strings.Contains(log.String(), "sha256 ") {
			t.Errorf("got %q, %v, log %s", data, err, log.String())
		}
	}
	expectCode(t, p.Checkout(t.Context(), src, "0.1.0", t.TempDir(), nil), weir.Invalid)
	expectCode(t, p.Checkout(t.Context(), src, "0.3.0", t.TempDir(), nil), weir.Invalid)
	expectCode(t, p.Checkout(t.Context(), src, "7.0.0", t.TempDir(), nil), weir.NotFound)
	expectCode(t, p.Checkout(t.Context(), src, "latest", t.TempDir(), nil), weir.Invalid)
}

func TestTheUsersRegistry(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.golden(t, "left-pad")
	s.documents["@mine/x"] = []byte(`{"versions":{"1.0.0":{}}}`)
	s.login = "Bearer t0ken"
	rc := filepath.Join(t.TempDir(), "npmrc")
	text := "; comment\nregistry=" + s.URL + "/\n@mine:registry = \"" + s.URL + "\"\n" +
		strings.TrimPrefix(s.URL, "http:") + "/:_authToken=${TOKEN}\n"
	if err := os.WriteFile(rc, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := packages(t, "NPM_CONFIG_USERCONFIG="+rc, "TOKEN=t0ken")
	for name, want := range map[string]string{"left-pad": "1.3.0", "@mine/x": "1.0.0"} {
		if got := ids(t, p, weir.Source{Location: name}, ""); got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
	s.login = ""
	if got := ids(t, packages(t, "npm_config_registry="+s.URL), weir.Source{Location: "left-pad"}, ""); got != "1.3.0" {
		t.Errorf("got %s", got)
	}
	s.login = "Bearer s3cret"
	if got := ids(t, packages(t, "npm_config_registry="+s.URL), weir.Source{Location: "left-pad", Credentials: "npm"}, ""); got != "1.3.0" {
		t.Errorf("got %s", got)
	}
	if got := readConfig(nil).registry("x"); got != PublicRegistry {
		t.Errorf("got %s", got)
	}
	c := config{"//h/a/:_auth": base64.StdEncoding.EncodeToString([]byte("u:p"))}
	if c.login("https://h/a/b/") != "u:p" || c.login("https://h/") != "" || c.login("https://h.evil/a") != "" {
		t.Error("a login for the wrong registry")
	}
}

func TestRefusedNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a b", "../x", "@x", "@x/y/z", ".x", "a/b", strings.Repeat("a", 300), "x?y", "https://u:p@h/"} {
		_, err := packages(t).Revisions(t.Context(), weir.Source{Location: name, Versions: []string{"1.0.0"}, Closed: true}, "")
		expectCode(t, err, weir.Invalid)
	}
}

func FuzzDocument(f *testing.F) {
	for _, name := range []string{"left-pad", "odd"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parse(data, "x")
		if err != nil {
			return
		}
		for _, v := range d.released() {
			if !isVersion(v) {
				t.Errorf("%q is no version", v)
			}
			r := d.revision("x", v)
			if strings.ContainsAny(r.Author, "\n\x00") || len(r.Message) > weir.MaxMessage {
				t.Errorf("%+v", r)
			}
			if g := d.Versions[v].Dist.digest(); g.Known() && g.Hex == "" {
				t.Errorf("%+v", g)
			}
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add("registry=https://x/\n//x/:_authToken=${A}\n@s:registry=y")
	f.Fuzz(func(_ *testing.T, text string) {
		c := parseConfig(strings.NewReader(text), func(string) string { return "" })
		c.login(c.registry("@s/x"))
	})
}
