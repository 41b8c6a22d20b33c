package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// mostBytes is how much a trivial build may take in the database.
const mostBytes = 800

// TestBytes looks at how much a trivial build leaves: its run, its attempt, its
// judgement and the events of all that.
func TestBytes(t *testing.T) {
	t.Parallel()
	if got := bytesPerBuild(t, 500, nil); got > mostBytes {
		t.Errorf("a trivial build takes %d bytes; %d are allowed", got, mostBytes)
	}
}

// BenchmarkBytes is TestBytes with 5,000 builds, and with where the bytes go.
func BenchmarkBytes(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(bytesPerBuild(b, 5000, func(name string, bytes int64) {
			b.Logf("%-28s %5d bytes a build", name, bytes)
		})), "bytes/build")
	}
}

func bytesPerBuild(tb testing.TB, n int, table func(name string, bytes int64)) int64 {
	s := openTest(tb, filepath.Join(tb.TempDir(), "weir.db"))
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	pages := func() (pages, size int64) {
		must(s.writer.QueryRowContext(tb.Context(), `PRAGMA page_count`).Scan(&pages))
		must(s.writer.QueryRowContext(tb.Context(), `PRAGMA page_size`).Scan(&size))
		return pages, size
	}
	must(s.Migrate(tb.Context()))
	builders, err := s.EnsureBuilders(tb.Context(), []weir.BuilderKey{{Project: "twisted", Job: "test", Platform: "linux/amd64", Upstreams: "cpython"}})
	must(err)
	epoch, _, err := s.Hello(tb.Context(), weir.Worker{Name: "worker-7", Platform: "linux/amd64", Slots: 1, Seen: time.Now()}, nil)
	must(err)
	before, size := pages()
	for i := range n {
		trivial(tb, s, builders[0], epoch, i)
	}
	after, _ := pages()
	if table != nil {
		rows, err := s.writer.QueryContext(tb.Context(), `SELECT name, SUM(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 16`)
		if err == nil { // it is not in every build of SQLite
			defer rows.Close()
			for rows.Next() {
				var name string
				var bytes int64
				must(rows.Scan(&name, &bytes))
				table(name, bytes/int64(n))
			}
		}
	}
	return (after - before) * size / int64(n)
}

// trivial takes a build from its making to its judgement.
func trivial(tb testing.TB, s store.Store, b weir.Builder, epoch int64, i int) {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	now := time.Now()
	revision := string(weir.DigestOf(fmt.Appendf(nil, "revision %d", i)))
	revision = revision[len(revision)-40:]
	pins := weir.Pins{"twisted": revision, "cpython": "0123456789012345678901234567890123456789"}
	run, _, err := s.CreateRun(tb.Context(), store.NewRun{Cause: weir.CauseChange, Project: "twisted", Now: now, Reason: "1 new revision of twisted",
		Builds: []store.NewBuild{{Builder: b.ID, Pins: pins, Share: store.ShareAny, Supersede: true, Spec: weir.Spec{
			Project: "twisted", Platform: b.Platform, Revision: revision,
			Job: weir.Job{Name: "test", Steps: []weir.Step{
				{Name: "prepare", Run: "python3 run_tests.py prepare"}, {Name: "test", Run: "python3 run_tests.py twisted"}}},
			Source: weir.Source{Kind: weir.Git, Location: "https://github.com/twisted/twisted", Branch: "trunk"},
			Inputs: []weir.UpstreamSpec{{Project: "cpython", Revision: pins["cpython"]}}}}}})
	must(err)
	token := string(weir.DigestOf(fmt.Appendf(nil, "token %d", i)))
	leased, err := s.Lease(tb.Context(), store.LeaseAsk{Worker: "worker-7", Platform: b.Platform, Now: now, Deadline: now.Add(weir.LeaseTime),
		Tokens: []string{token}, Epoch: epoch, Seq: int64(i + 1)},
		func(q store.Queue) []weir.BuildID { return []weir.BuildID{q.Candidates[0].Build} })
	must(err)
	if len(leased) != 1 || leased[0].Build.Run != run.ID {
		tb.Fatalf("leased %+v", leased)
	}
	done, err := s.Finish(tb.Context(), store.Finish{Attempt: leased[0].Attempt, Token: token, Now: now, Outcome: weir.Passed})
	must(err)
	must(s.Settle(tb.Context(), store.Settlement{Build: done.ID, Become: weir.Settled, Now: now}))
}
