package boards_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	farmboards "github.com/weir-ci/weir/internal/farm/boards"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/boards"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/server/web/static"
	"github.com/weir-ci/weir/internal/store"
)

// farm is a made-up memory and store.
type farm struct {
	state *recent.State
	lines map[string][]weir.Revision
	now   time.Time
}

func (f *farm) State(context.Context) (*recent.State, error) { return f.state, nil }

func (f *farm) Tips(context.Context) (tips []weir.Tip, err error) {
	for project, line := range f.lines {
		tips = append(tips, weir.Tip{Project: project, First: line[0], Revision: line[len(line)-1]})
	}
	return tips, nil
}

func (f *farm) Revision(_ context.Context, project, _, id string) (weir.Revision, error) {
	for _, r := range f.lines[project] {
		if r.ID == id {
			return r, nil
		}
	}
	return weir.Revision{}, weir.Errorf(weir.NotFound, "no such revision")
}

func (f *farm) RevisionRange(_ context.Context, project, _ string, first, last int64) ([]weir.Revision, error) {
	line := f.lines[project]
	return line[min(first-1, int64(len(line))):min(last, int64(len(line)))], nil
}

func (f *farm) Span(context.Context, store.SpanQuery) ([]store.BoardBuild, error) { return nil, nil }

func (f *farm) Earlier(context.Context, []store.Before, int) ([]store.BoardBuild, error) {
	return nil, nil
}

func (f *farm) LastEvent(context.Context) (int64, error) { return 1, nil }

// commits gives a project so many revisions, two hours apart.
func (f *farm) commits(project string, n int, message string) {
	people := []string{"Ada Lovelace <ada@example.org>", "Grace Hopper <grace@example.org>", "Barbara Liskov <barbara@example.org>"}
	for i := range n {
		f.lines[project] = append(f.lines[project], weir.Revision{ID: fmt.Sprintf("%08x%032x", (i+77)*2654435761&0xffffffff, i), Position: int64(i + 1),
			Author: people[i%3], Message: message, Time: f.now.Add(time.Duration(i-n) * 2 * time.Hour)})
	}
}

// broken is the revision of the upstream that breaks most projects, counted from the newest.
const broken = 4

// large makes a farm with an upstream, so many projects below it with three
// builders each, and so many builds of each builder.
func large(projects, builds int) *farm {
	f := &farm{state: &recent.State{Seq: 1}, lines: map[string][]weir.Revision{}, now: time.Date(2026, 3, 14, 9, 26, 0, 0, time.UTC)}
	f.commits("cpython", 3*builds, "gh-100000: Make the garbage collector run on the eval breaker")
	platforms := []weir.Platform{"linux/amd64", "linux/arm64", "darwin/arm64"}
	own := f.lines["cpython"]
	id := weir.BuildID(0)
	add := func(project string, number int) {
		for p, platform := range platforms {
			b := weir.Builder{ID: weir.BuilderID(len(f.state.Rows) + 1), BuilderKey: weir.BuilderKey{Project: project, Job: "test", Platform: platform, Upstreams: "cpython"}}
			if project == "cpython" {
				b.Job, b.Upstreams = "build", ""
			}
			row := recent.Row{Builder: b}
			for n := range builds {
				id++
				x := f.build(b, id, own[len(own)-1-3*n], n, number, p)
				row.Builds = append(row.Builds, x)
			}
			f.state.Rows = append(f.state.Rows, row)
		}
	}
	add("cpython", 1)
	for i := range projects {
		add(fmt.Sprintf("project-%03d", i), i)
	}
	for _, r := range f.state.Rows { // the ids grow with time
		for j := range r.Builds {
			r.Builds[j].ID = weir.BuildID(100_000 - 1000*j + int(r.Builder.ID))
		}
	}
	return f
}

