package builds

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
)

func TestBuildView(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	d := f.Details[servertest.FailedBuild]
	v := buildView(d, buildQuery{step: -1}, "", f.Now)
	if v.Title != "mill/test main linux/amd64" || v.Reason != "3 tests failed" || v.Facts.Took != "3 min 0 s" || v.Live {
		t.Errorf("header: %+v", v)
	}
	if r := v.Facts.Revisions; !r[0].Own || r[0].Project != "mill" || r[1].Short != "4f2a91c3d0" {
		t.Errorf("revisions: %+v", r)
	}
	if v.Attempt != 2 || v.Attempts[0].Mark.Word != "lost" || v.Attempts[0].Reason != "the worker was lost" || !v.Attempts[1].Current {
		t.Errorf("attempts: %+v", v.Attempts)
	}
	const place = "not as root, load 0.25, with network, clock 90 s behind, in mill"
	if v.Facts.Place != place || v.Attempts[0].Place != "" || v.Attempts[1].Place != place {
		t.Errorf("it ran %q: %+v", v.Facts.Place, v.Attempts)
	}
	s := v.Steps[2]
	if !s.Open || s.Exit != "exit 2" || s.Took != "2 min 24 s" || s.Command != "make -j$WEIR_CPUS check\nmake report" ||
		s.LogURL != "/api/v1/builds/41/attempts/2/steps/2/log" || v.Steps[0].Open || v.Steps[1].HasLog {
		t.Errorf("steps: %+v", v.Steps)
	}
	if first := buildView(d, buildQuery{attempt: 1, step: -1}, "", f.Now); first.Attempt != 1 || len(first.Steps) != 0 {
		t.Errorf("attempt 1 is not shown: %+v", first)
	}
	if asked := buildView(d, buildQuery{step: 0}, "", f.Now); !asked.Steps[0].Open || asked.Steps[2].Open {
		t.Error("the step asked for is not open")
	}
	quiet := d
	quiet.Build.Changes = weir.VerdictCounts{}
	if v := buildView(quiet, buildQuery{step: -1}, "", f.Now); v.Judgement != "as bad as before: nothing in it is new" {
		t.Errorf("judgement %q", v.Judgement)
	}
	masked := d
	masked.Build.Outcome, masked.Build.Changes = weir.Passed, weir.VerdictCounts{Masked: 1200, Fixed: 1}
	if v := buildView(masked, buildQuery{step: -1}, "", f.Now); v.News != (page.NewsView{Text: "1,200 masked, 1 fixed"}) ||
		v.Judgement != "hides failures: tests that were bad did not run (1,200), which mends nothing" {
		t.Errorf("a build that hides failures: %q, %q", v.News.Text, v.Judgement)
	}
	masked.Build.Changes = weir.VerdictCounts{FailingDifferently: 2, Masked: 1}
	if v := buildView(masked, buildQuery{step: -1}, "", f.Now); v.News.Text != "2 failing differently, 1 masked" || v.Judgement != "" {
		t.Errorf("a build that fails differently: %q, %q", v.News.Text, v.Judgement)
	}
	first := d
	first.First, first.Build.Changes = true, weir.VerdictCounts{New: 100_000}
	first.Changes = make([]weir.TestChange, 200)
	first.From, first.More = 200, true
	if v := buildView(first, buildQuery{step: -1}, "", f.Now); v.Judgement != "first build, nothing to compare with" || v.News.Text != "100,000 new" ||
		v.ChangesAt != "201 to 400" || v.Earlier != "/builds/41?changes=0#h-changes" || v.Later != "/builds/41?changes=400#h-changes" {
		t.Errorf("first build: %q %q %q %q %q", v.Judgement, v.News.Text, v.ChangesAt, v.Earlier, v.Later)
	}
}

