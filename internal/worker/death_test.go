//go:build unix

package worker

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/supervise"
)

// built is the program weir, built once for all tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func program(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "weir-worker-test-"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", built.dir, "github.com/weir-ci/weir/cmd/weir")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as everywhere else: it is compiled already
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "weir")
}

// site is a directory on which real worker programs run, one after the other.
type site struct {
	t    *testing.T
	farm *farm
	dir  string // the worker's
	tmp  string // for the steps
}

func newSite(t *testing.T, f *farm) *site {
	program(t)
	s := &site{t: t, farm: f, dir: filepath.Join(t.TempDir(), "w"), tmp: t.TempDir()}
	t.Cleanup(func() { // should a test fail
		for _, h := range s.notes() {
			h.Supervisor.Kill()
			supervise.Leftover(h.Supervisor, filepath.Join(s.dir, "slots", fmt.Sprint(h.Slot+1)))
		}
	})
	return s
}

// script writes what a step of real processes is to do; DIR is s.tmp.
func (s *site) script(build int, run string) protocol.Assignment {
	a := assignment(build, strings.ReplaceAll(run, "DIR", s.tmp))
	a.Spec.Platform = weir.Platform(runtime.GOOS + "/" + runtime.GOARCH)
	a.Spec.Source, a.Spec.Revision = weir.Source{Kind: weir.None}, weir.NoRevision
	return a
}

func (s *site) give(as ...protocol.Assignment) {
	s.farm.mu.Lock()
	defer s.farm.mu.Unlock()
	s.farm.queue = append(s.farm.queue, as...)
	s.farm.tell()
}

// running is a worker program.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan struct{}
}

func (s *site) start(args ...string) *running {
	s.t.Helper()
	r := &running{t: s.t, done: make(chan struct{})}
	r.cmd = exec.Command(program(s.t), append([]string{"worker", "--dir", s.dir}, args...)...)
	r.cmd.Env = append(os.Environ(), "WEIR_TOKEN=secret", "WEIR_SERVER="+s.farm.url, "XDG_CACHE_HOME="+s.tmp, "HOME="+s.tmp)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		_ = r.cmd.Wait()
	}()
	s.t.Cleanup(func() {
		r.kill()
		if s.t.Failed() {
			s.t.Logf("%v:\n%s", r.cmd.Args, &r.out)
		}
	})
	return r
}

func (r *running) kill() {
	_ = r.cmd.Process.Kill()
	<-r.done
}

// ends waits for the program's end.
func (r *running) ends() {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(patience):
		r.t.Fatalf("%v does not end", r.cmd.Args)
	}
}

// leaves waits for the program's end, which must be a good one.
func (r *running) leaves() {
	r.t.Helper()
	r.ends()
	if code := r.cmd.ProcessState.ExitCode(); code != 0 {
		r.t.Errorf("%v ended with %d: %s", r.cmd.Args, code, &r.out)
	}
}

func (s *site) notes() []held {
	w := &Worker{opts: Options{Dir: s.dir}, log: discard}
	notes, _ := w.recall()
	return slices.Collect(maps.Values(notes))
}

// await waits for a file that a step makes, and returns what it says.
func (s *site) await(name string) string {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for over := time.Now().Add(patience); ; <-tick.C {
		data, err := os.ReadFile(filepath.Join(s.tmp, name))
		if err == nil && bytes.HasSuffix(data, []byte("\n")) {
			return strings.TrimSpace(string(data))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) || time.Now().After(over) {
			s.t.Fatalf("%s holds %q: %v", name, data, err)
		}
	}
}

func (s *site) allow(name string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.tmp, name), []byte("x"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) gone(names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.await(name)
		waitGone(s.t, filepath.Join(s.tmp, name))
	}
}

// counted is a step that runs once, prints lines, and waits for a file in between.
const counted = `echo run >> DIR/runs; i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; echo $$ > DIR/half
while [ ! -e DIR/go ]; do sleep 0.01; done
while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done; echo $$ > DIR/all`

// underWay starts a worker program, and waits until it is where counted waits.
func underWay(t *testing.T) (*farm, *site, *running) {
	t.Helper()
	f := newFarm(t)
	s := newSite(t, f)
	s.give(s.script(1, counted))
	r := s.start()
	f.until("output", func() bool { return len(f.logs[0]) > 0 })
	s.await("half")
	return f, s, r
}

