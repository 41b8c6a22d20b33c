package front

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/find"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/server/web/static"
)

// site serves the pages of a farm that is made up.
func serve(t *testing.T, f *servertest.Farm) http.Handler {
	t.Helper()
	files, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	routes := page.NewRoutes(page.NewRenderer(page.Options{Assets: files, Events: f, Now: func() time.Time { return f.Now }, SignedIn: f.SignedIn}), nil, nil)
	v := f.Views(&servertest.Acts{})
	Register(routes, Reader{Farm: f, Standing: v.Standing, Finder: v.Find})
	return routes
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestOverviewView(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	o, err := f.Front(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := overviewView(o)
	v.progress(o, map[weir.BuilderID]time.Duration{v.builders[0]: 5 * time.Minute})
	for _, c := range []struct{ what, got, want string }{
		{"headline", v.Headline, "2 regressions are open, 6 tests bad"},
		{"summary", v.Summary, "2 builds run · 5 queued, 2 waiting for a product · 2 of 3 workers here, 1 rests"},
		{"doubted", v.Doubted, "1 build has something newly bad and is being run again before anybody is told."},
		{"title", v.Open[0].Title, "brook 4f2a91c3d0 “upper: fold sharp s” broke 5 tests of mill and marsh"},
		{"silent", v.Silent[0].Project + " " + v.Silent[0].URL, "mill /projects/mill"},
		{"absent", v.Absent[0].Name + " " + v.Absent[0].Why, "toad is away"},
		{"running", v.Running[0].Name + " " + v.Running[0].Worker + " " + v.Running[0].At.Rel, "marsh/test main heron 2 min ago"},
		{"progress", v.Running[0].Progress.Text, "3 min 0 s left of the usual 5 min 0 s"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	if !v.Alarm || v.NoProjects || v.NoWorkers || v.Running[1].Progress.Label != "" || len(v.Absent) != 1 {
		t.Errorf("the view is wrong: %+v", v)
	}
	slices.Reverse(o.Regressions) // a younger one that is searched does not hide what is known
	if again := overviewView(o); again.Open[0].Title != v.Open[0].Title {
		t.Errorf("first comes %q", again.Open[0].Title)
	}
	held := o
	held.Regressions = slices.Clone(o.Regressions)
	for i := range held.Regressions {
		held.Regressions[i].Assigned.To = "otter"
	}
	held.Open, held.BadTests = 1_234, 5_678 // most were not read
	if v := overviewView(held); v.Alarm || len(v.Open) != 0 || len(v.Known) != 2 || v.Unread != 1_232 || v.Headline != "Nothing is new; 1,234 regressions are open, 5,678 tests bad" {
		t.Errorf("what is known: %+v", v)
	}
	empty := overviewView(farm.Overview{})
	if empty.Headline != "Nothing has been built yet" || !empty.NoProjects || empty.Alarm {
		t.Errorf("the empty farm says %+v", empty)
	}
	for range 40 {
		o.Regressions, o.Running = append(o.Regressions, o.Regressions[0]), append(o.Running, o.Running[0])
		o.Workers, o.Sources = append(o.Workers, o.Workers[2]), append(o.Sources, o.Sources[2])
	}
	if v := overviewView(o); len(v.Open) != maxOpen || v.MoreOpen != 30 || len(v.Running) != maxRunning || v.MoreRunning != 32 || v.MoreAbsent != 36 || v.MoreSilent != 36 {
		t.Errorf("of many there are %d and %d, %d and %d", len(v.Open), v.MoreOpen, len(v.Running), v.MoreRunning)
	}
}

// TestWorkersThatRest are no trouble, unless nobody else is there.
func TestWorkersThatRest(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	ready, rest := weir.Worker{Seen: now}, weir.Worker{Seen: now, Rest: weir.Rest{Rule: weir.RuleHours}}
	for _, c := range []struct {
		workers []weir.Worker
		says    string
		listed  int
	}{
		{[]weir.Worker{ready, rest, rest}, "3 of 3 workers here, 2 rest", 0},
		{[]weir.Worker{ready, rest, {Seen: now, Paused: "x"}}, "3 of 3 workers here, 1 takes no work, 1 rests", 1},
		{[]weir.Worker{rest}, "1 of 1 worker here, and none takes work", 1},
	} {
		if v := overviewView(farm.Overview{At: now, Workers: c.workers}); !strings.HasSuffix(v.Summary, c.says) || len(v.Absent) != c.listed {
			t.Errorf("%s: %d are listed", v.Summary, len(v.Absent))
		}
	}
}

// TestWorkersThatGetNothing says why, in words, and nothing of the others.
func TestWorkersThatGetNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		worker    weir.Worker
		word, why string
	}{
		{weir.Worker{Seen: now}, "", ""},
		{weir.Worker{Seen: now, Running: 1}, "", ""},
		{weir.Worker{Seen: now.Add(-time.Hour), Paused: "x"}, "away", "is away"},
		{weir.Worker{Seen: now, Running: 1, Paused: "new\u202edisk\n"}, "paused", "gets no work: new"},
		{weir.Worker{Seen: now, Draining: true}, "leaving", "leaves"},
		{weir.Worker{Seen: now, Rest: weir.Rest{Rule: weir.RuleHours, Text: "builds begin at 19:00\u202e"}}, "resting", "rests: builds begin at 19:00"},
		{weir.Worker{Seen: now, Rest: weir.Rest{Rule: weir.RuleLoad}}, "resting", "rests, as its owner wishes"},
		{weir.Worker{Seen: now, Strikes: 4, Barred: now.Add(time.Minute)}, "in quarantine", "4 infrastructure errors in a row; gets work again in 1 min"},
	} {
		line := workerLine(c.worker, now)
		if line.Mark.Word != c.word || !strings.Contains(line.Why, c.why) || (c.why == "") != (line.Why == "") || strings.ContainsAny(line.Why, "\n\u202e") {
			t.Errorf("%+v: %q, %q", c.worker, line.Mark.Word, line.Why)
		}
	}
	for _, s := range weir.WorkerStates() {
		if m := workerMarks[s]; (s != weir.WorkerReady) != (m.Word != "") {
			t.Errorf("%q has the mark %+v", s, m)
		}
	}
}

func TestProjectsView(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	list := standing.Projects{Total: 3, Found: 2, More: 5, Classes: map[standing.Class]int{standing.Bad: 1200, standing.Infra: 1}, Groups: []standing.Group{{Name: "brook", Of: 7, Projects: []standing.Project{
		{Name: "mill", Class: standing.Bad, Outcome: weir.Failed, Builders: 3, Bad: 1, Newest: 41, Executed: 1990, Due: 1997, News: weir.VerdictCounts{NewlyFailing: 2}, Revision: "4f2a91c3d05be7aa4f2a91c3d05be7aa4f2a91c3",
			Running: 1, Ended: now.Add(-time.Hour), History: []weir.Outcome{weir.Passed, weir.Broken, ""}},
		{Name: "reed", Class: standing.Unknown, Builders: 1}}}}}
	v := projectsView(list, standing.Query{Text: "a&b", Show: standing.ShowBad, Group: standing.ByUpstream}, "", "/", now)
	if v.Saved != "/?group=upstream&q=a%26b&show=bad" || v.Filter.Found != "2 of 3 projects, 1,200 bad, 1 without an answer" || v.Filter.Clear != "/" {
		t.Errorf("filter %+v, saved %s", v.Filter, v.Saved)
	}
	g := v.Groups[0]
	if g.Name != "Built against brook" || g.Count != "7 projects" || v.More != 5 {
		t.Errorf("group %+v", g)
	}
	mill, reed := g.Rows[0], g.Rows[1]
	if mill.URL != "/projects/mill" || mill.Mark.Word != "failed" || !mill.Bad || !mill.Running || mill.Tests != "1,990 of 1,997 tests" || !mill.Short || mill.News.Text != "2 newly failing" ||
		mill.Revision != "4f2a91c3d0" || mill.At.Rel != "1 h ago" || mill.Builders != "1 of 3 builders bad" {
		t.Errorf("mill %+v", mill)
	}
	if words := mill.Runs[0].Word + " " + mill.Runs[1].Word + " " + mill.Runs[2].Word; words != "passed broken running" {
		t.Errorf("runs %s", words)
	}
	if reed.Mark.Word != "nothing built yet" || reed.Tests != "" || reed.At.ISO != "" {
		t.Errorf("reed %+v", reed)
	}
	if v := projectsView(standing.Projects{Total: 3}, standing.Query{Show: standing.ShowAll, Group: standing.ByNothing}, "", "/", now); v.None == "" || v.Saved != "" || v.Filter.Clear != "" {
		t.Errorf("nothing matches: %+v", v)
	}
}

func TestBuilderView(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	build := func(id int, o weir.Outcome, minutes int, pins weir.Pins) standing.Build {
		return standing.Build{ID: weir.BuildID(id), Cause: weir.CauseChange, State: weir.Finished, Outcome: o, Pins: pins, Started: now, Finished: now.Add(time.Duration(minutes) * time.Minute)}
	}
	d := standing.BuilderDetail{Builds: []standing.Build{build(9, weir.Failed, 4, weir.Pins{"mill": "m2", "brook": "b2", "dam": "d1"}), build(8, weir.Passed, 2, weir.Pins{"mill": "m1", "brook": "b1", "dam": "d1"}),
		build(7, weir.Infra, 9, weir.Pins{"mill": "m1"})}}
	d.Builder.Builder = weir.Builder{ID: 3, BuilderKey: weir.BuilderKey{Project: "mill", Job: "test", Platform: "linux/amd64", Upstreams: "brook,dam"}}
	d.Newest, d.Class, d.Since = d.Builds[0], standing.Bad, 9
	v := builderView(d, now)
	if v.Builds[0].Pins != "brook b2" || v.Builds[0].Revision != "m2" || v.Builds[0].Took != "4 min 0 s" || v.Builds[0].All != "mill m2\nbrook b2\ndam d1" || v.Builds[2].Pins != "" {
		t.Errorf("builds %+v", v.Builds)
	}
	if v.Times.Passed != "M0 28.0h14v28.0h-14z" || v.Times.Other != "M18.75 0.8v55.2h12.5v-55.2z" || v.Times.Line != "28.0" ||
		v.Times.Label != "How long the newest 2 builds took, oldest first: at most 4 min 0 s, usually 2 min 0 s" {
		t.Errorf("times %+v", v.Times)
	}
	if len(v.Runs) != 3 || v.Runs[2].Word != "failed" || v.Facts[len(v.Facts)-1].URL != "/builds/9" {
		t.Errorf("runs %+v, facts %+v", v.Runs, v.Facts)
	}
}

func TestHits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hit  find.Hit
		want string
	}{
		{find.Hit{Kind: find.Build, ID: 41}, "/builds/41"},
		{find.Hit{Kind: find.Run, ID: 7}, "/runs/7"},
		{find.Hit{Kind: find.Regression, ID: 3}, "/regressions/3"},
		{find.Hit{Kind: find.Builder, ID: 5}, "/builders/5"},
		{find.Hit{Kind: find.Project, Name: "a+b"}, "/projects/a+b"},
		{find.Hit{Kind: find.Worker, Name: "w/1"}, "/workers/w%2F1"},
		{find.Hit{Kind: find.Test, Project: "mill", Job: "test", Test: weir.TestID{Suite: "s", Name: "t&u"}}, "/tests?job=test&name=t%26u&project=mill&suite=s"},
		{find.Hit{Kind: find.Commit, Project: "mill", Commit: "abc", Branch: "main", Position: 7}, "/console?branch=main&project=mill&until=7"},
	} {
		if got := hitURL(c.hit); got != c.want {
			t.Errorf("%+v: %s, want %s", c.hit, got, c.want)
		}
	}
	for _, k := range find.Kinds() {
		if kindNames[k] == "" {
			t.Errorf("%s has no name", k)
		}
	}
}

