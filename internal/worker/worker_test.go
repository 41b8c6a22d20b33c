//go:build unix

package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/product"
)

// patientTests are the tests of this package. What has been told to end is no leak
// if it needs a moment on a busy machine; the check itself waits for half a second.
type patientTests struct{ *testing.M }

func (p patientTests) Run() int {
	code := p.M.Run()
	for over := time.Now().Add(time.Minute); goleak.Find() != nil && time.Now().Before(over); {
		continue
	}
	return code
}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(patientTests{m}, goleak.Cleanup(func(code int) {
		if built.dir != "" {
			_ = os.RemoveAll(built.dir)
		}
		os.Exit(code)
	}))
}

type noSource struct{}

func (noSource) Checkout(context.Context, weir.Source, string, string, io.Writer) error { return nil }

const platform = "testos/testarch"

func newWorker(t testing.TB, f *farm, change ...func(*Options)) *Worker {
	t.Helper()
	store, err := product.New(filepath.Join(t.TempDir(), "products"), 0)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Server: f.url, Token: "secret", Dir: filepath.Join(t.TempDir(), "w"), Platform: platform,
		Runner: execute.Runner{Checkout: noSource{}, Products: store, Grace: 50 * time.Millisecond, Linger: 50 * time.Millisecond,
			Formats: execute.Formats{
				Read:      func(weir.ResultFormat, io.Reader) (weir.ResultSet, error) { return weir.ResultSet{}, nil },
				Normalise: func(s weir.ResultSet) weir.ResultSet { return s },
				Encode:    func(w io.Writer, s weir.ResultSet) error { return json.NewEncoder(w).Encode(s) },
			}}}
	for _, c := range change {
		c(&o)
	}
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.client.first, w.client.last, w.client.stall = time.Millisecond, 5*time.Millisecond, 5*time.Second
	return w
}

// start runs a worker of a farm until the returned function is called, which waits
// for the end of both: what the farm has been told can be looked at then.
func start(t testing.TB, f *farm, w *Worker) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	end := sync.OnceValue(func() error {
		cancel()
		defer f.close()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			t.Error("the worker does not end")
			return nil
		}
	})
	t.Cleanup(func() { _ = end() })
	return func() error {
		err := end()
		if list, _ := os.ReadDir(w.slotsDir()); len(list) != 0 {
			t.Errorf("left behind: %v", list)
		}
		return err
	}
}

func assignment(build int, steps ...string) protocol.Assignment {
	a := protocol.Assignment{Attempt: weir.AttemptID{Build: weir.BuildID(build), Number: 1}, Token: "t1",
		Spec: weir.Spec{Project: "toy", Platform: platform, Source: weir.Source{Kind: weir.Git, Location: "/toy"}, Job: weir.Job{Name: "test"}}}
	for i, run := range steps {
		a.Spec.Job.Steps = append(a.Spec.Job.Steps, weir.Step{Name: fmt.Sprint("s", i), Run: run})
	}
	return a
}

func numbers(n int) (script, output string) {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); done", n), b.String()
}

// cycle spreads faults over all messages: of n messages in a row the first
// ones go wrong.
func cycle(kinds ...fault) func(string, int) fault {
	return func(_ string, n int) fault { return append(kinds, fine)[n%(len(kinds)+1)] }
}

func TestBuild(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]func(string, int) fault{
		"no faults":  cycle(),
		"lost":       cycle(lost),
		"unanswered": func(verb string, n int) fault { return map[bool]fault{verb != "lease" && n%3 != 2: unanswered}[true] },
		"doubled":    func(verb string, _ int) fault { return map[bool]fault{verb != "lease": doubled}[true] },
		"broken":     cycle(broken, broken),
		"garbled": func(verb string, n int) fault {
			return map[bool]fault{n%2 == 0 && verb != "HEAD" && verb != "PUT": garbled}[true]
		},
		"everything at once": func(verb string, n int) fault {
			kinds := []fault{lost, broken, unanswered, fine, doubled, broken}
			if verb == "lease" {
				kinds = []fault{lost, broken, fine}
			}
			return kinds[n%len(kinds)]
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script, output := numbers(3000)
			f := newFarm(t, assignment(1, script, "echo second; exit 3", "echo third"))
			f.fault = faults
			stop := start(t, f, newWorker(t, f))
			f.until("the end", f.ended)
			if err := stop(); err != nil {
				t.Error(err)
			}
			end := f.finishes[0]
			if around := end.Surroundings; around.Directory != "toy" || around.Root == nil {
				t.Errorf("it says that it ran %+v", around)
			}
			if end.Outcome != weir.Failed || end.Reason.Code != weir.ReasonStep || end.Token != "t1" || len(end.Steps) != 4 {
				t.Errorf("ended as %+v", end)
			}
			for _, again := range f.finishes {
				if fmt.Sprint(again) != fmt.Sprint(end) {
					t.Errorf("first %+v, then %+v", end, again)
				}
			}
			if got := string(f.logs[1]); got != output {
				t.Errorf("log of %d bytes instead of %d", len(got), len(output))
			}
			if string(f.logs[2]) != "second\n" || f.logs[3] != nil {
				t.Errorf("logs: %q, %q", f.logs[2], f.logs[3])
			}
			for i, want := range []weir.StepState{weir.StepPassed, weir.StepPassed, weir.StepFailed, weir.StepSkipped} {
				if f.steps[i].State != want || end.Steps[i].State != want {
					t.Errorf("step %d is %s, and at the end %s", i, f.steps[i].State, end.Steps[i].State)
				}
			}
			if !bytes.Contains(end.Set, []byte(weir.StepSuite)) || weir.DigestOf(end.Set) != end.Results || len(f.blobs) > 0 {
				t.Errorf("results: %s, and %d blobs", end.Set, len(f.blobs))
			}
		})
	}
}

