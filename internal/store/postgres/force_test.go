package postgres_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

// BenchmarkForce makes runs of one build each, of one builder, for eight people
// at once.
func BenchmarkForce(b *testing.B) {
	s := openTest(b, pgtest.DSN(b))
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	builders, err := s.EnsureBuilders(b.Context(), []weir.BuilderKey{{Project: "p", Job: "test", Platform: "linux/amd64"}})
	if err != nil {
		b.Fatal(err)
	}
	run := store.NewRun{Cause: weir.CauseForce, Project: "p", Heads: map[weir.BuilderID]weir.BuildID{builders[0].ID: 0},
		Builds: []store.NewBuild{{Builder: builders[0].ID, Pins: weir.Pins{"p": "1"}, Share: store.ShareNone}}}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				run := run
				run.Now = time.Now()
				if _, _, err := s.CreateRun(b.Context(), run); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "builds/s")
}
