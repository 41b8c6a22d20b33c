//go:build unix

package execute

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

func TestCaches(t *testing.T) {
	t.Parallel()
	s := spec(`cat deps/x ~/.dl/y 2>&1 || true; mkdir -p deps ~/.dl; echo "$WEIR_BUILD" > deps/x; echo "$WEIR_BUILD" > ~/.dl/y; exit ${BAD:-0}`)
	s.Branch = "main"
	s.Job.Env = []weir.EnvVar{{Name: "PY", Value: "3.14"}}
	s.Job.Caches = []weir.Cache{{Paths: []string{"deps", "~/.dl"}, Key: "{platform}-{branch}-{job}-{PY}-{hash:*.lock}", Fallback: []string{"{platform}-"}}}
	src := files{"a.lock": "1"}
	r := newRunner(t, src)
	build := func(number string, change func(*weir.Spec)) (Report, string, string) {
		t.Helper()
		spec := s
		if change != nil {
			change(&spec)
		}
		rec := newRecorder()
		got := r.Run(t.Context(), Job{Build: number, Spec: spec, Dir: t.TempDir()}, rec)
		return got, rec.log(2), rec.all()
	}
	failing := func(s *weir.Spec) { s.Job.Steps = []weir.Step{{Name: "a", Run: "export BAD=1; " + s.Job.Steps[0].Run}} }
	if got, log, all := build("1", failing); got.Outcome != weir.Failed || !strings.Contains(log, "o such file") {
		t.Fatalf("got %+v\n%s", got.Reason, all)
	}
	untrusted := func(s *weir.Spec) { s.Untrusted = true }
	if got, log, all := build("2", untrusted); got.Outcome != weir.Passed || !strings.Contains(log, "o such file") || len(got.Steps) != 3 {
		t.Errorf("a cache of a build that failed: %+v\n%s", got.Reason, all)
	}
	if got, log, all := build("3", nil); got.Outcome != weir.Passed || !strings.Contains(log, "o such file") ||
		!strings.Contains(all, "cached under linux/amd64-main-test-3.14-") || got.Steps[3].Name != StepSave {
		t.Errorf("a cache of a stranger: %+v\n%s", got.Steps, all)
	}
	if _, log, all := build("4", untrusted); log != "3\n3\n" {
		t.Errorf("a stranger reads: %s", all)
	}
	if _, log, all := build("5", nil); log != "3\n3\n" || !strings.Contains(all, "is cached already") {
		t.Errorf("again: %s", all)
	}
	src["a.lock"] = "2"
	if _, log, all := build("6", nil); log != "3\n3\n" || !strings.Contains(all, "cached under") {
		t.Errorf("by a fall-back: %s", all)
	}
	if _, log, _ := build("7", nil); log != "6\n6\n" {
		t.Errorf("with the new key: %s", log)
	}
	if _, log, all := build("8", func(s *weir.Spec) { s.Project = "other" }); !strings.Contains(log, "o such file") {
		t.Errorf("another project: %s", all)
	}
	for key, want := range map[string]string{"{NONE}": "no variable of the job", "{hash:../*}": "not a path below"} {
		if got, _, all := build("9", func(s *weir.Spec) { s.Job.Caches = []weir.Cache{{Paths: []string{"x"}, Key: key}} }); got.Outcome != weir.Passed || !strings.Contains(all, want) {
			t.Errorf("%s: %+v\n%s", key, got.Reason, all)
		}
	}
	for _, path := range []string{"../x", ".", "/etc", "~/.."} {
		if got, _, all := build("9", func(s *weir.Spec) { s.Job.Caches = []weir.Cache{{Paths: []string{path}, Key: "k"}} }); got.Outcome != weir.Passed || !strings.Contains(all, "below neither") {
			t.Errorf("%s: %+v\n%s", path, got.Reason, all)
		}
	}
}