// build makes the build of a project that is n builds old.
func (f *farm) build(b weir.Builder, id weir.BuildID, up weir.Revision, n, number, platform int) store.BoardBuild {
	at := f.now.Add(-time.Duration(n)*47*time.Minute - time.Duration(number%13)*time.Minute - 20*time.Minute)
	x := store.BoardBuild{ID: id, Builder: b.ID, Cause: weir.CauseChange, State: weir.Finished, Outcome: weir.Passed, Judged: weir.Settled,
		Pins: weir.Pins{"cpython": up.ID, b.Project: up.ID}, Created: at, Started: at.Add(time.Minute), Finished: at.Add(time.Duration(6+number%17) * time.Minute),
		Counts: weir.Counts{Pass: 2000 + number, Skip: 12}, Worker: "heron"}
	bad := number%3 > 0 && b.Project != "cpython"
	switch {
	case n == 0 && number%5 == 0:
		x.State, x.Outcome, x.Finished, x.Counts = weir.Running, "", time.Time{}, weir.Counts{}
	case number%19 == 7:
		x.Outcome, x.Counts.Fail = weir.Failed, 3
	case n == broken && bad:
		x.Outcome, x.Counts.Fail, x.Changes = weir.Failed, 4, weir.VerdictCounts{NewlyFailing: 4}
		x.Ledger = weir.Ledger{Expected: 2100, Executed: 1990, Hidden: 110, Reported: 1990}
	case n < broken && n > 1 && bad && platform != 2:
		x.Outcome, x.Counts.Fail = weir.Failed, 4
	case n == 1 && bad:
		x.Changes.Fixed = 4
	case n == 2 && number%23 == 3:
		x.Outcome, x.Counts = weir.Infra, weir.Counts{}
	case n == 6 && number%11 == 3:
		x.Changes.Flaky = 1
	}
	return x
}

// site serves the pages on a farm.
func site(t testing.TB, f *farm) http.Handler {
	t.Helper()
	files, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(f.state.Rows, func(a, b recent.Row) int { return cmp.Compare(a.Builder.ID, b.Builder.ID) })
	now := func() time.Time { return f.now }
	routes := page.NewRoutes(page.NewRenderer(page.Options{Name: "Riverside", Now: now, Assets: files, Events: f}), nil, nil)
	boards.Register(routes, farmboards.New(f, f, now))
	routes.Handle("GET /static/", files)
	return routes
}

func fetch(t testing.TB, h http.Handler, url string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
	return w.Code, w.Body.String()
}

func TestPages(t *testing.T) {
	t.Parallel()
	h := site(t, large(12, 30))
	for _, c := range []struct {
		url   string
		has   []string
		hasNo []string
	}{
		{"/matrix", []string{"12 projects are tested against it", "7 of 12 newly bad", "/console?", ">newly bad</i>", "4 new</b>", ">bad as before</i>", "Older →", "cpython</bdi> itself",
			`href="/matrix?until=90" rel="bookmark"`}, []string{"style="}},
		{"/matrix?changed=1&sort=name", []string{"nothing changes here"}, []string{">project-007<"}},
		{"/matrix?by=platform", []string{"darwin/arm64", "by platform"}, []string{"cpython-30"}},
		{"/matrix?until=42", []string{"Newest", "← Newer"}, []string{"hx-sse:connect"}},
		{"/matrix?until=90", []string{"7 of"}, []string{"Lasting link"}},
		{"/console", []string{"/console?until=90", "3 builders", "build", "linux", "#90", "in 9", "Ada Lovelace"}, []string{"<bdi>project-001</bdi>", "style="}},
		{"/console?project=cpython&downstreams=1", []string{"project-001", "39 builders"}, nil},
		{"/console?project=project-003&until=5", nil, nil},
		{"/waterfall", []string{"/waterfall?until=2026-03-14T09%3A26%3A00Z", "<svg", "As a table", "builds in 24 hours", "39 builders", "newly bad, "}, []string{"style="}},
		{"/waterfall?as=table&hours=6", []string{"Draw it", "heron", "<table"}, []string{"fall-body"}},
		{"/waterfall?project=project-001&scale=linear&until=2026-03-14T01:00:00Z", []string{"3 builders"}, []string{"project-002 "}},
		{"/waterfall?q=nothing+like+it", []string{"No builder is like that"}, nil},
	} {
		status, body := fetch(t, h, c.url)
		if status != http.StatusOK {
			t.Errorf("%s answers %d: %.300s", c.url, status, body)
		}
		for _, text := range c.has {
			if !strings.Contains(body, text) {
				t.Errorf("%s does not say %q", c.url, text)
			}
		}
		for _, text := range c.hasNo {
			if strings.Contains(body, text) {
				t.Errorf("%s says %q", c.url, text)
			}
		}
	}
	for url, want := range map[string]int{"/matrix?upstream=no": 404, "/matrix?until=x": 422, "/matrix?until=-1": 422, "/console?project=no": 404, "/console?after=x": 422,
		"/waterfall?hours=7": 422, "/waterfall?until=yesterday": 422, "/grid": 301} {
		if status, _ := fetch(t, h, url); status != want {
			t.Errorf("%s answers %d, want %d", url, status, want)
		}
	}
}

