//go:build unix

package worker

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/policy"
	"github.com/weir-ci/weir/internal/worker/policyfile"
	"github.com/weir-ci/weir/internal/worker/spool"
	"github.com/weir-ci/weir/internal/worker/supervise"
)

// ownerTest is the owner of a worker, who has a clock in the hand.
type ownerTest struct {
	t     *testing.T
	path  string
	ticks chan time.Time

	mu   sync.Mutex
	time time.Time
	is   policy.Conditions
}

// pickyWorker makes a worker with a policy. Its clock stands until it is put on.
func pickyWorker(t *testing.T, f *farm, text string, change ...func(*Options)) (*Worker, *ownerTest) {
	t.Helper()
	o := &ownerTest{t: t, path: filepath.Join(t.TempDir(), "policy.yaml"), ticks: make(chan time.Time),
		time: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), is: policy.Conditions{Load: 0.1, Disk: 1 << 40}}
	o.write(text)
	file, err := policyfile.Open(o.path)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorker(t, f, append(change, func(w *Options) { w.Policy = file })...)
	w.version = protocol.PolicyVersion
	w.owner.now = func() time.Time {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.time
	}
	w.owner.conditions = func() policy.Conditions {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.is
	}
	w.owner.tick = func() (<-chan time.Time, func()) { return o.ticks, func() {} }
	return w, o
}

// write writes the policy, as if it had been done long ago.
func (o *ownerTest) write(text string) {
	o.t.Helper()
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(len(text)) * time.Second)
	if err := os.WriteFile(o.path+".new", []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
	if err := os.Chtimes(o.path+".new", long, long); err != nil {
		o.t.Fatal(err)
	}
	if err := os.Rename(o.path+".new", o.path); err != nil {
		o.t.Fatal(err)
	}
}

// put puts the clock on and lets the worker look at it, which does nothing but wait.
func (o *ownerTest) put(on time.Duration) {
	o.t.Helper()
	o.mu.Lock()
	o.time = o.time.Add(on)
	o.mu.Unlock()
	select {
	case o.ticks <- time.Time{}:
	case <-time.After(patience):
		o.t.Fatal("the worker does not wait")
	}
}

// pickyFarm is a server that knows policies.
func pickyFarm(t *testing.T, queue ...protocol.Assignment) *farm {
	f := newFarm(t, queue...)
	f.version = protocol.PolicyVersion
	return f
}

// of is an assignment of a project.
func of(project string, build int, steps ...string) protocol.Assignment {
	a := assignment(build, steps...)
	a.Spec.Project = project
	return a
}

// leftOut checks that nothing is on the disk where the patterns say.
func leftOut(t *testing.T, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			t.Errorf("on the disk lies %v", found)
		}
	}
}

// TestRefuses: what the owner does not want is given back at once and leaves no trace;
// what else came with it is built.
func TestRefuses(t *testing.T) {
	t.Parallel()
	trace := filepath.Join(t.TempDir(), "trace")
	var logged bytes.Buffer
	f := pickyFarm(t, of("evil", 1, "touch "+trace))
	w, _ := pickyWorker(t, f, "projects: [good]", func(o *Options) {
		o.Slots, o.Logger = 3, slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{ReplaceAttr: untimed}))
	})
	stop := start(t, f, w)
	f.until("a refusal", func() bool { return len(f.refuses) == 1 })
	f.until("another lease", func() bool { return f.count["lease"] > 1 })
	leftOut(t, filepath.Join(w.spoolDir(), "1.*"), filepath.Join(w.heldDir(), "*"), filepath.Join(w.slotsDir(), "*"))
	f.mu.Lock()
	f.queue = append(f.queue, of("evil", 2, "touch "+trace), of("good", 3, "echo hi"), of("evil", 4, "touch "+trace))
	f.tell()
	f.mu.Unlock()
	f.until("more refusals, and the end of the other build", func() bool { return len(f.refuses) == 2 && f.ended() })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(trace); err == nil {
		t.Error("a refused build has run")
	}
	var ids []weir.BuildID
	for _, m := range f.refuses {
		for _, r := range m.Refusals {
			ids = append(ids, r.Attempt.Build)
			if m.Epoch != 1 || r.Rule != weir.RuleProjects || r.Text != `builds of "evil" are not wanted here: builds of good only` {
				t.Errorf("refused with %+v", m)
			}
		}
	}
	if !slices.Equal(ids, []weir.BuildID{1, 2, 4}) || len(f.refuses[1].Refusals) != 2 {
		t.Errorf("refused %v: %+v", ids, f.refuses)
	}
	for _, ask := range f.asks {
		if !ask.Picky || slices.ContainsFunc(ask.Holds, func(id weir.AttemptID) bool { return id.Build != 3 }) {
			t.Errorf("asked %+v", ask)
		}
	}
	if len(f.hellos) != 1 || !slices.Equal(f.hellos[0].Policy, []string{"builds of good only"}) || len(f.rests) != 0 || f.finishes[0].Outcome != weir.Passed {
		t.Errorf("hellos %+v, rests %+v, finish %+v", f.hellos, f.rests, f.finishes[0])
	}
	const line = `level=INFO msg="a build is refused" builder="evil/test testos/testarch" attempt=1.1 rule=projects because=`
	if got := logged.String(); strings.Count(got, "a build is refused") != 1 || !strings.Contains(got, line) {
		t.Errorf("logged\n%s", got)
	}
}

