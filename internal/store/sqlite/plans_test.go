package sqlite

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/storetest"
)

// whole is a line of a plan that reads all of a table that grows with history.
// With a limit, the newest of all are read in the order of their ids or times.
var (
	whole   = regexp.MustCompile(`^SCAN (b|a|t|w|s|x|f|refusals|builds|attempts|tests|test_words|suites|suite_words|acts|revisions|test_states|test_changes|steps|log_frames|metrics|artifacts)\b`)
	ordered = regexp.MustCompile(`^SCAN (acts$|acts USING INDEX|b USING INDEX builds_unfinished|revisions USING INDEX revisions_time)`)
)

// TestPlans asks the questions of pages, of the search and of the audit, and holds what
// the database makes of them against what they may cost: no question reads all
// of a table that grows.
func TestPlans(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	full := openTest(t, path)
	if err := full.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	storetest.Populate(t, full)
	s := openTest(t, path)
	s.reader.SetMaxOpenConns(1)
	ctx, now := t.Context(), time.Now()
	asked := func(name string, ask func() error) {
		if err := ask(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	builders := []weir.BuilderID{1, 2}
	asked("lately", func() error { _, err := s.Lately(ctx, nil, 5); return err })
	asked("lately of some", func() error { _, err := s.Lately(ctx, builders, 5); return err })
	asked("by id", func() error { _, err := s.BoardBuilds(ctx, []weir.BuildID{1, 2}); return err })
	asked("span", func() error { _, err := s.Span(ctx, store.SpanQuery{From: now, To: now}); return err })
	asked("span of some", func() error {
		_, err := s.Span(ctx, store.SpanQuery{From: now, To: now, Builders: builders})
		return err
	})
	asked("ran", func() error { _, err := s.Ran(ctx, "w1", now, 5); return err })
	asked("load", func() error { _, err := s.Load(ctx, "", now.Add(-time.Hour), now); return err })
	asked("load of one", func() error { _, err := s.Load(ctx, "w1", now.Add(-time.Hour), now); return err })
	asked("sizes", func() error { _, err := s.Sizes(ctx); return err })
	asked("refusals", func() error { _, err := s.Refusals(ctx, "w1", now, 5); return err })
	asked("who refuses", func() error { _, err := s.RefusalsOf(ctx, 1, now); return err })
	asked("an idle picky worker", func() error {
		_, err := s.Lease(ctx, store.LeaseAsk{Worker: "w1", Platform: "none/none", Now: now, Deadline: now, Tokens: []string{"t"}, Picky: true},
			func(store.Queue) []weir.BuildID { return nil })
		return err
	})
	for _, f := range []store.ActFilter{{}, {Who: "ann"}, {On: "build 3"}, {Verb: "cancel", Before: 9}} {
		asked("acts", func() error { _, err := s.Acts(ctx, f); return err })
	}
	asked("unfinished builds", func() error {
		_, err := s.ListBuilds(ctx, store.BuildFilter{States: []weir.State{weir.Queued, weir.Running}})
		return err
	})
	asked("tests", func() error { _, err := s.FindTests(ctx, []string{"t", "h"}, 5); return err })
	asked("revisions", func() error { _, err := s.FindRevisions(ctx, []string{"a"}, 5); return err })
	for _, query := range s.keptQueries(t) {
		lines := s.plan(t, query)
		for _, line := range lines {
			if whole.MatchString(line) && !ordered.MatchString(line) {
				t.Errorf("%s\nof %s\nin %s", line, query, strings.Join(lines, "\n   "))
			}
		}
	}
}

// keptQueries lists the questions that the only reading connection has kept.
func (s *Store) keptQueries(t *testing.T) (queries []string) {
	t.Helper()
	c, err := s.reader.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Raw(func(dc any) error {
		for query := range dc.(*keeper).kept {
			if strings.HasPrefix(query, "SELECT") {
				queries = append(queries, query)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(queries) < 15 {
		t.Fatalf("only %d questions were kept", len(queries))
	}
	return queries
}

func (s *Store) plan(t *testing.T, query string) (lines []string) {
	t.Helper()
	args := make([]any, strings.Count(query, "$"))
	most := 0
	for i := range args {
		if strings.Contains(query, "$"+string(rune('1'+i))) {
			most = i + 1
		}
	}
	for i := range args {
		args[i] = "[]"
	}
	rows, err := s.reader.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query, args[:most]...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(new(int), new(int), new(int), &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}