// TestEmpty asks a farm that has nothing yet.
func TestEmpty(t *testing.T) {
	t.Parallel()
	h := site(t, &farm{state: &recent.State{}, lines: map[string][]weir.Revision{}})
	for url, want := range map[string]string{"/matrix": "upstreams in the farm file", "/console": "Builders are made when", "/waterfall": "Builders are made when"} {
		if status, body := fetch(t, h, url); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s answers %d, without %q", url, status, want)
		}
	}
}

// TestHostile puts text that breaks out of pages wherever there is text.
func TestHostile(t *testing.T) {
	t.Parallel()
	f := large(3, 8)
	for i, r := range f.lines["cpython"] {
		r.Message, r.Author = strings.Repeat(servertest.Nasty, 200), servertest.Nasty
		f.lines["cpython"][i] = r
	}
	f.lines[servertest.Nasty] = f.lines["cpython"]
	for i := range f.state.Rows {
		r := &f.state.Rows[i]
		if r.Builder.Project != "cpython" {
			r.Builder.Project, r.Builder.Job = servertest.Nasty+r.Builder.Project, servertest.Nasty
		}
		r.Builder.Cell, r.Builder.Platform = servertest.Nasty, weir.Platform(servertest.Nasty)
		for j := range r.Builds {
			r.Builds[j].Worker = servertest.Nasty
		}
	}
	h := site(t, f)
	for _, url := range []string{"/matrix", "/matrix?by=platform", "/console?downstreams=1", "/waterfall", "/waterfall?as=table", "/waterfall?q=%3Cscript%3E%00%ff"} {
		status, body := fetch(t, h, url)
		if status != http.StatusOK || len(body) > 300_000 {
			t.Errorf("%s answers %d, %d bytes", url, status, len(body))
		}
		for _, bad := range []string{"<script>window", "<img", "onerror=\"", "\x1b", "\u202e", "\x00", "\xff"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %q in it", url, bad)
			}
		}
	}
}

// most is how large a page may be, in bytes.
const most = 300_000

// TestSize bounds what the pages of a thousand builders weigh.
func TestSize(t *testing.T) {
	t.Parallel()
	h := site(t, large(333, 40))
	for _, url := range []string{"/matrix", "/matrix?sort=name", "/matrix?every=1", "/matrix?by=platform", "/console?downstreams=1", "/console", "/waterfall", "/waterfall?hours=72",
		"/waterfall?hours=72&as=table"} {
		status, body := fetch(t, h, url)
		t.Logf("%s: %d bytes", url, len(body))
		if status != http.StatusOK || len(body) > most {
			t.Errorf("%s answers %d with %d bytes, want at most %d", url, status, len(body), most)
		}
	}
}

func BenchmarkPages(b *testing.B) {
	h := site(b, large(333, 40))
	for _, url := range []string{"/matrix", "/matrix?by=platform", "/console?downstreams=1", "/waterfall?hours=72"} {
		b.Run(url[1:], func(b *testing.B) {
			for b.Loop() {
				fetch(b, h, url)
			}
		})
	}
}
