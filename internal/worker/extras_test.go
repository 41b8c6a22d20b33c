//go:build unix

package worker

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

// TestSecretsStayInside looks for the secret of a build everywhere below the
// worker's directory while the build runs.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-and-l0ng"
	as := assignment(1, `echo "see $KEY" > "$WEIR_SUMMARY"; : > ready; echo "it is $KEY"; until test -e go; do sleep 0.02; done`)
	as.Spec.Job.Steps[0].Secrets = []string{"KEY"}
	as.Secrets = []weir.EnvVar{{Name: "KEY", Value: secret}}
	f := newFarm(t, as)
	w := newWorker(t, f)
	stop := start(t, f, w)
	f.until("the step says something", func() bool { return len(f.logs[1]) > 0 })
	var checkout string
	err := filepath.WalkDir(w.opts.Dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if d.Name() == "ready" {
			checkout = filepath.Dir(name)
		}
		data, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(data), secret) && d.Name() != "summary" && !strings.HasPrefix(filepath.Base(filepath.Dir(name)), "notes-") {
			t.Errorf("%s holds the secret", name)
		}
		return nil
	})
	if err != nil || checkout == "" {
		t.Fatalf("the checkout is not there: %v", err)
	}
	if err := os.WriteFile(filepath.Join(checkout, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.until("the build has ended", f.ended)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if fin := f.finishes[0]; fin.Outcome != weir.Passed || string(f.logs[1]) != "it is ***\n" || fin.Summary != "see ***" {
		t.Errorf("got %+v, %q", fin, f.logs[1])
	}
}

// TestYieldsArrive keeps files although most messages are lost.
func TestYieldsArrive(t *testing.T) {
	t.Parallel()
	as := assignment(1, `mkdir out; echo one > out/a; head -c 200000 /dev/zero > out/b; echo "m 1 s" > $WEIR_METRICS; echo text > $WEIR_SUMMARY; exit 1`)
	as.Spec.Job.Artifacts = []weir.ArtifactRule{{Path: "out/*", When: weir.WhenAlways}}
	f := newFarm(t, as)
	faults := cycle(lost, unanswered, doubled)
	f.fault = func(verb string, n int) fault {
		if verb == "lease" { // what it gives would be lost
			return fine
		}
		return faults(verb, n)
	}
	stop := start(t, f, newWorker(t, f))
	f.until("the build has ended", f.ended)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	fin := f.finishes[0]
	if fin.Outcome != weir.Failed || len(fin.Artifacts) != 2 || fin.Summary != "text" || len(fin.Metrics) != 1 || fin.Metrics[0].Value != 1 {
		t.Fatalf("got %+v", fin)
	}
	for i, want := range []string{"one\n", strings.Repeat("\x00", 200000)} {
		if a := fin.Artifacts[i]; string(f.blobs[a.Digest]) != want || a.Size != int64(len(want)) {
			t.Errorf("%+v arrived with %d bytes", a, len(f.blobs[a.Digest]))
		}
	}
}

// TestWarmth tells the server what lies here.
func TestWarmth(t *testing.T) {
	t.Parallel()
	as := assignment(1, "mkdir d; echo 1 > d/x")
	as.Spec.Job.Caches = []weir.Cache{{Paths: []string{"d"}, Key: "k"}}
	as.Spec.Project = "cached"
	f := newFarm(t, as)
	w := newWorker(t, f)
	stop := start(t, f, w)
	f.until("the build has ended", f.ended)
	f.until("another lease is asked for", func() bool { return len(f.asks) > 1 || f.count["lease"] > 1 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w.warmth.at = w.warmth.at.Add(-warmAge)
	if got := w.warm(); !slices.Equal(got, []string{"cached"}) {
		t.Errorf("warm is %v", got)
	}
	w.warmth.built("../x")
	if got := w.warmth.projects(); !slices.Equal(got, []string{"cached"}) {
		t.Errorf("projects are %v", got)
	}
}

// patches is a source that keeps the patch that it was given.
type patches struct {
	noSource
	got chan string
}

func (p patches) Prepare(_ context.Context, r source.Request) error {
	text, err := io.ReadAll(r.Patch)
	p.got <- string(text)
	return err
}

// TestPatchIsFetched brings a patch from the server to the source.
func TestPatchIsFetched(t *testing.T) {
	t.Parallel()
	const text = "--- a\n+++ b\n"
	as := assignment(1, "true")
	as.Spec.Revision = weir.Patched("abc", weir.DigestOf([]byte(text)))
	f := newFarm(t, as)
	f.blobs[weir.DigestOf([]byte(text))] = []byte(text)
	p := patches{got: make(chan string, 1)}
	stop := start(t, f, newWorker(t, f, func(o *Options) { o.Runner.Checkout = p }))
	f.until("the build has ended", f.ended)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := <-p.got; got != text || f.finishes[0].Outcome != weir.Passed {
		t.Errorf("got %q, %+v", got, f.finishes[0])
	}
}

// TestRoom tells the server how much room is left.
func TestRoom(t *testing.T) {
	t.Parallel()
	w := &Worker{opts: Options{Dir: t.TempDir()}}
	if w.room() <= 0 {
		t.Error("there is no room in the directory for temporary files")
	}
	w.opts.Dir = "\x00"
	if got := w.room(); got != 0 {
		t.Errorf("%d bytes are free where nothing can be", got)
	}
}
