package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestStatements runs one query while its own rows are being read, after the
// schema has changed, after an error, and among more queries than are kept.
func TestStatements(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "weir.db"))
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := s.writer.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec(`CREATE TABLE t (a INTEGER UNIQUE)`)
	for i := range 3 {
		exec(`INSERT INTO t (a) VALUES ($1)`, i)
	}
	if _, err := s.writer.ExecContext(t.Context(), `INSERT INTO t (a) VALUES ($1)`, 1); err == nil {
		t.Error("a row twice")
	}
	exec(`INSERT INTO t (a) VALUES ($1)`, 3)

	tx, err := s.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var read func(above int) int
	read = func(above int) (sum int) {
		rows, err := tx.QueryContext(t.Context(), `SELECT a FROM t WHERE a > $1 ORDER BY a`, above)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var a int
			if err := rows.Scan(&a); err != nil {
				t.Fatal(err)
			}
			sum += a + read(a)
			for i := range maxStatements / 2 { // crowds the query out while its rows are open
				var one int
				if err := tx.QueryRowContext(t.Context(), fmt.Sprintf(`SELECT %d + $1`, i+a*maxStatements), 1).Scan(&one); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if got := read(0); got != 1+2+3+3+2+3+3 {
		t.Errorf("a query inside of its own rows adds up to %d", got)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	exec(`ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'new'`)
	for range 2 {
		var b string
		if err := s.writer.QueryRowContext(t.Context(), `SELECT * FROM t WHERE a = $1`, 2).Scan(new(int), &b); err != nil || b != "new" {
			t.Errorf("after a change of the schema: %q, %v", b, err)
		}
		exec(`UPDATE t SET b = $1`, "new")
	}
}
