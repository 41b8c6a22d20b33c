package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	migrated := template(t)
	storetest.RunDatabase(t, func(t *testing.T) storetest.Database {
		path := filepath.Join(t.TempDir(), "weir.db")
		if !strings.Contains(t.Name(), "/handles/") { // those migrate themselves
			if err := os.WriteFile(path, migrated, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return func(t *testing.T) store.Store { return openTest(t, path) }
	})
}

// template makes the file of an empty, migrated database: copying it is faster
// than migrating for each test.
func template(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir.db")
	s, err := open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func openTest(tb testing.TB, path string) *Store {
	tb.Helper()
	s, err := open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func TestOpenRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"no name":        "",
		"not a database": text,
		"no directory":   filepath.Join(dir, "missing", "weir.db"),
		"a directory":    dir,
		"below a file":   filepath.Join(text, "weir.db"),
	} {
		_, err := Open(t.Context(), path)
		if weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%s: code %q of %v", name, weir.CodeOf(err), err)
		}
	}
	if data, err := os.ReadFile(text); err != nil || !strings.HasPrefix(string(data), "this is") {
		t.Errorf("the file was touched: %q, %v", data, err)
	}
}

// Names that mean something in a URI are names like any other.
func TestOddNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a b.db", "a?mode=memory.db", "a#b.db", "100%.db", "a%41.db", "é.db", "a&b=c.db", ":memory:"} {
		openTest(t, filepath.Join(dir, name))
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	s := openTest(t, path)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); weir.CodeOf(err) != weir.Unsupported {
		t.Errorf("Migrate: %v", err)
	}
	if _, err := Open(t.Context(), path); weir.CodeOf(err) != weir.Unsupported {
		t.Errorf("Open: %v", err)
	}
}

func TestPragmas(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "weir.db"))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": busyMillis} {
		var got string
		if err := s.writer.QueryRowContext(t.Context(), `PRAGMA `+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", pragma, got, want, err)
		}
	}
	if _, err := s.reader.ExecContext(t.Context(), `CREATE TABLE t (x)`); err == nil {
		t.Error("a reader can write")
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "weir.db"))
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.ExecContext(t.Context(), `PRAGMA max_page_count = 1`); err != nil { // that is: as many as there are
		t.Fatal(err)
	}
	poll := store.Poll{Project: "p", Now: time.Now(), Next: time.Now()}
	for i := range 64 {
		poll.Revisions = append(poll.Revisions, weir.Revision{ID: strings.Repeat("x", i+1), Message: strings.Repeat("m", weir.MaxMessage)})
	}
	if _, _, err := s.RecordRevisions(t.Context(), poll); weir.CodeOf(err) != weir.Exhausted {
		t.Errorf("code %q of %v", weir.CodeOf(err), err)
	}
	if tips, err := s.Tips(t.Context()); len(tips) != 0 || err != nil {
		t.Errorf("half a poll was kept: %v, %v", tips, err)
	}
}
