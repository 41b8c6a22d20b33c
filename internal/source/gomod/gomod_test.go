package gomod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

const mod = "example.com/thing"

func TestRevisions(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.list(mod, "v1.10.0", "v1.2.0", "v1.9.0", "v1.11.0-rc.1", "v0.9.0", "v1.10.1", "not-a-version")
	for _, v := range []string{"v0.9.0", "v1.2.0", "v1.3.0", "v1.9.0", "v1.10.0", "v1.11.0-rc.1", "v1.4.0-0.20240101000000-0123456789ab"} {
		p.add(mod, v)
	}
	p.add(mod, "v1.10.1", "go.mod", "module "+mod+"\nretract v1.10.0\n")
	m := p.modules()
	for name, tc := range map[string]struct {
		src         weir.Source
		known, want string
	}{
		"the tip":            {want: "v1.10.1"},
		"from":               {src: weir.Source{From: "v1.2.0"}, want: "v1.2.0 v1.9.0 v1.10.1"},
		"from and to":        {src: weir.Source{From: "v1.2.0", To: "v1.9.0"}, want: "v1.2.0 v1.9.0"},
		"to":                 {src: weir.Source{To: "v1.9.0"}, want: "v1.9.0"},
		"to, past it":        {src: weir.Source{To: "v1.2.0"}, known: "v1.9.0"},
		"from a prerelease":  {src: weir.Source{From: "v1.11.0-rc.1"}, want: "v1.11.0-rc.1"},
		"behind known":       {known: "v1.2.0", want: "v1.9.0 v1.10.1"},
		"known is gone":      {known: "v1.8.7", want: "v1.9.0 v1.10.1"},
		"known is retracted": {known: "v1.10.0", want: "v1.10.1"},
		"nothing new":        {known: "v1.10.1"},
		"gap in the list":    {src: weir.Source{Versions: []string{"v1.3.0"}}, known: "v1.2.0", want: "v1.3.0 v1.9.0 v1.10.1"},
		"named retracted":    {src: weir.Source{Versions: []string{"v1.10.0"}}, known: "v1.9.0", want: "v1.10.0 v1.10.1"},
		"named pseudo": {src: weir.Source{Versions: []string{"v1.4.0-0.20240101000000-0123456789ab"}}, known: "v1.2.0",
			want: "v1.4.0-0.20240101000000-0123456789ab v1.9.0 v1.10.1"},
		"closed":           {src: weir.Source{Closed: true, Versions: []string{"v1.9.0", "v1.2.0"}, From: "v0.9.0"}, want: "v1.2.0 v1.9.0"},
		"closed, from cut": {src: weir.Source{Closed: true, Versions: []string{"v1.9.0", "v1.2.0"}, From: "v1.3.0"}, want: "v1.9.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.src.Location = mod
			if got := ids(t, m, tc.src, tc.known); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
	l, err := m.Revisions(t.Context(), weir.Source{Location: mod}, "")
	if err != nil || !l.Revisions[0].Time.Equal(time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)) {
		t.Errorf("got %+v, %v", l, err)
	}
}

func TestNothingReleased(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.list(mod, "v1.0.0-rc.1")
	p.add(mod, "v1.0.0-rc.1")
	_, err := p.modules().Revisions(t.Context(), weir.Source{Location: mod}, "")
	expectCode(t, err, weir.NotFound)
	if got := ids(t, p.modules(), weir.Source{Location: mod}, "v0.1.0"); got != "" {
		t.Errorf("got %s", got)
	}
}

// A registry that refuses its list may still hand out versions.
func TestListRefused(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.add(mod, "v1.1.0")
	p.add(mod, "v1.2.0")
	for _, code := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusBadGateway} {
		files := http.FileServer(http.Dir(p.dir))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/list") || strings.HasSuffix(r.URL.Path, "/@latest") {
				http.Error(w, "no lists here", code)
				return
			}
			files.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		m := modules(t, server.URL)
		src := weir.Source{Location: mod, Versions: []string{"v1.2.0", "v1.1.0"}}
		if got := ids(t, m, src, "v1.0.0"); got != "v1.1.0 v1.2.0" {
			t.Errorf("%d: got %s", code, got)
		}
		src.Versions = nil
		_, err := m.Revisions(t.Context(), src, "")
		expectCode(t, err, weir.Unavailable)
		var e *weir.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, "go list -m -versions "+mod) {
			t.Errorf("got %v", err)
		}
	}
}