// TestServerAway lets a build run to its end while the server is away.
func TestServerAway(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	script, output := numbers(1000)
	f := newFarm(t, assignment(1, "while [ ! -e "+gate+" ]; do sleep 0.01; done; "+script+"; touch "+gate+".done"))
	f.fault = func(verb string, n int) fault {
		if verb != "sync" || n < 3 {
			return fine
		}
		if n == 3 {
			_ = os.WriteFile(gate, nil, 0o600)
		}
		if _, err := os.Stat(gate + ".done"); err != nil {
			return broken
		}
		return fine
	}
	stop := start(t, f, newWorker(t, f))
	f.until("the end", f.ended)
	_ = stop()
	if f.finishes[0].Outcome != weir.Passed || string(f.logs[1]) != output {
		t.Errorf("%+v, %d bytes of log", f.finishes[0], len(f.logs[1]))
	}
}

// TestDropped ends attempts from outside; the worker kills them, says nothing
// and takes the next one.
func TestDropped(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(f *farm){
		"fenced": func(f *farm) {
			f.fault = func(verb string, _ int) fault {
				return map[bool]fault{verb == "sync" && len(f.logs[1]) > 0 && f.count["sync"] < 1000: fenced}[true]
			}
		},
		"ended": func(f *farm) {
			f.answer = func(protocol.Sync) protocol.SyncAnswer {
				if len(f.logs[1]) > 0 {
					return protocol.SyncAnswer{Cancel: &weir.Reason{Code: weir.ReasonRequested}}
				}
				return protocol.SyncAnswer{}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			f := newFarm(t, assignment(1, "echo $$ > "+dir+"/pid; echo on; exec sleep 600"))
			end(f)
			stop := start(t, f, newWorker(t, f))
			f.until("output", func() bool { return len(f.logs[1]) > 0 })
			f.until("a second lease", func() bool { return f.count["lease"] > 1 })
			waitGone(t, dir+"/pid")
			_ = stop()
			if f.ended() {
				t.Errorf("reported %+v", f.finishes)
			}
		})
	}
}

func waitGone(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	fmt.Sscan(string(data), &pid)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for over := time.After(patience); syscall.Kill(pid, 0) == nil; {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && bytes.Contains(stat, []byte(") Z ")) {
			return // it is dead, and nobody has looked yet
		}
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("process %d still runs", pid)
		}
	}
}

