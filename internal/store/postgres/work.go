package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/weir-ci/weir/internal/store/sqltx"
)

// What a statement costs is the journey to the server and back, more than what
// the server does. So a transaction keeps what it is given until somebody asks
// for an answer, and then sends all of it at once; its BEGIN goes with the first
// statements, its COMMIT with the last ones. The server runs them one after the
// other, and after the first that fails no other.

// backend is the pool as sqltx sees it. database/sql does the same with it, for
// twice the processor time.
type backend struct{ pool *pgxpool.Pool }

// Query runs a query by itself.
func (b backend) Query(ctx context.Context, query string, args []any) (sqltx.Rows, error) {
	rows, err := b.pool.Query(ctx, query, args...)
	if err != nil && pgconn.SafeToRetry(err) && ctx.Err() == nil { // the connection had been cut
		rows, err = b.pool.Query(ctx, query, args...)
	}
	if err != nil {
		return nil, err
	}
	return direct{rows}, nil
}

// direct are rows that are read as they arrive.
type direct struct{ pgx.Rows }

func (r direct) Close() error {
	r.Rows.Close()
	return r.Err()
}

// Begin begins a transaction in READ COMMITTED.
func (b backend) Begin(ctx context.Context) (sqltx.Work, error) { return b.begin(ctx, `begin`) }

// Snapshot begins a transaction that reads.
func (b backend) Snapshot(ctx context.Context) (sqltx.Work, error) {
	return b.begin(ctx, `begin isolation level repeatable read read only`)
}

func (b backend) begin(ctx context.Context, how string) (sqltx.Work, error) {
	conn, err := b.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return &work{conn: conn, waiting: []*statement{{query: how}}}, nil
}

// work is a transaction on a connection of its own.
type work struct {
	conn    *pgxpool.Conn
	waiting []*statement // not sent yet, in order
	bytes   int          // of their arguments
	sent    bool         // something was
	over    bool
	failed  error // of the first statement that did
}

// statement is a statement, and what came of it.
type statement struct {
	query  string
	args   []any
	asked  bool // its rows are wanted
	here   bool // and have arrived
	tag    pgconn.CommandTag
	fields []field
	rows   [][][]byte
}

type field struct {
	oid    uint32
	format int16
}

// bytesAtOnce is how much may wait to be sent, so that a large transaction does
// not take memory for all of it.
const bytesAtOnce = 1 << 20

// Put runs a statement before the next answer, or the commit.
func (w *work) Put(ctx context.Context, query string, args []any) error {
	w.waiting = append(w.waiting, &statement{query: query, args: args})
	for _, a := range args {
		switch v := a.(type) {
		case string:
			w.bytes += len(v)
		case []byte:
			w.bytes += len(v)
		}
	}
	if w.bytes > bytesAtOnce || len(w.waiting) > statementsAtOnce {
		return w.send(ctx)
	}
	return nil
}

// statementsAtOnce is how many statements may wait to be sent.
const statementsAtOnce = 256

// Later asks a query.
func (w *work) Later(query string, args []any) sqltx.Answer {
	s := &statement{query: query, args: args, asked: true}
	w.waiting = append(w.waiting, s)
	return answer{w, s}
}

type answer struct {
	w *work
	s *statement
}

// Rows waits for the answer.
func (a answer) Rows(ctx context.Context) (sqltx.Rows, error) {
	if !a.s.here {
		if err := a.w.send(ctx); err != nil {
			return nil, err
		}
	}
	return &kept{statement: a.s, types: a.w.conn.Conn().TypeMap()}, nil
}

// Query runs a query.
func (w *work) Query(ctx context.Context, query string, args []any) (sqltx.Rows, error) {
	return w.Later(query, args).Rows(ctx)
}

// Exec runs a statement and returns how many rows it changed.
func (w *work) Exec(ctx context.Context, query string, args []any) (int64, error) {
	s := &statement{query: query, args: args}
	w.waiting = append(w.waiting, s)
	err := w.send(ctx)
	return s.tag.RowsAffected(), err
}

