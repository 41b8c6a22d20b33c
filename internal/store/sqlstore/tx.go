package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/weir-ci/weir"
)

// Store implements the ports of package store but for Migrate and Close,
// which belong to the database. It is safe for concurrent use.
type Store struct {
	writer *sql.DB
	reader *sql.DB
	d      Dialect
	hub    hub
}

// New makes a store that writes through one pool of connections and reads
// through another; they may be the same. The caller closes both.
func New(write, read *sql.DB, d Dialect) *Store {
	return &Store{writer: write, reader: read, d: d}
}

// How often a transaction is tried, and for how long it waits in between at
// most. Waits grow from minWait and are spread at random.
const (
	maxTries = 12
	minWait  = 2 * time.Millisecond
	maxWait  = 250 * time.Millisecond
)

// querier is a database or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// conn is what reading verbs work with.
type conn struct {
	ctx context.Context
	q   querier
	d   *Dialect
}

func (c conn) row(query string, args ...any) *sql.Row {
	return c.q.QueryRowContext(c.ctx, query, args...)
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

// collect reads all rows of a query.
func collect[T any](c conn, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := c.q.QueryContext(c.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return all, nil
}

// scanOne scans a row of one column.
func scanOne[T any](s scanner) (T, error) {
	var v T
	err := s.Scan(&v)
	return v, err
}

// tx is a transaction that writes.
type tx struct {
	conn
	events []pendingEvent
	told   map[pendingEvent]bool
	at     time.Time // of its events
}

type pendingEvent struct {
	kind    weir.EventKind
	subject string
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	res, err := t.q.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// tell notes an event, once per transaction.
func (t *tx) tell(kind weir.EventKind, subject string) {
	e := pendingEvent{kind, clean(subject)}
	if t.told[e] {
		return
	}
	if t.told == nil {
		t.told = map[pendingEvent]bool{}
	}
	t.told[e] = true
	t.events = append(t.events, e)
}

// write runs a verb in one transaction, and again if the database asks for it.
// The time is that of the events it tells.
func (s *Store) write(ctx context.Context, verb string, at time.Time, do func(*tx) error) error {
	wait := minWait
	for try := 1; ; try++ {
		err := s.writeOnce(ctx, at, do)
		if err == nil {
			return nil
		}
		if try == maxTries || ctx.Err() != nil || s.d.Classify(err) != TryAgain {
			return s.explain(verb, err)
		}
		pause := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-ctx.Done():
			pause.Stop()
			return s.explain(verb, ctx.Err())
		case <-pause.C:
		}
		wait = min(2*wait, maxWait)
	}
}

func (s *Store) writeOnce(ctx context.Context, at time.Time, do func(*tx) error) error {
	stx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer stx.Rollback() // does nothing once it is committed
	t := &tx{conn: conn{ctx: ctx, q: stx, d: &s.d}, at: at}
	if err := do(t); err != nil {
		return err
	}
	if len(t.events) > 0 {
		if s.d.BeforeEvents != nil {
			if err := s.d.BeforeEvents(ctx, stx); err != nil {
				return err
			}
		}
		if err := t.writeEvents(); err != nil {
			return err
		}
	}
	if err := stx.Commit(); err != nil {
		return err
	}
	if len(t.events) > 0 {
		s.Ring()
	}
	return nil
}

// read runs a verb of one query.
func (s *Store) read(ctx context.Context, verb string, do func(conn) error) error {
	return s.explain(verb, do(conn{ctx: ctx, q: s.reader, d: &s.d}))
}

// snapshot runs a verb of several queries that must agree.
func (s *Store) snapshot(ctx context.Context, verb string, do func(conn) error) error {
	stx, err := s.reader.BeginTx(ctx, s.d.Snapshot)
	if err != nil {
		return s.explain(verb, err)
	}
	defer stx.Rollback() // nothing was written
	return s.explain(verb, do(conn{ctx: ctx, q: stx, d: &s.d}))
}

// explain turns an error of the database into one for people. The database's
// own words stay inside.
func (s *Store) explain(verb string, err error) error {
	if err == nil {
		return nil
	}
	var known *weir.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return weir.Errorf(weir.Internal, "the request ended before the database could %s", verb).WithCause(err)
	}
	switch s.d.Classify(err) {
	case Full:
		return weir.Errorf(weir.Exhausted, "no room left for the database to %s", verb).
			WithHint("free space on the disk that holds the %s database", s.d.Name).WithCause(err)
	case Away:
		return weir.Errorf(weir.Unavailable, "the %s database does not answer, so it cannot %s", s.d.Name, verb).
			WithHint("check that it runs, then try again").WithCause(err)
	case TryAgain:
		return weir.Errorf(weir.Unavailable, "the %s database is too busy to %s", s.d.Name, verb).
			WithHint("try again").WithCause(err)
	}
	return weir.Errorf(weir.Internal, "the %s database could not %s", s.d.Name, verb).
		WithHint("the server's log has the cause").WithCause(err)
}