func TestListedButNotHandedOut(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.list(mod, "v1.0.0", "v1.1.0", "v1.2.0")
	p.add(mod, "v1.1.0")
	m := p.modules()
	l, err := m.Revisions(t.Context(), weir.Source{Location: mod, From: "v1.0.0"}, "")
	if err != nil || len(l.Revisions) != 3 || !l.Revisions[0].Time.IsZero() || l.Revisions[1].Time.IsZero() {
		t.Errorf("got %+v, %v", l, err)
	}
	err = m.Checkout(t.Context(), weir.Source{Location: mod}, "v1.0.0", filepath.Join(t.TempDir(), "x"), io.Discard)
	expectCode(t, err, weir.NotFound)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	m := modules(t, "https://ann:s3cret@127.0.0.1:1")
	src := weir.Source{Location: mod}
	_, err := m.Revisions(t.Context(), src, "")
	expectCode(t, err, weir.Unavailable)
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("shown: %v", err)
		}
	}
	src.Versions = []string{"v1.0.0"}
	_, err = m.Revisions(t.Context(), src, "")
	expectCode(t, err, weir.Unavailable)
	err = m.Checkout(t.Context(), src, "v1.0.0", filepath.Join(t.TempDir(), "x"), io.Discard)
	expectCode(t, err, weir.Unavailable)
}

func TestRefusedWords(t *testing.T) {
	t.Parallel()
	m := modules(t, "off")
	for _, src := range []weir.Source{
		{}, {Location: "-x"}, {Location: "../up"}, {Location: "example.com/a b"}, {Location: "all"}, {Location: "example.com/x@v1.0.0"},
		{Location: mod, From: "latest"}, {Location: mod, To: "v1"}, {Location: mod, Versions: []string{"v1.0.0", "master"}},
		{Location: mod, From: "v2.0.0"}, {Location: mod, From: "-x"}, {Location: mod, From: "v1.0.0 v1.1.0"},
		{Location: toolchainPath, From: "v1.0.0"}, {Location: toolchainPath, From: "go1.21.0-custom"}, {Location: toolchainPath, To: "go1.2/../x"},
	} {
		_, err := m.Revisions(t.Context(), src, "")
		expectCode(t, err, weir.Invalid)
	}
	_, err := m.Revisions(t.Context(), weir.Source{Location: mod}, "deadbeef")
	expectCode(t, err, weir.Invalid)
	expectCode(t, m.Checkout(t.Context(), weir.Source{Location: mod}, "latest", t.TempDir(), io.Discard), weir.Invalid)
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	// A module may want a newer Go than this machine has.
	p.add(mod, "v1.0.0", "go.mod", "module "+mod+"\n\ngo 1.999\n", "a/b.go", "package a\n", "README", "hello")
	m, dir := p.modules(), filepath.Join(t.TempDir(), "new", "thing")
	var log strings.Builder
	src := weir.Source{Location: mod}
	if err := m.Checkout(t.Context(), src, "v1.0.0", dir, &log); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "a", "b.go"))
	if err != nil || string(text) != "package a\n" {
		t.Errorf("got %q, %v", text, err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if info, _ := d.Info(); info.Mode()&0o200 == 0 {
			t.Errorf("%s is read-only", path)
		}
		return err
	})
	if err != nil || !strings.Contains(log.String(), "checked out "+mod+"@v1.0.0") {
		t.Errorf("log %q, %v", log.String(), err)
	}
	expectCode(t, m.Checkout(t.Context(), src, "v1.0.0", dir, nil), weir.Conflict)
	if err := m.Checkout(t.Context(), src, "v1.0.0", t.TempDir(), nil); err != nil {
		t.Errorf("an empty directory, no log: %v", err)
	}
	err = m.Checkout(t.Context(), src, "v1.7.0", filepath.Join(t.TempDir(), "x"), io.Discard)
	expectCode(t, err, weir.NotFound)
}