// send sends what waits, and takes all answers in.
func (w *work) send(ctx context.Context) error {
	if w.failed != nil || len(w.waiting) == 0 {
		return w.failed
	}
	batch := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, len(w.waiting))}
	for _, s := range w.waiting {
		batch.Queue(s.query, s.args...)
	}
	w.sent = true
	results := w.conn.SendBatch(ctx, batch)
	for _, s := range w.waiting {
		if w.failed = s.receive(results); w.failed != nil {
			break
		}
	}
	if err := results.Close(); w.failed == nil {
		w.failed = err
	}
	w.waiting, w.bytes = nil, 0
	return w.failed
}

// receive takes in what came of a statement.
func (s *statement) receive(from pgx.BatchResults) (err error) {
	if !s.asked {
		s.tag, err = from.Exec()
		return err
	}
	rows, err := from.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if s.fields == nil {
			for _, f := range rows.FieldDescriptions() {
				s.fields = append(s.fields, field{f.DataTypeOID, f.Format})
			}
		}
		s.rows = append(s.rows, keep(rows.RawValues()))
	}
	s.here = true
	return rows.Err()
}

// keep copies the values of a row, which are gone after the next one. NULL is
// nil and stays that.
func keep(values [][]byte) [][]byte {
	size := 0
	for _, v := range values {
		size += len(v)
	}
	all, row := make([]byte, 0, size), make([][]byte, len(values))
	for i, v := range values {
		if v != nil {
			all = append(all, v...)
			row[i] = all[len(all)-len(v) : len(all) : len(all)]
		}
	}
	return row
}

// kept are rows that have arrived.
type kept struct {
	*statement
	types *pgtype.Map
	at    int // behind the present row
}

func (k *kept) Next() bool {
	if k.at >= len(k.rows) {
		return false
	}
	k.at++
	return true
}

var errColumns = errors.New("a query gives more or fewer columns than are wanted")

func (k *kept) Scan(dest ...any) error {
	row := k.rows[k.at-1]
	if len(dest) != len(row) {
		return errColumns
	}
	for i, d := range dest {
		if err := k.types.Scan(k.fields[i].oid, k.fields[i].format, row[i], d); err != nil {
			return err
		}
	}
	return nil
}

func (k *kept) Err() error { return nil }

func (k *kept) Close() error { return nil }

// errUndone says that the server has answered COMMIT with ROLLBACK, because a
// statement had failed.
var errUndone = errors.New("the transaction was rolled back")

// Commit sends what waits, and COMMIT with it.
func (w *work) Commit(ctx context.Context) error {
	if w.failed != nil {
		return w.failed
	}
	if w.sent || len(w.waiting) > 1 {
		s := &statement{query: `commit`}
		w.waiting = append(w.waiting, s)
		if err := w.send(ctx); err != nil {
			return err
		}
		if s.tag.String() != "COMMIT" {
			return errUndone
		}
	}
	w.release()
	return nil
}

// rollbackTime is how long the server may take to give up a transaction.
const rollbackTime = 5 * time.Second

// Rollback gives the transaction up. A connection on which that does not work
// is closed, which does the same.
func (w *work) Rollback() {
	if w.over {
		return
	}
	if conn := w.conn.Conn(); w.sent && !conn.IsClosed() && conn.PgConn().TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.Background(), rollbackTime)
		defer cancel()
		if _, err := conn.PgConn().Exec(ctx, `rollback`).ReadAll(); err != nil {
			_ = conn.Close(ctx) // it is gone in any case
		}
	}
	w.release()
}

func (w *work) release() {
	w.over = true
	w.conn.Release()
}

// undone reports whether an error of a statement or of COMMIT says that nothing
// was committed. When the connection is lost on COMMIT nobody knows.
func undone(err error) bool {
	var pg *pgconn.PgError
	return errors.Is(err, errUndone) || errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR"
}
