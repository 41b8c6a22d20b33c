//go:build unix

package supervise_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/patience"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/product"
	"github.com/weir-ci/weir/internal/worker/spool"
	"github.com/weir-ci/weir/internal/worker/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type noSource struct{}

func (noSource) Checkout(context.Context, weir.Source, string, string, io.Writer) error { return nil }

// build makes runners for tests.
func build(c supervise.Config) (execute.Runner, error) {
	store, err := product.New(c.Products, 0)
	return execute.Runner{Checkout: noSource{}, Products: store, CacheDir: c.CacheDir, Grace: c.Grace, Linger: c.Linger,
		Formats: execute.Formats{
			Read:      func(weir.ResultFormat, io.Reader) (weir.ResultSet, error) { return weir.ResultSet{}, nil },
			Normalise: func(s weir.ResultSet) weir.ResultSet { return s },
			Encode:    func(w io.Writer, s weir.ResultSet) error { return json.NewEncoder(w).Encode(s) },
		}}, err
}

func config(t *testing.T) supervise.Config {
	dir := t.TempDir()
	return supervise.Config{Dir: dir, Products: filepath.Join(dir, "products"), CacheDir: dir, Grace: 50 * time.Millisecond, Linger: 50 * time.Millisecond}
}

// task makes a spool for a build of one step.
func task(t *testing.T, c supervise.Config, id, run string) supervise.Task {
	t.Helper()
	spec := weir.Spec{Project: "toy", Source: weir.Source{Kind: weir.None}, Job: weir.Job{Name: "test", Steps: []weir.Step{{Name: "s", Run: run}}}}
	data, err := supervise.Assignment{Build: 1, Spec: spec}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	k := supervise.Task{Spool: filepath.Join(c.Dir, "spool", id), Work: filepath.Join(c.Dir, "slot"), Flush: time.Millisecond}
	if _, err := spool.Create(k.Spool, data, nil); err != nil {
		t.Fatal(err)
	}
	return k
}

func report(t *testing.T, k supervise.Task) supervise.Report {
	t.Helper()
	r, err := spool.Open(k.Spool)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, ok, err := r.Report()
	if err != nil || !ok {
		t.Fatalf("no report: %v", err)
	}
	rep, err := supervise.DecodeReport(data)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestOneAfterTheOther(t *testing.T) {
	t.Parallel()
	c := config(t)
	h, err := supervise.InProcess(c, build)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		id, run string
		cancel  bool
		want    weir.Outcome
	}{{"1.1", "echo fine", false, weir.Passed}, {"2.1", "exit 3", false, weir.Failed}, {"3.1", "exec sleep 600", true, weir.OutcomeCancelled}, {"4.1", "true", false, weir.Passed}} {
		k := task(t, c, step.id, step.run)
		r, err := h.Begin(k)
		if err != nil {
			t.Fatal(err)
		}
		if step.cancel {
			patience.Receive(t, "news", r.News)
			h.Cancel()
		}
		patience.Receive(t, "the end of "+step.run, r.Ended)
		if got := report(t, k); r.Err != nil || got.Outcome != step.want {
			t.Errorf("%s: %+v, %v", step.run, got, r.Err)
		}
	}
	again := supervise.Task{Spool: filepath.Join(c.Dir, "spool", "4.1"), Work: filepath.Join(c.Dir, "slot")}
	r, err := h.Begin(again)
	if err != nil {
		t.Fatal(err)
	}
	if patience.Receive(t, "the refusal", r.Ended); r.Err == nil || !strings.Contains(r.Err.Error(), "begun before") {
		t.Errorf("the same again: %v", r.Err)
	}
	h.Close()
	patience.Receive(t, "the supervisor's end", h.Dead())
	if _, err := h.Begin(again); err == nil || h.Alive() {
		t.Error("a dead supervisor takes an attempt")
	}
}

// TestNobodyListens: neither a worker program that stands still nor one that
// is gone holds up a build.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	c := config(t)
	k := task(t, c, "1.1", "i=0; while [ $i -lt 50 ]; do echo line; sleep 0.003; i=$((i+1)); done")
	orders, in := io.Pipe()
	out, notices := io.Pipe() // nobody reads
	defer out.Close()
	ended := make(chan error, 1)
	go func() { ended <- supervise.Main(t.Context(), orders, notices, build) }()
	enc := json.NewEncoder(in)
	for _, o := range []any{map[string]any{"config": c}, map[string]any{"run": k}} {
		if err := enc.Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	in.Close()
	if err := patience.Receive(t, "the end", ended); err != nil {
		t.Error(err)
	}
	if got := report(t, k); got.Outcome != weir.Passed {
		t.Errorf("%+v", got)
	}
}

func TestNonsense(t *testing.T) {
	t.Parallel()
	for _, orders := range []string{"?\n", `{"run":{}}` + "\n", strings.Repeat("x", 2<<20)} {
		err := supervise.Main(t.Context(), strings.NewReader(orders), io.Discard, build)
		if weir.CodeOf(err) != weir.Invalid && len(orders) < 1<<20 {
			t.Errorf("%.20q: %v", orders, err)
		}
	}
}

// TestProcess: a process is itself, until it has ended.
func TestProcess(t *testing.T) {
	t.Parallel()
	if self := supervise.Identify(os.Getpid()); !self.Alive() {
		t.Errorf("%+v does not live", self)
	}
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := supervise.Identify(cmd.Process.Pid)
	other := p
	other.Started = "before " + p.Started
	if p.Restarted() || !p.Alive() || other.Alive() {
		t.Errorf("%+v: %v, %+v: %v", p, p.Alive(), other, other.Alive())
	}
	other.Kill() // is nobody
	if !p.Alive() {
		t.Error("the wrong one was killed")
	}
	p.Kill()
	_ = cmd.Wait()
	if p.Alive() || (supervise.Process{}).Alive() {
		t.Error("it lives on")
	}
}