func TestToolchain(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	var list []string
	for _, v := range []string{"go1.9", "go1.21.0", "go1.21.10", "go1.21.9", "go1.22rc2", "go1.20.3"} {
		for _, on := range []string{".linux-amd64", ".linux-arm64", ".windows-amd64"} {
			list = append(list, toolchainPrefix+v+on)
			p.write(toolchainPath+"/@v/"+toolchainPrefix+v+on+".info", `{"Version":"`+toolchainPrefix+v+on+`","Time":"2024-05-06T07:08:09Z"}`)
			p.write(toolchainPath+"/@v/"+toolchainPrefix+v+on+".mod", "module golang.org/toolchain\n")
		}
	}
	list = append(list, toolchainPrefix+"go1.21.11.linux-arm64", toolchainPrefix+"go1.21.0-custom.linux-amd64", "v0.0.1-x")
	p.list(toolchainPath, list...)
	p.add(toolchainPath, toolchainPrefix+"go1.21.10.linux-amd64", "bin/go", "#!", "pkg/tool/linux_amd64/vet", "#!", "lib/wasm/go_js_wasm_exec", "#!",
		"src/_go.mod", "module std\n", "src/fmt/print.go", "package fmt\n", "VERSION", "go1.21.10")
	m := p.modules()
	src := weir.Source{Location: toolchainPath}
	for _, tc := range []struct{ from, known, named, want string }{
		{want: "go1.21.10"},
		{from: "go1.20.3", want: "go1.20.3 go1.21.0 go1.21.9 go1.21.10"},
		{known: "go1.9", want: "go1.20.3 go1.21.0 go1.21.9 go1.21.10"},
		{known: "go1.21.0", named: "go1.22rc2", want: "go1.21.9 go1.21.10 go1.22rc2"},
		{known: "go1.22rc2"},
	} {
		src := src
		src.From = tc.from
		if tc.named != "" {
			src.Versions = []string{tc.named}
		}
		if got := ids(t, m, src, tc.known); got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
	dir := filepath.Join(t.TempDir(), "go")
	if err := m.Checkout(t.Context(), src, "go1.21.10", dir, io.Discard); err != nil {
		t.Fatal(err)
	}
	for name, runs := range map[string]bool{"bin/go": true, "pkg/tool/linux_amd64/vet": true, "lib/wasm/go_js_wasm_exec": true,
		"src/go.mod": false, "src/fmt/print.go": false, "VERSION": false} {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || os.PathSeparator == '/' && info.Mode()&0o100 != 0 != runs {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestCancelEndsTheTool(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := modules(t, "http://"+l.Addr().String())
	failed := make(chan error, 1)
	go func() {
		_, err := m.Revisions(ctx, weir.Source{Location: mod, Versions: []string{"v1.0.0"}}, "")
		failed <- err
	}()
	const patience = 3 * time.Minute // no test waits so long unless something is wrong
	over := time.After(patience)
	if tcp, ok := l.(*net.TCPListener); ok {
		_ = tcp.SetDeadline(time.Now().Add(patience))
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	select {
	case err = <-failed:
	case <-over:
		t.Fatal("it does not end")
	}
	expectCode(t, err, weir.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the tool lives on")
	}
}

func TestManyVersions(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	var list []string
	for i := range 3*chunk + 1 {
		v := fmt.Sprintf("v1.%d.0", i)
		list = append(list, v)
		p.write(mod+"/@v/"+v+".info", fmt.Sprintf(`{"Version":%q,"Time":"2024-05-06T07:08:%02dZ"}`, v, i%60))
		p.write(mod+"/@v/"+v+".mod", "module "+mod+"\n")
	}
	p.list(mod, list...)
	l, err := p.modules().Revisions(t.Context(), weir.Source{Location: mod, From: "v1.0.0"}, "")
	if err != nil || len(l.Revisions) != len(list) {
		t.Fatalf("got %d, %v", len(l.Revisions), err)
	}
	for i, r := range l.Revisions {
		if r.ID != list[i] || r.Time.Second() != i%60 {
			t.Errorf("%d: got %+v", i, r)
		}
	}
}
