package execute

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/product"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files is a source: its checkout holds them. A content that starts with "->"
// is a link.
type files map[string]string

func (f files) Checkout(_ context.Context, _ weir.Source, _, dir string, log io.Writer) error {
	for name, content := range f {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if target, ok := strings.CutPrefix(content, "->"); ok {
			if err := os.Symlink(target, path); err != nil {
				return err
			}
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	_, err := io.WriteString(log, "fake checkout\n")
	return err
}

// checkoutFunc is a source that does what it is told.
type checkoutFunc func(ctx context.Context) error

func (f checkoutFunc) Checkout(ctx context.Context, _ weir.Source, _, _ string, _ io.Writer) error {
	return f(ctx)
}

// lineFormats reads results of lines such as "pass name".
var lineFormats = Formats{
	Read: func(_ weir.ResultFormat, r io.Reader) (weir.ResultSet, error) {
		var set weir.ResultSet
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			status, name, ok := strings.Cut(lines.Text(), " ")
			switch {
			case status == "cut":
				set.Incidents = append(set.Incidents, weir.Incident{Kind: weir.Truncated})
			case status == "junk":
				return set, weir.Errorf(weir.Invalid, "line %q is not a result", lines.Text())
			case ok:
				suite, test, ok := strings.Cut(name, ":")
				if !ok {
					suite, test = "", name
				}
				set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: suite, Name: test}, Status: weir.Status(status)})
			}
		}
		if len(set.Results) == 0 && len(set.Incidents) == 0 {
			return set, weir.Errorf(weir.Invalid, "the file is empty")
		}
		return set, lines.Err()
	},
	Normalise: func(s weir.ResultSet) weir.ResultSet { return s },
	Encode:    func(w io.Writer, s weir.ResultSet) error { return json.NewEncoder(w).Encode(s) },
}

// recorder is an Observer that keeps everything.
type recorder struct {
	mu     sync.Mutex
	states map[string][]weir.StepState
	logs   map[int]*bytes.Buffer
	writer func(step int, w io.Writer) io.Writer // may wrap
	onOut  func(step int, p []byte)
}

func newRecorder() *recorder {
	return &recorder{states: map[string][]weir.StepState{}, logs: map[int]*bytes.Buffer{}}
}

func (r *recorder) Step(s weir.StepRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states[s.Name] = append(r.states[s.Name], s.State)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (r *recorder) Output(step int) io.Writer {
	r.logs[step] = &bytes.Buffer{}
	var w io.Writer = writerFunc(func(p []byte) (int, error) {
		r.mu.Lock()
		r.logs[step].Write(p)
		r.mu.Unlock()
		if r.onOut != nil {
			r.onOut(step, p)
		}
		return len(p), nil
	})
	if r.writer != nil {
		w = r.writer(step, w)
	}
	return w
}

func (r *recorder) log(step int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.logs[step] == nil {
		return ""
	}
	return r.logs[step].String()
}

func (r *recorder) all() string {
	var b strings.Builder
	for i := range 20 {
		b.WriteString(r.log(i))
	}
	return b.String()
}

func newRunner(t *testing.T, src Checkouter) *Runner {
	t.Helper()
	store, err := product.New(filepath.Join(t.TempDir(), "products"), 0)
	if err != nil {
		t.Fatal(err)
	}
	return &Runner{Checkout: src, Formats: lineFormats, Products: store, CacheDir: filepath.Join(t.TempDir(), "cache"),
		Grace: 50 * time.Millisecond, Linger: 50 * time.Millisecond}
}

func spec(steps ...string) weir.Spec {
	s := weir.Spec{Project: "toy", Platform: "linux/amd64", Revision: strings.Repeat("ab", 20),
		Source: weir.Source{Kind: weir.Git, Location: "https://example.org/some/toy.git"}, Job: weir.Job{Name: "test"}}
	for i, run := range steps {
		s.Job.Steps = append(s.Job.Steps, weir.Step{Name: string(rune('a' + i)), Run: run})
	}
	return s
}

// withResults makes a spec that reads results.
func withResults(pattern string, steps ...string) weir.Spec {
	s := spec(steps...)
	s.Job.Results = []weir.ResultFile{{Format: weir.TAP, Path: pattern}}
	return s
}

func run(t *testing.T, r *Runner, s weir.Spec, obs Observer) Report {
	t.Helper()
	return r.Run(t.Context(), Job{Build: "41", Spec: s, Dir: t.TempDir()}, obs)
}

// stepStatus finds what stands for a step in the results; empty if nothing does.
func stepStatus(set weir.ResultSet, name string) weir.Status {
	for _, r := range set.Results {
		if r.Test == (weir.TestID{Suite: weir.StepSuite, Name: name}) {
			return r.Status
		}
	}
	return ""
}

func incidentKinds(set weir.ResultSet) string {
	var kinds []string
	for _, i := range set.Incidents {
		kinds = append(kinds, string(i.Kind))
	}
	return strings.Join(kinds, ",")
}
