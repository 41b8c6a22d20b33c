package server_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/store/sqlite"
	"github.com/weir-ci/weir/internal/store/storetest"
)

// BenchmarkHistory measures what readers of a test's page wait for, over HTTP,
// on SQLite, after 1,000 builds of 10,000 tests, of which 10 change from each
// to the next: go test -bench History -run '^$' ./internal/server
func BenchmarkHistory(b *testing.B) {
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "weir.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	past := storetest.FillPast(b, db, 1000, 10_000)
	h, err := server.New(server.Options{Farm: real{Farm: farm.New(farm.Options{Store: db})}})
	if err != nil {
		b.Fatal(err)
	}
	s := httptest.NewServer(h)
	b.Cleanup(s.Close)
	query := "tests?" + url.Values{"project": {"mill"}, "suite": {past.Busiest.Suite}, "name": {past.Busiest.Name}}.Encode()
	for _, c := range []struct{ name, path string }{{"page", "/"}, {"api", "/api/v1/"}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				answer, err := http.Get(s.URL + c.path + query)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, answer.Body)
				if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != http.StatusOK || n == 0 {
					b.Fatal(answer.Status, n, err)
				}
				b.SetBytes(n)
			}
		})
	}
}
