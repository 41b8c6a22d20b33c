package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farm/compat"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/farm/trends"
	"github.com/weir-ci/weir/internal/farm/waits"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestClientKnowsEveryFieldOfTheFleet(t *testing.T) {
	t.Parallel()
	roundTrip[api.WorkerDetail, client.WorkerDetail](t)
	roundTrip[roster.Ran, client.WorkerRun](t)
	roundTrip[roster.Refused, client.WorkerRefusal](t)
	roundTrip[waits.Line, client.Queue](t)
	roundTrip[trends.Answer, client.Trends](t)
	roundTrip[compat.Answer, client.Compat](t)
}

// TestFleet asks a farm with a month behind it.
func TestFleet(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.State.Workers[1].Seen = time.Now() // the API has the clock of this machine
	s := httptest.NewServer(api.New(api.Options{Farm: f, Views: f.Views(&servertest.Acts{}), Version: "1.2.3"}))
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, s.Client())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	workers, err := c.Workers(ctx)
	if err != nil || len(workers) != 3 || workers[0].Today == nil || workers[0].Today.Ended == 0 || workers[0].Owner != "" {
		t.Errorf("workers: %v, %+v", err, workers)
	}
	w, err := c.WorkerHistory(ctx, "heron")
	if err != nil || w.History == nil || len(w.History.Running) != 1 || len(w.History.Days) != roster.Days || w.Disk == nil || w.Owner != "" {
		t.Errorf("a worker: %v, %+v", err, w)
	}
	runs, err := c.WorkerRuns(ctx, "heron", 10)
	if err != nil || len(runs) != 10 || runs[0].Worker != "heron" {
		t.Errorf("what it tried: %v, %d", err, len(runs))
	}
	otter, err := c.Worker(ctx, "otter")
	if err != nil || otter.State != weir.WorkerResting || len(otter.Policy) != 4 || otter.Rest.Rule != weir.RuleHours || otter.Rest.Until.Sub(f.Now) != 7*time.Hour {
		t.Errorf("a worker that rests: %v, %+v", err, otter)
	}
	refused, err := c.WorkerRefusals(ctx, "otter", 0)
	if err != nil || len(refused) != 3 || refused[0].Builder.Project != "brook" || !refused[0].Active || refused[2].Active || refused[1].Rule != weir.RuleCommands || refused[1].Count != 2 {
		t.Errorf("what it refused: %v, %+v", err, refused)
	}
	if none, err := c.WorkerRefusals(ctx, "heron", 5); err != nil || none == nil || len(none) != 0 {
		t.Errorf("of one that refused nothing: %v, %+v", err, none)
	}
	queue, err := c.Queue(ctx, 0)
	if err != nil || len(queue.Builds) == 0 || len(queue.Depths) == 0 || queue.Builds[0].Waits.Text == "" {
		t.Errorf("the queue: %v, %+v", err, queue)
	}
	moved, err := c.TrendsOf(ctx, 0)
	if err != nil || len(moved.Moved) == 0 || moved.Moved[0].Change <= 0 || !moved.Moved[0].Worse {
		t.Errorf("what moved: %v, %+v", err, moved)
	}
	one, err := c.TrendsOf(ctx, moved.Moved[0].Builder.ID)
	if err != nil || len(one.Builders) != 1 || len(one.Builders[0].Series) < 3 {
		t.Errorf("trends of a builder: %v, %+v", err, one)
	}
	if _, err := c.TrendsOf(ctx, 999); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("of one that is not there: %v", err)
	}
	answer, err := c.Compat(ctx, "mill on brook main on linux")
	if err != nil || answer.Answer != "no" || answer.Project != "mill" || len(answer.Evidence) != 1 || answer.Badge.Message == "" {
		t.Errorf("does it work: %v, %+v", err, answer)
	}
}

// TestFleetQueries asks as pages do.
func TestFleetQueries(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.State.Workers[1].Seen = time.Now()
	h := api.New(api.Options{Farm: f, Views: f.Views(&servertest.Acts{}), Version: "1.2.3"})
	ask := func(path string) (status int, link string, list []map[string]any) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if err := json.Unmarshal(w.Body.Bytes(), &list); w.Code == 200 && err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return w.Code, w.Header().Get("Link"), list
	}
	for path, n := range map[string]int{"/api/v1/workers?q=DOCKER+linux": 1, "/api/v1/workers?platform=darwin/arm64": 1, "/api/v1/workers?state=quarantined": 0, "/api/v1/workers?q=nothing": 0} {
		if status, _, list := ask(path); status != 200 || len(list) != n {
			t.Errorf("%s: %d, %d workers", path, status, len(list))
		}
	}
	if _, link, list := ask("/api/v1/workers/otter/refusals?limit=2"); len(list) != 2 || list[0]["rule"] != "projects" {
		t.Errorf("refusals: %v", list)
	} else if next, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">"); next == "" {
		t.Errorf("refusals go on at %q", link)
	} else if _, link, rest := ask(next); len(rest) != 1 || link != "" || rest[0]["build"] == nil {
		t.Errorf("refusals behind %s: %v, %s", next, rest, link)
	}
	if _, _, list := ask("/api/v1/workers?state=resting"); len(list) != 1 || list[0]["rest"] == nil {
		t.Errorf("workers that rest: %v", list)
	}
	_, link, first := ask("/api/v1/workers/heron/runs?limit=20")
	next, _, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || len(first) != 20 {
		t.Fatalf("%d attempts, then %q", len(first), link)
	}
	if _, _, second := ask(next); len(second) != 20 || second[0]["leased"] == first[19]["leased"] {
		t.Errorf("the next ones: %d", len(second))
	}
	for _, path := range []string{"/api/v1/workers/nobody/runs", "/api/v1/workers/nobody/refusals", "/api/v1/workers/nobody", "/api/v1/trends?project=nothing"} {
		if status, _, _ := ask(path); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}
