package page

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestReproIsOneShellScript runs the quoting through a real shell: whatever a
// specification holds, the shell must see only words where words are meant.
func TestReproIsOneShellScript(t *testing.T) {
	t.Parallel()
	spec := servertest.Demo().Cases[servertest.Culprit].Spec
	text := Repro(spec)
	for _, want := range []string{"git clone https://git.example.org/mill.git ./mill\n", "git checkout --detach 9be01c77aa",
		"export WEIR_UPSTREAM_BROOK=/opt/weir/brook-1f\n", "# step: test (at most 10m0s)\nmake -j$WEIR_CPUS check\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	spec.Source.Location, spec.Revision, spec.Job.Dir = "a'; touch hacked; '", "$(touch hacked)", "x\ny"
	spec.Inputs[0].Revision, spec.Job.Env[0].Value = "`touch hacked`", "\"; touch hacked"
	spec.Job.Steps = nil
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatalf("there is no shell: %v", err)
	}
	dir := t.TempDir()
	cmd := exec.Command(sh, "-c", "git() { :; }; cd() { :; }\n"+Repro(spec))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the text did something: %v %v", entries, err)
	}
	for _, kind := range weir.SourceKinds() {
		spec.Source.Kind = kind
		cmd := exec.Command(sh, "-c", "for f in git hg svn npm go mkdir cp chmod curl tar unzip python3 cd; do eval \"$f() { :; }\"; done\n"+Repro(spec))
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", kind, err, out)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%s: the text did something: %v %v", kind, entries, err)
		}
	}
	spec.Job.Dir = ""
	for want, c := range map[string]weir.Spec{
		"git fetch origin refs/pull/7/head\ngit checkout --detach abc\n":             {Revision: "abc", Ref: "refs/pull/7/head", Source: weir.Source{Kind: weir.Git, Location: "https://example.org/x.git"}},
		"hg clone --updaterev abc -- https://example.org/x ./x\ncd ./x\n":            {Revision: "abc", Source: weir.Source{Kind: weir.Hg, Location: "https://example.org/x"}},
		"svn checkout --revision 12 -- https://example.org/x/trunk@12 ./x\ncd ./x\n": {Revision: "r12", Source: weir.Source{Kind: weir.Svn, Location: "https://example.org/x", Branch: "trunk"}},
		"svn checkout --revision 12 -- https://example.org/x/tags/v1@12 ./x\n":       {Revision: "r12", Ref: "refs/tags/v1", Source: weir.Source{Kind: weir.Svn, Location: "https://example.org/x", Branch: "trunk"}},
		"npm pack -- @a/b@1.2": {Revision: "1.2", Source: weir.Source{Kind: weir.NPM, Location: "@a/b"}},
		"--dest sdist attrs==23.1.0\ntar -xf sdist/* --strip-components=1 -C ./attrs\n":                        {Revision: "23.1.0", Source: weir.Source{Kind: weir.PyPI, Location: "attrs"}},
		"curl --fail --location --output ./x-1.tgz https://example.org/x-1.tgz\ntar -xf ./x-1.tgz --strip-com": {Revision: "1", Source: weir.Source{Kind: weir.Archive, Location: "https://example.org/x-{version}.tgz"}},
	} {
		if text := Repro(c); !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	spec.Source = weir.Source{Kind: weir.Go, Location: "example.org/Mill"}
	if text := Repro(spec); !strings.Contains(text, "go mod download") || !strings.Contains(text, "/!mill@") {
		t.Errorf("go module: %s", text)
	}
}

func TestReproVerb(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ host, want string }{
		{"farm.example.org", "weir repro http://farm.example.org/builds/41"},
		{"127.0.0.1:8710", "weir repro http://127.0.0.1:8710/builds/41"},
		{"[::1]:8710", "weir repro http://[::1]:8710/builds/41"},
		{"farm;reboot", "weir repro 41"},
		{"$(reboot)", "weir repro 41"},
		{"farm\nreboot", "weir repro 41"},
		{"", "weir repro 41"},
		{strings.Repeat("x", 300), "weir repro 41"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/builds/41", nil)
		r.Host = c.host
		if got := ReproVerb(Origin(r), "/builds/41", "41"); got != c.want {
			t.Errorf("%q: %s, want %s", c.host, got, c.want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/builds/41", nil)
	r.Header.Set("X-Forwarded-Proto", "https")
	if got := Origin(r); got != "https://example.com" {
		t.Errorf("behind a proxy it is %s", got)
	}
}
