//go:build unix

package farmtest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/farmtest"
	"github.com/weir-ci/weir/internal/patience"
)

// trouble is what a project does to its farm, and what the farm makes of it.
type trouble struct {
	project string
	job     string // YAML of the job
	outcome weir.Outcome
	reason  weir.ReasonCode
	says    []string // parts of the reason's text
}

// troubles are projects at their first build. PIDS is a directory outside.
var troubles = []trouble{
	{"nocommand", `{steps: [{name: test, run: no-such-command-anywhere}], results: [{tap: out.tap}]}`,
		weir.Broken, weir.ReasonPrepare, []string{`step "test"`, "exit status 127", "not found"}},
	{"missing", `{steps: ["true"], results: [{junit: out.xml}]}`,
		weir.Broken, weir.ReasonNoResults, []string{"no file matches out.xml", "check the path"}},
	{"empty", `{steps: [": > out.xml"], results: [{junit: out.xml}]}`,
		weir.Broken, weir.ReasonNoResults, []string{"out.xml"}},
	{"nothing", `{steps: ["echo '<testsuites/>' > out.xml"], results: [{junit: out.xml}]}`,
		weir.Broken, weir.ReasonNoResults, []string{"out.xml holds no test results", "check that"}},
	{"truncated", `{steps: ["printf '<testsuite name=\"s\"><testcase name=\"a\"/><testcase name=\"b\"><fai' > out.xml"], results: [{junit: out.xml}]}`,
		weir.Broken, weir.ReasonNoResults, []string{"out.xml"}},
	{"hanging", `{quiet: 5s, steps: ["echo $$ > PIDS/hanging.1; sleep 600 & echo $! > PIDS/hanging.2; sleep 600"]}`,
		weir.TimedOut, weir.ReasonQuiet, []string{"no output for 5s"}},
	{"daemon", `{steps: ["sleep 600 & echo $! > PIDS/daemon.1; setsid sleep 600 & echo $! > PIDS/daemon.2"]}`,
		weir.Passed, weir.ReasonNone, nil},
	{"hostile", `{steps: ["printf 'a\\000b\\033[31m<script>alert(1)</script>\\n'; cp hostile.xml out.xml"], results: [{junit: out.xml}]}`,
		weir.Failed, weir.ReasonTests, []string{"1 of 2 tests failed"}},
}

const hostileXML = `<?xml version="1.0"?>
<testsuite name="&lt;script&gt;alert(2)&lt;/script&gt;">
<testcase name="&lt;img src=x onerror=alert(3)&gt; &#x1b;[31m &#x202e; \u0000"><failure message="&lt;/pre&gt;&lt;script&gt;alert(4)&lt;/script&gt; ` + "\x1b]0;owned\x07" + `">x</failure></testcase>
<testcase name="../../../etc/passwd"/>
</testsuite>
`

// TestTroubleOfOneProject lets projects do their worst, each at its first
// build: each is told what is wrong, nobody is accused, others go on.
func TestTroubleOfOneProject(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir, pids := t.TempDir(), t.TempDir()
		newRepo(t, filepath.Join(dir, "any"), map[string]string{"hostile.xml": hostileXML})
		fine := newRepo(t, filepath.Join(dir, "fine"), map[string]string{"test.sh": "echo 1..1 >out.tap; echo ok 1 - fine >>out.tap\n"})
		text := `projects:
  fine: {source: {git: fine, branch: main, poll: 100ms}, jobs: {test: {steps: [sh test.sh], results: [{tap: out.tap}]}}}
  unreachable: {source: {git: nowhere, branch: main, poll: 100ms}, jobs: {test: {steps: ["true"]}}}
`
		for _, tr := range troubles {
			text += fmt.Sprintf("  %s: {source: {git: any, branch: main, poll: 100ms}, jobs: {test: %s}}\n",
				tr.project, strings.ReplaceAll(tr.job, "PIDS", pids))
		}
		farm := farmtest.Start(t, farmFile(t, dir, text), farmtest.Options{Database: database, Slots: 3})
		for _, tr := range troubles {
			d := untilBuilt(t, farm, tr.project, "")
			expectEnd(t, d.Build, tr.outcome, tr.reason, tr.says...)
			if d.Build.Judgement != weir.Settled || d.Build.Changes.Worse() > 0 || len(d.Attempts) != 1 {
				t.Errorf("%s: %s, %d newly bad, %d attempts", tr.project, d.Build.Judgement, d.Build.Changes.Worse(), len(d.Attempts))
			}
		}
		expectUnreachable(t, farm)
		expectGone(t, pids, "hanging.1", "hanging.2", "daemon.1", "daemon.2")
		expectHarmless(t, farm)
		again := fine.commit(t, "again", nil)
		expectEnd(t, untilBuilt(t, farm, "fine", again).Build, weir.Passed, weir.ReasonNone)
		expectCalm(t, farm)
	})
}

