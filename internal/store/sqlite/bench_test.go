package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// BenchmarkLife takes builds through their lives: leased, synced once with a
// step and a log frame, finished with a product.
func BenchmarkLife(b *testing.B) { benchmarkLives(b, true) }

// BenchmarkTrivial takes builds that are too short for a sync through their
// lives: leased, and finished with a step and a log frame.
func BenchmarkTrivial(b *testing.B) { benchmarkLives(b, false) }

func benchmarkLives(b *testing.B, synced bool) {
	s := openTest(b, filepath.Join(b.TempDir(), "weir.db"))
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	builders, err := s.EnsureBuilders(b.Context(), []weir.BuilderKey{{Project: "p", Job: "test", Platform: "linux/amd64"}})
	if err != nil {
		b.Fatal(err)
	}
	run := store.NewRun{Cause: weir.CauseChange, Project: "p", Now: time.Now()}
	for i := range b.N {
		run.Builds = append(run.Builds, store.NewBuild{Builder: builders[0].ID, Pins: weir.Pins{"p": strconv.Itoa(i)}, Share: store.ShareAny})
	}
	if _, _, err := s.CreateRun(b.Context(), run); err != nil {
		b.Fatal(err)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range clients {
		c := client{B: b, store: s, name: fmt.Sprint("w", i), synced: synced}
		wg.Go(func() {
			c.hello()
			for left.Add(-1) >= 0 {
				c.live()
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "builds/s")
}

// clients is how many workers live builds at once.
const clients = 4

// client is a worker.
type client struct {
	*testing.B
	store      store.Store
	name       string
	synced     bool
	epoch, seq int64
}

func (c *client) hello() {
	epoch, _, err := c.store.Hello(c.Context(), weir.Worker{Name: c.name, Platform: "linux/amd64", Slots: 1, Seen: time.Now()}, nil)
	if err != nil {
		c.Error(err)
	}
	c.epoch = epoch
}

// live takes one queued build to its end.
func (c *client) live() {
	now := time.Now()
	var leased []store.Leased
	var err error
	token := string(weir.DigestOf([]byte(fmt.Sprint(c.name, c.seq))))[:64]
	for len(leased) == 0 && err == nil {
		c.seq++
		leased, err = c.store.Lease(c.Context(), store.LeaseAsk{Worker: c.name, Platform: "linux/amd64", Now: now, Deadline: now.Add(weir.LeaseTime),
			Tokens: []string{token}, Epoch: c.epoch, Seq: c.seq},
			func(q store.Queue) []weir.BuildID { return []weir.BuildID{q.Candidates[0].Build} })
	}
	if err != nil {
		c.Error(err)
		return
	}
	l := leased[0]
	step := weir.StepRecord{Name: "test", State: weir.StepRunning, Started: now}
	frames := []weir.LogFrame{{Size: 100, Lines: 1, At: now, Data: make([]byte, 60)}}
	if c.synced {
		if _, err := c.store.Sync(c.Context(), store.Sync{Attempt: l.Attempt, Token: token, Seq: 1, Now: now, Deadline: now.Add(weir.LeaseTime),
			Steps: []weir.StepRecord{step}, Frames: frames}); err != nil {
			c.Error(err)
		}
		frames = nil
	}
	step.State, step.Ended = weir.StepPassed, now
	if _, err := c.store.Finish(c.Context(), store.Finish{Attempt: l.Attempt, Token: token, Now: now, Outcome: weir.Passed, Frames: frames,
		Steps: []weir.StepRecord{step}, Product: weir.Product{Digest: weir.DigestOf([]byte(token)), Prefix: "/x", Size: 1}}); err != nil {
		c.Error(err)
	}
}

// BenchmarkBuilderHeads reads the front page of a farm of 1,000 builders with
// 100 settled builds each.
func BenchmarkBuilderHeads(b *testing.B) {
	s := openTest(b, filepath.Join(b.TempDir(), "weir.db"))
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := fill(b, s); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		heads, err := s.BuilderHeads(b.Context(), 10)
		if err != nil || len(heads) != 1000 || len(heads[999].Recent) != 10 {
			b.Fatal(len(heads), err)
		}
	}
}

func fill(b *testing.B, s *Store) error {
	_, err1 := s.writer.ExecContext(b.Context(), `INSERT INTO runs (cause, project, reason, created, regression_id) VALUES ('change', 'p', '', 1, 0)`)
	_, err2 := s.writer.ExecContext(b.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
		INSERT INTO builders (key_hash, project, job, cell, platform, branch, upstreams) SELECT i, 'p' || i, 'test', '', 'linux/amd64', '', '' FROM n`)
	_, err3 := s.writer.ExecContext(b.Context(), `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
		INSERT INTO builds (run_id, builder_id, platform, cause, advances, unsettled, state, outcome, priority, labels, pins, pins_key, created, finished, judgement)
		SELECT 1, 1 + i % 1000, 'linux/amd64', 'change', 1, 0, 'finished', 'passed', 0, '[]', '{"p":"r"}', i, 1, 2, 'settled' FROM n`)
	_, err4 := s.writer.ExecContext(b.Context(), `ANALYZE`)
	return errors.Join(err1, err2, err3, err4)
}

// BenchmarkBuildChanges reads the first and a late page of a first build with 100,000 tests.
func BenchmarkBuildChanges(b *testing.B) {
	s := openTest(b, filepath.Join(b.TempDir(), "weir.db"))
	if err := errors.Join(s.Migrate(b.Context()), fill(b, s)); err != nil {
		b.Fatal(err)
	}
	if _, err := s.writer.ExecContext(b.Context(), `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
		INSERT INTO test_changes (build_id, suite, name, builder_id, badness, verdict, from_status, to_status, cause, message)
		SELECT 1, 'suite/of/some/tests', 'test_' || i, 1, 5, 'new', '', 'pass', '', '' FROM n`); err != nil {
		b.Fatal(err)
	}
	for _, from := range []int{0, 50_000} {
		b.Run(map[bool]string{true: "first", false: "late"}[from == 0], func(b *testing.B) {
			for b.Loop() {
				if list, err := s.BuildChanges(b.Context(), 1, from, 201); err != nil || len(list) != 201 {
					b.Fatal(len(list), err)
				}
			}
		})
	}
}