// bounded ends when no test should wait any more.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// TestNotKept cuts the connection; the server then says that it has given the attempt away.
func TestNotKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFarm(t, assignment(1, "echo $$ > "+dir+"/pid; echo on; exec sleep 600"))
	f.keep = false
	f.fault = func(verb string, n int) fault { return map[bool]fault{verb == "lease" && n == 1: lost}[true] }
	stop := start(t, f, newWorker(t, f, func(o *Options) { o.Slots = 2 }))
	f.until("work after a second hello", func() bool { return len(f.hellos) > 1 && f.count["lease"] > 2 })
	_ = stop()
	if f.ended() || len(f.hellos[1].Holds) != 1 {
		t.Errorf("held %v, reported %+v", f.hellos[1].Holds, f.finishes)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	f := newFarm(t, assignment(1, "echo on; mkdir -p $HOME/go; touch $HOME/go/f; chmod -R a-w $HOME/go; exec sleep 600"))
	stop := start(t, f, newWorker(t, f))
	f.until("output", func() bool { return len(f.logs[1]) > 0 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if len(f.finishes) != 1 || f.finishes[0].Outcome != weir.Infra || f.finishes[0].Reason.Code != weir.ReasonWorker {
		t.Errorf("reported %+v", f.finishes)
	}
}

func TestStopWhileServerAway(t *testing.T) {
	t.Parallel()
	f := newFarm(t, assignment(1, "echo on"))
	f.fault = func(verb string, _ int) fault { return map[bool]fault{verb == "finish": broken}[true] }
	w := newWorker(t, f)
	w.stop = 20 * time.Millisecond
	stop := start(t, f, w)
	f.until("a report", func() bool { return f.count["finish"] > 0 })
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestNotWanted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(o *Options)
		fault  func(verb string, n int) fault
		queue  []protocol.Assignment
		want   weir.Code
	}{
		"wrong token": {change: func(o *Options) { o.Token = "guess" }, want: weir.Unauthenticated},
		"revoked":     {fault: func(verb string, _ int) fault { return map[bool]fault{verb == "lease": expelled}[true] }, want: weir.Unauthenticated},
		"revoked while running": {fault: func(verb string, n int) fault { return map[bool]fault{verb == "sync" && n > 1: expelled}[true] },
			queue: []protocol.Assignment{assignment(1, "exec sleep 600")}, want: weir.Unauthenticated},
	} {
		f := newFarm(t, c.queue...)
		if c.fault != nil {
			f.fault = c.fault
		}
		if c.change == nil {
			c.change = func(*Options) {}
		}
		err := newWorker(t, f, c.change).Run(bounded(t))
		if weir.CodeOf(err) != c.want || !strings.Contains(err.Error(), "weir token add") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneDirOneWorker(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	first := newWorker(t, f)
	stop := start(t, f, first)
	f.until("hello", func() bool { return len(f.hellos) > 0 })
	second := newWorker(t, f, func(o *Options) { o.Dir = first.opts.Dir })
	if err := second.Run(bounded(t)); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("got %v", err)
	}
	_ = stop()
}

func TestAssignments(t *testing.T) {
	t.Parallel()
	wrong := assignment(2, "true")
	wrong.Spec.Platform = "other/other"
	many := assignment(3, make([]string, protocol.MaxSteps)...)
	f := newFarm(t, assignment(1, "true"), wrong, many)
	stop := start(t, f, newWorker(t, f, func(o *Options) { o.Slots = 3 }))
	f.until("three ends", func() bool { return len(f.finishes) == 3 })
	_ = stop()
	outcomes := map[weir.Outcome]int{}
	for _, e := range f.finishes {
		outcomes[e.Outcome]++
	}
	if outcomes[weir.Passed] != 1 || outcomes[weir.Infra] != 2 {
		t.Errorf("got %v", outcomes)
	}
}

// TestProduct makes a product on one worker and uses it on another one, whose
// downloads break.
func TestProduct(t *testing.T) {
	t.Parallel()
	make1 := assignment(1, `head -c 300000 /dev/urandom > "$WEIR_PREFIX/data"; mkdir "$WEIR_PREFIX/bin"; printf '#!/bin/sh\necho tool\n' > "$WEIR_PREFIX/bin/tool"; chmod +x "$WEIR_PREFIX/bin/tool"`)
	make1.Spec.Job.Product, make1.Spec.ProductKey = "$WEIR_PREFIX", "0123456789abcdef0123"
	f := newFarm(t, make1)
	stop := start(t, f, newWorker(t, f))
	f.until("the product", f.ended)
	_ = stop()
	p := f.finishes[0].Product
	if f.finishes[0].Outcome != weir.Passed || int64(len(f.blobs[p.Digest])) != p.Size {
		t.Fatalf("got %+v", f.finishes[0])
	}
	use := assignment(2, "tool")
	use.Spec.Inputs = []weir.UpstreamSpec{{Project: "lang", Revision: "r", Product: p}}
	if err := os.RemoveAll(p.Prefix); err != nil {
		t.Fatal(err)
	}
	g := newFarm(t, use)
	g.blobs = f.blobs
	w := newWorker(t, g)
	w.client.http.Transport = &halfway{next: w.client.http.Transport}
	stop = start(t, g, w)
	g.until("the end", g.ended)
	_ = stop()
	if g.finishes[0].Outcome != weir.Passed || string(g.logs[2]) != "tool\n" {
		t.Errorf("got %+v\n%s", g.finishes[0], g.logs[1])
	}
}

// halfway breaks the first download in the middle.
type halfway struct {
	next http.RoundTripper
	done bool
}

func (h *halfway) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := h.next.RoundTrip(r)
	if err == nil && r.Method == http.MethodGet && !h.done {
		h.done = true
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(resp.Body, 100_000), failingReader{}), resp.Body}
	}
	return resp, err
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestStoreFails(t *testing.T) {
	t.Parallel()
	f := newFarm(t, assignment(1, "true"))
	f.version = 1 // results are put, however small they are
	f.fault = func(verb string, _ int) fault { return map[bool]fault{verb == "PUT": broken}[true] }
	stop := start(t, f, newWorker(t, f))
	f.until("the end", f.ended)
	_ = stop()
	if e := f.finishes[0]; e.Outcome != weir.Infra || e.Reason.Code != weir.ReasonWorker || e.Results != "" {
		t.Errorf("got %+v", e)
	}
}

