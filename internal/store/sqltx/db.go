package sqltx

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/weir-ci/weir"
)

// DB runs verbs in transactions on a database, and keeps its list of events.
// It is safe for concurrent use.
type DB struct {
	writer  *sql.DB // for the schema
	backend Backend
	d       Dialect
	hub     hub
	queue   queue // of verbs that share transactions
}

// New makes a DB that writes through one pool of connections and reads through
// another; they may be the same. The caller closes both.
func New(write, read *sql.DB, d Dialect) *DB {
	return NewOn(pools{write, read}, write, d)
}

// NewOn makes a DB on a backend; the pool is for migrations. The caller closes
// both.
func NewOn(b Backend, schema *sql.DB, d Dialect) *DB {
	return &DB{writer: schema, backend: b, d: d}
}

// How often a transaction is tried, and for how long it waits in between at
// most. Waits grow from minWait and are spread at random.
const (
	maxTries = 12
	minWait  = 2 * time.Millisecond
	maxWait  = 250 * time.Millisecond
)

// Write runs a verb in one transaction, and again if the database asks for it.
// The verb, such as "lease builds", is for the message when it goes wrong; the
// time is that of the events it tells.
func (db *DB) Write(ctx context.Context, verb string, at time.Time, do func(*Tx) error) error {
	return db.write(ctx, verb, at, do, db.d.Together)
}

// WriteShort is Write for a verb that takes a moment only. Where transactions
// are dear it shares one with others of its kind.
func (db *DB) WriteShort(ctx context.Context, verb string, at time.Time, do func(*Tx) error) error {
	return db.write(ctx, verb, at, do, db.d.Together || db.d.Share)
}

func (db *DB) write(ctx context.Context, verb string, at time.Time, do func(*Tx) error, together bool) error {
	wait := minWait
	for try := 1; ; try++ {
		var err error
		if together && (try == 1 || db.d.Together) {
			err = db.writeTogether(ctx, at, do)
		} else {
			err = db.writeOnce(ctx, at, do)
		}
		if err == nil {
			return nil
		}
		if try == maxTries || ctx.Err() != nil || db.d.Classify(err) != TryAgain {
			return db.explain(ctx, verb, err)
		}
		pause := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-ctx.Done():
			pause.Stop()
			return db.explain(ctx, verb, ctx.Err())
		case <-pause.C:
		}
		wait = min(2*wait, maxWait)
	}
}

func (db *DB) writeOnce(ctx context.Context, at time.Time, do func(*Tx) error) error {
	w, err := db.backend.Begin(ctx)
	if err != nil {
		return err
	}
	defer w.Rollback() // does nothing once it is committed
	t := db.newTx(ctx, w, at)
	if err := do(t); err != nil {
		return err
	}
	if err := db.writeEvents(ctx, w, t); err != nil {
		return err
	}
	if err := w.Commit(ctx); err != nil {
		return err
	}
	if len(t.events) > 0 {
		db.Ring()
	}
	return nil
}

func (db *DB) newTx(ctx context.Context, w Work, at time.Time) *Tx {
	return &Tx{conn: Conn{ctx: ctx, q: w, d: &db.d}, work: w, at: at}
}

// Read runs a verb of one query.
func (db *DB) Read(ctx context.Context, verb string, do func(Conn) error) error {
	return db.explain(ctx, verb, do(Conn{ctx: ctx, q: db.backend, d: &db.d}))
}

// Snapshot runs a verb of several queries that must agree.
func (db *DB) Snapshot(ctx context.Context, verb string, do func(Conn) error) error {
	w, err := db.backend.Snapshot(ctx)
	if err != nil {
		return db.explain(ctx, verb, err)
	}
	defer w.Rollback() // nothing was written
	return db.explain(ctx, verb, do(Conn{ctx: ctx, q: w, d: &db.d}))
}

// List is a verb that reads all rows of one query.
func List[T any](ctx context.Context, db *DB, verb string, scan func(Scanner) (T, error), query string, args ...any) (all []T, err error) {
	err = db.Read(ctx, verb, func(c Conn) error {
		all, err = Collect(c, scan, query, args...)
		return err
	})
	return all, err
}

// One is a verb that reads the only row of one query; if there is none its
// error is missing.
func One[T any](ctx context.Context, db *DB, verb string, missing *weir.Error, scan func(Scanner) (T, error), query string, args ...any) (v T, err error) {
	err = db.Read(ctx, verb, func(c Conn) error {
		v, err = scan(c.Row(query, args...))
		if errors.Is(err, sql.ErrNoRows) {
			return missing
		}
		return err
	})
	return v, err
}

// explain turns an error of the database into one for people. The database's
// own words stay inside.
func (db *DB) explain(ctx context.Context, verb string, err error) error {
	if err == nil {
		return nil
	}
	var known *weir.Error
	if errors.As(err, &known) {
		return err
	}
	// Drivers have deadlines of their own, for dialing say: those are not the
	// end of the request.
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return weir.Errorf(weir.Internal, "the request ended before the database could %s", verb).WithCause(err)
	}
	switch db.d.Classify(err) {
	case Full:
		return weir.Errorf(weir.Exhausted, "no room left for the database to %s", verb).
			WithHint("free space on the disk that holds the %s database", db.d.Name).WithCause(err)
	case Away:
		return weir.Errorf(weir.Unavailable, "the %s database does not answer, so it cannot %s", db.d.Name, verb).
			WithHint("check that it runs, then try again").WithCause(err)
	case TryAgain:
		return weir.Errorf(weir.Unavailable, "the %s database is too busy to %s", db.d.Name, verb).
			WithHint("try again").WithCause(err)
	}
	return weir.Errorf(weir.Internal, "the %s database could not %s", db.d.Name, verb).
		WithHint("the server's log has the cause").WithCause(err)
}
