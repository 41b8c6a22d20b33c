package sqltx

import (
	"context"
	"database/sql"
)

// Rows is what a query gives; *sql.Rows is one.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// Session runs queries.
type Session interface {
	Query(ctx context.Context, query string, args []any) (Rows, error)
}

// Work is a transaction of a database. It serves one caller at a time.
type Work interface {
	Session
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, query string, args []any) (int64, error)
	// Put runs a statement in its turn; whoever comes next may get its error.
	Put(ctx context.Context, query string, args []any) error
	// Commit ends the transaction. It fails if any statement has failed, unless
	// the database can go on after that.
	Commit(ctx context.Context) error
	// Rollback gives up a transaction; after Commit it does nothing.
	Rollback()
}

// Pipeline is a Work that takes in questions before it answers the first.
type Pipeline interface {
	// Later asks a query in its turn.
	Later(query string, args []any) Answer
}

// Answer is what a query that was asked before gives.
type Answer interface {
	Rows(ctx context.Context) (Rows, error)
}

// Backend is a database.
type Backend interface {
	Session
	// Begin begins a transaction that writes.
	Begin(ctx context.Context) (Work, error)
	// Snapshot begins one that reads, and sees the same all the time.
	Snapshot(ctx context.Context) (Work, error)
}

// pools is the backend of a database that is reached through database/sql: one
// pool of connections to write with and one to read with.
type pools struct{ writer, reader *sql.DB }

func (p pools) Query(ctx context.Context, query string, args []any) (Rows, error) {
	return rowsOf(p.reader.QueryContext(ctx, query, args...))
}

func (p pools) Begin(ctx context.Context) (Work, error) { return begin(ctx, p.writer) }

func (p pools) Snapshot(ctx context.Context) (Work, error) { return begin(ctx, p.reader) }

func begin(ctx context.Context, pool *sql.DB) (Work, error) {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return plainWork{tx}, nil
}

// rowsOf keeps a nil pointer from becoming an interface that is not nil.
func rowsOf(rows *sql.Rows, err error) (Rows, error) {
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// plainWork is a transaction of database/sql.
type plainWork struct{ tx *sql.Tx }

func (w plainWork) Query(ctx context.Context, query string, args []any) (Rows, error) {
	return rowsOf(w.tx.QueryContext(ctx, query, args...))
}

func (w plainWork) Exec(ctx context.Context, query string, args []any) (int64, error) {
	res, err := w.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (w plainWork) Put(ctx context.Context, query string, args []any) error {
	_, err := w.tx.ExecContext(ctx, query, args...)
	return err
}

func (w plainWork) Commit(context.Context) error { return w.tx.Commit() }

func (w plainWork) Rollback() { _ = w.tx.Rollback() }
