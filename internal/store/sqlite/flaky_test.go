package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/weir-ci/weir/internal/store"
)

// BenchmarkFlaky lists 200 flaky tests of one project with 20 runs each, in a farm
// of 1,000 builders and 100,000 builds, among 300,000 other tests and 300 other
// flaky ones.
func BenchmarkFlaky(b *testing.B) {
	s := openTest(b, filepath.Join(b.TempDir(), "weir.db"))
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := fill(b, s); err != nil {
		b.Fatal(err)
	}
	for _, q := range []string{
		`UPDATE builds SET number = 1 + (id - 1) / 1000, results = 'x', attempts = 1`,
		`INSERT INTO attempts (build_id, number, worker, token, leased, deadline, surroundings)
			SELECT id, 1, 'w' || id % 7, '', 1, 2, '{"root":false,"load":0.5,"directory":"p"}' FROM builds`,
		`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299999)
			INSERT INTO test_states (builder_id, suite, name, status, since, flakes, last_flake) SELECT 1 + i % 300, 's', 't' || i, 'pass', 1, 0, 0 FROM n`,
		`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499)
			INSERT INTO test_states (builder_id, suite, name, status, since, flakes, last_flake)
			SELECT CASE WHEN i < 200 THEN 1 ELSE 1 + i % 300 END, 'flaky', 't' || i, 'pass', 1, 10, 1 FROM n`,
		`INSERT INTO flake_runs (builder_id, suite, name, build_id, bad, inputs, number, at)
			SELECT t.builder_id, t.suite, t.name, b.id, b.number % 2, b.number / 2, b.number, 1000 * b.number
			FROM test_states t JOIN builds b ON b.builder_id = t.builder_id AND b.number <= 20 WHERE t.flakes > 0`,
		`ANALYZE`,
	} {
		if _, err := s.writer.ExecContext(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		tests, all, err := s.FlakyTests(b.Context(), store.FlakyFilter{Project: "p1", Limit: 200})
		if err != nil || len(tests) != 200 || all != 201 || len(tests[0].Runs) != 20 || tests[0].Runs[0].Place.Worker == "" {
			b.Fatal(len(tests), all, err)
		}
	}
}
