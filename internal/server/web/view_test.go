package web

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
)

func TestOverviewView(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	front, err := f.Front(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := overviewView(front, "")
	for _, c := range []struct{ what, got, want string }{
		{"headline", v.Headline, "2 regressions are open, 6 tests bad"},
		{"summary", v.Summary, "2 builds run · 5 queued, 2 waiting for a product · 2 of 3 workers here"},
		{"doubted", v.Doubted, "1 build has something newly bad and is being run again before anybody is told."},
		{"title", v.Open[0].Title, "brook 4f2a91c3d0 “upper: fold sharp s” broke 5 tests of mill and marsh"},
		{"confidence", v.Open[0].Confidence, "97 %"},
		{"author", v.Open[0].Author, "Ada Wells"},
		{"since", v.Open[0].Since.Rel, "42 min ago"},
		{"search", v.Open[1].Title, "1 test of marsh broke"},
		{"progress", v.Open[1].Progress, "between brook 77aa000000 and 4f2a91c3d0: 7 suspects left"},
		{"silent", v.Silent[0].Project, "mill"},
		{"running", v.Running[0].Name + " " + v.Running[0].Worker + " " + v.Running[0].At.Rel, "marsh/test main heron 2 min ago"},
		{"group", v.Builders.Projects[2].Name, "mill"},
		{"news", v.Builders.Projects[2].Builders[1].Newest.News, "3 newly failing"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	if !v.Alarm || v.NoProjects || v.NoWorkers || !v.Workers[2].Away || v.Workers[0].Away || !v.Builders.Projects[2].Builders[0].None {
		t.Errorf("the view is wrong: %+v", v)
	}
	spark := v.Builders.Projects[0].Builders[0].Spark
	if len(spark) != 12 || spark[11].URL != "/builds/40" {
		t.Errorf("the newest build is not the last spark: %+v", spark)
	}
	empty := overviewView(farm.Front{}, "")
	if empty.Headline != "Nothing has been built yet" || !empty.NoProjects || empty.Alarm {
		t.Errorf("the empty farm says %+v", empty)
	}
}

func TestBuildView(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	d := f.Details[servertest.FailedBuild]
	v := buildView(d, buildQuery{step: -1}, f.Now)
	if v.Title != "mill/test main linux/amd64" || v.Reason != "3 tests failed" || v.Took != "3 min 0 s" || v.Live {
		t.Errorf("header: %+v", v)
	}
	if !v.Pins[0].Own || v.Pins[0].Project != "mill" || v.Pins[1].Short != "4f2a91c3d0" {
		t.Errorf("pins: %+v", v.Pins)
	}
	if v.Attempt != 2 || v.Attempts[0].Mark.Word != "lost" || v.Attempts[0].Reason != "the worker was lost" || !v.Attempts[1].Current {
		t.Errorf("attempts: %+v", v.Attempts)
	}
	const place = "not as root, load 0.25, with network, clock 90 s behind, in mill"
	if v.Place != place || v.Attempts[0].Place != "" || v.Attempts[1].Place != place {
		t.Errorf("it ran %q: %+v", v.Place, v.Attempts)
	}
	s := v.Steps[2]
	if !s.Open || s.Exit != "exit 2" || s.Took != "2 min 24 s" || s.Command != "make -j$WEIR_CPUS check\nmake report" ||
		s.LogURL != "/api/v1/builds/41/attempts/2/steps/2/log" || v.Steps[0].Open || v.Steps[1].HasLog {
		t.Errorf("steps: %+v", v.Steps)
	}
	if first := buildView(d, buildQuery{attempt: 1, step: -1}, f.Now); first.Attempt != 1 || len(first.Steps) != 0 {
		t.Errorf("attempt 1 is not shown: %+v", first)
	}
	if asked := buildView(d, buildQuery{step: 0}, f.Now); !asked.Steps[0].Open || asked.Steps[2].Open {
		t.Error("the step asked for is not open")
	}
	quiet := d
	quiet.Build.Changes = weir.VerdictCounts{}
	if v := buildView(quiet, buildQuery{step: -1}, f.Now); v.Judgement != "as bad as before: nothing in it is new" {
		t.Errorf("judgement %q", v.Judgement)
	}
	masked := d
	masked.Build.Outcome, masked.Build.Changes = weir.Passed, weir.VerdictCounts{Masked: 1200, Fixed: 1}
	if v := buildView(masked, buildQuery{step: -1}, f.Now); v.News != "1,200 masked, 1 fixed" ||
		v.Judgement != "hides failures: tests that were bad did not run (1,200), which mends nothing" {
		t.Errorf("a build that hides failures: %q, %q", v.News, v.Judgement)
	}
	masked.Build.Changes = weir.VerdictCounts{FailingDifferently: 2, Masked: 1}
	if v := buildView(masked, buildQuery{step: -1}, f.Now); v.News != "2 failing differently, 1 masked" || v.Judgement != "" {
		t.Errorf("a build that fails differently: %q, %q", v.News, v.Judgement)
	}
	first := d
	first.First, first.Build.Changes = true, weir.VerdictCounts{New: 100_000}
	first.Changes = make([]weir.TestChange, 200)
	first.From, first.More = 200, true
	if v := buildView(first, buildQuery{step: -1}, f.Now); v.Judgement != "first build, nothing to compare with" || v.News != "100,000 new" ||
		v.ChangesAt != "201 to 400" || v.Earlier != "/builds/41?changes=0#h-changes" || v.Later != "/builds/41?changes=400#h-changes" {
		t.Errorf("first build: %q %q %q %q %q", v.Judgement, v.News, v.ChangesAt, v.Earlier, v.Later)
	}
}

func TestTestsView(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	set := func(all bool) farm.Tests {
		tests, err := f.Tests(t.Context(), servertest.FailedBuild, all, maxRows)
		if err != nil {
			t.Fatal(err)
		}
		return tests
	}
	bad := testsView(weir.Build{ID: 41}, set(false), false)
	if len(bad.Rows) != 3 || bad.Omitted != 0 || bad.Summary != "3 failed, 1,204 passed and 12 skipped" || bad.Rows[0].Raw != "TestUpper/case_1@0x7ffe" {
		t.Errorf("bad: %d rows, %+v", len(bad.Rows), bad.Summary)
	}
	all := testsView(weir.Build{ID: 41}, set(true), true)
	if len(all.Rows) != 500 || all.Omitted != 719 || all.Rows[0].Mark.Kind != page.KindFail || all.Rows[3].Mark.Word != "skipped" {
		t.Errorf("all: %d rows, %d omitted", len(all.Rows), all.Omitted)
	}
	if all.Incidents[0].What != "another test took the suite down (TestTurn)" {
		t.Errorf("incident: %+v", all.Incidents[0])
	}
}

// TestFirstConfig holds the example of the empty farm against the real reader.
func TestFirstConfig(t *testing.T) {
	t.Parallel()
	if _, problems := recipe.Parse("weir.yaml", []byte(firstConfig)); len(problems) > 0 {
		t.Errorf("the example is not a farm file: %v", problems)
	}
}

// TestTemplatesAreCurrent generates the templates again beside the committed ones.
func TestTemplatesAreCurrent(t *testing.T) {
	t.Parallel()
	for _, from := range []string{".", "findings", "page"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			templatesAreCurrent(t, from)
		})
	}
}

func templatesAreCurrent(t *testing.T, from string) {
	dir := t.TempDir()
	templates, err := filepath.Glob(filepath.Join(from, "*.templ"))
	if err != nil || len(templates) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	for _, name := range templates {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "go", "tool", "templ", "generate", "-path", dir).CombinedOutput(); err != nil {
		t.Fatalf("templ: %v: %s", err, out)
	}
	for _, name := range templates {
		name = strings.TrimSuffix(name, ".templ") + "_templ.go"
		want, err := os.ReadFile(filepath.Join(dir, filepath.Base(name)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not current: run make generate", name)
		}
	}
}

// TestReproVerbOfBuild makes sure that the page says the one command that does it all.
func TestReproVerbOfBuild(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	if v := buildView(f.Details[servertest.FailedBuild], buildQuery{}, f.Now); v.ReproVerb != "weir repro 41" || v.Repro == "" {
		t.Errorf("a build: %q", v.ReproVerb)
	}
}

// TestVerdictsHaveGrounds: the page of a build says what its verdicts rest on.
func TestVerdictsHaveGrounds(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	v := buildView(f.Details[servertest.FailedBuild], buildQuery{step: -1}, f.Now)
	if v.Against.ID != 33 || v.Against.URL != "/builds/33" || len(v.Repeats) != 1 || v.Repeats[0].URL != "/builds/41" || v.Repeats[0].Mark.Word != "failed" {
		t.Errorf("held against %+v, run again in %+v", v.Against, v.Repeats)
	}
	var page strings.Builder
	if err := groundsLine(v).Render(t.Context(), &page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Held against", `href="/builds/33"`, "Run again at the same revisions", `href="/builds/41"`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("%q is not in %s", want, page.String())
		}
	}
}

// TestStepsOfWhatEnded shows no step as running of an attempt that is over.
func TestStepsOfWhatEnded(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := farm.AttemptDetail{Steps: []farm.StepDetail{{StepRecord: weir.StepRecord{Name: "build", State: weir.StepRunning, Started: at}}}}
	if s := ended(a)[0]; s.State != weir.StepRunning {
		t.Errorf("while it runs: %+v", s)
	}
	a.Ended = at.Add(time.Minute)
	if s := ended(a)[0]; s.State != weir.StepKilled || !s.Ended.Equal(a.Ended) || a.Steps[0].State != weir.StepRunning {
		t.Errorf("when it is over: %+v", s)
	}
}
