package fleet

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/farm/waits"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/server/web/static"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// stand is a farm that says what it is told to say.
type stand struct {
	workers []weir.Worker
	line    waits.Line
	history roster.History
	before  time.Time
	refused []roster.Refused
	did     []string
	disk    int64
}

func (s *stand) LastEvent(context.Context) (int64, error)                { return 7, nil }
func (s *stand) Workers(context.Context) ([]weir.Worker, error)          { return s.workers, nil }
func (s *stand) Queue(context.Context, int) (waits.Line, error)          { return s.line, nil }
func (s *stand) WorkerDisk(string) (int64, bool)                         { return s.disk, s.disk > 0 }
func (s *stand) Of(context.Context, weir.Worker) (roster.History, error) { return s.history, nil }

func (s *stand) Worker(_ context.Context, name string) (weir.Worker, error) {
	for _, w := range s.workers {
		if w.Name == name {
			return w, nil
		}
	}
	return weir.Worker{}, weir.Errorf(weir.NotFound, "there is no worker %.80q", name)
}

func (s *stand) PauseWorker(_ context.Context, name, reason, by string) error {
	s.did = append(s.did, "pause "+name+" "+reason+" "+by)
	return nil
}

func (s *stand) ResumeWorker(_ context.Context, name string) error {
	s.did = append(s.did, "resume "+name)
	return nil
}

func (s *stand) ForgetWorker(_ context.Context, name string) error {
	s.did = append(s.did, "forget "+name)
	return weir.Errorf(weir.Conflict, "worker %s is here", name)
}

func (s *stand) Today(_ context.Context, list []weir.Worker) (map[string]roster.Sum, map[string][]roster.Hour, error) {
	sums, hours := map[string]roster.Sum{}, map[string][]roster.Hour{}
	for _, w := range list {
		sums[w.Name] = roster.Sum{Ended: 12, Use: .25, Lost: len(w.Name) % 2}
		for i := range 24 {
			hours[w.Name] = append(hours[w.Name], roster.Hour{Hour: noon.Add(time.Duration(i-23) * time.Hour), Use: float64(i) / 23, Lost: i % 2})
		}
	}
	return sums, hours, nil
}

func (s *stand) Ran(_ context.Context, _ string, before time.Time, _ int) ([]roster.Ran, error) {
	s.before = before
	return s.history.Last, nil
}

func (s *stand) Refused(_ context.Context, _ string, from, limit int) ([]roster.Refused, bool, error) {
	return s.refused[from:min(len(s.refused), from+limit)], len(s.refused) > from+limit, nil
}

func site(t *testing.T, s *stand) *page.Routes {
	t.Helper()
	files, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	routes := page.NewRoutes(page.NewRenderer(page.Options{Assets: files, Events: s, Now: func() time.Time { return noon },
		SignedIn: func(_ context.Context, session string) (string, error) {
			if session != "s" {
				return "", weir.Errorf(weir.Unauthenticated, "nobody")
			}
			return "ada", nil
		}}), nil, nil)
	Register(routes, s, s, "v1.4.0")
	return routes
}

// ask gets a page, as somebody who is signed in or not.
func ask(t *testing.T, s *stand, method, path string, in bool, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if in {
		r.AddCookie(&http.Cookie{Name: page.SessionCookie, Value: "s"})
	}
	w := httptest.NewRecorder()
	site(t, s).ServeHTTP(w, r)
	return w
}

func worker(name string, change func(*weir.Worker)) weir.Worker {
	w := weir.Worker{Name: name, Platform: "linux/amd64", Slots: 2, Seen: noon.Add(-time.Second), Version: "v1.4.0", Owner: "ada@example.org"}
	if change != nil {
		change(&w)
	}
	return w
}

func fleet() []weir.Worker {
	return []weir.Worker{
		worker("away", func(w *weir.Worker) { w.Seen = noon.Add(-time.Hour) }),
		worker("busy", func(w *weir.Worker) { w.Running, w.Labels = 1, []string{"gpu"} }),
		worker("idle", func(w *weir.Worker) { w.Platform, w.Version = "darwin/arm64", "v1.3.0" }),
		worker("paused", func(w *weir.Worker) { w.Paused = "new disk (ada)" }),
		worker("sick", func(w *weir.Worker) { w.Strikes, w.Barred = 3, noon.Add(10*time.Minute) }),
	}
}

