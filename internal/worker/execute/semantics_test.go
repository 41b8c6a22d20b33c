//go:build unix

package execute

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

// states lists the states of the job's own steps: p, f, k or s for each.
func states(r Report, s weir.Spec) string {
	var b strings.Builder
	for _, rec := range r.Steps[1 : 1+len(s.Job.Steps)] {
		b.WriteByte(string(rec.State)[0])
	}
	return b.String()
}

// with changes the steps of a specification, by their names.
func with(s weir.Spec, change map[string]func(*weir.Step)) weir.Spec {
	for i := range s.Job.Steps {
		if f := change[s.Job.Steps[i].Name]; f != nil {
			f(&s.Job.Steps[i])
		}
	}
	return s
}

func when(w weir.When) func(*weir.Step)      { return func(s *weir.Step) { s.When = w } }
func onlyIf(text string) func(*weir.Step)    { return func(s *weir.Step) { s.If = text } }
func allow(s *weir.Step)                     { s.AllowFailure = true }
func retry(n int) func(*weir.Step)           { return func(s *weir.Step) { s.Retry = n } }
func limit(d time.Duration) func(*weir.Step) { return func(s *weir.Step) { s.Timeout = d } }
func both(fs ...func(*weir.Step)) func(*weir.Step) {
	return func(s *weir.Step) {
		for _, f := range fs {
			f(s)
		}
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	type change = map[string]func(*weir.Step)
	const hang = "exec sleep 600"
	short := limit(50 * time.Millisecond)
	for _, c := range []struct {
		name   string
		spec   weir.Spec
		code   weir.ReasonCode
		states string
		log    string // part of all logs
		note   string // part of some step's note
	}{
		{"failed and always in a good build", with(spec("true", "true", "echo ran"), change{"b": when(weir.WhenFailed), "c": when(weir.WhenAlways)}), "", "psp", "ran", "no step before it failed"},
		{"failed and always in a bad build", with(spec("false", "true", "echo b", "echo c"), change{"c": when(weir.WhenFailed), "d": when(weir.WhenAlways)}), weir.ReasonStep, "fspp", "b\nc\n", "a step before it failed"},
		{"after a step's limit", with(spec(hang, "echo b", "echo c", "true"), change{"a": short, "b": when(weir.WhenFailed), "c": when(weir.WhenAlways)}), weir.ReasonTimeout, "kpps", "b\nc\n", ""},
		{"what cleans up fails, too", with(spec("exit 3", "exit 4"), change{"b": when(weir.WhenAlways)}), weir.ReasonStep, "ff", "", "exit status 3"},
		{"only what cleans up fails", with(spec("true", "exit 4"), change{"b": when(weir.WhenAlways)}), weir.ReasonStep, "pf", "", "exit status 4"},
		{"what cleans up hangs", with(spec("exit 3", hang), change{"b": both(when(weir.WhenAlways), short)}), weir.ReasonTimeout, "fk", "", "took longer"},
		{"allowed", with(spec("exit 3", "echo on"), change{"a": allow}), "", "fp", "on", "exit status 3, which is allowed"},
		{"allowed to take too long", with(spec(hang, "echo on"), change{"a": both(allow, short)}), "", "kp", "on", "which is allowed"},
		{"allowed does not count as bad", with(spec("exit 3", "true"), change{"a": allow, "b": when(weir.WhenFailed)}), "", "fs", "", ""},
		{"retry helps", with(spec("n=$(cat n 2>/dev/null || true); echo x$n > n; test \"$n\" = xx"), change{"a": retry(4)}), "", "p", "weir: exit status 1; this was try 2 of 5\n", "passed at try 3 of 5"},
		{"retry does not help", with(spec("echo try; exit 9"), change{"a": retry(2)}), weir.ReasonStep, "f", "try\nweir: exit status 9; this was try 1 of 3\ntry\nweir: exit status 9; this was try 2 of 3\ntry\n", "exit status 9"},
		// The first try has no time at all, or leaves n and hangs. Each later one has far more than it needs.
		{"retry after a limit", with(spec("test -e n || { : > n; "+hang+"; }"), change{"a": both(retry(10), limit(500*time.Millisecond))}), "", "p", "took longer than 500ms; this was try 1 of 11", "passed at try"},
		{"retry has an end", with(spec("echo -n x >> n; test $(wc -c < n) -gt 50"), change{"a": retry(1000)}), weir.ReasonStep, "f", "this was try 10 of 11", ""},
		{"condition", with(spec("true", "echo no", "echo yes"), change{"b": onlyIf(`branch == "main"`), "c": onlyIf(`status == "passed" and platform == "linux/amd64"`)}), "", "psp", "yes", `the condition is not true: branch == "main"`},
		{"condition over what failed", with(spec("false", "echo yes"), change{"b": both(when(weir.WhenAlways), onlyIf(`status == "failed"`))}), weir.ReasonStep, "fp", "yes", ""},
		{"no condition", with(spec("true", "echo no"), change{"b": onlyIf(`colour == "red"`)}), weir.ReasonStep, "pf", "colour", "condition"},
		{"no condition, which may fail", with(spec("true", "echo no"), change{"b": both(allow, onlyIf(`colour == "red"`))}), "", "pf", "", "condition"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rec := newRecorder()
			got := run(t, newRunner(t, files{}), c.spec, rec)
			if got.Reason.Code != c.code || states(got, c.spec) != c.states || !strings.Contains(rec.all(), c.log) {
				t.Errorf("got %+v, %s, log:\n%s", got.Reason, states(got, c.spec), rec.all())
			}
			var notes strings.Builder
			for _, s := range got.Steps {
				fmt.Fprintln(&notes, s.Note)
			}
			if !strings.Contains(notes.String(), c.note) {
				t.Errorf("notes: %s", &notes)
			}
		})
	}
}

