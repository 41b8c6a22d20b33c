//go:build unix

package execute

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

func TestOutcomes(t *testing.T) {
	t.Parallel()
	quick := func(s weir.Spec, change func(*weir.Spec)) weir.Spec { change(&s); return s }
	long := "exec sleep 600"
	for _, c := range []struct {
		name     string
		src      Checkouter
		spec     weir.Spec
		code     weir.ReasonCode
		text     string // part of the reason
		steps    string // status of the results of steps a, b, c
		incident string
	}{
		{name: "passes", spec: spec("echo hi", "true"), steps: "pass pass"},
		{name: "no steps", spec: spec()},
		{name: "a step fails", spec: spec("true", "exit 3", "true"), code: weir.ReasonStep, text: `step "b": exit status 3`, steps: "pass fail"},
		{name: "sh -e", spec: spec("false\necho on"), code: weir.ReasonStep, text: "exit status 1", steps: "fail"},
		{name: "signal", spec: spec("kill -SEGV $$"), code: weir.ReasonStep, text: "killed by signal: segmentation fault", steps: "fail"},
		{name: "signal inside", spec: spec("sh -c 'kill -SEGV $$'; echo not reached"), code: weir.ReasonStep, text: "a command was killed by signal: segmentation fault", steps: "fail"},
		{name: "not found", spec: spec("no-such-command-anywhere"), code: weir.ReasonStep, text: "not found", steps: "fail"},
		{name: "results good", spec: withResults("r", "echo pass x > r"), steps: "pass"},
		{name: "results good, step bad", spec: withResults("r", "echo pass x > r; exit 1"), code: weir.ReasonStep, text: "exit status 1", steps: "fail", incident: "exit"},
		{name: "tests fail", spec: withResults("r", "printf 'pass x\nfail y\nerror z\n' > r; exit 1", "true"), code: weir.ReasonTests, text: "2 of 3 tests failed", steps: "pass"},
		{name: "tests fail, exit 0", spec: withResults("r", "echo fail y > r", "true"), code: weir.ReasonTests, text: "1 of 1 test failed", steps: "pass pass"},
		{name: "prepare fails", spec: withResults("r", "exit 2", "echo pass x > r"), code: weir.ReasonPrepare, text: `step "a": exit status 2`, steps: "fail", incident: "did_not_build"},
		{name: "no results", spec: withResults("out/*.xml", "true"), code: weir.ReasonNoResults, text: "out/*.xml", steps: "pass", incident: "exit"},
		{name: "empty results", spec: withResults("r", ": > r"), code: weir.ReasonNoResults, text: "r cannot be read", steps: "pass", incident: "truncated"},
		{name: "empty results, step bad", spec: withResults("r", ": > r; exit 1"), code: weir.ReasonPrepare, text: "exit status 1", steps: "fail", incident: "did_not_build"},
		{name: "truncated results", spec: withResults("r", "printf 'pass x\ncut\n' > r"), code: weir.ReasonNoResults, text: "r ends in the middle", steps: "pass", incident: "truncated"},
		{name: "truncated results, step bad", spec: withResults("r", "printf 'pass x\ncut\n' > r; exit 1"), code: weir.ReasonStep, text: "exit status 1", steps: "pass", incident: "truncated,exit"},
		{name: "junk after a failure", spec: withResults("r", "printf 'fail x\njunk\n' > r"), code: weir.ReasonTests, text: "1 of 1 test failed", steps: "pass", incident: "truncated"},
		{name: "stale results", src: files{"r": "fail x\n"}, spec: withResults("r", "true"), code: weir.ReasonNoResults, text: "r is older than the build", steps: "pass", incident: "exit"},
		{name: "stale results written again", src: files{"r": "fail x\n"}, spec: withResults("r", "echo pass xyz > r"), steps: "pass"},
		{name: "results outside", src: files{"r": "->/etc/passwd"}, spec: withResults("r", "true"), code: weir.ReasonNoResults, text: "leads out of the checkout", steps: "pass", incident: "truncated"},
		{name: "results outside by a directory", spec: withResults("d/r", "ln -s /etc d"), code: weir.ReasonNoResults, text: "", steps: "pass"},
		{name: "results outside by a wildcard", spec: withResults("*.x", "ln -s /etc/passwd p.x; echo pass y > q.x"), code: weir.ReasonNoResults, text: "p.x cannot be read", steps: "pass", incident: "truncated"},
		{name: "pattern outside", spec: withResults("../r", "true"), code: weir.ReasonNoResults, text: "not a path below", steps: "pass"},
		{name: "deep results", spec: withResults("**/t-*.x", "mkdir -p a/b; echo pass x > a/b/t-1.x; echo fail y > t-2.x"), code: weir.ReasonTests, text: "1 of 2", steps: "pass"},
		{name: "spoofed step", spec: withResults("r", "echo 'fail (step):a' > r"), code: weir.ReasonTests, text: "1 of 1", steps: "pass"},
		{name: "quiet", spec: quick(withResults("r", "echo pass x > r", long), func(s *weir.Spec) { s.Job.Steps[1].Quiet = 100 * time.Millisecond }), code: weir.ReasonQuiet, text: "no output for 100ms", steps: "pass error", incident: "timeout"},
		{name: "step timeout", spec: quick(spec(long, "true"), func(s *weir.Spec) { s.Job.Steps[0].Timeout = 50 * time.Millisecond }), code: weir.ReasonTimeout, text: `step "a": took longer than 50ms`, steps: "error"},
		{name: "total timeout", spec: quick(spec("true", "while :; do echo x; sleep 0.01; done"), func(s *weir.Spec) { s.Job.Timeout = 300 * time.Millisecond }), code: weir.ReasonTimeout, text: "the build took longer than 300ms"},
		{name: "missing directory", spec: quick(spec("true"), func(s *weir.Spec) { s.Job.Steps[0].Dir = "sub" }), code: weir.ReasonStep, text: "the directory sub is not in the checkout", steps: "fail"},
		{name: "directory outside", spec: quick(spec("true"), func(s *weir.Spec) { s.Job.Steps[0].Dir = "../.." }), code: weir.ReasonStep, text: "not below the checkout", steps: "fail"},
		{name: "bad directory name", spec: quick(spec("true"), func(s *weir.Spec) { s.Job.Dir = "../x" }), code: weir.ReasonWorker},
		{name: "no revision", src: failing(weir.NotFound), spec: spec("true"), code: weir.ReasonCheckout},
		{name: "source refused", src: failing(weir.Invalid), spec: spec("true"), code: weir.ReasonCheckout},
		{name: "cannot be reverted", src: failing(weir.Invalid), spec: quick(spec("true"), func(s *weir.Spec) {
			s.Revision = weir.Without(strings.Repeat("a", 40), strings.Repeat("b", 40))
		}), code: weir.ReasonCheckout, text: "aaaaaaaaaa without bbbbbbbbbb cannot be checked out: it is so"},
		{name: "source down", src: failing(weir.Unavailable), spec: spec("true"), code: weir.ReasonSourceDown},
		{name: "no tool", src: failing(weir.Unsupported), spec: spec("true"), code: weir.ReasonWorker},
		{name: "checkout fills the disk", src: failing(weir.Exhausted), spec: spec("true"), code: weir.ReasonDiskFull},
		{name: "checkout hangs", src: checkoutFunc(func(ctx context.Context) error {
			<-ctx.Done()
			return weir.Errorf(weir.Unavailable, "interrupted").WithCause(ctx.Err())
		}), spec: quick(spec("true"), func(s *weir.Spec) { s.Job.Timeout = 50 * time.Millisecond }), code: weir.ReasonTimeout, text: `in step "checkout"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.src == nil {
				c.src = files{}
			}
			rec := newRecorder()
			got := run(t, newRunner(t, c.src), c.spec, rec)
			if got.Reason.Code != c.code || got.Outcome != c.code.Outcome() || !strings.Contains(got.Reason.Text, c.text) {
				t.Fatalf("got %s, %+v\n%s", got.Outcome, got.Reason, rec.all())
			}
			var statuses []string
			for i := range c.spec.Job.Steps {
				if s := stepStatus(got.Set, string(rune('a'+i))); s != "" {
					statuses = append(statuses, string(s))
				}
			}
			if s := strings.Join(statuses, " "); c.steps != "" && s != c.steps {
				t.Errorf("results of steps: %s", s)
			}
			if k := incidentKinds(got.Set); c.incident != "" && k != c.incident {
				t.Errorf("incidents: %s", k)
			}
			checkReport(t, got, rec)
		})
	}
}

func failing(code weir.Code) Checkouter {
	return checkoutFunc(func(context.Context) error { return weir.Errorf(code, "it is so") })
}

// checkReport checks what must hold however a build ends.
func checkReport(t *testing.T, r Report, rec *recorder) {
	t.Helper()
	if (r.Results != "") != (r.Outcome.SaysSomething() && r.Steps[0].State == weir.StepPassed) {
		t.Errorf("outcome %s with results %q", r.Outcome, r.Results)
	}
	if r.Results != "" {
		if data, err := os.ReadFile(r.ResultsFile); err != nil || weir.DigestOf(data) != r.Results {
			t.Errorf("the results are not what their digest says: %v", err)
		}
	}
	ended := false
	for i, s := range r.Steps {
		if s.Index != i || s.State == weir.StepWaiting || s.State == weir.StepRunning {
			t.Errorf("step %d: %+v", i, s)
		}
		if (s.State == weir.StepSkipped) != s.Started.IsZero() || s.Started.IsZero() != s.Ended.IsZero() {
			t.Errorf("times of step %+v", s)
		}
		states := rec.states[s.Name]
		if len(states) < 2 || states[0] != weir.StepWaiting || states[len(states)-1] != s.State {
			t.Errorf("the observer saw step %s as %v", s.Name, states)
		}
		if ended && s.State == weir.StepPassed && s.Name != StepResults {
			t.Errorf("step %s ran after a failure", s.Name)
		}
		ended = ended || s.State == weir.StepFailed || s.State == weir.StepKilled
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	rec := newRecorder()
	rec.onOut = func(step int, _ []byte) {
		if step == 1 {
			cancel()
		}
	}
	got := newRunner(t, files{}).Run(ctx, Job{Spec: withResults("r", "echo pass x > r; echo go; exec sleep 600"), Dir: t.TempDir()}, rec)
	if got.Outcome != weir.OutcomeCancelled || got.Steps[1].State != weir.StepKilled || got.Results != "" {
		t.Errorf("got %+v", got)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	got := run(t, newRunner(t, files{}), spec(`i=0; while [ $i -lt 50 ]; do echo "line $i"; i=$((i+1)); done; printf '\033[31mred\033[0m\n'; exit 9`), newRecorder())
	want := "exit status 9\n"
	for i := 31; i < 50; i++ {
		want += fmt.Sprintf("line %d\n", i)
	}
	if m := got.Set.Results[0].Message; m != want+"red" {
		t.Errorf("message %q", m)
	}
}

func TestStepsWithOneName(t *testing.T) {
	t.Parallel()
	s := spec("true", "exit 1")
	s.Job.Steps[1].Name = "a"
	got := run(t, newRunner(t, files{}), s, newRecorder())
	if stepStatus(got.Set, "a") != weir.Pass || stepStatus(got.Set, "a (2)") != weir.Fail {
		t.Errorf("got %+v", got.Set.Results)
	}
}

func TestEncodeFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want weir.ReasonCode
	}{
		{weir.Errorf(weir.TooLarge, "too many"), weir.ReasonNoResults},
		{errors.New("broken"), weir.ReasonWorker},
		{enospc, weir.ReasonDiskFull},
	} {
		r := newRunner(t, files{})
		r.Formats.Encode = func(w ioWriter, _ weir.ResultSet) error { return c.err }
		if got := run(t, r, spec("true"), newRecorder()); got.Reason.Code != c.want {
			t.Errorf("%v: %+v", c.err, got.Reason)
		}
	}
}

func TestCheckoutDir(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dir, want string }{{"", "toy"}, {"other", "other"}} {
		s := spec("pwd")
		s.Job.Dir = c.dir
		rec := newRecorder()
		run(t, newRunner(t, files{}), s, rec)
		if got := filepath.Base(strings.TrimSpace(rec.log(1))); got != c.want {
			t.Errorf("checked out into %s", got)
		}
	}
}