// TestStoreWaits lets the server be away for longer than any transfer is tried
// that only breaks off: the build is not lost for that.
func TestStoreWaits(t *testing.T) {
	t.Parallel()
	f := newFarm(t, assignment(1, "true"))
	f.version = 1 // results are put, however small they are
	var w *Worker
	f.fault = func(verb string, n int) fault {
		return map[bool]fault{(verb == "PUT" || verb == "HEAD") && n < 3*w.client.tries: absent503}[true]
	}
	w = newWorker(t, f)
	stop := start(t, f, w)
	f.until("the end", f.ended)
	_ = stop()
	if e := f.finishes[0]; e.Outcome != weir.Passed {
		t.Errorf("got %+v", e)
	}
	dial := w.client.away(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
	if broken := w.client.away(io.ErrUnexpectedEOF); !errors.Is(dial, errAbsent) || errors.Is(broken, errAbsent) || !errors.Is(broken, errTransient) {
		t.Errorf("nobody listens: %v; broken off: %v", dial.Err, broken.Err)
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	a := newWorker(t, f).newAttempt(t.Context(), held{Attempt: assignment(1).Attempt})
	defer a.kill(nil)
	defer a.hush(nil)
	for _, c := range []struct {
		err  error
		want weir.ReasonCode
	}{
		{&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, weir.ReasonDiskFull},
		{weir.Errorf(weir.Exhausted, "the server's disk").WithCause(errTransient), weir.ReasonWorker},
		{os.ErrPermission, weir.ReasonWorker},
	} {
		if got := a.trouble("it", c.err); got.Reason.Code != c.want || got.Outcome != weir.Infra {
			t.Errorf("%v: %+v", c.err, got)
		}
	}
}

func TestDiskFullForReal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Logf("no tmpfs here: a full disk is only feigned, in TestTrouble: %v %s", err, out)
		return
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			t.Errorf("umount: %v", err)
		}
	})
	f := newFarm(t, assignment(1, "head -c 64m /dev/urandom; exec sleep 600"))
	stop := start(t, f, newWorker(t, f, func(o *Options) { o.Dir = filepath.Join(dir, "w") }))
	f.until("the end", f.ended)
	_ = stop()
	if e := f.finishes[0]; e.Reason.Code != weir.ReasonDiskFull {
		t.Errorf("got %+v", e.Reason)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	good := newWorker(t, f).opts
	for name, c := range map[string]struct {
		change func(*Options)
		want   weir.Code
	}{
		"good":      {func(*Options) {}, ""},
		"no server": {func(o *Options) { o.Server = "farm.example.org" }, weir.Invalid},
		"no token":  {func(o *Options) { o.Token = "" }, weir.Unauthenticated},
		"dir":       {func(o *Options) { o.Dir = "w" }, weir.Invalid},
		"slots":     {func(o *Options) { o.Slots = 1000 }, weir.Invalid},
		"runner":    {func(o *Options) { o.Runner.Checkout = nil }, weir.Invalid},
	} {
		o := good
		c.change(&o)
		if _, err := New(o); weir.CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClockIsTold: the end of a build says by how much the worker's clock is wrong.
func TestClockIsTold(t *testing.T) {
	t.Parallel()
	f := newFarm(t, assignment(1, "echo here"))
	f.clock = -time.Hour
	stop := start(t, f, newWorker(t, f))
	f.until("the end", f.ended)
	if err := stop(); err != nil {
		t.Error(err)
	}
	const tolerance = 60 // seconds, of a machine that has more to do
	got := f.finishes[0].Surroundings.Clock
	if got == nil || *got < -3600-tolerance || *got > -3600+tolerance {
		t.Errorf("the clock is said to be %v s ahead, and is an hour behind", got)
	}
}