// pages are addresses of all pages, with what people and others may put into them.
func pages() []string {
	return []string{"/", "/?q=mill", "/?show=bad&group=platform", "/?q=%3Cscript%3E&show=bad&group=upstream", "/projects", "/projects?group=state", "/projects/mill", "/builders/3", "/runs/11",
		"/search", "/search?q=mill", "/search?q=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E%00%ff%1b[31m"}
}

// TestHostile makes sure that what others have written stays text.
func TestHostile(t *testing.T) {
	t.Parallel()
	for _, f := range []*servertest.Farm{servertest.Demo(), servertest.Hostile()} {
		h := serve(t, f)
		for _, path := range pages() {
			code, body := get(t, h, path)
			if code != http.StatusOK && !(code == http.StatusNotFound && f.State.Sources[0].Project != "brook") {
				t.Errorf("%s answers %d", path, code)
			}
			for _, bad := range []string{"<img src=x", "<script>window", "\x1b", "\x00", "\u202e", "javascript:", " style="} {
				if strings.Contains(body, bad) {
					t.Errorf("%s holds %q", path, bad)
				}
			}
		}
	}
}

func TestNothingThere(t *testing.T) {
	t.Parallel()
	h := serve(t, servertest.New())
	for path, want := range map[string]string{"/projects/nobody": "no project", "/projects/%3Cx%3E": "no project", "/builders/9": "no builder", "/builders/x": "no builder", "/runs/9": "no run", "/runs/-1": "no run"} {
		if code, body := get(t, h, path); code != http.StatusNotFound || !strings.Contains(body, want) {
			t.Errorf("%s answers %d: %.300s", path, code, body)
		}
	}
	if code, body := get(t, h, "/"); code != http.StatusOK || !strings.Contains(body, "has no projects yet") {
		t.Errorf("the empty farm says %d", code)
	}
}