func (s *site) expectAll() {
	s.t.Helper()
	var want strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&want, "line %d\n", i)
	}
	f := s.farm
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.finishes) != 1 || f.finishes[0].Outcome != weir.Passed {
		s.t.Errorf("ended as %+v", f.finishes)
	}
	if around := f.finishes[0].Surroundings; around.Directory != "source" || around.Root == nil {
		s.t.Errorf("it says that it ran %+v", around)
	}
	if got := string(f.logs[0]); got != want.String() {
		s.t.Errorf("a log of %d bytes instead of %d", len(got), want.Len())
	}
	if runs, _ := os.ReadFile(filepath.Join(s.tmp, "runs")); string(runs) != "run\n" {
		s.t.Errorf("it ran %q", runs)
	}
}

// TestProgramKilled kills the worker program during a step; the next one goes on.
func TestProgramKilled(t *testing.T) {
	t.Parallel()
	for name, absent := range map[string]bool{"the step goes on": false, "the step ends meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s, first := underWay(t)
			first.kill()
			if absent {
				s.allow("go")
				s.gone("all")
			}
			second := s.start()
			f.until("a second hello", func() bool { return len(f.hellos) > 1 })
			s.allow("go")
			f.until("the end", f.ended)
			s.expectAll()
			f.until("a lease", func() bool { return f.count["lease"] > 1 })
			f.mu.Lock()
			if holds := f.hellos[1].Holds; len(holds) != 1 || f.hellos[0].Instance == f.hellos[1].Instance {
				t.Errorf("hello said %+v", f.hellos)
			}
			f.mu.Unlock()
			_ = second.cmd.Process.Signal(syscall.SIGTERM)
			second.leaves()
			if notes := s.notes(); len(notes) != 0 {
				t.Errorf("left behind: %+v", notes)
			}
		})
	}
}

// TestServerAwayMeanwhile lets the server be away while the worker program is replaced.
func TestServerAwayMeanwhile(t *testing.T) {
	t.Parallel()
	f, s, first := underWay(t)
	absent := func(kind fault) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.fault = func(string, int) fault { return kind }
	}
	absent(lost)
	first.kill()
	s.start()
	s.allow("go")
	s.gone("all")
	absent(fine)
	f.until("the end", f.ended)
	s.expectAll()
}

// TestSupervisorKilled kills what runs a build; nothing of it goes on, and the
// slot is of use again.
func TestSupervisorKilled(t *testing.T) {
	t.Parallel()
	for name, both := range map[string]bool{"alone": false, "with the program": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t)
			s := newSite(t, f)
			s.give(s.script(1, `echo on; sleep 600 & echo $! > DIR/child; echo $$ > DIR/shell; exec sleep 600`))
			first := s.start()
			f.until("output", func() bool { return len(f.logs[0]) > 0 })
			s.await("shell")
			notes := s.notes()
			if len(notes) != 1 || !notes[0].Supervisor.Alive() {
				t.Fatalf("notes: %+v", notes)
			}
			if both {
				first.kill()
			}
			if err := syscall.Kill(notes[0].Supervisor.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if both {
				s.start()
			}
			f.until("the end", f.ended)
			s.gone("child", "shell")
			f.mu.Lock()
			end := f.finishes[0]
			f.queue = append(f.queue, s.script(2, "echo fine"))
			f.logs = map[int][]byte{}
			f.tell()
			f.mu.Unlock()
			if end.Outcome != weir.Infra || end.Reason.Code != weir.ReasonWorker || !strings.Contains(end.Reason.Text, "killed") ||
				len(end.Steps) != 1 || end.Steps[0].State != weir.StepKilled {
				t.Errorf("ended as %+v", end)
			}
			f.until("another end", func() bool { return len(f.finishes) > 1 })
			f.mu.Lock()
			defer f.mu.Unlock()
			if end := f.finishes[1]; end.Outcome != weir.Passed || string(f.logs[0]) != "fine\n" {
				t.Errorf("the next ended as %+v", end)
			}
		})
	}
}

// TestCorruptSpool damages what a killed worker program left.
func TestCorruptSpool(t *testing.T) {
	t.Parallel()
	f, s, first := underWay(t)
	first.kill()
	s.allow("go")
	s.gone("all")
	journal := filepath.Join(s.dir, "spool", "1.1", "journal")
	data, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0x55
	if err := os.WriteFile(journal, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	f.until("the end", f.ended)
	f.mu.Lock()
	defer f.mu.Unlock()
	if end := f.finishes[0]; end.Outcome != weir.Infra || end.Reason.Code != weir.ReasonWorker || !strings.Contains(end.Reason.Text, "damaged") {
		t.Errorf("ended as %+v", end)
	}
}

// TestDrain lets a worker finish, asked by a signal and by another program.
func TestDrain(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"signal", "verb"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f, s, worker := underWay(t)
			var asked *running
			if how == "signal" {
				_ = worker.cmd.Process.Signal(syscall.SIGINT)
			} else {
				asked = s.start("--drain")
			}
			f.until("a hello", func() bool { return f.hellos[len(f.hellos)-1].Draining })
			s.give(s.script(2, "echo no"))
			s.allow("go")
			worker.leaves()
			if asked != nil {
				asked.leaves()
				if !strings.Contains(asked.out.String(), "1 build is being finished") || !strings.Contains(asked.out.String(), "has left") {
					t.Errorf("it says %s", &asked.out)
				}
				if again := s.start("--drain"); true {
					again.ends()
					if again.cmd.ProcessState.ExitCode() == 0 || !strings.Contains(again.out.String(), "no worker runs in") {
						t.Errorf("it says %s", &again.out)
					}
				}
			}
			s.expectAll()
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.queue) != 1 {
				t.Error("it took another build")
			}
		})
	}
}