// expectUnreachable waits until the overview says which source does not answer.
func expectUnreachable(t *testing.T, farm *farmtest.Farm) {
	t.Helper()
	farm.Until(t, "the unreachable source shows", func(o client.Overview) bool {
		for _, s := range o.Sources {
			if s.Project != "unreachable" && s.Error != "" {
				t.Fatalf("the source of %s has an error: %s", s.Project, s.Error)
			}
			if s.Project == "unreachable" && strings.Contains(s.Error, "nowhere") {
				return true
			}
		}
		return false
	})
}

// expectGone checks that the processes whose ids are in files do not exist.
func expectGone(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err != nil {
			t.Fatal(err)
		}
		if alive(pid) {
			t.Errorf("process %d of %s is still there", pid, name)
		}
	}
}

// alive reports whether a process runs; one that is dead and waits for its
// parent to look does not.
func alive(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		_, rest, _ := strings.Cut(string(stat), ") ")
		return !strings.HasPrefix(rest, "Z")
	}
	return syscall.Kill(pid, 0) == nil
}

// expectHarmless checks what the hostile project's output looks like outside.
func expectHarmless(t *testing.T, farm *farmtest.Farm) {
	t.Helper()
	d := untilBuilt(t, farm, "hostile", "")
	res, err := farm.Results(t.Context(), d.Build.ID, true, 0)
	if err != nil {
		t.Fatal(err)
	}
	if res.Counts.Fail != 1 || res.Counts.Total() != 2 {
		t.Errorf("counts %+v", res.Counts)
	}
	for _, r := range res.Results {
		if strings.ContainsAny(r.Test.Suite+r.Test.Name, "\x00\x1b") {
			t.Errorf("a test is called %q", r.Test)
		}
	}
	var log strings.Builder
	step := d.Attempts[0].Steps[1]
	if err := farm.CopyLog(t.Context(), &log, d.Attempts[0].ID, step.Index); err != nil {
		t.Fatal(err)
	}
	if want := "a\x00b\x1b[31m<script>alert(1)</script>\n"; log.String() != want {
		t.Errorf("the raw log is %q, want %q", log.String(), want)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/builds/%d", farm.URL, d.Build.ID), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", resp.Status, err)
	}
	for _, bad := range []string{"<script>alert", "<img src=x", "\x1b", "\x00", "\u202e"} {
		if strings.Contains(string(page), bad) {
			t.Errorf("the build's page has %q in it", bad)
		}
	}
	if !strings.Contains(string(page), "alert(4)") {
		t.Error("the build's page does not show the failure's message")
	}
}

// TestHugeResults reads a result file of hugeTests MB, most of it output that
// nobody keeps.
func TestHugeResults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newRepo(t, filepath.Join(dir, "big"), map[string]string{"big.awk": fmt.Sprintf(`BEGIN {
	line = sprintf("%%999s", "x")
	print "<testsuite name=\"big\">"
	for (i = 0; i < %d; i++) {
		print "<testcase name=\"test " i "\"><system-out>"
		for (j = 0; j < 1000; j++) print line
		print "</system-out></testcase>"
	}
	print "</testsuite>"
}
`, hugeTests)})
	farm := farmtest.Start(t, farmFile(t, dir, `projects:
  big: {source: {git: big, branch: main}, jobs: {test: {steps: [awk -f big.awk > out.xml], results: [{junit: out.xml}]}}}
`), farmtest.Options{})
	d := untilBuilt(t, farm, "big", "")
	expectEnd(t, d.Build, weir.Passed, weir.ReasonNone)
	if n := d.Build.Counts.Pass; n != hugeTests {
		t.Errorf("%d tests passed, want %d", n, hugeTests)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.Sys > 1<<30 {
		t.Errorf("the process has taken %d MiB of memory", m.Sys>>20)
	}
}