func TestWorkers(t *testing.T) {
	t.Parallel()
	list := fleet()
	v := workersView(list, nil, nil, roster.Narrow{}, "v1.4.0", noon)
	var got []string
	for _, l := range v.Lines {
		got = append(got, l.Name+" "+l.Mark.Word+" "+l.Why)
	}
	want := "sick in quarantine 3 infrastructure errors in a row; gets work again in 10 min 0 s|paused paused new disk (ada)|busy at work |idle here |away away "
	if strings.Join(got, "|") != want || v.Title != "4 of 5 workers here" || v.Summary != "1 of 8 slots in use" {
		t.Errorf("%s, %s\n got %s\nwant %s", v.Title, v.Summary, strings.Join(got, "|"), want)
	}
	for _, c := range []struct {
		filter roster.Narrow
		want   string
	}{{roster.Narrow{Text: "GPU linux"}, "busy"}, {roster.Narrow{Platform: "darwin/arm64"}, "idle"}, {roster.Narrow{State: "away"}, "away"}, {roster.Narrow{Text: "nothing"}, ""}} {
		v := workersView(list, nil, nil, c.filter, "v1.4.0", noon)
		names := ""
		for _, l := range v.Lines {
			names += l.Name
		}
		if names != c.want || v.Filter.Clear == "" {
			t.Errorf("%+v: %s", c.filter, names)
		}
	}
	for _, c := range []struct{ worker, server, want string }{{"v1.3.0", "v1.4.0", "behind the server's v1.4.0"}, {"1.5.0", "v1.4.0", "ahead of the server's v1.4.0"}, {"v1.4.0", "1.4.0", ""},
		{"abc", "def", "not the server's def"}, {"", "v1", ""}} {
		if got := behind(c.worker, c.server); got != c.want {
			t.Errorf("%s beside %s: %q", c.worker, c.server, got)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := weir.Builder{ID: 3, BuilderKey: weir.BuilderKey{Project: "mill", Job: "test", Platform: "linux/amd64"}}
	s := &stand{workers: fleet(), disk: 3 << 30}
	ended := roster.Ran{Builder: b, Cause: weir.CauseChange, Attempt: weir.Attempt{ID: weir.AttemptID{Build: 8, Number: 1}, Leased: noon.Add(-time.Hour), Ended: noon.Add(-50 * time.Minute), Outcome: weir.Infra, Reason: weir.Reason{Code: weir.ReasonDiskFull}}}
	running := roster.Ran{Builder: b, Cause: weir.CauseProbe, Attempt: weir.Attempt{ID: weir.AttemptID{Build: 9, Number: 1}, Leased: noon.Add(-time.Minute)}}
	s.history = roster.History{Running: []roster.Ran{running}, Trouble: []roster.Ran{ended}}
	for range roster.MaxLast {
		s.history.Last = append(s.history.Last, ended)
	}
	for i := range roster.Days {
		s.history.Days = append(s.history.Days, roster.Sum{From: noon.Truncate(24*time.Hour).AddDate(0, 0, i+1-roster.Days)})
	}
	s.history.Weeks = []roster.Sum{{From: noon.AddDate(0, 0, -7), Ended: 4, Infra: 1, Busy: time.Hour, Use: .1, Waited: time.Minute}}
	for _, c := range []struct {
		path string
		in   bool
		want []string
		not  []string
	}{
		{"/workers", false, []string{"4 of 5 workers here", "behind the server&#39;s v1.4.0", "Lend a machine", "12 attempts, 25 % of its time", `aria-current="page"`}, []string{"ada@"}},
		{"/workers/busy", false, []string{"at work", "/builds/9", "bisection probe", "its disk is full", "3.0 GiB", "Sign in", "?before="}, []string{"ada@", "<form class=\"act\""}},
		{"/workers/busy", true, []string{"ada@example.org", "/workers/busy/pause", "Pause"}, []string{"/workers/busy/forget", "/workers/busy/resume"}},
		{"/workers/paused", true, []string{"new disk (ada)", "/workers/paused/resume"}, []string{"/workers/paused/pause"}},
		{"/workers/away", true, []string{"not heard of for", "/workers/away/forget"}, nil},
		{"/workers/busy?before=1773489600000000", false, []string{"Attempts before 2026-03-14"}, nil},
		{"/queue", false, []string{"Nothing waits"}, nil},
	} {
		w := ask(t, s, "GET", c.path, c.in, nil)
		for _, want := range c.want {
			if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %d, lacks %q", c.path, w.Code, want)
			}
		}
		for _, not := range c.not {
			if strings.Contains(w.Body.String(), not) {
				t.Errorf("%s holds %q", c.path, not)
			}
		}
	}
	if s.before.UnixMicro() != 1773489600000000 {
		t.Errorf("attempts before %s were read", s.before)
	}
	if w := ask(t, s, "GET", "/workers/gone", false, nil); w.Code != 404 {
		t.Errorf("of a worker that is not there: %d", w.Code)
	}
	if w := ask(t, &stand{}, "GET", "/workers", false, nil); !strings.Contains(w.Body.String(), "weir token add my-machine") {
		t.Error("without workers the page does not say how to add one")
	}
}

func TestActs(t *testing.T) {
	t.Parallel()
	s := &stand{workers: fleet()}
	if w := ask(t, s, "POST", "/workers/busy/pause", false, url.Values{"reason": {"x"}}); w.Code != 401 || len(s.did) != 0 {
		t.Errorf("nobody in particular: %d %v", w.Code, s.did)
	}
	if w := ask(t, s, "POST", "/workers/busy/pause", true, url.Values{"reason": {"new disk"}}); w.Code != 303 || w.Header().Get("Location") != "/workers/busy" {
		t.Errorf("pause: %d %v", w.Code, w.Header())
	}
	if w := ask(t, s, "POST", "/workers/busy/resume", true, nil); w.Code != 303 {
		t.Errorf("resume: %d", w.Code)
	}
	if w := ask(t, s, "POST", "/workers/busy/forget", true, nil); w.Code != 409 {
		t.Errorf("forget: %d", w.Code)
	}
	if got := strings.Join(s.did, ", "); got != "pause busy new disk ada, resume busy, forget busy" {
		t.Error(got)
	}
}

func TestQueue(t *testing.T) {
	t.Parallel()
	b := weir.Builder{ID: 3, BuilderKey: weir.BuilderKey{Project: "mill", Job: "test", Platform: "linux/amd64"}}
	l := waits.Line{More: 1200, Depths: []waits.Depth{{Platform: "linux/amd64", Queued: 1201, Blocked: 1, Lanes: []waits.Lane{{Cause: weir.CauseChange, Count: 1202}}, Oldest: noon.Add(-time.Hour)},
		{Platform: "darwin/arm64", Workers: 2, Slots: 8, Free: 3}},
		Locks: []waits.Lock{{Name: "db", Shares: 2, Wanted: 1, Holders: []waits.Holder{{Build: 5, Builder: b, Worker: "heron", Shares: 1, Since: noon}}}}}
	for i, wait := range []schedule.Wait{{Reason: schedule.WaitPlatform, Text: "waits for a worker on linux/amd64: there is none"}, {Reason: schedule.WaitProduct, Text: "waits for the product of build 5", Build: 5}} {
		l.Builds = append(l.Builds, waits.Build{Build: weir.Build{ID: weir.BuildID(10 + i), Builder: b, State: weir.Queued, Created: noon.Add(-time.Hour)}, Waits: wait})
	}
	v := queueView(l, noon)
	if v.Title != "1,202 builds wait" || v.Summary != "the longest for 1 h 0 min · 1 waits for somebody to do something" || !v.Builds[0].Stuck || v.Builds[1].Behind != "/builds/5" {
		t.Errorf("%s, %s, %+v", v.Title, v.Summary, v.Builds)
	}
	if d := v.Depths; d[0].Stuck != page.KindInfra || d[0].Lanes != "change 1202" || d[1].Slots != "3 of 8 slots free on 2 workers" {
		t.Errorf("%+v", d)
	}
	if k := v.Locks[0]; k.Shares != "1 of 2 shares held" || k.Wanted != "1 build wants it" || k.Holders[0].Worker != "heron" {
		t.Errorf("%+v", k)
	}
	w := ask(t, &stand{line: l}, "GET", "/queue", false, nil)
	for _, want := range []string{"there is none", "and 1,200 more", "see that build", "db"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	h := roster.History{}
	for i := range roster.Days {
		h.Days = append(h.Days, roster.Sum{From: noon.Truncate(24*time.Hour).AddDate(0, 0, i+1-roster.Days)})
	}
	h.Hours = []roster.Hour{{Hour: noon.Add(-time.Hour), Use: 1}, {Hour: noon.Add(-48 * time.Hour), Use: .1, Lost: 1}}
	v := calendar(h, noon)
	if cells := strings.Count(strings.Join(v.Paths[:], ""), "M"); cells != 27*24+13 { // today ends at noon
		t.Errorf("%d cells", cells)
	}
	if strings.Count(v.Paths[levels], "M") != 1 || strings.Count(v.Paths[1], "M") != 1 || strings.Count(v.Trouble, "M") != 1 || !strings.HasPrefix(v.Label, "at work in 2 hours") {
		t.Errorf("%+v", v)
	}
	if h.Hours = h.Hours[:1]; !strings.HasPrefix(calendar(h, noon).Label, "at work in 1 hour of ") {
		t.Errorf("one hour: %s", calendar(h, noon).Label)
	}
	for _, c := range []struct {
		use  float64
		want int
	}{{0, 0}, {.001, 1}, {.3, 2}, {.6, 3}, {1, 4}, {7, 4}} {
		if got := level(c.use); got != c.want {
			t.Errorf("a use of %v is of level %d", c.use, got)
		}
	}
}

// TestHostileText: what comes from outside stays text, and pages stay small.
func TestHostileText(t *testing.T) {
	t.Parallel()
	b := weir.Builder{BuilderKey: weir.BuilderKey{Project: servertest.Nasty, Job: servertest.Nasty, Cell: servertest.Nasty, Platform: servertest.Nasty}}
	s := &stand{}
	for i := range 1000 {
		s.workers = append(s.workers, worker(fmt.Sprintf("w%d", i), func(w *weir.Worker) {
			w.Platform, w.Labels, w.Host, w.Version, w.Paused = weir.Platform(servertest.Nasty+fmt.Sprint(i)), []string{servertest.Nasty}, servertest.Nasty, servertest.Nasty, servertest.Nasty
		}))
	}
	ran := roster.Ran{Builder: b, Attempt: weir.Attempt{Leased: noon, Ended: noon, Outcome: weir.Infra, Reason: weir.Reason{Text: servertest.Nasty}}}
	for range roster.MaxLast {
		s.history.Last, s.history.Trouble = append(s.history.Last, ran), append(s.history.Trouble[:min(len(s.history.Trouble), 19)], ran)
	}
	for i := range s.workers {
		if w := &s.workers[i]; i%2 == 1 {
			w.Paused, w.Rest = "", weir.Rest{Rule: weir.Rule(servertest.Nasty), Text: servertest.Nasty}
		}
		for range 2 * weir.MaxPolicyRules {
			s.workers[i].Policy = append(s.workers[i].Policy, servertest.Nasty)
		}
	}
	for range 2 * maxRefused {
		s.refused = append(s.refused, roster.Refused{Builder: b, Rule: weir.Rule(servertest.Nasty), Text: servertest.Nasty})
	}
	for range waits.MaxLine {
		s.line.Builds = append(s.line.Builds, waits.Build{Build: weir.Build{Builder: b}, Waits: schedule.Wait{Text: servertest.Nasty}})
		s.line.Locks = append(s.line.Locks[:min(len(s.line.Locks), 40)], waits.Lock{Name: servertest.Nasty, Holders: []waits.Holder{{Builder: b, Worker: servertest.Nasty}}})
	}
	for _, path := range []string{"/workers", "/workers/w1", "/queue"} {
		body := ask(t, s, "GET", path, true, nil).Body.String()
		for _, bad := range []string{"<script>window", "<img src=x", "\x1b", "\x00", "\u202e", "\xff"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		if len(body) > 300_000 {
			t.Errorf("%s has %d bytes", path, len(body))
		}
	}
}
