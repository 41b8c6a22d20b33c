//go:build unix

package execute

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

// keeping makes a spec that keeps files.
func keeping(s weir.Spec, rules ...weir.ArtifactRule) weir.Spec {
	s.Job.Artifacts = rules
	return s
}

func keptPaths(r Report) string {
	var paths []string
	for _, k := range r.Artifacts {
		paths = append(paths, k.Path)
	}
	return strings.Join(paths, " ")
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	path := func(p string) weir.ArtifactRule { return weir.ArtifactRule{Path: p} }
	during := func(p string, w weir.When) weir.ArtifactRule { return weir.ArtifactRule{Path: p, When: w} }
	const tree = "mkdir -p dist/sub; echo 1 > dist/a.txt; echo 2 > dist/sub/b.txt; ln -s /etc/passwd dist/out; ln -s a.txt dist/in; mkfifo dist/pipe; ln -s /etc up"
	for _, c := range []struct {
		name  string
		spec  weir.Spec
		paths string
		state weir.StepState
		log   string
	}{
		{"files", keeping(spec(tree), path("dist/a.txt"), path("**/*.txt")), "dist/a.txt dist/sub/b.txt", weir.StepPassed, "2 files kept, 4 bytes"},
		{"a directory", keeping(spec(tree+"; rm dist/out dist/pipe"), path("dist/")), "dist/a.txt dist/in dist/sub/b.txt", weir.StepPassed, ""},
		{"what leads out", keeping(spec(tree), path("dist/*")), "dist/a.txt dist/in", weir.StepFailed, `"dist/out": it cannot be read, or leads out of the checkout`},
		{"pipes", keeping(spec(tree), path("dist/pipe")), "", weir.StepFailed, "it is not a file"},
		{"odd names", keeping(spec(`printf x > 'a\b'; printf x > "$(printf 'a\nb')"; printf x > ok`), path("*")), "ok", weir.StepFailed, "a file with such a name cannot be kept"},
		{"through a link", keeping(spec(tree), path("up/passwd")), "", weir.StepFailed, "leads out"},
		{"elsewhere", keeping(spec(tree), path("../x")), "", weir.StepFailed, "not a path below the checkout"},
		{"nothing", keeping(spec(tree), path("*.deb")), "", weir.StepPassed, "*.deb: no file matches"},
		{"by outcome, passed", keeping(spec(tree), during("dist/a.txt", weir.WhenFailed), during("dist/in", weir.WhenAlways)), "dist/in", weir.StepPassed, "not kept from a build that has passed"},
		{"by outcome, failed", keeping(spec(tree+"; exit 1"), path("dist/sub/*"), during("dist/a.txt", weir.WhenFailed), during("dist/in", weir.WhenAlways)), "dist/a.txt dist/in", weir.StepPassed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rec := newRecorder()
			got := run(t, newRunner(t, files{}), c.spec, rec)
			last := got.Steps[len(got.Steps)-1]
			if keptPaths(got) != c.paths || last.Name != StepArtifacts || last.State != c.state || !strings.Contains(rec.all(), c.log) {
				t.Fatalf("got %q, %+v\n%s", keptPaths(got), last, rec.all())
			}
			for _, k := range got.Artifacts {
				data, err := os.ReadFile(k.File)
				if err != nil || weir.DigestOf(data) != k.Digest || int64(len(data)) != k.Size {
					t.Errorf("%+v is not what it says: %q, %v", k, data, err)
				}
				if left := time.Until(k.Expires); left > weir.DefaultKeep || left < weir.DefaultKeep-time.Hour {
					t.Errorf("%s is kept for %v", k.Path, left)
				}
			}
		})
	}
}

func TestArtifactsWithSecretsInTheirNames(t *testing.T) {
	t.Parallel()
	s := keeping(spec("touch x-pa55word x-w0rdpass; echo 'pa55word 1' > $WEIR_METRICS; echo 'w0rdpass 2' >> $WEIR_METRICS"), weir.ArtifactRule{Path: "x-*"})
	s.Job.Secrets = []string{"A", "B"}
	job := Job{Spec: s, Dir: t.TempDir(), Secrets: []weir.EnvVar{{Name: "A", Value: "pa55word"}, {Name: "B", Value: "w0rdpass"}}}
	got := newRunner(t, files{}).Run(t.Context(), job, newRecorder())
	if keptPaths(got) != "x-***" || len(got.Metrics) != 1 || got.Metrics[0] != (weir.Metric{Name: "***", Value: 2}) {
		t.Errorf("got %+v", got)
	}
}

func TestArtifactsOfABrokenMachineAreNotKept(t *testing.T) {
	t.Parallel()
	s := keeping(spec("echo x > f; kill -9 $$"), weir.ArtifactRule{Path: "f", When: weir.WhenAlways})
	if got := run(t, newRunner(t, files{}), s, newRecorder()); got.Outcome != weir.Infra || len(got.Artifacts) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestArtifactsHaveALimit(t *testing.T) {
	t.Parallel()
	a := newAttempt(newRunner(t, files{}), Job{Dir: t.TempDir()}, newRecorder())
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c", "d"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("12345"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	keep := func(k keeper) (int, error, string) {
		a.kept, a.outDir = nil, ""
		k.a, k.ctx, k.log, k.root, k.seen, k.shown = a, t.Context(), io.Discard, root, map[string]bool{}, map[string]bool{}
		err := k.rule(weir.ArtifactRule{Path: "*"})
		return len(a.kept), err, k.first
	}
	if n, err, _ := keep(keeper{left: 100, paths: 100, files: 3}); n != 3 || weir.CodeOf(err) != weir.TooLarge {
		t.Errorf("too many files: %d, %v", n, err)
	}
	if n, err, _ := keep(keeper{left: 100, paths: 2, files: 9}); n != 2 || weir.CodeOf(err) != weir.TooLarge {
		t.Errorf("too many names: %d, %v", n, err)
	}
	if n, err, first := keep(keeper{left: 14, paths: 100, files: 9}); n != 2 || err != nil || !strings.Contains(first, "together") {
		t.Errorf("too many bytes: %d, %v, %s", n, err, first)
	}
}