// TestOverviewIsBounded says what the overview weighs, however many projects there are.
func TestOverviewIsBounded(t *testing.T) {
	t.Parallel()
	const most = 300_000 // bytes
	for _, n := range []int{20, 1000, 5000} {
		h := serve(t, servertest.Many(n))
		for _, path := range []string{"/", "/?group=platform", "/?group=state&q=project"} {
			code, body := get(t, h, path)
			t.Logf("%d projects: %s has %d bytes", n, path, len(body))
			if code != http.StatusOK || len(body) > most {
				t.Errorf("%d projects: %s answers %d, %d bytes", n, path, code, len(body))
			}
			if !strings.Contains(body, ">project-0007<") {
				t.Errorf("of %d projects the one in trouble is not there", n)
			}
		}
	}
}

func TestExactGoesThere(t *testing.T) {
	t.Parallel()
	h := serve(t, servertest.Demo())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/search?q=regression+3&go=1", nil))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/regressions/3" {
		t.Errorf("answers %d, %s", w.Code, w.Header().Get("Location"))
	}
	if code, body := get(t, h, "/search?q=regression+3"); code != http.StatusOK || !strings.Contains(body, `href="/regressions/3"`) {
		t.Errorf("answers %d", code)
	}
}

// TestFirstConfig holds the example of the empty farm against the real reader.
func TestFirstConfig(t *testing.T) {
	t.Parallel()
	if _, problems := recipe.Parse("weir.yaml", []byte(firstConfig)); len(problems) > 0 {
		t.Errorf("the example is not a farm file: %v", problems)
	}
}

