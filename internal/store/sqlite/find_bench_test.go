package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// BenchmarkLearn settles builds after which a baseline has 2,000 tests that
// nobody had before, that another platform has, and that it had itself.
func BenchmarkLearn(b *testing.B) {
	s := openTest(b, filepath.Join(b.TempDir(), "weir.db"))
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	project := 0
	for _, k := range []struct {
		name     string
		platform weir.Platform
	}{{"new", "linux/amd64"}, {"known", "darwin/arm64"}, {"had", "darwin/arm64"}} {
		project = 0
		b.Run(k.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				project++
				st := benchSettlement(b, s, weir.BuilderKey{Project: fmt.Sprint("p", project), Job: "test", Platform: k.platform}, 2000)
				b.StartTimer()
				if err := s.Settle(b.Context(), st); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchSettlement is a judgement of a new build, with the states of so many tests.
func benchSettlement(tb testing.TB, s *Store, key weir.BuilderKey, tests int) store.Settlement {
	tb.Helper()
	now := time.Now()
	builders, err := s.EnsureBuilders(tb.Context(), []weir.BuilderKey{key})
	if err != nil {
		tb.Fatal(err)
	}
	_, ids, err := s.CreateRun(tb.Context(), store.NewRun{Cause: weir.CauseChange, Project: key.Project, Now: now,
		Builds: []store.NewBuild{{Builder: builders[0].ID, Pins: weir.Pins{key.Project: fmt.Sprint(now.UnixNano())}, Share: store.ShareNone}}})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := s.writer.ExecContext(tb.Context(), `UPDATE builds SET state = 'finished', outcome = 'passed', finished = created WHERE id = $1`, int64(ids[0])); err != nil {
		tb.Fatal(err)
	}
	st := store.Settlement{Build: ids[0], Become: weir.Settled, Now: now}
	for i := range tests {
		id := weir.TestID{Suite: fmt.Sprintf("%s.text.test_%03d.CaseFoldingTests", key.Project, i/50), Name: fmt.Sprintf("test_fold_%06d", i)}
		st.States = append(st.States, weir.TestState{Test: id, Status: weir.Pass, Since: ids[0]})
		st.Changes = append(st.Changes, weir.TestChange{Test: id, Verdict: weir.New, To: weir.Pass})
	}
	return st
}

// BenchmarkFind looks for tests among 600,000, revisions among 100,000, and
// builders among 900.
func BenchmarkFind(b *testing.B) {
	s := openTest(b, filepath.Join(b.TempDir(), "weir.db"))
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	var keys []weir.BuilderKey
	for i := range 900 {
		keys = append(keys, weir.BuilderKey{Project: fmt.Sprintf("p%03d", i/3), Job: "test", Platform: weir.Platform([]string{"linux/amd64", "darwin/arm64", "windows/amd64"}[i%3])})
	}
	if _, err := s.EnsureBuilders(b.Context(), keys); err != nil {
		b.Fatal(err)
	}
	started := time.Now()
	for _, q := range []string{
		`WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 1999) INSERT INTO test_states (builder_id, suite, name, status, since, flakes, last_flake)
			SELECT b.id, printf('%s.text.test_%03d.CaseFoldingTests', b.project, n.n / 50), printf('test_fold_%06d', n.n), 'pass', 1, 0, 0 FROM builders b, n`,
		`WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100000) INSERT INTO revisions (project, branch, position, id, author, time, message)
			SELECT 'p001', 'main', n, printf('%040x', n * 7919), 'Ann', n, printf('fold the case no. %d of the text', n) FROM n`,
	} {
		if _, err := s.writer.ExecContext(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
	filled := time.Since(started)
	started = time.Now()
	upgradeWords(b, s)
	b.Logf("filled in %s, words made in %s", filled, time.Since(started))
	for _, words := range []string{"fold", "fold 001234", "p123 fold 1999", "case p299", "test fold text", "nothing", "fold case 77777", "t"} {
		b.Run("tests/"+strings.ReplaceAll(words, " ", "+"), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.FindTests(b.Context(), strings.Fields(words), 20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("builders", func(b *testing.B) {
		for b.Loop() {
			if found, err := s.FindBuilders(b.Context(), []string{"p1", "linux"}, 20); err != nil || len(found) != 20 {
				b.Fatal(len(found), err)
			}
		}
	})
	for words, want := range map[string]int{"case": 20, "case 99999": 1, "nothing": 0} {
		b.Run("revisions/"+strings.ReplaceAll(words, " ", "+"), func(b *testing.B) {
			for b.Loop() {
				if found, err := s.FindRevisions(b.Context(), strings.Fields(words), 20); err != nil || len(found) != want {
					b.Fatal(len(found), err)
				}
			}
		})
	}
}

// upgradeWords does what the migration to version 12 does with tests.
func upgradeWords(tb testing.TB, s *Store) {
	tb.Helper()
	schema, err := migrations.ReadFile("migrations/00012_pages.sql")
	if err != nil {
		tb.Fatal(err)
	}
	_, fill, _ := strings.Cut(string(schema), "INSERT INTO suites")
	for query := range strings.SplitSeq("INSERT INTO suites"+fill, ";\n") {
		if _, err := s.writer.ExecContext(tb.Context(), query); err != nil {
			tb.Fatal(err)
		}
	}
	if err := s.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}