func TestAllowedFailureIsNoResult(t *testing.T) {
	t.Parallel()
	s := with(withResults("r", "exit 3", "echo pass x > r"), map[string]func(*weir.Step){"a": allow})
	got := run(t, newRunner(t, files{}), s, newRecorder())
	if got.Outcome != weir.Passed || stepStatus(got.Set, "a") != weir.Pass || got.Steps[1].State != weir.StepFailed || got.Steps[1].ExitCode != 3 {
		t.Errorf("got %+v", got)
	}
	s = with(withResults("r", "echo fail x > r; exit 3"), map[string]func(*weir.Step){"a": allow})
	if got := run(t, newRunner(t, files{}), s, newRecorder()); got.Reason.Code != weir.ReasonTests {
		t.Errorf("tests of a step that may fail: %+v", got.Reason)
	}
}

func TestAlwaysAfterTheBuildsTime(t *testing.T) {
	t.Parallel()
	s := with(spec("while :; do echo x; sleep 0.01; done", "true", "echo cleaned"), map[string]func(*weir.Step){"c": when(weir.WhenAlways)})
	s.Job.Timeout = 2 * time.Second // the first step has to begin in it
	rec := newRecorder()
	got := run(t, newRunner(t, files{}), s, rec)
	if got.Reason.Code != weir.ReasonTimeout || states(got, s) != "ksp" || rec.log(3) != "cleaned\n" {
		t.Errorf("got %+v, %s, %q", got.Reason, states(got, s), rec.log(3))
	}
}

