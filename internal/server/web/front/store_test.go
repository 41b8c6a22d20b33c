package front_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
	"github.com/weir-ci/weir/internal/store/storetest"
)

// TestOverDatabase reads the pages, and what is the same as JSON, of a small farm in
// a database while builds are made.
func TestOverDatabase(t *testing.T) {
	t.Parallel()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	ok(err)
	t.Cleanup(func() { ok(db.Close()) })
	ok(db.Migrate(t.Context()))
	past := storetest.FillPast(t, db, 3, 60)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	_, _, err = db.RecordRevisions(t.Context(), store.Poll{Project: "mill", Branch: "main", Now: now, Next: now,
		Revisions: []weir.Revision{{ID: strings.Repeat("4f2a91c3", 5), Author: "Ada Wells <ada@example.org>", Time: now, Message: "grind: weigh before milling"}}})
	ok(err)

	f := servertest.New()
	h, err := server.New(server.Options{Farm: f, Views: views.New(views.Options{Store: db}), Now: func() time.Time { return now }})
	ok(err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	read := func(path string, wants ...string) {
		t.Helper()
		answer, err := s.Client().Get(s.URL + path)
		ok(err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		ok(err)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d: %.300s", path, answer.StatusCode, body)
		}
		for _, want := range wants {
			if !strings.Contains(string(body), want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
	}
	read("/", `href="/projects/mill"`, "is-fail")
	read("/projects?group=platform", "linux/amd64")
	read("/projects/mill", "grind: weigh before milling", "Ada Wells", "test main linux/amd64", `href="/builders/1"`)
	read("/builders/1", `href="/builds/3"`, "Built against")
	read("/runs/1", "3 failed", `href="/builds/1"`)
	read("/search?q=fold_000007", "test_fold_000007", `href="/tests?`)
	read("/search?q=4f2a91c34f", "grind: weigh")
	read("/projects.json", `"name":"mill"`, `"class":"bad"`)
	read("/projects/mill.json", `"rows"`)
	read("/builders/1.json", `"builds"`)
	read("/runs/1.json", `"run"`)
	read("/search.json?q=mill", `"exact"`)

	_, ids, err := db.CreateRun(t.Context(), store.NewRun{Cause: weir.CauseForce, Project: "mill", Reason: "somebody asked", Now: now,
		Builds: []store.NewBuild{{Builder: past.Builder.ID, Pins: weir.Pins{"mill": "x"}, Share: store.ShareNone}}})
	ok(err)
	read("/builders/1", fmt.Sprintf(`href="/builds/%d"`, ids[0]), "queued")
	read("/?show=running", `href="/projects/mill"`)
}
