package server_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // to read a database past the store

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/rest/openapi"
	"github.com/weir-ci/weir/internal/server/session"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

// whole is a farm with what a server shows beside it.
type whole struct {
	*farm.Farm
	*setup.Keeper
}

// content is a digest of all rows of all tables of a database, table by table.
func content(t *testing.T, path string) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	out := map[string]string{}
	for _, table := range column(t, db, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`) {
		rows, err := db.QueryContext(t.Context(), `SELECT * FROM "`+table+`"`)
		if err != nil {
			t.Fatal(err)
		}
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				fmt.Fprintf(sum, "%v\x00", *v.(*any))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
		out[table] = hex.EncodeToString(sum.Sum(nil))
	}
	return out
}

func column(t *testing.T, db *sql.DB, query string) (list []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestReadingChangesNothing asks a real farm for every page and every operation
// that reads, by somebody who may do everything, and looks at the database.
func TestReadingChangesNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "weir.db")
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	blobs, err := blob.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(file, []byte("projects: {hello: {source: none, jobs: {test: {steps: [echo hello], platforms: [linux/amd64]}}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	config, _, err := recipe.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	board := new(setup.Board)
	f := farm.New(farm.Options{Store: db, Blobs: blobs, Setup: board})
	keeper := setup.NewKeeper(setup.Options{File: file, Farm: config, Target: f, Board: board, Store: db})
	if err := keeper.Start(ctx); err != nil {
		t.Fatal(err)
	}
	reading := views.New(views.Options{Store: db, Blobs: blobs, Setup: board.Status})
	handler, err := server.New(server.Options{Farm: whole{f, keeper}, Views: reading})
	if err != nil {
		t.Fatal(err)
	}
	cookie := occupy(t, f, db, reading.Audit)
	before, last := content(t, path), lastEvent(t, db)
	asked := 0
	for _, target := range targets(t, handler, whole{f, keeper}, reading) {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r := httptest.NewRequestWithContext(ctx, method, target, nil)
			r.AddCookie(&http.Cookie{Name: session.Plain, Value: cookie})
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code >= http.StatusInternalServerError {
				t.Errorf("%s %s: %d", method, target, w.Code)
			}
			asked++
		}
	}
	if asked < 100 {
		t.Errorf("only %d requests were made", asked)
	}
	if now := lastEvent(t, db); now != last {
		t.Errorf("reading told %d events", now-last)
	}
	for table, sum := range content(t, path) {
		if before[table] != sum {
			t.Errorf("reading changed the table %s", table)
		}
	}
}

// occupy gives a farm a build, an act and somebody who is signed in.
func occupy(t *testing.T, f *farm.Farm, db store.Store, acts *audit.Recorder) (session string) {
	t.Helper()
	ctx := t.Context()
	if _, _, err := db.RecordRevisions(ctx, store.Poll{Project: "hello", Revisions: []weir.Revision{{ID: "1"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Force(ctx, farm.Force{Project: "hello", By: "ann"}); err != nil {
		t.Fatal(err)
	}
	code, err := f.SignInLink(ctx, "ann")
	if err != nil {
		t.Fatal(err)
	}
	if session, err = f.SignIn(ctx, code); err != nil {
		t.Fatal(err)
	}
	acts.Record(ctx, audit.Act{Who: "ann", Via: audit.ViaPage, Verb: "force", On: "project hello"})
	return session
}

func lastEvent(t *testing.T, db store.Events) int64 {
	t.Helper()
	n, err := db.LastEvent(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// targets are the addresses of all pages and of all operations that read.
func targets(t *testing.T, h *server.Handler, f api.Farm, v *views.Views) (list []string) {
	t.Helper()
	var patterns []string
	for _, p := range h.Pages() {
		patterns = append(patterns, p.Pattern)
	}
	for _, call := range calls(t, api.New(api.Options{Farm: f, Views: v})) {
		if call.Method == http.MethodGet && !strings.HasSuffix(call.Path, "/events") { // which would wait
			patterns = append(patterns, call.Path)
		}
	}
	for _, pattern := range patterns {
		for _, value := range []string{"1", "hello"} {
			parts := strings.Split(strings.TrimSuffix(pattern, "{$}"), "/")
			for i, part := range parts {
				if strings.HasPrefix(part, "{") {
					parts[i] = value
				}
			}
			list = append(list, strings.Join(parts, "/"))
		}
	}
	return append(list, "/api/v1/events?after=0", "/api/openapi.json", "/nothing", "/signin?code=x&next=/admin", "/admin/audit?who=ann", "/hook/github",
		"/builds/1/cancel", "/runs/1/rerun", "/signout", "/admin/tokens/ann/revoke", "/api/v1/reload", "/api/v1/runs")
}

func calls(t *testing.T, s *api.Server) []openapi.Call {
	t.Helper()
	text, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Calls()
}