func TestTestsView(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	d := f.Details[servertest.FailedBuild]
	set := f.Sets[servertest.FailedBuild]
	view := func(address string) TestsView {
		in, err := url.ParseQuery(address)
		if err != nil {
			t.Fatal(err)
		}
		return testsView(d, set, testsQuery(in))
	}
	v := view("")
	if len(v.Changed) != 3 || v.Changed[0].News != "newly failing: passed → failed" || v.Changed[0].Output == "" || v.Changed[0].Raw != "TestUpper/case_1@0x7ffe" {
		t.Errorf("changed: %+v", v.Changed)
	}
	if v.Summary != "3 failed, 1,204 passed and 12 skipped" || v.Filtered || len(v.Suites) != 3 || !v.Suites[0].Open || len(v.Suites[0].Rows) != 3 ||
		v.Suites[1].Open || v.Suites[1].Left != 1204-len(v.Suites[1].Rows) || v.Suites[2].Mark.Word != "skipped" {
		t.Errorf("suites: %+v", v.Suites)
	}
	if v.Incidents[0].What != "another test took the suite down (TestTurn)" {
		t.Errorf("incident: %+v", v.Incidents[0])
	}
	rows := 0
	for _, s := range v.Suites {
		rows += len(s.Rows)
	}
	if rows != maxRows-len(d.Changes) {
		t.Errorf("%d results are on the page", rows)
	}
	first := view("suite=mill/grain")
	if len(first.Rows) != maxRows || !strings.Contains(first.Pager.Older, "offset=200") || first.Pager.Newer != "" || first.Pager.Text != "tests 1 to 200 of 1,204" {
		t.Errorf("a suite: %d rows, %+v", len(first.Rows), first.Pager)
	}
	last := view("suite=mill/grain&offset=1200")
	if len(last.Rows) != 4 || last.Pager.Older != "" || !strings.Contains(last.Pager.Newer, "offset=1000") {
		t.Errorf("its end: %d rows, %+v", len(last.Rows), last.Pager)
	}
	if bad := view("status=bad&q=CASE_2"); len(bad.Rows) != 1 || bad.Filter.Found != "1 test" || bad.Filter.Clear == "" {
		t.Errorf("bad: %+v", bad)
	}
	if changed := view("status=changed"); len(changed.Rows) != 2 { // the third did not report
		t.Errorf("changed: %+v", changed.Rows)
	}
	if none := view("q=nonsense&status=nonsense"); len(none.Rows) != 0 || none.Empty.URL == "" {
		t.Errorf("nothing: %+v", none)
	}
}

// TestTestsPageIsBounded makes a page of 100,000 results that all say a lot.
func TestTestsPageIsBounded(t *testing.T) {
	t.Parallel()
	d := servertest.Demo().Details[servertest.FailedBuild]
	var set weir.ResultSet
	message, output := strings.Repeat("<&>", 1000), strings.Repeat("x", 60_000)
	for i := range 100_000 {
		id := weir.TestID{Suite: fmt.Sprintf("suite/%05d", i/100), Name: fmt.Sprintf("Test%06d", i)}
		set.Results = append(set.Results, weir.Result{Test: id, Status: weir.Fail, Message: message, Output: output})
		if len(d.Changes) < 200 {
			d.Changes = append(d.Changes, weir.TestChange{Test: id, Verdict: weir.NewlyFailing, From: weir.Pass, To: weir.Fail, Message: message})
		}
	}
	d.Build.Counts = set.Count()
	for _, address := range []string{"tab=tests", "tab=tests&status=bad"} {
		in, _ := url.ParseQuery(address)
		v := buildView(d, queryOf(in), "", noon)
		v.Tests = testsView(d, set, testsQuery(in))
		var page strings.Builder
		if err := buildPage(v).Render(t.Context(), &page); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", address, page.Len())
		if page.Len() > 300_000 { // although it is all < & >
			t.Errorf("%s: %d bytes", address, page.Len())
		}
	}
}

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// TestTimeline draws the waiting, the steps, and who added them.
func TestTimeline(t *testing.T) {
	t.Parallel()
	d := servertest.Demo().Details[servertest.FailedBuild]
	v := timelineOf(d, 1, noon)
	if len(v.Bars) != 5 || v.Bars[0].Class != "wait" || v.Bars[0].Text != "waited 12 s" || v.Bars[1].Class != "theirs" || v.Bars[3].Class != "own" ||
		v.Bars[3].Kind != page.KindFail || v.Bars[3].Anchor != "start" || v.Bars[4].Anchor != "end" || v.Bars[3].URL != "#step-2" {
		t.Errorf("%+v", v)
	}
	if !strings.HasPrefix(v.Label, "When what ran: waited 12 s for a worker; checkout passed, 6.0 s, by the worker itself; configure passed, 24 s;") {
		t.Errorf("in words: %s", v.Label)
	}
	long := d
	long.Build.Created = d.Build.Created.Add(-1000 * time.Hour)
	long.Attempts = d.Attempts[1:]
	if v := timelineOf(long, 0, noon); v.Bars[0].Width != "20.00%" {
		t.Errorf("a long wait takes %s", v.Bars[0].Width)
	}
	for range 100 {
		long.Attempts[0].Steps = append(long.Attempts[0].Steps, long.Attempts[0].Steps[0])
	}
	if v := timelineOf(long, 0, noon); len(v.Bars) != maxBars || v.More != 65 {
		t.Errorf("%d bars, %d more", len(v.Bars), v.More)
	}
	if v := timelineOf(servertest.Demo().Details[servertest.RunningBuild], 0, noon); len(v.Bars) < 3 || v.Bars[2].Kind != page.KindRun {
		t.Errorf("a running one: %+v", v)
	}
}