func TestNothingAfterACancellation(t *testing.T) {
	t.Parallel()
	s := with(spec("echo go; exec sleep 600", "echo no"), map[string]func(*weir.Step){"a": retry(3), "b": when(weir.WhenAlways)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec := newRecorder()
	rec.onOut = func(_ int, p []byte) {
		if strings.Contains(string(p), "go") {
			cancel()
		}
	}
	got := newRunner(t, files{}).Run(ctx, Job{Spec: s, Dir: t.TempDir()}, rec)
	if got.Outcome != weir.OutcomeCancelled || states(got, s) != "ks" || strings.Contains(rec.all(), "no\n") {
		t.Errorf("got %+v, %s\n%s", got.Reason, states(got, s), rec.all())
	}
}

func TestShells(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Fatal("this test needs bash")
	}
	runIn := func(shell weir.Shell, run string) weir.Spec {
		return with(spec(run), map[string]func(*weir.Step){"a": func(s *weir.Step) { s.Shell = shell }})
	}
	script := func(path string, shell weir.Shell) weir.Spec {
		return with(spec(""), map[string]func(*weir.Step){"a": func(s *weir.Step) { s.Run, s.Script, s.Shell = "", path, shell }})
	}
	src := files{
		"ci/bash":  "#!/usr/bin/env bash\necho ${BASH_VERSION:+bash} $(basename \"$PWD\")\n",
		"ci/plain": "echo plain\n", "ci/py": "import sys\nprint('py', sys.argv[0][-5:])\n", "ci/exit": "#!/bin/sh\nexit 7\n",
		"ci/out": "->/bin/true", "ci/dir/x": "", "ci/odd": "#!nothing\n",
	}
	for _, c := range []struct {
		name string
		spec weir.Spec
		code weir.ReasonCode
		log  string
	}{
		{"sh", runIn(weir.ShellSh, "echo a\nfalse\necho b"), weir.ReasonStep, "a\n"},
		{"bash", runIn(weir.ShellBash, "a=(x y); echo ${a[1]}; false | true; echo not here"), weir.ReasonStep, "y\n"},
		{"bash without a user's files", runIn(weir.ShellBash, "set -o | grep errexit"), "", "errexit        \ton\n"},
		{"python", runIn(weir.ShellPython, "import os\nprint('six' if 2*3 == 6 else 'hm', flush=True)\nraise SystemExit(4)"), weir.ReasonStep, "six\n"},
		{"cmd", runIn(weir.ShellCmd, "echo"), weir.ReasonStep, "on Windows only"},
		{"no such shell", runIn("fish", "echo"), weir.ReasonStep, `there is no shell "fish"`},
		{"script by itself", script("ci/bash", ""), "", "bash toy\n"},
		{"script that fails", script("ci/exit", ""), weir.ReasonStep, ""},
		{"script by a shell", script("ci/plain", weir.ShellSh), "", "plain\n"},
		{"script by python", script("ci/py", weir.ShellPython), "", "py ci/py\n"},
		{"script by nothing", script("ci/plain", ""), weir.ReasonStep, "neither executable nor begins with #!"},
		{"script that names nothing", script("ci/odd", ""), weir.ReasonStep, "neither executable nor begins with #!"},
		{"script outside", script("../x", weir.ShellSh), weir.ReasonStep, "not below the checkout"},
		{"script outside by a link", script("ci/out", ""), weir.ReasonStep, "is not in the checkout"},
		{"script that is none", script("ci/dir", weir.ShellSh), weir.ReasonStep, "is not a file"},
		{"script that is not there", script("ci/none", weir.ShellSh), weir.ReasonStep, "is not in the checkout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rec := newRecorder()
			got := run(t, newRunner(t, src), c.spec, rec)
			if got.Reason.Code != c.code || !strings.Contains(rec.log(1), c.log) {
				t.Errorf("got %+v\n%s", got.Reason, rec.all())
			}
		})
	}
}

