package page

import (
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
	spec.Source = weir.Source{Kind: weir.Go, Location: "example.org/Mill"}
	if text := Repro(spec); !strings.Contains(text, "go mod download") || !strings.Contains(text, "/!mill@") {
		t.Errorf("go module: %s", text)
	}
}
