//go:build unix

package execute

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/shell"
)

type ioWriter = io.Writer

var enospc = &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}

// patience ends a wait that would not end by itself. No test waits so long
// unless something is wrong.
const patience = 3 * time.Minute

// gone waits until no process has the id.
func gone(t *testing.T, dir string, file string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "src", "toy", file))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for over := time.After(patience); ; {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		// A zombie that init has yet to collect is gone as well.
		if err != nil && syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("process %d of %s is still there", pid, file)
		}
	}
}

// stubborn is a process in the background that ignores SIGTERM and keeps the
// pipe of its step open.
const stubborn = `sh -c 'trap "" TERM; echo $$ > pid; while :; do sleep 600; done' & while [ ! -s pid ]; do sleep 0.01; done; `

func TestTreeIsKilled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, run string
		cancel    bool // when it says "go"
		want      weir.ReasonCode
	}{
		{"after success", stubborn + "echo done", false, ""},
		{"after failure", stubborn + "exit 1", false, weir.ReasonStep},
		{"when cancelled", stubborn + "echo go; wait", true, weir.ReasonRequested},
		{"when the shell is stubborn", `trap "" TERM; echo $$ > pid; echo go; sleep 600; sleep 600`, true, weir.ReasonRequested},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			rec, dir := newRecorder(), t.TempDir()
			rec.onOut = func(_ int, p []byte) {
				if c.cancel && bytes.Contains(p, []byte("go")) {
					cancel()
				}
			}
			got := newRunner(t, files{}).Run(ctx, Job{Spec: spec(c.run), Dir: dir}, rec)
			if got.Reason.Code != c.want {
				t.Fatalf("got %+v", got.Reason)
			}
			gone(t, dir, "pid")
		})
	}
}

func TestGrace(t *testing.T) {
	t.Parallel()
	// The shell dies at once; what it runs says good-bye.
	s := spec(`sh -c 'trap "echo bye; exit 0" TERM; echo hi; while :; do sleep 0.01; done'; true`)
	r, rec := newRunner(t, files{}), newRecorder()
	r.Grace = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec.onOut = func(_ int, p []byte) {
		if bytes.Contains(p, []byte("hi")) {
			cancel()
		}
	}
	if got := r.Run(ctx, Job{Spec: s, Dir: t.TempDir()}, rec); got.Outcome != weir.OutcomeCancelled || !strings.HasSuffix(rec.log(1), "bye\n") {
		t.Errorf("got %s, %q", got.Outcome, rec.log(1))
	}
}

func TestEscapedDaemon(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Fatal("this test needs the setsid command")
	}
	rec, dir := newRecorder(), t.TempDir()
	s := spec(`setsid sh -c 'echo $$ > pid; exec sleep 600' & while [ ! -s pid ]; do sleep 0.01; done; echo done`)
	got := newRunner(t, files{}).Run(t.Context(), Job{Spec: s, Dir: dir}, rec)
	if got.Outcome != weir.Passed || rec.log(1) != "done\n" {
		t.Errorf("got %s, %q", got.Outcome, rec.log(1))
	}
	if _, err := os.Stat("/proc/self/environ"); err == nil {
		gone(t, dir, "pid")
	}
}

func TestMuchOutput(t *testing.T) {
	t.Parallel()
	const size = 50 << 20
	var got int
	rec := newRecorder()
	rec.writer = func(step int, w io.Writer) io.Writer {
		if step != 1 {
			return w
		}
		return writerFunc(func(p []byte) (int, error) { got += len(p); return len(p), nil })
	}
	report := run(t, newRunner(t, files{}), spec("yes 0123456789 | head -c "+strconv.Itoa(size)), rec)
	if report.Outcome != weir.Passed || got != size {
		t.Errorf("got %s and %d bytes", report.Outcome, got)
	}
}

func TestOutputOrder(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	run(t, newRunner(t, files{}), spec("echo 1; echo 2 >&2; echo 3; echo 4 >&2; cat; printf end"), rec)
	if rec.log(1) != "1\n2\n3\n4\nend" {
		t.Errorf("got %q", rec.log(1))
	}
}

