package gomod

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/weir-ci/weir"
)

// proxy is a registry in a directory, as GOPROXY=file://... reads it.
type proxy struct {
	t   *testing.T
	dir string
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	return &proxy{t: t, dir: t.TempDir()}
}

func (p *proxy) write(path, text string) {
	p.t.Helper()
	path = filepath.Join(p.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// list writes the registry's list of a module.
func (p *proxy) list(mod string, versions ...string) {
	p.t.Helper()
	p.write(mod+"/@v/list", strings.Join(versions, "\n")+"\n")
}

// add publishes a version. The files are name and content in turn; go.mod is
// added unless it is among them.
func (p *proxy) add(mod, version string, files ...string) {
	p.t.Helper()
	gomod := "module " + mod + "\n"
	src := p.t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if files[i] == "go.mod" {
			gomod = files[i+1]
		}
		path := filepath.Join(src, filepath.FromSlash(files[i]))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(src, "go.mod"), []byte(gomod), 0o644); err != nil {
		p.t.Fatal(err)
	}
	stem := mod + "/@v/" + version
	p.write(stem+".info", `{"Version":"`+version+`","Time":"2024-05-06T07:08:09Z"}`)
	p.write(stem+".mod", gomod)
	f, err := os.Create(filepath.Join(p.dir, filepath.FromSlash(stem+".zip")))
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	if err := zip.CreateFromDir(f, module.Version{Path: mod, Version: version}, src); err != nil {
		p.t.Fatal(err)
	}
}

// modules reads from this proxy, with an empty cache.
func (p *proxy) modules() *Modules {
	p.t.Helper()
	return modules(p.t, "file://"+filepath.ToSlash(p.dir))
}

func modules(t *testing.T, goproxy string) *Modules {
	t.Helper()
	cache := t.TempDir()
	t.Cleanup(func() { // the module cache is read-only
		_ = filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = os.Chmod(path, 0o755)
			}
			return nil
		})
	})
	m := New(append(os.Environ(), "GOPROXY="+goproxy, "GONOSUMDB=*", "GOSUMDB=off", "GOPRIVATE=", "GONOPROXY=", "GOENV=off",
		"GOMODCACHE="+cache, "GOFLAGS=-mod=vendor", "GOWORK=/nowhere/go.work"))
	m.platform = "linux/amd64"
	return m
}

// ids lists what Revisions answers.
func ids(t *testing.T, m *Modules, src weir.Source, known string) string {
	t.Helper()
	l, err := m.Revisions(t.Context(), src, known)
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
