package farmtest_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/farmtest"
	"github.com/weir-ci/weir/internal/store"
)

// registries is an npm registry, a Python index and a directory of archives, with
// one package each.
type registries struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string][]byte // by path
	versions []string
	packed   map[string]string // integrity of npm's tarballs, by version
}

func newRegistries(t *testing.T) *registries {
	t.Helper()
	r := &registries{files: map[string][]byte{}, packed: map[string]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		var npm, simple, page strings.Builder
		for i, v := range r.versions {
			_, _ = fmt.Fprintf(&npm, "%s%q: {\"dist\": {\"tarball\": \"%s/files/reed-%s.tgz\", \"integrity\": %q}}",
				strings.Repeat(", ", min(i, 1)), v, r.URL, v, r.packed[v])
			_, _ = fmt.Fprintf(&simple, "<a href=\"/files/sedge-%s.tar.gz#sha256=%x\">x</a>\n", v, sha256.Sum256(r.files["/files/sedge-"+v+".tar.gz"]))
			_, _ = fmt.Fprintf(&page, "<a href=\"rush-%s.tar.gz\">x</a>\n", v)
		}
		switch data, ok := r.files[q.URL.Path]; {
		case ok:
			_, _ = w.Write(data)
		case q.URL.Path == "/npm/reed":
			_, _ = fmt.Fprintf(w, `{"name": "reed", "versions": {%s}}`, npm.String())
		case q.URL.Path == "/simple/sedge/":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, simple.String())
		case q.URL.Path == "/files/":
			_, _ = io.WriteString(w, page.String())
		default:
			http.NotFound(w, q)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// publish releases a version of all three packages.
func (r *registries) publish(t *testing.T, version string) {
	t.Helper()
	dir := t.TempDir()
	manifest := fmt.Sprintf(`{"name": "reed", "version": %q, "license": "MIT"}`, version)
	for name, text := range map[string]string{"package.json": manifest, "VERSION": version} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "npm", "pack", "--json", "--offline", "--loglevel=error", "--cache", t.TempDir())
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packed []struct{ Filename, Integrity string }
	if err := json.Unmarshal(out, &packed); err != nil {
		t.Fatal(err)
	}
	tarball, err := os.ReadFile(filepath.Join(dir, packed[0].Filename))
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.versions = append(r.versions, version)
	r.packed[version] = packed[0].Integrity
	r.files["/files/reed-"+version+".tgz"] = tarball
	for _, name := range []string{"sedge", "rush"} {
		r.files["/files/"+name+"-"+version+".tar.gz"] = tarGz(t, name+"-"+version+"/VERSION", version)
	}
}

func tarGz(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
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

// What is released is built, in the order of versions: packages of npm and Python
// and archives, one of them downstream of another.
func TestReleasesAreBuilt(t *testing.T) {
	t.Parallel()
	r := newRegistries(t)
	for _, v := range []string{"1.9.0", "1.10.0"} {
		r.publish(t, v)
	}
	f := farmtest.Start(t, farmFile(t, t.TempDir(), strings.ReplaceAll(`
projects:
  reed: {source: {npm: reed, index: URL/npm, poll: 720h}, jobs: {test: {steps: ['test "$(cat VERSION)" = "$WEIR_REVISION"']}}}
  sedge: {source: {pypi: sedge, index: URL/simple, poll: 720h, from: 1.9.0}, jobs: {test: {steps: ['test "$(cat VERSION)" = "$WEIR_REVISION"']}}}
  rush:
    source: {archive: "URL/files/rush-{version}.tar.gz", index: URL/files/, poll: 720h}
    upstreams: [reed]
    jobs: {test: {steps: ['test "$(cat VERSION)" = "$WEIR_REVISION"']}}
`, "URL", r.URL)), farmtest.Options{})
	at := func(o client.Overview, project, version string) bool {
		for _, row := range o.Builders {
			if row.Builder.Project == project && len(row.Recent) > 0 {
				b := row.Recent[0]
				if b.State.Final() && b.Outcome != weir.Passed {
					t.Fatalf("%s ended as %s: %s", project, b.Outcome, b.Reason.Text)
				}
				return b.State.Final() && b.Pins[project] == version
			}
		}
		return false
	}
	all := func(version string) func(client.Overview) bool {
		return func(o client.Overview) bool {
			return at(o, "reed", version) && at(o, "sedge", version) && at(o, "rush", version)
		}
	}
	f.Until(t, "the newest releases are built", all("1.10.0"))
	r.publish(t, "2.0.0")
	r.publish(t, "2.1.0-rc.1")
	token, err := app.AddToken(t.Context(), f.Server.Access(), store.Token{Name: "boss", Scope: store.ScopeAdmin})
	if err != nil {
		t.Fatal(err)
	}
	for _, project := range []string{"reed", "sedge", "rush"} {
		if err := f.WithToken(token).Change(t.Context(), project, ""); err != nil {
			t.Error(err)
		}
	}
	f.Until(t, "what was released then is built", all("2.0.0"))
}

// A source that is read with a secret is read with it on the server, which lists
// revisions, and on the worker, which checks them out; no step can see it, and no
// log shows it.
func TestCredentialsReachTheSource(t *testing.T) {
	t.Parallel()
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch user, password, _ := r.BasicAuth(); {
		case user != "reader" || password != "correct horse":
			http.Error(w, "who are you?", http.StatusUnauthorized)
		case r.URL.Path == "/dist/":
			_, _ = io.WriteString(w, "<a href=reed-1.0.tar.gz>x</a>")
		default:
			_, _ = w.Write(tarGz(t, "reed-1.0/VERSION", "1.0"))
		}
	}))
	t.Cleanup(served.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "login"), []byte("reader:correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := farmtest.Start(t, farmFile(t, dir, strings.ReplaceAll(`
secrets: {DIST: {file: login}}
projects:
  reed:
    source: {archive: "URL/dist/reed-{version}.tar.gz", index: URL/dist/, credentials: DIST, poll: 720h}
    jobs: {test: {steps: ['cat VERSION && env && ! env | grep -q "correct horse"']}}
`, "URL", served.URL)), farmtest.Options{})
	o := f.Until(t, "it is built", func(o client.Overview) bool { return built(o, "reed", 1) })
	b := o.Builders[0].Recent[0]
	if b.Outcome != weir.Passed {
		t.Fatalf("it %s: %s", b.Outcome, b.Reason.Text)
	}
	detail, err := f.Build(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range detail.Attempts {
		for step := range a.Steps {
			var log bytes.Buffer
			if err := f.CopyLog(t.Context(), &log, a.ID, step); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(log.String(), "correct horse") {
				t.Errorf("the log of step %d shows the password:\n%s", step, log.String())
			}
		}
	}
}
