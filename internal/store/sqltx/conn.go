package sqltx

import (
	"context"
	"database/sql"
	"time"

	"github.com/weir-ci/weir"
)

// querier is a database or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Conn is what a verb reads with, inside of a transaction or not.
type Conn struct {
	ctx context.Context
	q   querier
	d   *Dialect
}

// Row runs a query of one row.
func (c Conn) Row(query string, args ...any) *sql.Row {
	return c.q.QueryRowContext(c.ctx, query, args...)
}

// Query runs a query; see Collect.
func (c Conn) Query(query string, args ...any) (*sql.Rows, error) {
	return c.q.QueryContext(c.ctx, query, args...)
}

// Lock is Dialect.Lock: it ends a SELECT that locks the rows of alias b.
func (c Conn) Lock() string { return c.d.Lock }

// LockSkip is Dialect.LockSkip: Lock, but it passes over locked rows.
func (c Conn) LockSkip() string { return c.d.LockSkip }

// Table renders a table expression over the JSON array of arrays in parameter
// $p: one row per inner array, with the columns named. A name that ends with
// " int" is an integer, everything else is text.
func (c Conn) Table(p int, alias string, columns ...string) string {
	return c.d.table(p, alias, columns)
}

// In renders a subquery of the integers in the JSON array in parameter $p; IDs
// makes such an array.
func (c Conn) In(p int) string { return c.d.in(p) }

// Scanner is a row.
type Scanner interface{ Scan(dest ...any) error }

// Collect reads all rows of a query.
func Collect[T any](c interface {
	Query(query string, args ...any) (*sql.Rows, error)
}, scan func(Scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := c.Query(query, args...)
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

// Scalar scans a row of one column.
func Scalar[T any](s Scanner) (T, error) {
	var v T
	err := s.Scan(&v)
	return v, err
}

// Tx is a transaction that writes; DB.Write makes it, and ends it.
type Tx struct {
	conn   Conn
	events []pendingEvent
	told   map[pendingEvent]bool
	at     time.Time // of its events
}

type pendingEvent struct {
	kind    weir.EventKind
	subject string
}

// Reader is what the transaction reads with.
func (t *Tx) Reader() Conn { return t.conn }

// Exec runs a statement and returns how many rows it changed.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	res, err := t.conn.q.ExecContext(t.conn.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Tell notes an event, once per transaction.
func (t *Tx) Tell(kind weir.EventKind, subject string) {
	e := pendingEvent{kind, Clean(subject)}
	if t.told[e] {
		return
	}
	if t.told == nil {
		t.told = map[pendingEvent]bool{}
	}
	t.told[e] = true
	t.events = append(t.events, e)
}

// chunkRows is how many rows go into one statement.
const chunkRows = 2000

// InChunks calls do with the rows as JSON, for Conn.Table, so many at a time
// as one statement takes well.
func (t *Tx) InChunks(rows [][]any, do func(data string) error) error {
	for len(rows) > 0 {
		n := min(len(rows), chunkRows)
		data, err := Encode(rows[:n])
		if err != nil {
			return err
		}
		if err := do(data); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