// TestBeside says what stands beside a build.
func TestBeside(t *testing.T) {
	t.Parallel()
	d := servertest.Demo().Details[servertest.FailedBuild]
	v := buildView(d, buildQuery{step: -1}, "", noon)
	github := weir.Source{Kind: weir.Git, Location: "https://github.com/otter/mill"}
	v.Facts.beside(d.Build, beside.Beside{Usual: time.Minute, UsualOf: 9, Previous: 40, LastGood: 33, Siblings: []weir.Build{{ID: 42, State: weir.Finished, Outcome: weir.Passed}},
		Moves: []beside.Move{
			{Project: "mill", Own: true, Source: github, From: servertest.Commit("aa"), To: servertest.Commit("bb"), Count: 30,
				Revision: weir.Revision{ID: servertest.Commit("bb"), Author: "Ada <a@b>", Message: "grind\nmore"}, Between: []weir.Revision{{ID: servertest.Commit("bb"), Message: "grind"}}},
			{Project: "brook", From: "1.0", To: "1.0"}, {Project: "old", From: "2.0"}}}, noon)
	f := v.Facts
	if f.Usual != "3.0 times the usual 1 min 0 s" || !f.Slow || f.LastGood.URL != "/compare?a=33&b=41" || f.Since.URL != "/builds/40" || len(f.Siblings) != 1 {
		t.Errorf("%+v", f)
	}
	r := f.Revisions
	if r[0].News != "30 new revisions" || r[0].More != 29 || r[0].Author != "Ada" || r[0].Diff.URL != page.DiffURL(github, servertest.Commit("aa"), servertest.Commit("bb")) || r[0].Diff.URL == "" {
		t.Errorf("mill: %+v", r[0])
	}
	if r[1].News != "" || r[2].Short != "none" || r[2].News != "was 2.0" {
		t.Errorf("others: %+v", r[1:])
	}
	running := servertest.Demo().Details[servertest.RunningBuild]
	live := factsOf(running, noon)
	live.beside(running.Build, beside.Beside{Usual: 4 * time.Minute}, noon)
	if live.Progress == nil || live.Progress.Share != .5 {
		t.Errorf("progress: %+v", live.Progress)
	}
}

func TestChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to float64
		want     string
	}{{1, 1, ""}, {1, 1.5, "50.0 %"}, {2, 1, "−50.0 %"}, {0, 1, "changed"}, {1, 1.0001, "less than 0.1 %"}, {-2, -1, "50.0 %"}, {1, math.Inf(1), "changed"}, {math.NaN(), 1, ""}} {
		if got := change(c.from, c.to); got != c.want {
			t.Errorf("from %v to %v: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

// TestReproVerbOfBuild makes sure that the page says the one command that does it all.
func TestReproVerbOfBuild(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	if v := buildView(f.Details[servertest.FailedBuild], buildQuery{}, "", f.Now); v.ReproVerb != "weir repro 41" || v.Repro == "" {
		t.Errorf("a build: %q", v.ReproVerb)
	}
	if v := buildView(f.Details[servertest.FailedBuild], buildQuery{}, "https://farm.example.org", f.Now); v.ReproVerb != "weir repro https://farm.example.org/builds/41" {
		t.Errorf("a build of a farm that is known by its address: %q", v.ReproVerb)
	}
}

// TestVerdictsHaveGrounds: the page of a build says what its verdicts rest on.
func TestVerdictsHaveGrounds(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	v := buildView(f.Details[servertest.FailedBuild], buildQuery{step: -1}, "", f.Now)
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

// TestRefused says whose owner did not want a build, also if that was the only attempt.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"builds of these projects only: mill", "refused by the owner of heron: builds of these projects only: mill"},
		{"", "refused by the owner of heron"},
	} {
		d := farm.BuildDetail{Build: weir.Build{ID: 7, State: weir.Queued}, Attempts: []farm.AttemptDetail{{Attempt: weir.Attempt{Worker: "heron",
			Leased: time.Unix(8, 0), Ended: time.Unix(9, 0), Outcome: weir.Infra, Reason: weir.Reason{Code: weir.ReasonRefused, Text: c.text}}}}}
		d.Build.Worker = "heron"
		if f := factsOf(d, time.Unix(10, 0)); f.Worker != "" || f.WorkerURL != "" || f.Waited != "" {
			t.Errorf("a build that waits again is with %q (%s), and waited %q", f.Worker, f.WorkerURL, f.Waited)
		}
		var v BuildView
		v.attempts(d, buildQuery{}, time.Unix(10, 0))
		if !v.Refused || v.Attempts[0].Reason != c.want || v.Attempts[0].Mark.Word != "refused" {
			t.Errorf("%+v", v.Attempts[0])
		}
	}
}

func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, v := range weir.ReasonCodes() {
		if reasonWords[v] == "" && v != weir.ReasonNone {
			t.Errorf("reason %q has no words", v)
		}
	}
}
