package sqltx

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// openTogether makes a database with a table of numbers.
func openTogether(t *testing.T) (*DB, *sql.DB) {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(t.TempDir(), "x.db"))+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = pool.Close() })
	if _, err := pool.ExecContext(t.Context(), `CREATE TABLE n (i INTEGER PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	return New(pool, pool, Dialect{Name: "Test", Together: true, Classify: func(error) Failure { return Unknown }}), pool
}

func insert(i int) func(*Tx) error {
	return func(t *Tx) error {
		_, err := t.Exec(`INSERT INTO n (i) VALUES ($1)`, i)
		return err
	}
}

func numbers(t *testing.T, pool *sql.DB) (n int) {
	t.Helper()
	if err := pool.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM n`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTogether lets many callers write at once. Some fail half way, some panic,
// some end the transaction that they share: of those nothing is kept, of the
// others everything.
func TestTogether(t *testing.T) {
	t.Parallel()
	db, pool := openTogether(t)
	bad := errors.New("on purpose")
	var wg sync.WaitGroup
	var kept atomic.Int64
	for i := range 200 {
		wg.Go(func() {
			verb := insert(i)
			switch i % 5 {
			case 1:
				verb = func(t *Tx) error { return errors.Join(insert(i)(t), bad) }
			case 2:
				verb = func(t *Tx) error { _ = insert(i)(t); panic(bad) }
			case 3:
				verb = func(t *Tx) error {
					_ = insert(i)(t)
					_, err := t.Exec(`INSERT OR ROLLBACK INTO n (i) VALUES ($1)`, i) // ends it for all
					return err
				}
			}
			defer func() {
				if r := recover(); (r != nil) != (i%5 == 2) {
					t.Errorf("verb %d: panic %v", i, r)
				}
			}()
			err := db.Write(t.Context(), "count", time.Time{}, verb)
			if want := i%5 == 1 || i%5 == 3; (err != nil) != want {
				t.Errorf("verb %d: %v", i, err)
			}
			if err == nil {
				kept.Add(1)
			}
		})
	}
	wg.Wait()
	if n := numbers(t, pool); n != int(kept.Load()) || n != 80 {
		t.Errorf("%d rows, %d verbs succeeded, want 80", n, kept.Load())
	}
}

// TestTogetherEnds ends the contexts of callers that wait behind a slow verb.
func TestTogetherEnds(t *testing.T) {
	t.Parallel()
	db, pool := openTogether(t)
	begun, goOn := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.Write(t.Context(), "wait", time.Time{}, func(t *Tx) error {
			close(begun)
			<-goOn
			return insert(0)(t)
		}); err != nil {
			t.Errorf("the slow one: %v", err)
		}
	})
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	for i := 1; i < 9; i++ {
		wg.Go(func() {
			of := ctx
			if i%2 == 0 {
				of = t.Context()
			}
			if err := db.Write(of, "count", time.Time{}, insert(i)); (err != nil) != (i%2 == 1) {
				t.Errorf("verb %d: %v", i, err)
			}
		})
	}
	cancel()
	close(goOn)
	wg.Wait()
	if n := numbers(t, pool); n != 5 {
		t.Errorf("%d rows, want 5", n)
	}
}

// TestTogetherGoexit ends a goroutine in the middle of a verb that it runs for
// itself and others: nobody waits for ever.
func TestTogetherGoexit(t *testing.T) {
	t.Parallel()
	db, _ := openTogether(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_ = db.Write(t.Context(), "count", time.Time{}, func(tx *Tx) error {
				if i == 7 {
					runtime.Goexit()
				}
				return insert(i)(tx)
			})
		})
	}
	wg.Wait()
	if err := db.Write(t.Context(), "go on", time.Time{}, insert(99)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
