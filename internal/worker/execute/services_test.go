//go:build unix

package execute

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

// serving makes a spec with services.
func serving(s weir.Spec, services ...weir.Service) weir.Spec {
	s.Job.Services = services
	return s
}

func TestServices(t *testing.T) {
	t.Parallel()
	db := weir.Service{Name: "db", Run: "echo $$ > pid; sleep 0.2; echo up; : > ready; while :; do sleep 0.05; test ! -e ask || { echo asked; mv ask answer; }; done",
		Ready: "echo asking; test -e ready", Env: []weir.EnvVar{{Name: "A", Value: "b"}}}
	proxy := weir.Service{Name: "proxy", Run: "test -e ready; echo $$ > pid2; sleep 600 & echo with $A; : > with; exec sleep 600", Env: []weir.EnvVar{{Name: "A", Value: "x"}}}
	s := serving(spec(": > ask; until test -e answer && test -e with; do sleep 0.02; done; echo done"), db, proxy)
	rec, dir := newRecorder(), t.TempDir()
	got := newRunner(t, files{}).Run(t.Context(), Job{Spec: s, Dir: dir}, rec)
	if got.Outcome != weir.Passed || rec.log(1) != "up\nasked\n" || rec.log(2) != "with x\n" || rec.log(3) != "done\n" {
		t.Errorf("got %+v\n%s", got.Reason, rec.all())
	}
	for i, name := range []string{"checkout", "service db", "service proxy", "a"} {
		if got.Steps[i].Name != name || got.Steps[i].State != weir.StepPassed {
			t.Errorf("step %d: %+v", i, got.Steps[i])
		}
	}
	gone(t, dir, "pid")
	gone(t, dir, "pid2")
}

func TestServicesThatFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		service weir.Service
		code    weir.ReasonCode
		text    string // of the reason
		log     string
		note    string // of the service's step
	}{
		{"not ready", weir.Service{Name: "db", Run: "exec sleep 600", Ready: "echo no socket; exit 3", Timeout: 2 * time.Second}, // it has to be asked once in that
			weir.ReasonService, `the service "db" did not become ready within 2s: echo no socket; exit 3: exit status 3`, "no socket", "did not become ready"},
		{"never answers", weir.Service{Name: "db", Run: "exec sleep 600", Ready: "exec sleep 600", Timeout: 100 * time.Millisecond},
			weir.ReasonService, "did not become ready within 100ms", "", ""},
		{"ends before", weir.Service{Name: "db", Run: "echo bad config; exit 4", Ready: "false"},
			weir.ReasonService, `the service "db" ended before it was ready: exit status 4`, "bad config\nweir: the service has ended by itself: exit status 4\n", "exit status 4"},
		{"ends meanwhile", weir.Service{Name: "db", Run: "until test -e go; do sleep 0.01; done; exit 5"},
			"", "", "weir: the service has ended by itself: exit status 5\n", "ended while the steps were running: exit status 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rec, dir := newRecorder(), t.TempDir()
			rec.onOut = func(_ int, p []byte) {
				if bytes.Contains(p, []byte("has ended by itself")) {
					if err := os.WriteFile(filepath.Join(dir, "src", "toy", "ended"), nil, 0o600); err != nil {
						t.Error(err)
					}
				}
			}
			s := serving(spec("touch go; until test -e ended; do sleep 0.02; done"), c.service)
			got := newRunner(t, files{}).Run(t.Context(), Job{Build: "41", Spec: s, Dir: dir}, rec)
			if got.Reason.Code != c.code || !strings.Contains(got.Reason.Text, c.text) || !strings.Contains(rec.log(1), c.log) ||
				!strings.Contains(got.Steps[1].Note, c.note) || got.Steps[1].State != weir.StepFailed {
				t.Errorf("got %+v, %+v\n%s", got.Reason, got.Steps[1], rec.all())
			}
			if ran := !got.Steps[2].Started.IsZero(); ran != (c.code == "") {
				t.Errorf("the step ran: %v", ran)
			}
		})
	}
}

func TestServiceAndCancellation(t *testing.T) {
	t.Parallel()
	for name, ready := range map[string]string{"while waiting": "false", "while running": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			rec, dir := newRecorder(), t.TempDir()
			rec.onOut = func(_ int, p []byte) {
				if bytes.Contains(p, []byte("go")) {
					cancel()
				}
			}
			s := serving(spec("exec sleep 600"), weir.Service{Name: "db", Run: "echo $$ > pid; echo go; exec sleep 600", Ready: ready})
			got := newRunner(t, files{}).Run(ctx, Job{Spec: s, Dir: dir}, rec)
			if got.Outcome != weir.OutcomeCancelled {
				t.Errorf("got %+v", got.Reason)
			}
			gone(t, dir, "pid")
		})
	}
}

func TestServicesSeeSecretsAndHideThem(t *testing.T) {
	t.Parallel()
	s := serving(spec("until test -e up; do sleep 0.01; done"), weir.Service{Name: "db", Run: `echo "with $KEY"; : > up; exec sleep 600`})
	s.Job.Secrets = []string{"KEY"}
	rec := newRecorder()
	newRunner(t, files{}).Run(t.Context(), Job{Spec: s, Dir: t.TempDir(), Secrets: []weir.EnvVar{{Name: "KEY", Value: "pa55word"}}}, rec)
	if rec.log(1) != "with ***\n" {
		t.Errorf("got %q", rec.log(1))
	}
}
