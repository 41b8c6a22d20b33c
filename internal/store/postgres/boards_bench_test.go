package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

// BenchmarkBoards reads boards of 1,000 builders with 100 builds each, and looks
// for tests among 600,000.
func BenchmarkBoards(b *testing.B) {
	const builders, per = 1000, 100
	dsn := pgtest.DSN(b)
	s := openTest(b, dsn)
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	keys := make([]weir.BuilderKey, builders)
	for i := range keys {
		keys[i] = weir.BuilderKey{Project: fmt.Sprintf("p%03d", i/3), Job: "test", Platform: weir.Platform([]string{"linux/amd64", "darwin/arm64", "windows/amd64"}[i%3])}
	}
	made, err := s.EnsureBuilders(b.Context(), keys)
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	if _, _, err := s.CreateRun(b.Context(), store.NewRun{Cause: weir.CauseChange, Project: "p000", Now: now,
		Builds: []store.NewBuild{{Builder: made[0].ID, Pins: weir.Pins{"p000": "r"}, Share: store.ShareNone}}}); err != nil {
		b.Fatal(err)
	}
	conn, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	for _, q := range []string{
		`INSERT INTO builds (run_id, builder_id, platform, cause, advances, unsettled, state, outcome, reason_code, priority, labels, pins, pins_key, created, queued, started, finished,
				attempts, worker, counts, judgement, changes, ledger, recipe_id)
			SELECT b.run_id, 1 + (n.n - 1) % 1000, b.platform, b.cause, 1, 0, 'finished', 'failed', 'tests', b.priority, b.labels,
				format('{"p%s":"%s","zlib":"%s"}', lpad(CAST(((n.n - 1) % 1000) / 3 AS TEXT), 3, '0'), lpad(to_hex(n.n / 3), 40, '0'), lpad(to_hex(n.n / 3000), 40, '0')),
				md5(CAST(n.n AS TEXT)), b.created + n.n * 100000, b.queued, b.created + n.n * 100000, b.created + n.n * 100000 + 60000000, 1, 'heron-07',
				format('{"pass":%s,"fail":%s,"error":0,"skip":7,"expected_failure":0}', 1990 - n.n % 5, n.n % 5), 'settled',
				CASE WHEN n.n % 10 = 0 THEN '{"newly_failing":2}' ELSE '' END, '', b.recipe_id FROM builds b, (SELECT CAST(generate_series(1, 100000) AS BIGINT) AS n) n`,
		`INSERT INTO suites (builder_id, suite) SELECT b.id, format('%s.text.test_%s.CaseFoldingTests', b.project, n) FROM builders b, generate_series(0, 39) n WHERE b.id % 3 = 1`,
		`INSERT INTO tests (suite_id, name) SELECT s.id, format('test_fold_%s', lpad(CAST(s.id * 50 + n AS TEXT), 6, '0')) FROM suites s, generate_series(0, 49) n`,
		`INSERT INTO guards (name, count) VALUES ('words of tests', 0)`,
	} {
		if _, err := conn.Exec(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
	started := time.Now()
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("words made in %s", time.Since(started))
	if _, err := conn.Exec(b.Context(), `ANALYZE`); err != nil {
		b.Fatal(err)
	}
	for _, recent := range []int{1, 40} {
		b.Run(fmt.Sprintf("lately-%d", recent), func(b *testing.B) {
			for b.Loop() {
				if list, err := s.Lately(b.Context(), nil, recent); err != nil || len(list) != builders*recent {
					b.Fatal(len(list), err)
				}
			}
		})
	}
	for _, of := range []int{0, 1, 20, 300} {
		b.Run(fmt.Sprintf("span-of-%d", of), func(b *testing.B) {
			q := store.SpanQuery{From: now.Add(time.Hour), To: now.Add(2 * time.Hour), Limit: 2000}
			for i := range of {
				q.Builders = append(q.Builders, made[i].ID)
			}
			for b.Loop() {
				if list, err := s.Span(b.Context(), q); err != nil || len(list) == 0 {
					b.Fatal(len(list), err)
				}
			}
		})
	}
	for _, words := range []string{"fold", "fold 001234", "p123 fold", "case p299", "test fold text", "nothing", "t", "text 12"} {
		b.Run("tests/"+strings.ReplaceAll(words, " ", "+"), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.FindTests(b.Context(), strings.Fields(words), 20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("sizes", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Sizes(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
