package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/storetest"
)

// leastShare is how many times as many bytes a row for each result takes.
const leastShare = 30

// TestHistoryBytes holds a history against one with a row for each result.
func TestHistoryBytes(t *testing.T) {
	t.Parallel()
	kept, rows, lean := historyBytes(t, 200, 1000)
	t.Logf("200 builds of 1,000 tests: %d bytes; a row for each result: %d, or %d with names kept once", kept, rows, lean)
	if rows < leastShare*kept {
		t.Errorf("the history has %d bytes; a row for each result would have %d, which is not %d times as many", kept, rows, leastShare)
	}
}

// BenchmarkHistory has 1,000 builds of 10,000 tests, of which 10 change from
// each to the next, and reads what is kept of the test that changed most often.
func BenchmarkHistory(b *testing.B) {
	b.Run("bytes", func(b *testing.B) {
		for b.Loop() {
			kept, rows, lean := historyBytes(b, 1000, 10_000)
			b.ReportMetric(float64(kept), "kept-B")
			b.ReportMetric(float64(rows)/float64(kept), "rows/kept")
			b.ReportMetric(float64(lean)/float64(kept), "lean-rows/kept")
		}
	})
	s, past, _ := history(b, 1000, 10_000)
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			on, err := s.KnownOn(b.Context(), past.Builder.Project, "", past.Busiest)
			if err != nil || len(on) != 1 {
				b.Fatal(len(on), err)
			}
			h, err := s.History(b.Context(), past.Builder.ID, past.Busiest, store.MaxHistory)
			if err != nil || len(h.Events) != past.Most+1 || h.Last.Number != past.Builds {
				b.Fatalf("%d changes, want %d; the last build is no. %d; %v", len(h.Events), past.Most+1, h.Last.Number, err)
			}
		}
		b.ReportMetric(float64(past.Most+1), "changes")
	})
}

// history fills a new database, and tells how many bytes that took: all of it,
// builds, runs, attempts and events too.
func history(tb testing.TB, builds, tests int) (*Store, storetest.Past, int64) {
	tb.Helper()
	s := openTest(tb, filepath.Join(tb.TempDir(), "weir.db"))
	if err := s.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	before := bytesOf(tb, s)
	past := storetest.FillPast(tb, s, builds, tests)
	return s, past, bytesOf(tb, s) - before
}

func bytesOf(tb testing.TB, s *Store) int64 {
	tb.Helper()
	var pages, size int64
	if err := s.writer.QueryRowContext(tb.Context(), `SELECT c.page_count, z.page_size FROM pragma_page_count() c, pragma_page_size() z`).Scan(&pages, &size); err != nil {
		tb.Fatal(err)
	}
	return pages * size
}

// historyBytes also fills tables with a row for each result of some builds, and
// tells what those of all would take: with the columns of a change, of which
// a result has all but the verdict, and with a number for each test instead of its name.
func historyBytes(tb testing.TB, builds, tests int) (kept, rows, lean int64) {
	tb.Helper()
	s, past, kept := history(tb, builds, tests)
	const some = 20 // builds; the rest takes as much
	exec := func(query string, args ...any) {
		tb.Helper()
		if _, err := s.writer.ExecContext(tb.Context(), query, args...); err != nil {
			tb.Fatalf("%s: %v", query, err)
		}
	}
	measure := func(schema []string, fill string) int64 {
		before := bytesOf(tb, s)
		for _, q := range schema {
			exec(q)
		}
		for n := range some {
			exec(fmt.Sprintf(fill, n+1), int64(past.Builder.ID), n+1)
		}
		return (bytesOf(tb, s) - before) * int64(builds) / some
	}
	// A failure says the same in both, so about one result in a thousand says something.
	const message = `CASE WHEN (x.rank + %d) %% 1000 = 0 THEN 'test_fold.py:41: AssertionError: the folding of sharp s differs' ELSE '' END`
	const from = ` FROM (SELECT t.suite, t.name, t.status, t.builder_id, ROW_NUMBER() OVER (ORDER BY t.suite, t.name) AS rank
		FROM test_states t WHERE t.builder_id = $1) x`
	rows = measure([]string{
		`CREATE TABLE results (build_id INTEGER NOT NULL, suite TEXT NOT NULL, name TEXT NOT NULL, builder_id INTEGER NOT NULL,
			status TEXT NOT NULL, cause TEXT NOT NULL, message TEXT NOT NULL, signature TEXT NOT NULL,
			PRIMARY KEY (build_id, suite, name)) STRICT, WITHOUT ROWID`,
		`CREATE INDEX results_history ON results (builder_id, suite, name, build_id)`,
	}, `INSERT INTO results SELECT $2, x.suite, x.name, x.builder_id, x.status, '', `+message+`, ''`+from)
	lean = measure([]string{
		`CREATE TABLE lean_results (build_id INTEGER NOT NULL, test_id INTEGER NOT NULL, status INTEGER NOT NULL, message TEXT,
			PRIMARY KEY (build_id, test_id)) STRICT, WITHOUT ROWID`,
		`CREATE INDEX lean_history ON lean_results (test_id, build_id)`,
	}, `INSERT INTO lean_results SELECT $2, x.rank, 1, NULLIF(`+message+`, '')`+from)
	return kept, rows, lean
}
