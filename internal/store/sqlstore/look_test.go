package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // to ask for plans

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/pgtest"
	"github.com/weir-ci/weir/internal/store/postgres"
	"github.com/weir-ci/weir/internal/store/sqlite"
	"github.com/weir-ci/weir/internal/store/sqlstore"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const platform = weir.Platform("linux/amd64")

// crowd queues n builds of one lane and one of each of some others.
func crowd(tb testing.TB, s store.Store, n, others int) {
	tb.Helper()
	if err := s.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	var keys []weir.BuilderKey
	for i := range 500 {
		keys = append(keys, weir.BuilderKey{Project: fmt.Sprint("down", i), Job: "test", Platform: platform})
	}
	builders, err := s.EnsureBuilders(tb.Context(), keys)
	if err != nil {
		tb.Fatal(err)
	}
	queue := func(lane string, n int) {
		run := store.NewRun{Cause: weir.CauseChange, Project: lane, Now: time.Now()}
		for i := range n {
			b := builders[i%len(builders)]
			run.Builds = append(run.Builds, store.NewBuild{Builder: b.ID, Pins: weir.Pins{b.Project: fmt.Sprint(lane, i)}, Share: store.ShareNone, Priority: 10 * (i % 3)})
		}
		if _, _, err := s.CreateRun(tb.Context(), run); err != nil {
			tb.Fatal(err)
		}
	}
	queue("cpython", n)
	for i := range others {
		queue(fmt.Sprint("lane", i), 1)
	}
}

// refusing is a statement after which some workers refuse everything.
const refusing = `INSERT INTO refusals (worker, builder_id, build_id, rule, text, count, first, last, until)
	SELECT 'w' || (i.id % 10), b.id, 1, 'projects', '', 1, 1, 1, 9000000000000000000 FROM builders b CROSS JOIN builders i WHERE i.id <= 10`

// looks are the ways to look at a queue.
var looks = []struct{ behind, picky bool }{{}, {behind: true}, {picky: true}, {true, true}}

// TestLookPlan asks both databases how they look at a long queue: along indexes
// all the way, without sorting.
func TestLookPlan(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "weir.db")
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		crowd(t, s, 2000, 5)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), refusing); err != nil {
			t.Fatal(err)
		}
		for _, analyzed := range []bool{false, true} {
			for _, l := range looks {
				args := []any{string(platform), int64(1) << 60, 200}
				if l.behind {
					args = append(args, "lane1")
				}
				if l.picky {
					args = append(args, "w1")
				}
				rows, err := db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+sqlstore.LookSQL(l.behind, l.picky), args...)
				if err != nil {
					t.Fatal(err)
				}
				checkPlan(t, rows, func() (line string, err error) {
					var id, parent, unused int
					err = rows.Scan(&id, &parent, &unused, &line)
					return line, err
				}, "SCAN x", "SCAN y", "SCAN f", "USE TEMP B-TREE")
				if err := rows.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := db.ExecContext(t.Context(), `ANALYZE`); err != nil && !analyzed {
				t.Fatal(err)
			}
		}
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn := pgtest.DSN(t)
		s, err := postgres.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		crowd(t, s, 4000, 5)
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(t.Context(), refusing); err != nil {
			t.Fatal(err)
		}
		for i, l := range append(looks, looks...) {
			if i == len(looks) {
				if _, err := conn.Exec(t.Context(), `ANALYZE builds; ANALYZE refusals`); err != nil {
					t.Fatal(err)
				}
			}
			fourth := "'lane1'"
			if !l.behind {
				fourth = "'w1'"
			}
			query := strings.NewReplacer("$1", "'"+string(platform)+"'", "$2", "9000000000000000000", "$3", "200", "$4", fourth, "$5", "'w1'")
			rows, err := conn.Query(t.Context(), `EXPLAIN `+query.Replace(sqlstore.LookSQL(l.behind, l.picky)))
			if err != nil {
				t.Fatal(err)
			}
			checkPlan(t, rows, func() (line string, err error) {
				err = rows.Scan(&line)
				return line, err
			}, "Seq Scan on builds", "Seq Scan on refusals", "Sort", "Bitmap")
			rows.Close()
		}
	})
}

func checkPlan(t *testing.T, rows interface {
	Next() bool
	Err() error
}, scan func() (string, error), never ...string) {
	t.Helper()
	var plan []string
	bad := false
	for rows.Next() {
		line, err := scan()
		if err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
		for _, n := range never {
			bad = bad || strings.Contains(line, n)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if bad || len(plan) == 0 {
		t.Errorf("the plan is\n%s", strings.Join(plan, "\n"))
	}
}

// BenchmarkLook leases nothing out of queues in which one lane has many builds
// and five others one each.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{20, 6000, 30000} {
		for name, open := range map[string]func(b *testing.B) (store.Store, error){
			"sqlite": func(b *testing.B) (store.Store, error) {
				return sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "weir.db"))
			},
			"postgres": func(b *testing.B) (store.Store, error) { return postgres.Open(b.Context(), pgtest.DSN(b)) },
		} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				s, err := open(b)
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				crowd(b, s, n, 5)
				lanes := map[string]int{}
				for b.Loop() {
					now := time.Now()
					if _, err := s.Lease(b.Context(), store.LeaseAsk{Worker: "w", Platform: platform, Now: now, Deadline: now.Add(weir.LeaseTime), Tokens: []string{"t"}},
						func(q store.Queue) []weir.BuildID {
							clear(lanes)
							for _, c := range q.Candidates {
								lanes[c.Lane]++
							}
							return nil
						}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(lanes)), "lanes")
			})
		}
	}
}