// TestAnswersAreJSON makes sure that what the API answers of it can be read again.
func TestAnswersAreJSON(t *testing.T) {
	t.Parallel()
	v := servertest.Demo().Views(&servertest.Acts{})
	list, err := v.Standing.Projects(t.Context(), standing.Query{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(list)
	if err != nil || !strings.Contains(string(data), `"class":"bad"`) {
		t.Errorf("%v: %s", err, data)
	}
}

// Where nothing was built nothing is fine.
func TestNothingBuiltYet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		classes map[standing.Class]int
		want    string
	}{
		{map[standing.Class]int{standing.Unknown: 2}, "Nothing has been built yet"},
		{map[standing.Class]int{standing.Unknown: 1, standing.Fine: 1}, "Nothing is newly broken"},
	} {
		v := overviewView(farm.Overview{Sources: []farm.SourceStatus{{Project: "brook"}, {Project: "mill"}}})
		if v.silent(standing.Projects{Total: 2, Classes: c.classes}); v.Headline != c.want {
			t.Errorf("of %v the headline is %q, want %q", c.classes, v.Headline, c.want)
		}
	}
}

// TestNobodyTakesWork: a worker that is here and takes no work is no reason to wait.
func TestNobodyTakesWork(t *testing.T) {
	t.Parallel()
	now := time.Now()
	paused, ready := weir.Worker{Name: "a", Seen: now, Paused: "disk"}, weir.Worker{Name: "b", Seen: now}
	for _, c := range []struct {
		workers []weir.Worker
		want    string
	}{
		{[]weir.Worker{paused}, "nothing runs · none queued · 1 of 1 worker here, and none takes work"},
		{[]weir.Worker{paused, ready}, "nothing runs · none queued · 2 of 2 workers here, 1 takes no work"},
		{[]weir.Worker{ready}, "nothing runs · none queued · 1 of 1 worker here"},
	} {
		if v := overviewView(farm.Overview{At: now, Workers: c.workers}); v.Summary != c.want {
			t.Errorf("%q, want %q", v.Summary, c.want)
		}
	}
}

// TestGreenWithoutTests: a build that passes because it skips or loses all its tests
// must not look like one that tested something.
func TestGreenWithoutTests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		executed, due int
		want          string
	}{{0, 5, page.KindGone}, {1, 5, page.KindPass}, {5, 5, page.KindPass}, {0, 0, page.KindPass}} {
		row := projectRow(standing.Project{Name: "heron", Newest: 7, Class: standing.Fine, Outcome: weir.Passed, Executed: c.executed, Due: c.due}, time.Now())
		if text := foundText(standing.Projects{Total: 1, Found: 1, Hollow: 1}); text != "1 project, 1 green without a test" {
			t.Errorf("it is counted as %q", text)
		}
		if row.Mark.Kind != c.want {
			t.Errorf("%d of %d tests: %+v", c.executed, c.due, row.Mark)
		}
	}
}