func untimed(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// TestRefusalGetsLost: the worker says hello again, and its next lease tells the server
// that it does not have what it refused.
func TestRefusalGetsLost(t *testing.T) {
	t.Parallel()
	f := pickyFarm(t, of("evil", 1, "true"))
	f.fault = func(verb string, n int) fault { return map[bool]fault{verb == "refuse" && n == 0: broken}[true] }
	w, _ := pickyWorker(t, f, "except: [evil]")
	stop := start(t, f, w)
	f.until("a second hello and lease", func() bool { return len(f.hellos) == 2 && f.leased > 0 })
	f.mu.Lock()
	f.queue = append(f.queue, of("good", 2, "true"))
	f.tell()
	f.mu.Unlock()
	f.until("the end", f.ended)
	_ = stop()
	if len(f.refuses) != 0 || len(f.asks[len(f.asks)-1].Holds) > 1 || slices.ContainsFunc(f.asks, func(l protocol.Lease) bool {
		return slices.Contains(l.Holds, weir.AttemptID{Build: 1, Number: 1})
	}) {
		t.Errorf("refused %+v, asked %+v", f.refuses, f.asks)
	}
}

// TestRests: out of its hours a worker asks for nothing, says why as long as that
// lasts, and asks once they begin.
func TestRests(t *testing.T) {
	t.Parallel()
	f := pickyFarm(t, assignment(1, "echo hi"))
	w, o := pickyWorker(t, f, "{hours: ['19:00-07:00'], zone: UTC}")
	stop := start(t, f, w)
	until := time.Date(2026, 11, 23, 19, 0, 0, 0, time.UTC)
	want := weir.Rest{Rule: weir.RuleHours, Text: "builds begin every day 19:00 to 07:00 (UTC)", Until: until}
	f.until("a rest", func() bool { return len(f.rests) == 1 })
	o.put(10 * time.Second)
	o.put(4 * time.Second)
	o.put(2 * time.Second)
	f.until("the rest again", func() bool { return len(f.rests) == 2 })
	o.put(0) // it has come around
	f.mu.Lock()
	if len(f.rests) != 2 || f.rests[0].Rest != want || f.rests[1].Rest != want || f.rests[0].Epoch != 1 || f.count["lease"] != 0 {
		t.Errorf("rests %+v, %d leases", f.rests, f.count["lease"])
	}
	f.mu.Unlock()
	o.put(7 * time.Hour)
	f.until("the end", f.ended)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if len(f.rests) != 3 || f.rests[2].Rest != (weir.Rest{}) || len(f.hellos) != 1 {
		t.Errorf("rests %+v, %d hellos", f.rests, len(f.hellos))
	}
}

// TestRestsWhenBusy: and goes on when the machine is calm.
func TestRestsWhenBusy(t *testing.T) {
	t.Parallel()
	f := pickyFarm(t, assignment(1, "echo hi"))
	w, o := pickyWorker(t, f, "load: 0.5")
	o.is.Load = 2
	stop := start(t, f, w)
	f.until("a rest", func() bool { return len(f.rests) == 1 && f.rests[0].Rest.Rule == weir.RuleLoad })
	o.mu.Lock()
	o.is.Load = 0.45
	o.mu.Unlock()
	o.put(time.Second)
	o.put(time.Second)
	f.mu.Lock()
	if len(f.rests) != 1 {
		t.Errorf("rests %+v", f.rests)
	}
	f.mu.Unlock()
	o.mu.Lock()
	o.is.Load = 0.3
	o.mu.Unlock()
	o.put(time.Second)
	f.until("the end", f.ended)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// TestRestsAfterError: a rest that was not heard of is said again after a hello.
func TestRestsAfterError(t *testing.T) {
	t.Parallel()
	f := pickyFarm(t)
	f.fault = func(verb string, n int) fault { return map[bool]fault{verb == "rest" && n == 0: broken}[true] }
	w, _ := pickyWorker(t, f, "{hours: ['19:00-07:00'], zone: UTC}")
	stop := start(t, f, w)
	f.until("a rest", func() bool { return len(f.rests) == 1 })
	_ = stop()
	if len(f.hellos) != 2 || f.rests[0].Epoch != 2 || f.count["lease"] != 0 {
		t.Errorf("%d hellos, rests %+v, %d leases", len(f.hellos), f.rests, f.count["lease"])
	}
}

// TestRestBeginsMeanwhile: what comes when builds may not begin any more is passed
// over, and a lease lets the server know; what runs goes on.
func TestRestBeginsMeanwhile(t *testing.T) {
	t.Parallel()
	done := filepath.Join(t.TempDir(), "done")
	f := pickyFarm(t, assignment(1, "until [ -e "+done+" ]; do sleep 0.05; done"))
	w, o := pickyWorker(t, f, "{hours: ['11:00-13:00'], zone: UTC}", func(o *Options) { o.Slots = 2 })
	stop := start(t, f, w)
	f.until("a second lease", func() bool { return f.count["lease"] == 2 })
	o.mu.Lock()
	o.time = o.time.Add(2 * time.Hour)
	o.mu.Unlock()
	f.mu.Lock()
	f.queue = append(f.queue, assignment(2, "true"))
	f.tell()
	f.mu.Unlock()
	f.until("a rest, and a lease that gives back", func() bool { return len(f.rests) == 1 && len(f.asks) == 3 })
	o.put(time.Second)
	f.mu.Lock()
	last := f.asks[len(f.asks)-1]
	if f.count["lease"] != 3 || last.Wait != 0 || !slices.Equal(last.Holds, []weir.AttemptID{{Build: 1, Number: 1}}) || len(f.refuses) > 0 || f.ended() {
		t.Errorf("asked %+v, refused %+v", f.asks, f.refuses)
	}
	f.mu.Unlock()
	leftOut(t, filepath.Join(w.spoolDir(), "2.*"), w.heldFile(2), w.slotDir(1))
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.until("the end of what runs", f.ended)
	_ = stop()
	if len(f.finishes) != 1 || f.finishes[0].Outcome != weir.Passed {
		t.Errorf("finishes %+v", f.finishes)
	}
}

// TestPolicyChanges: the server hears of it by a hello, what runs goes on, and what
// comes under the old one is held against the new one.
func TestPolicyChanges(t *testing.T) {
	t.Parallel()
	f := pickyFarm(t)
	w, o := pickyWorker(t, f, "projects: [toy]")
	stop := start(t, f, w)
	f.until("a lease", func() bool { return f.count["lease"] == 1 })
	o.write("projects: [other, another]")
	f.mu.Lock()
	f.queue = append(f.queue, assignment(1, "true"))
	f.tell()
	f.mu.Unlock()
	f.until("a refusal, and a second hello", func() bool { return len(f.refuses) == 1 && len(f.hellos) == 2 })
	f.until("a lease", func() bool { return f.leased == 1 })
	_ = stop()
	if got := f.hellos[1].Policy; !slices.Equal(got, []string{"builds of other and another only"}) || f.ended() {
		t.Errorf("said hello with %q; finishes %+v", got, f.finishes)
	}
}

// TestPolicyBreaks: with a mistake in the file nothing begins, and all is well again
// once it is put right.
func TestPolicyBreaks(t *testing.T) {
	t.Parallel()
	f := pickyFarm(t)
	w, o := pickyWorker(t, f, "projects: [toy]")
	stop := start(t, f, w)
	f.until("a lease", func() bool { return f.count["lease"] == 1 })
	o.write("projects: toy")
	f.mu.Lock()
	f.queue = append(f.queue, assignment(1, "true"))
	f.tell()
	f.mu.Unlock()
	f.until("a rest", func() bool { return len(f.rests) == 1 && len(f.asks) == 2 })
	const text = `the policy has a mistake in line 1: projects must be a list, found the text "toy"`
	f.mu.Lock()
	if got := f.rests[0].Rest; got.Rule != weir.RulePolicy || got.Text != text || len(f.refuses) > 0 || !slices.Equal(f.hellos[1].Policy, []string{text}) {
		t.Errorf("rests %+v, refused %+v, hellos %+v", got, f.refuses, f.hellos)
	}
	f.queue = append(f.queue, assignment(2, "true"))
	f.mu.Unlock()
	o.write("projects: [toy, toys]")
	o.put(time.Second)
	f.until("the end", f.ended)
	_ = stop()
	if len(f.hellos) != 3 || len(f.finishes) != 1 {
		t.Errorf("%d hellos, finishes %+v", len(f.hellos), f.finishes)
	}
}

// TestTakenBeforeThePolicy: what an earlier program took and did not begin does not
// begin under a policy that forbids it.
func TestTakenBeforeThePolicy(t *testing.T) {
	t.Parallel()
	for project, want := range map[string]weir.Outcome{"toy": weir.Passed, "other": weir.Infra} {
		t.Run(project, func(t *testing.T) {
			t.Parallel()
			trace := filepath.Join(t.TempDir(), "trace")
			f := pickyFarm(t)
			w, _ := pickyWorker(t, f, "projects: [toy]")
			as := of(project, 1, "touch "+trace)
			if err := os.MkdirAll(w.heldDir(), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := w.note(1, held{Attempt: as.Attempt, Token: as.Token}); err != nil {
				t.Fatal(err)
			}
			data, err := supervise.Assignment{Build: 1, Spec: as.Spec}.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := spool.Create(filepath.Join(w.spoolDir(), as.Attempt.String()), data, nil); err != nil {
				t.Fatal(err)
			}
			stop := start(t, f, w)
			f.until("the end", f.ended)
			_ = stop()
			_, err = os.Lstat(trace)
			if end := f.finishes[0]; end.Outcome != want || (err == nil) != (want == weir.Passed) ||
				want == weir.Infra && !strings.Contains(end.Reason.Text, `builds of "other" are not wanted here`) {
				t.Errorf("ended as %+v; %v", end, err)
			}
		})
	}
}

// TestDrainsWhileItRests at once.
func TestDrainsWhileItRests(t *testing.T) {
	t.Parallel()
	f := pickyFarm(t)
	w, _ := pickyWorker(t, f, "{hours: ['19:00-07:00'], zone: UTC}")
	ended := make(chan error, 1)
	go func() { ended <- w.Run(bounded(t)) }()
	f.until("a rest", func() bool { return len(f.rests) == 1 })
	w.Drain()
	if err := <-ended; err != nil || !f.hellos[len(f.hellos)-1].Draining {
		t.Errorf("ended with %v; hellos %+v", err, f.hellos)
	}
}

// TestLoad: the machine says how busy it is, or that it does not know.
func TestLoad(t *testing.T) {
	t.Parallel()
	if l := load(); l > 1e5 || l < 0 && l != -1 {
		t.Errorf("the load is %g", l)
	}
}