func TestShellOfTheJobAndTheUpstream(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fake := "#!/bin/sh\necho fake \"$@\" | sed 's/-File .*step-.*/-File FILE/'\nfor f; do :; done\ntail -c +4 \"$f\"\n"
	if err := os.WriteFile(filepath.Join(dir, "pwsh"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	s := spec("Get-Item .")
	s.Job.Shell = weir.ShellPowerShell
	r, rec := newRunner(t, files{}), newRecorder()
	r.Environ = []string{"PATH=relative:" + dir + ":" + os.Getenv("PATH")}
	got := run(t, r, s, rec)
	want := "fake -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File FILE\n$ErrorActionPreference = 'Stop'\n" +
		"$PSNativeCommandUseErrorActionPreference = $true\nGet-Item .\nif (Test-Path -LiteralPath variable:LASTEXITCODE) { exit $LASTEXITCODE }\n"
	if got.Outcome != weir.Passed || rec.log(1) != want {
		t.Errorf("got %+v, %q", got.Reason, rec.log(1))
	}
	r.Environ = []string{"PATH=" + t.TempDir()}
	if _, err := os.Stat("/usr/bin/pwsh"); errors.Is(err, fs.ErrNotExist) {
		rec = newRecorder()
		got = run(t, r, s, rec)
		if got.Reason.Code != weir.ReasonWorker || !strings.Contains(got.Reason.Text, "there is no pwsh and no powershell on this machine") {
			t.Errorf("without the shell: %+v", got.Reason)
		}
	}
}

func TestOutputsAndNotes(t *testing.T) {
	t.Parallel()
	s := with(spec(
		`echo STAGE=link >> "$WEIR_OUTPUT"; printf 'text<<E\none\ntwo\nE\n9=1\n' >> "$WEIR_OUTPUT"; echo "speed 3 MB/s" >> $WEIR_METRICS; echo "# First" > $WEIR_SUMMARY`,
		`echo "$WEIR_OUTPUTS_A_STAGE $WEIR_OUTPUTS_A_TEXT"; echo STAGE=run > "$WEIR_OUTPUT"; echo '{"name":"size","value":2}' > $WEIR_METRICS; echo Second > $WEIR_SUMMARY; exit 1`,
		`test "$WEIR_OUTPUTS_B_STAGE" = run; ls $WEIR_OUTPUT 2>&1 || true`),
		map[string]func(*weir.Step){"b": allow, "c": onlyIf(`outputs.a.STAGE == "link" and outputs["b"]["STAGE"] == "run"`)})
	rec := newRecorder()
	got := run(t, newRunner(t, files{}), s, rec)
	if got.Outcome != weir.Passed || rec.log(2) != "link one\ntwo\n" || !strings.Contains(rec.log(3), "o such file") {
		t.Errorf("got %+v\n%s", got.Reason, rec.all())
	}
	if !strings.Contains(rec.log(1), `weir: $WEIR_OUTPUT: line 6: "9" is no name`) {
		t.Errorf("log of the first step: %s", rec.log(1))
	}
	want := []weir.Metric{{Name: "speed", Value: 3, Unit: "MB/s"}, {Name: "size", Value: 2}}
	if fmt.Sprint(got.Metrics) != fmt.Sprint(want) || got.Summary != "# First\n\nSecond" {
		t.Errorf("got %v, %q", got.Metrics, got.Summary)
	}
}

func TestOutputsHaveALimit(t *testing.T) {
	t.Parallel()
	var steps []string
	for range 6 {
		steps = append(steps, `head -c 60000 /dev/zero | tr '\0' x | sed 's/^/A=/' > $WEIR_OUTPUT`)
	}
	steps = append(steps, "env | grep -c '^WEIR_OUTPUTS_'")
	s := spec(steps...)
	rec := newRecorder()
	if got := run(t, newRunner(t, files{}), s, rec); got.Outcome != weir.Passed || rec.log(7) != "4\n" || !strings.Contains(rec.log(5), "left out") {
		t.Errorf("got %+v\n%s", got.Reason, rec.all())
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	const key, token = "s3cr3t-k3y!", "line-one\nline-two\n"
	enc := base64.StdEncoding.EncodeToString([]byte(key))
	s := with(withResults("r",
		`echo "$KEY / $TOKEN"; printf %s "$KEY" | base64; printf 's3cr3t'; printf -- '-k3y!\n'; echo "fail $KEY" > r; echo "$KEY 1" > $WEIR_METRICS; echo "see $KEY" > $WEIR_SUMMARY; echo "A=$KEY" > $WEIR_OUTPUT`,
		`test "$WEIR_OUTPUTS_A_A" = "$KEY"; echo "${TOKEN:-none}"; echo "9$KEY=" > $WEIR_OUTPUT; sh -c "exit 3"`),
		map[string]func(*weir.Step){"a": func(s *weir.Step) { s.Secrets = []string{"TOKEN"} }})
	s.Job.Secrets = []string{"KEY"}
	job := Job{Spec: s, Dir: t.TempDir(), Secrets: []weir.EnvVar{{Name: "KEY", Value: key}, {Name: "TOKEN", Value: token}}}
	rec := newRecorder()
	got := newRunner(t, files{}).Run(t.Context(), job, rec)
	data, err := os.ReadFile(got.ResultsFile)
	if err != nil {
		t.Fatal(err)
	}
	said := rec.all() + fmt.Sprintf("%+v", got) + string(data)
	for _, secret := range []string{key, "line-one", "line-two", enc, enc[:len(enc)-4]} {
		if strings.Contains(said, secret) {
			t.Errorf("%q crosses:\n%s", secret, said)
		}
	}
	if got.Reason.Code != weir.ReasonTests || !strings.HasPrefix(rec.log(1), "*** / ***\n***E=\n***\n") || !strings.HasPrefix(rec.log(2), "none\n") ||
		got.Summary != "see ***" || got.Metrics[0].Name != "***" {
		t.Errorf("got %+v\n%s", got, rec.all())
	}

	s.Untrusted, s.Job.Steps[0].Run, s.Job.Steps[1].Run = true, `echo "${KEY:-no key} ${TOKEN:-no token}"; echo pass x > r; echo `+key, "true"
	job.Spec, job.Dir, rec = s, t.TempDir(), newRecorder()
	if got := newRunner(t, files{}).Run(t.Context(), job, rec); got.Outcome != weir.Passed || rec.log(1) != "no key no token\n***\n" {
		t.Errorf("untrusted: %+v\n%s", got.Reason, rec.all())
	}

	s.Untrusted, job.Secrets = false, job.Secrets[:1]
	job.Spec, job.Dir = s, t.TempDir()
	if got := newRunner(t, files{}).Run(t.Context(), job, newRecorder()); got.Reason.Code != weir.ReasonSecret || !strings.Contains(got.Reason.Text, "TOKEN") {
		t.Errorf("a secret that did not come: %+v", got.Reason)
	}
	job.Secrets = []weir.EnvVar{{Name: "KEY", Value: "abc"}}
	if got := newRunner(t, files{}).Run(t.Context(), job, newRecorder()); got.Reason.Code != weir.ReasonSecret || !strings.Contains(got.Reason.Text, "KEY") {
		t.Errorf("a secret that is too short: %+v", got.Reason)
	}
}

func TestEnvironmentOfStarts(t *testing.T) {
	t.Parallel()
	s := spec(`echo "$WEIR_BRANCH $WEIR_CAUSE $WEIR_CELL $WEIR_PARAM_LEVEL $WEIR_PARAM_WHO"`)
	s.Branch, s.Cause, s.Job.Cell = "release/1", weir.CauseForce, "3.14,debug"
	s.Job.Params = []weir.Param{{Name: "level", Default: "low"}, {Name: "who", Default: "me"}}
	s.Params = []weir.EnvVar{{Name: "who", Value: "you"}}
	rec := newRecorder()
	if run(t, newRunner(t, files{}), s, rec); rec.log(1) != "release/1 force 3.14,debug low you\n" {
		t.Errorf("got %q", rec.log(1))
	}
}

func TestStrangersShareNoCaches(t *testing.T) {
	t.Parallel()
	s := spec(`echo "$GOCACHE"; echo "$GOMODCACHE"`)
	s.Untrusted = true
	r, rec, dir := newRunner(t, files{}), newRecorder(), t.TempDir()
	if r.Run(t.Context(), Job{Spec: s, Dir: dir}, rec); rec.log(1) != filepath.Join(dir, "cache/go/build")+"\n"+filepath.Join(dir, "cache/go/mod")+"\n" {
		t.Errorf("got %q", rec.log(1))
	}
	if err := os.MkdirAll(filepath.Join(dir, "cache/go"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Tidy(dir, s); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "cache")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it stays: %v", err)
	}
}