// TestRevisionGone builds a revision that was pushed away before a worker
// came to it.
func TestRevisionGone(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		gone := newRepo(t, filepath.Join(dir, "gone"), nil)
		was := gone.git(t, "rev-parse", "HEAD")
		fine := newRepo(t, filepath.Join(dir, "fine"), nil)
		farm := farmtest.Start(t, farmFile(t, dir, `projects:
  gone: {source: {git: gone, branch: main, poll: 1h}, jobs: {test: {steps: ["true"]}}}
  fine: {source: {git: fine, branch: main, poll: 100ms}, jobs: {test: {steps: ["true"]}}}
`), farmtest.Options{Database: database, Slots: -1})
		farm.Until(t, "both builds are queued", func(o client.Overview) bool { return o.Queue[weir.Queued] == 2 })
		if err := os.RemoveAll(string(gone)); err != nil {
			t.Fatal(err)
		}
		newRepo(t, string(gone), map[string]string{"other": "history"})
		startWorker(t, farm, "late", 2, dir)
		d := untilBuilt(t, farm, "gone", was)
		expectEnd(t, d.Build, weir.Broken, weir.ReasonCheckout, weir.ShortRevision(was), "cannot be checked out")
		again := fine.commit(t, "again", nil)
		expectEnd(t, untilBuilt(t, farm, "fine", again).Build, weir.Passed, weir.ReasonNone)
		expectCalm(t, farm)
	})
}

// TestOwnFaultIsNamed: a step whose command does not exist any more is the
// project's failure, and its commit is the culprit.
func TestOwnFaultIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app := newRepo(t, filepath.Join(dir, "app"), map[string]string{"test.sh": "echo 1..1 >out.tap; echo ok 1 - fine >>out.tap\n"})
	farm := farmtest.Start(t, farmFile(t, dir, `projects:
  app: {source: {git: app, branch: main, poll: 100ms}, jobs: {test: {steps: [{name: test, run: sh test.sh}], results: [{tap: out.tap}]}}}
`), farmtest.Options{})
	expectEnd(t, untilBuilt(t, farm, "app", "").Build, weir.Passed, weir.ReasonNone)
	app.commit(t, "harmless", nil)
	culprit := app.commit(t, "call what is not there", map[string]string{"test.sh": "no-such-command-anywhere\n"})
	expectEnd(t, untilBuilt(t, farm, "app", culprit).Build, weir.Broken, weir.ReasonPrepare, "exit status 127")
	o := farm.Until(t, "the culprit is found", func(o client.Overview) bool {
		return len(o.Regressions) == 1 && o.Regressions[0].State == weir.Located
	})
	if r := o.Regressions[0]; r.Culprit.Revision.ID != culprit || len(r.Victims) != 1 || r.Victims[0].Test != (weir.TestID{Suite: weir.StepSuite, Name: "test"}) {
		t.Errorf("culprit %s, victims %+v; want %s and the step", r.Culprit.Revision.ID, r.Victims, culprit)
	}
}

// TestWrongToken: a worker that is not known is told so and gives up; the
// farm's own goes on.
func TestWrongToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newRepo(t, filepath.Join(dir, "app"), nil)
	farm := farmtest.Start(t, farmFile(t, dir, `projects:
  app: {source: {git: app, branch: main, poll: 100ms}, jobs: {test: {steps: ["true"]}}}
`), farmtest.Options{})
	w, err := app.NewWorker(app.WorkerOptions{Server: farm.URL, Token: "WRONG", Slots: 1,
		Dir: filepath.Join(dir, "stranger"), Products: filepath.Join(dir, "products")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit)
	defer cancel()
	err = w.Run(ctx)
	if weir.CodeOf(err) != weir.Unauthenticated || strings.Contains(fmt.Sprint(err), "WRONG") {
		t.Errorf("the stranger ended with %v", err)
	}
	expectEnd(t, untilBuilt(t, farm, "app", "").Build, weir.Passed, weir.ReasonNone)
	o, err := farm.Overview(t.Context())
	if err != nil || len(o.Workers) != 1 {
		t.Errorf("%d workers, %v; want the farm's own only", len(o.Workers), err)
	}
}
