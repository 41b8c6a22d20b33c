// Package postgres keeps the farm's state in PostgreSQL.
//
// Several servers may share one database: every verb is a transaction with
// row locks, and nothing is kept in a server's memory. A server that tells
// events wakes the others with NOTIFY.
//
// PostgreSQL 13 or newer will do. Connections go through one pool; its size
// can be set in the address (pool_max_conns). One more connection listens.
package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlaudit"
	"github.com/weir-ci/weir/internal/store/sqlboards"
	"github.com/weir-ci/weir/internal/store/sqlconfig"
	"github.com/weir-ci/weir/internal/store/sqlfind"
	"github.com/weir-ci/weir/internal/store/sqlinquiry"
	"github.com/weir-ci/weir/internal/store/sqlstore"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

//go:embed migrations/*.sql
var migrations embed.FS

// What holds when the address does not say otherwise.
const (
	poolSize = 16
	// idleInTransaction frees the locks of a server that hangs.
	idleInTransaction = "60000" // milliseconds
)

// Store is a farm's state in a PostgreSQL database.
type Store struct {
	*sqlstore.Store
	sqlinquiry.Conclusions
	sqlconfig.Settings
	sqlboards.Boards
	sqlaudit.Audit
	sqlfind.Finder
	schema sqltx.Schema
	close  func() error
}

var _ store.Store = (*Store)(nil)

// Open connects to the database at dsn, a URL or keyword=value string.
// Migrate comes next. Invalid if dsn is no address or the server refuses it,
// Unavailable if the server does not answer, Unsupported if a newer program
// made the schema. No error holds the password.
func Open(ctx context.Context, dsn string) (store.Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, weir.Errorf(weir.Internal, "the program's own schema cannot be read").WithCause(err)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 30))
	if err != nil {
		return nil, weir.Errorf(weir.Internal, "the lock for migrations cannot be made").WithCause(err)
	}
	cfg, err := config(dsn)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, explainOpen(cfg.ConnConfig, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, explainOpen(cfg.ConnConfig, err)
	}
	db := stdlib.OpenDBFromPool(pool)
	on := sqltx.NewOn(backend{pool}, db, dialect())
	s := &Store{
		Store: sqlstore.New(on), Conclusions: sqlinquiry.New(on), Settings: sqlconfig.New(on), Boards: sqlboards.New(on), Audit: sqlaudit.New(on), Finder: sqlfind.New(on),
		schema: sqltx.Schema{Dialect: goose.DialectPostgres, Files: files, Options: []goose.ProviderOption{goose.WithSessionLocker(locker)}},
	}
	if err := s.CheckVersion(ctx, s.schema.Newest()); err != nil {
		err = errors.Join(explainOpen(cfg.ConnConfig, err), db.Close())
		pool.Close()
		return nil, err
	}
	s.start(db, pool)
	return s, nil
}

// start begins to listen, and prepares the end.
func (s *Store) start(db *sql.DB, pool *pgxpool.Pool) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		listen(ctx, pool.Config().ConnConfig.Copy(), s.Ring)
	}()
	s.close = sync.OnceValue(func() error {
		cancel()
		<-done
		err := db.Close()
		pool.Close()
		return err
	})
}

// config reads the address. What the parser says about a bad one is dropped,
// because it may quote it.
func config(dsn string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "the address of the PostgreSQL database cannot be read").
			WithHint("it looks like postgres://USER:PASSWORD@HOST:PORT/DATABASE; special characters in the password are written as %%XX")
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		cfg.MaxConns = poolSize
	}
	for name, value := range map[string]string{"application_name": "weir", "idle_in_transaction_session_timeout": idleInTransaction} {
		if _, ok := cfg.ConnConfig.RuntimeParams[name]; !ok {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	return cfg, nil
}

// explainOpen says why there is no connection.
func explainOpen(cfg *pgx.ConnConfig, err error) error {
	var known *weir.Error
	if errors.As(err, &known) {
		return err
	}
	where := cfg.Database + " at " + cfg.Host
	e := weir.Errorf(weir.Unavailable, "the PostgreSQL database %s does not answer", where).WithHint("check that it runs and can be reached from here")
	var pg *pgconn.PgError
	if errors.As(err, &pg) && classify(err) == sqltx.Unknown {
		e = weir.Errorf(weir.Invalid, "the PostgreSQL server does not let %s into database %s: %s", cfg.User, where, pg.Message).
			WithHint("check user, password and database name in the address")
	}
	if cfg.Password != "" && strings.Contains(err.Error(), cfg.Password) {
		return e
	}
	return e.WithCause(err)
}

// Migrate brings the schema to the newest version.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.Store.Migrate(ctx, s.schema); err != nil {
		return err
	}
	return sqlfind.CatchUp(ctx, s.DB)
}

// Close stops listening and closes all connections. Closing twice does nothing.
func (s *Store) Close() error {
	if err := s.close(); err != nil {
		return weir.Errorf(weir.Internal, "the connections to PostgreSQL did not close cleanly").WithCause(err)
	}
	return nil
}

// How long the listener waits before it connects again, and how long it waits
// for the server's answers.
const (
	minRedial     = 100 * time.Millisecond
	maxRedial     = 10 * time.Second
	listenTimeout = 10 * time.Second
)

// listen calls ring for each notification until ctx ends. When the connection
// is lost it makes another, and rings, because it may have missed something.
func listen(ctx context.Context, cfg *pgx.ConnConfig, ring func()) {
	wait := minRedial
	for ctx.Err() == nil {
		if listenOnce(ctx, cfg, ring) {
			wait = minRedial
		}
		pause := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		wait = min(2*wait, maxRedial)
	}
}

// listenOnce listens on one connection until it is lost, and reports whether
// there was one.
func listenOnce(ctx context.Context, cfg *pgx.ConnConfig, ring func()) bool {
	dial, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(dial, cfg)
	if err != nil {
		return false
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(bye) // it is gone in any case
	}()
	if _, err := conn.Exec(dial, `LISTEN `+channel); err != nil {
		return false
	}
	for {
		ring()
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return true
		}
	}
}
