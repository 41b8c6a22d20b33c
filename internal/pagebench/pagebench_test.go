package pagebench

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestPages serves a small farm on each database, and asks for every page that the server
// has and for its JSON: all are there, none is larger than its goal.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			dsn := ""
			if database == "PostgreSQL" {
				dsn = pgtest.DSN(t)
			}
			farm, err := Fill(t.Context(), t.TempDir(), dsn, Small())
			if err != nil {
				t.Fatal(err)
			}
			if version, err := farm.Version(t.Context()); err != nil || !strings.HasPrefix(version, database+" ") {
				t.Errorf("its database is %q (%v), want %s", version, err, database)
			}
			server, err := farm.Serve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := server.Stop(); err != nil {
					t.Error(err)
				}
			}()
			figures, err := server.Measure(t.Context(), "", 0, testLog{t})
			if err != nil {
				t.Fatal(err)
			}
			checkPages(t, server.Pages, figures)
		})
	}
}

// checkPages holds what was measured against the pages that there are.
func checkPages(t *testing.T, pages []page.Route, figures []Figure) {
	type key struct {
		pattern string
		json    bool
	}
	seen := map[key]bool{}
	for _, f := range figures {
		seen[key{f.Pattern, f.JSON}] = true
		if f.Status != http.StatusOK || f.Bytes > MaxBytes && !f.JSON || f.Bytes < 1000 && !f.JSON || f.Bytes < 2 {
			t.Errorf("%s: status %d, %d bytes", f.Path, f.Status, f.Bytes)
		}
	}
	for _, p := range pages {
		if !seen[key{p.Pattern, false}] {
			t.Errorf("the page %s was not asked for", p.Pattern)
		}
		if p.Twin != "" && !seen[key{p.Pattern, true}] {
			t.Errorf("the JSON of the page %s was not asked for", p.Pattern)
		}
	}
	if len(pages) < 20 {
		t.Errorf("there are %d pages", len(pages))
	}
}

type testLog struct{ *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := Report{Database: "SQLite 3", Size: Small(), Paint: 200 * time.Millisecond, Changes: []time.Duration{3e6, 1e6, 2e6}, Figures: []Figure{
		{Address: Address{Path: "/?a|b"}, Status: 200, Bytes: 2048, Compressed: 512, P50: 1e6, P95: 2e6},
		{Address: Address{Path: "/slow"}, Status: 200, P95: time.Second},
		{Address: Address{Path: "/gone"}, Status: 404},
	}}
	path := filepath.Join(t.TempDir(), "performance.md")
	begin, end := r.markers()
	if err := r.Write(path); err == nil {
		t.Error("a file that is not there was written")
	}
	if err := os.WriteFile(path, []byte("head\n"+begin+"old\n"+end+"\ntail\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"head\n<!--", "-->\ntail", "| `/?a%7Cb` | 2.0 KB | 0.5 KB | 0.0 ms | 1.0 ms | 2.0 ms | met |", "| **missed** |", "**status 404**", "2.0 ms in the median, 3.0 ms at most"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%q is missing in\n%s", want, data)
		}
	}
	if strings.Contains(string(data), "old") {
		t.Error("the old report is still there")
	}
}
