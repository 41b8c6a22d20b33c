package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/pgtest"
	"github.com/weir-ci/weir/internal/store/postgres"
	"github.com/weir-ci/weir/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patience ends a wait that would not end by itself. No test waits so long
// unless something is wrong.
const patience = 5 * time.Minute

func TestStore(t *testing.T) {
	t.Parallel()
	used := databases{t: t, free: make(chan string, 64)}
	storetest.RunDatabase(t, func(t *testing.T) storetest.Database {
		var dsn string
		if strings.Contains(t.Name(), "/handles/") {
			dsn = pgtest.DSN(t) // one that was never migrated
		} else {
			dsn = used.get(t)
		}
		return func(t *testing.T) store.Store { return openTest(t, dsn) }
	})
}

// TestWake shows that a write on one server wakes those who wait on another.
func TestWake(t *testing.T) {
	t.Parallel()
	storetest.RunWake(t, func(t *testing.T) storetest.Database {
		dsn := pgtest.DSN(t)
		return func(t *testing.T) store.Store { return openTest(t, dsn) }
	})
}

// databases lends databases to tests, one after the other: making one takes
// far longer than emptying it.
type databases struct {
	t    *testing.T // which they outlive
	free chan string
}

func (d databases) get(t *testing.T) string {
	t.Helper()
	var dsn string
	select {
	case dsn = <-d.free:
	default:
		dsn = pgtest.DSN(d.t)
	}
	t.Cleanup(func() {
		empty(t, dsn)
		select {
		case d.free <- dsn:
		default:
		}
	})
	return dsn
}

// empty removes all rows and lets all numbers begin at 1 again.
func empty(t *testing.T, dsn string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `DO $$ DECLARE name text; BEGIN
		SET LOCAL session_replication_role = replica;
		FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%' LOOP
			EXECUTE 'DELETE FROM ' || quote_ident(name);
		END LOOP;
		FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND sequencename NOT LIKE 'goose%' LOOP
			PERFORM setval(CAST(quote_ident(name) AS regclass), 1, false);
		END LOOP;
	END $$`); err != nil {
		t.Error(err)
	}
}

func openTest(tb testing.TB, dsn string) store.Store {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), dsn)
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
	const secret = "hunter2secret"
	for name, c := range map[string]struct {
		dsn  string
		want weir.Code
	}{
		"nobody there":  {"postgres://weir:" + secret + "@127.0.0.1:1/farm?connect_timeout=5", weir.Unavailable},
		"not a DSN":     {"postgres://weir:" + secret + "@[::1/farm", weir.Invalid},
		"bad option":    {"host=x password=" + secret + " port=seven", weir.Invalid},
		"bad pool size": {"postgres://weir:" + secret + "@h/farm?pool_max_conns=many", weir.Invalid},
	} {
		_, err := postgres.Open(t.Context(), c.dsn)
		if weir.CodeOf(err) != c.want {
			t.Errorf("%s: code %q of %v, want %q", name, weir.CodeOf(err), err, c.want)
		}
		for e := err; e != nil; {
			if strings.Contains(e.Error(), secret) {
				t.Errorf("%s: the password is in %v", name, e)
			}
			u, ok := e.(interface{ Unwrap() error })
			if !ok {
				break
			}
			e = u.Unwrap()
		}
	}
}

func TestOpenUnknownDatabase(t *testing.T) {
	t.Parallel()
	cfg, err := pgx.ParseConfig(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	dsn := "host=" + cfg.Host + " user=" + cfg.User + " dbname=weir_nowhere"
	if _, err := postgres.Open(t.Context(), dsn); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("code %q of %v", weir.CodeOf(err), err)
	}
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	s := openTest(t, dsn)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); weir.CodeOf(err) != weir.Unsupported {
		t.Errorf("Migrate: %v", err)
	}
	if _, err := postgres.Open(t.Context(), dsn); weir.CodeOf(err) != weir.Unsupported {
		t.Errorf("Open: %v", err)
	}
}

// TestListenAgain cuts the listener's connection: wake-ups of another server
// arrive again once it has reconnected.
func TestListenAgain(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	waiter, writer := openTest(t, dsn), openTest(t, dsn)
	if err := waiter.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	wake, end := waiter.Wake()
	defer end()
	hear := func() {
		t.Helper()
		for why := range 1_000_000 {
			now := time.Now()
			if err := writer.RecordPollError(ctx, "p", "", fmt.Sprint(why), now, now); err != nil {
				t.Fatal(err)
			}
			select {
			case <-wake:
				return
			case <-ctx.Done():
				t.Fatal("no wake-up")
			default:
			}
		}
	}
	hear()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN%'`); err != nil {
		t.Fatal(err)
	}
	hear()
}
