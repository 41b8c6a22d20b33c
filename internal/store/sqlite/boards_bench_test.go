package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// BenchmarkBoards reads boards of 1,000 builders with 100 builds each.
func BenchmarkBoards(b *testing.B) {
	const builders, per = 1000, 100
	s := openTest(b, filepath.Join(b.TempDir(), "weir.db"))
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
	for _, q := range []string{
		`UPDATE builds SET state = 'finished', outcome = 'failed', reason_code = 'tests', worker = 'heron-07', started = created + 1000000, finished = created + 60000000,
			counts = '{"pass":1990,"fail":3,"error":0,"skip":7,"expected_failure":0}', judgement = 'settled', unsettled = 0`,
		`WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 100000)
			INSERT INTO builds (run_id, builder_id, platform, cause, advances, unsettled, state, outcome, reason_code, priority, labels, pins, pins_key, created, queued, started, finished,
				attempts, worker, counts, judgement, changes, ledger, recipe_id)
			SELECT b.run_id, 1 + (n.n - 1) % 1000, b.platform, b.cause, 1, 0, b.state, b.outcome, b.reason_code, b.priority, b.labels,
				printf('{"p%03d":"%040x","zlib":"%040x"}', ((n.n - 1) % 1000) / 3, n.n / 3, n.n / 3000), printf('%032x', n.n), b.created + n.n * 100000, b.queued + n.n * 100000, b.started + n.n * 100000, b.finished + n.n * 100000,
				1, b.worker, printf('{"pass":%d,"fail":%d,"error":0,"skip":7,"expected_failure":0}', 1990 - n.n % 5, n.n % 5), 'settled',
				CASE WHEN n.n % 10 = 0 THEN '{"newly_failing":2}' ELSE '' END, '', b.recipe_id FROM builds b, n`,
	} {
		if _, err := s.writer.ExecContext(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
	for _, recent := range []int{1, 40} {
		b.Run(fmt.Sprintf("lately-%d", recent), func(b *testing.B) {
			for b.Loop() {
				list, err := s.Lately(b.Context(), nil, recent)
				if err != nil || len(list) != builders*recent {
					b.Fatal(len(list), err)
				}
			}
		})
	}
	for _, of := range []int{1, 20, 300} {
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
	b.Run("span", func(b *testing.B) {
		for b.Loop() {
			if list, err := s.Span(b.Context(), store.SpanQuery{From: now.Add(time.Hour), To: now.Add(2 * time.Hour)}); err != nil || len(list) != 1000 {
				b.Fatal(len(list), err)
			}
		}
	})
	b.Run("sizes", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Sizes(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