func TestOutputCannotBeKept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want weir.ReasonCode
	}{{enospc, weir.ReasonDiskFull}, {errors.New("broken"), weir.ReasonWorker}} {
		rec := newRecorder()
		rec.writer = func(step int, w io.Writer) io.Writer {
			if step != 1 {
				return w
			}
			return writerFunc(func([]byte) (int, error) { return 0, c.err })
		}
		got := run(t, newRunner(t, files{}), spec("echo x; exec sleep 600"), rec)
		if got.Reason.Code != c.want || got.Outcome != weir.Infra || got.Steps[1].State != weir.StepKilled {
			t.Errorf("%v: %+v", c.err, got)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	r := newRunner(t, files{})
	r.Environ = []string{"PATH=" + os.Getenv("PATH"), "SECRET=x", "GOPROXY=https://proxy.example.org", "GOCACHE=/elsewhere", "HOME=/root", "bad", "=x"}
	r.CPUs = 3
	s := spec("env")
	s.Job.Env = []weir.EnvVar{{Name: "A", Value: "job"}, {Name: "B", Value: "$A `x`"}, {Name: "WEIR_JOB", Value: "mine"}, {Name: "bad\x00", Value: "x"}}
	s.Job.Steps[0].Env = []weir.EnvVar{{Name: "A", Value: "step"}}
	s.Inputs = []weir.UpstreamSpec{{Project: "c-python", Revision: "v1"}}
	rec, dir := newRecorder(), t.TempDir()
	r.Run(t.Context(), Job{Build: "41", Spec: s, Dir: dir}, rec)
	lines := strings.Split(strings.TrimSpace(rec.log(1)), "\n")
	for _, want := range []string{
		"A=step", "B=$A `x`", "CI=true", "WEIR=true", "WEIR_BUILD=41", "WEIR_PROJECT=toy", "WEIR_JOB=mine", "WEIR_CPUS=3",
		"WEIR_PLATFORM=linux/amd64", "WEIR_REVISION=" + s.Revision, "WEIR_UPSTREAM_C_PYTHON_REVISION=v1", "LANG=C.UTF-8",
		"HOME=" + filepath.Join(dir, "home"), "TMPDIR=" + filepath.Join(dir, "tmp"), "GOPROXY=https://proxy.example.org",
		"GOCACHE=" + filepath.Join(r.CacheDir, "go", "build"), "PATH=" + os.Getenv("PATH"),
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "=")
		if name == "SECRET" || name == "WEIR_PREFIX" || name == "WEIR_UPSTREAM_C_PYTHON" || strings.HasPrefix(name, "bad") {
			t.Errorf("has %s", line)
		}
	}
	r.PassEnv = []string{"GOCACHE", "SECRET"}
	rec = newRecorder()
	r.Run(t.Context(), Job{Build: "41", Spec: s, Dir: dir}, rec)
	if log := rec.log(1); !strings.Contains(log, "SECRET=x\n") || !strings.Contains(log, "GOCACHE=/elsewhere\n") || strings.Contains(log, "GOPROXY") {
		t.Errorf("the owner's list is not kept: %s", log)
	}
}

func TestDiskFullForReal(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Log("not root: a full disk is only feigned, in TestOutputCannotBeKept")
		return
	}
	dir := t.TempDir()
	if err := syscallMount(dir, "20m"); err != nil {
		t.Logf("no tmpfs here: a full disk is only feigned, in TestOutputCannotBeKept: %v", err)
		return
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			t.Errorf("umount: %v", err)
		}
	})
	rec := newRecorder()
	got := newRunner(t, files{}).Run(t.Context(), Job{Spec: withResults("r", "head -c 64m /dev/zero > big"), Dir: dir}, rec)
	if got.Reason.Code != weir.ReasonDiskFull || !strings.Contains(got.Reason.Text, dir) || !strings.Contains(got.Reason.Text, "free") {
		t.Errorf("got %+v\n%s", got.Reason, rec.all())
	}
}

func syscallMount(dir, size string) error {
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput()
	if err != nil {
		return errors.New(string(bytes.TrimSpace(out)))
	}
	return nil
}

func TestCommandAfterCancel(t *testing.T) {
	t.Parallel()
	cause := errors.New("no")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if e := (shell.Command{}).Execute(ctx); !errors.Is(e.Why, cause) {
		t.Errorf("got %+v", e)
	}
}
