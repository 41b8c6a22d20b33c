package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// smallFarm is a farm in a database: an upstream with five revisions, and two
// projects below it that broke at the fourth.
func smallFarm(t *testing.T) (views.Store, time.Time) {
	t.Helper()
	ctx, now := t.Context(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "weir.db"))
	ok(err)
	t.Cleanup(func() { ok(db.Close()) })
	ok(db.Migrate(ctx))
	var revs []weir.Revision
	for i := range 5 {
		revs = append(revs, weir.Revision{ID: fmt.Sprint("brook-", i+1), Author: "Ada <ada@example.org>", Message: fmt.Sprintf("change %d", i+1), Time: now})
	}
	_, _, err = db.RecordRevisions(ctx, store.Poll{Project: "brook", Branch: "main", Revisions: revs, Now: now, Next: now.Add(time.Hour)})
	ok(err)
	builders, err := db.EnsureBuilders(ctx, []weir.BuilderKey{{Project: "brook", Job: "build", Platform: "linux/amd64", Branch: "main"},
		{Project: "mill", Job: "test", Platform: "linux/amd64", Upstreams: "brook"}, {Project: "dam", Job: "test", Platform: "linux/amd64", Upstreams: "brook"}})
	ok(err)
	_, _, err = db.Hello(ctx, weir.Worker{Name: "heron", Platform: "linux/amd64", Slots: 9, Seen: now}, nil)
	ok(err)
	for _, position := range []int{1, 4, 5} {
		now = now.Add(time.Hour)
		run := store.NewRun{Cause: weir.CauseChange, Project: "brook", Now: now}
		for _, b := range builders {
			run.Builds = append(run.Builds, store.NewBuild{Builder: b.ID, Pins: weir.Pins{"brook": fmt.Sprint("brook-", position), b.Project: fmt.Sprint("brook-", position)}, Share: store.ShareNone})
		}
		_, ids, err := db.CreateRun(ctx, run)
		ok(err)
		leased, err := db.Lease(ctx, store.LeaseAsk{Worker: "heron", Platform: "linux/amd64", Now: now, Deadline: now.Add(time.Minute), Tokens: []string{"a", "b", "c"}},
			func(store.Queue) []weir.BuildID { return ids })
		ok(err)
		for _, l := range leased {
			outcome, counts, s := weir.Passed, weir.Counts{Pass: 9}, store.Settlement{Build: l.Attempt.Build, Become: weir.Settled, Now: now.Add(10 * time.Minute)}
			if position > 1 && l.Attempt.Build != ids[0] {
				outcome, counts = weir.Failed, weir.Counts{Pass: 8, Fail: 1}
				s.Ledger = weir.Ledger{Expected: 12, Reported: 9, Executed: 9, Hidden: 3}
				if position == 4 {
					s.Changes = []weir.TestChange{{Test: weir.TestID{Name: "t"}, Verdict: weir.NewlyFailing, From: weir.Pass, To: weir.Fail}}
				}
			}
			_, err = db.Sync(ctx, store.Sync{Attempt: l.Attempt, Token: l.Token, Seq: 1, Now: now.Add(time.Minute), Deadline: now.Add(time.Hour),
				Steps: []weir.StepRecord{{Name: "test", State: weir.StepRunning, Started: now.Add(time.Minute)}}})
			ok(err)
			_, err = db.Finish(ctx, store.Finish{Attempt: l.Attempt, Token: l.Token, Now: now.Add(9 * time.Minute), Outcome: outcome, Counts: counts,
				Steps: []weir.StepRecord{{Name: "test", State: weir.StepPassed, Started: now.Add(time.Minute), Ended: now.Add(9 * time.Minute)}}})
			ok(err)
			ok(db.Settle(ctx, s))
		}
	}
	return db.(views.Store), now.Add(time.Hour)
}

// TestBoards reads boards of a farm in a database, as pages, as their twins, and
// with the client.
func TestBoards(t *testing.T) {
	t.Parallel()
	db, now := smallFarm(t)
	clock := func() time.Time { return now }
	h, err := server.New(server.Options{Farm: servertest.Demo(), Views: views.New(views.Options{Store: db, Now: clock}), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	for path, wants := range map[string][]string{
		"/matrix":                       {"2 of 2 newly bad", "Revision brook-4 hit 2 projects at once", "Nothing newly bad against brook; 2 projects are still bad", "9/12", "1 new</b>"},
		"/console?project=brook":        {"Ada", "change 3", "#3", ">in 4<", "8m"},
		"/waterfall?project=mill":       {"3 builds in 24 hours", "newly bad, 8 min"},
		"/waterfall?hours=6&q=mill dam": {"No builder"},
	} {
		answer, body := get(t, s.URL+strings.ReplaceAll(path, " ", "+"))
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d", path, answer.StatusCode)
		}
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
	}
	for _, path := range []string{"/matrix?until=4&every=1", "/console?downstreams=1", "/waterfall?hours=6"} {
		name, query, _ := strings.Cut(path, "?")
		_, page := get(t, s.URL+name+".json?"+query)
		_, twin := get(t, s.URL+"/api/v1"+path)
		if page != twin || !json.Valid([]byte(twin)) {
			t.Errorf("%s as JSON is %.200s, its twin %.200s", path, page, twin)
		}
	}
	c, err := client.New(s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Matrix(t.Context(), client.MatrixQuery{Upstream: "brook", Until: 4, Changed: true})
	if err != nil || len(m.Rows) != 2 || !m.Columns[0].Broken || m.Rows[0].Cells[0].Grade != "new" || m.Columns[0].Passed != 2 || m.Newer != 5 {
		t.Errorf("the matrix is %+v, %v", m, err)
	}
	console, err := c.Console(t.Context(), client.ConsoleQuery{Project: "brook", Downstreams: true})
	if err != nil || len(console.Builders) != 3 || len(console.Rows) != 5 || console.Rows[2].Cells[0].In != 4 || console.Rows[0].Cells[1].Grade != "bad" {
		t.Errorf("the console is %+v, %v", console, err)
	}
	fall, err := c.Waterfall(t.Context(), client.WaterfallQuery{Hours: 6, Until: now})
	if err != nil || len(fall.Builds) != 9 || len(fall.Arrivals) == 0 {
		t.Errorf("the waterfall is %+v, %v", fall, err)
	}
	if _, err := c.Matrix(t.Context(), client.MatrixQuery{Upstream: "no"}); weir.CodeOf(err) != weir.NotFound {
		t.Error(err)
	}
}