// TestSecondSignal stops a worker that drains.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	f, s, worker := underWay(t)
	_ = worker.cmd.Process.Signal(syscall.SIGTERM)
	f.until("a hello", func() bool { return f.hellos[len(f.hellos)-1].Draining })
	_ = worker.cmd.Process.Signal(syscall.SIGTERM)
	worker.leaves()
	s.gone("half")
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.finishes) != 1 || f.finishes[0].Reason.Code != weir.ReasonWorker {
		t.Errorf("ended as %+v", f.finishes)
	}
	if list, _ := os.ReadDir(filepath.Join(s.dir, "slots")); len(list) > 0 {
		t.Errorf("left behind: %v", list)
	}
}

// TestKilledWhileTelling kills a program that has given an attempt's slot to
// the next one, and whose message about the first one's end was never answered.
func TestKilledWhileTelling(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	f.forgetful = true
	silent := true
	f.fault = func(verb string, _ int) fault { return map[bool]fault{verb == "finish" && silent: unanswered}[true] }
	s := newSite(t, f)
	// It leaves something in its workspace by which a mix-up would be noticed.
	s.give(s.script(1, "echo first"), s.script(2, "touch here; "+counted+"; test -e here"))
	first := s.start()
	s.await("half")
	first.kill()
	f.mu.Lock()
	silent = false
	told := len(f.finishes)
	f.mu.Unlock()
	second := s.start()
	f.until("the end of the first", func() bool { return len(f.finishes) > told })
	s.allow("go")
	f.until("the end of the second", func() bool { return len(f.finishes) > told+1 })
	if err := second.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	second.leaves()
	for i, e := range f.finishes {
		if e.Outcome != weir.Passed || e.Results == "" || weir.DigestOf(e.Set) != e.Results {
			t.Errorf("end %d: %+v", i, e)
		}
	}
	if runs := s.await("runs"); runs != "run" {
		t.Errorf("the second build ran like this: %q", runs)
	}
}

// TestKilledWhileStoring kills a program that cannot get rid of the files that a
// build keeps; the next one stores them. No secret is left on the disk.
func TestKilledWhileStoring(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	away := true
	f.fault = func(verb string, _ int) fault { return map[bool]fault{verb == "PUT" && away: absent503}[true] }
	s := newSite(t, f)
	as := s.script(1, `echo "with $KEY"; head -c 100000 /dev/zero > kept; echo "speed 1" > $WEIR_METRICS`)
	as.Spec.Job.Secrets, as.Spec.Job.Artifacts = []string{"KEY"}, []weir.ArtifactRule{{Path: "kept"}}
	as.Secrets = []weir.EnvVar{{Name: "KEY", Value: "s3cr3t-and-l0ng"}}
	s.give(as)
	first := s.start()
	f.until("a try to store", func() bool { return f.count["PUT"] > 0 })
	first.kill()
	_ = filepath.WalkDir(s.dir, func(name string, _ fs.DirEntry, _ error) error {
		if data, err := os.ReadFile(name); err == nil && bytes.Contains(data, []byte("s3cr3t-and-l0ng")) {
			t.Errorf("%s holds the secret", name)
		}
		return nil
	})
	f.mu.Lock()
	away = false
	f.mu.Unlock()
	second := s.start()
	f.until("the end", f.ended)
	if err := second.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	second.leaves()
	fin := f.finishes[0]
	if fin.Outcome != weir.Passed || len(fin.Artifacts) != 1 || len(fin.Metrics) != 1 || string(f.logs[0]) != "with ***\n" {
		t.Fatalf("got %+v, %q", fin, f.logs[0])
	}
	if a := fin.Artifacts[0]; a.Path != "kept" || len(f.blobs[a.Digest]) != 100000 {
		t.Errorf("got %+v, %d bytes", a, len(f.blobs[a.Digest]))
	}
}
