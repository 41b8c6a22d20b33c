package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/pgtest"
	"github.com/weir-ci/weir/internal/store/postgres"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// TestShared lets many callers write short verbs at once, on two servers. Some
// refuse, before or after they have written, some panic, some break the
// transaction that they share, and tell of it or not: of those nothing is kept,
// of the others everything, with one event each.
func TestShared(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	var servers []*postgres.Store
	for range 2 {
		s, ok := openTest(t, dsn).(*postgres.Store)
		if !ok {
			t.Fatal("not a store of this package")
		}
		servers = append(servers, s)
	}
	if err := servers[0].Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	const verbs, kinds = 240, 8
	refusal := weir.Errorf(weir.Conflict, "on purpose")
	var wg sync.WaitGroup
	for i := range verbs {
		wg.Go(func() {
			name := fmt.Sprint("verb", i)
			add := func(tx *sqltx.Tx, name string) error {
				tx.Tell(weir.EventWorker, name)
				return tx.Put(`INSERT INTO tokens (name, hash, created) VALUES ($1, $1, 1)`, name)
			}
			verb := func(tx *sqltx.Tx) error {
				switch i % kinds {
				case 1:
					return refusal
				case 2:
					return errors.Join(add(tx, name), refusal)
				case 3:
					_ = add(tx, name)
					panic(refusal)
				case 4: // nobody has asked for an answer yet
					return errors.Join(add(tx, name), add(tx, name))
				case 5: // an error that the verb does not pass on
					_ = add(tx, name)
					_, _ = tx.Exec(`INSERT INTO tokens (name) VALUES (NULL)`)
					return nil
				}
				return add(tx, name)
			}
			defer func() {
				if r := recover(); (r != nil) != (i%kinds == 3) {
					t.Errorf("verb %d: panic %v", i, r)
				}
			}()
			err := servers[i/kinds%2].WriteShort(t.Context(), "count", time.Now(), verb)
			if bad := i%kinds >= 1 && i%kinds <= 5; (err != nil) != bad {
				t.Errorf("verb %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var kept, told int
	if err := conn.QueryRow(t.Context(), `SELECT (SELECT COUNT(*) FROM tokens), (SELECT COUNT(DISTINCT subject) FROM events e JOIN tokens t ON t.name = e.subject)
		+ (SELECT COUNT(*) FROM events) - (SELECT COUNT(DISTINCT subject) FROM events)`).Scan(&kept, &told); err != nil {
		t.Fatal(err)
	}
	if want := verbs / kinds * 3; kept != want || told != want {
		t.Errorf("%d rows and %d events are left, want %d of each", kept, told, want)
	}
}

// TestSharedWaits holds a lock that a short verb wants: others, which want
// another one, go on, and it succeeds when it gets it.
func TestSharedWaits(t *testing.T) {
	t.Parallel()
	s, ok := openTest(t, pgtest.DSN(t)).(*postgres.Store)
	if !ok {
		t.Fatal("not a store of this package")
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := s.WriteShort(t.Context(), "add", time.Now(), func(tx *sqltx.Tx) error {
			return tx.Put(`INSERT INTO tokens (name, hash, created) VALUES ($1, $1, 1)`, name)
		}); err != nil {
			t.Fatal(err)
		}
	}
	touch := func(name string) func(*sqltx.Tx) error {
		return func(tx *sqltx.Tx) error {
			return tx.Put(`UPDATE tokens SET created = created + 1 WHERE name = $1`, name)
		}
	}
	held, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Write(t.Context(), "hold", time.Now(), func(tx *sqltx.Tx) error {
			_, err := tx.Exec(`UPDATE tokens SET created = created + 1 WHERE name = 'a'`)
			close(held)
			<-release
			return err
		}); err != nil {
			t.Error(err)
		}
	})
	<-held
	wg.Go(func() {
		if err := s.WriteShort(t.Context(), "wait", time.Now(), touch("a")); err != nil {
			t.Error(err)
		}
	})
	for range 20 {
		if err := s.WriteShort(t.Context(), "pass", time.Now(), touch("b")); err != nil {
			t.Error(err)
		}
	}
	close(release)
	wg.Wait()
	var a, b int
	if err := s.Read(t.Context(), "look", func(c sqltx.Conn) error {
		return c.Row(`SELECT (SELECT created FROM tokens WHERE name = 'a'), (SELECT created FROM tokens WHERE name = 'b')`).Scan(&a, &b)
	}); err != nil || a != 3 || b != 21 {
		t.Errorf("a is %d, want 3; b is %d, want 21: %v", a, b, err)
	}
}
