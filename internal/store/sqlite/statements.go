package sqlite

import (
	"context"
	"database/sql/driver"
	"io"

	modernc "modernc.org/sqlite"
)

// Compiling a statement takes SQLite as long as running a short one. The verbs
// of a farm are some hundred statements, run over and over, so each connection
// keeps what it has compiled. That is done here, below database/sql, because
// there a connection serves one caller at a time: no locks, and a transaction
// finds the statements of its connection without asking for them by name.
// SQLite itself compiles a kept statement again when the schema has changed.

// maxStatements is how many compiled statements a connection keeps. There are
// fewer but for queries that are put together from conditions; when those fill
// it, it is emptied.
const maxStatements = 512

// maxPlain is how long a statement without parameters may be, in bytes, to be
// kept.
const maxPlain = 64

// connector opens connections that keep their statements.
type connector struct{ driver.Connector }

func newConnector(dsn string) (driver.Connector, error) {
	c, err := modernc.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return connector{c}, nil
}

// conn is what database/sql uses of a connection.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := dc.(conn)
	if !ok { // another version of the driver: slower, not wrong
		return dc, nil
	}
	return &keeper{conn: whole, kept: map[string]*kept{}}, nil
}

// keeper is a connection that keeps its statements.
type keeper struct {
	conn
	kept map[string]*kept
}

// kept is a compiled statement. While its rows are being read it is busy, and
// the same query, asked again, is compiled for that one time.
type kept struct {
	stmt driver.Stmt
	busy bool
}

// statement finds or compiles a query; nil if it should be run without.
func (k *keeper) statement(ctx context.Context, query string, args []driver.NamedValue) (*kept, error) {
	if s := k.kept[query]; s != nil {
		if s.busy {
			return nil, nil
		}
		return s, nil
	}
	if len(args) == 0 && len(query) > maxPlain { // schemas; several statements at once
		return nil, nil
	}
	if len(k.kept) >= maxStatements {
		k.forget()
	}
	stmt, err := k.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s := &kept{stmt: stmt}
	k.kept[query] = s
	return s, nil
}

// forget closes all statements but those in use, which close themselves when
// their rows end.
func (k *keeper) forget() {
	for query, s := range k.kept {
		if !s.busy {
			_ = s.stmt.Close() // the error of the last run, which is known
		}
		delete(k.kept, query)
	}
}

// ExecContext runs a statement without rows.
func (k *keeper) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := k.statement(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if s != nil {
		if run, ok := s.stmt.(driver.StmtExecContext); ok {
			return run.ExecContext(ctx, args)
		}
	}
	return k.conn.ExecContext(ctx, query, args)
}

// QueryContext runs a statement with rows.
func (k *keeper) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := k.statement(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return k.conn.QueryContext(ctx, query, args)
	}
	run, ok := s.stmt.(driver.StmtQueryContext)
	if !ok {
		return k.conn.QueryContext(ctx, query, args)
	}
	rows, err := run.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &keptRows{Rows: rows, of: s, by: k, query: query}, nil
}

// Close closes the statements and the connection.
func (k *keeper) Close() error {
	k.forget()
	return k.conn.Close()
}

// keptRows are the rows of a kept statement.
type keptRows struct {
	driver.Rows
	of    *kept
	by    *keeper
	query string
	over  bool
}

// Close ends the reading and lets the statement be used again.
func (r *keptRows) Close() error {
	if r.over {
		return nil
	}
	r.over = true
	err := r.Rows.Close()
	r.of.busy = false
	if r.by.kept[r.query] != r.of { // it was forgotten meanwhile
		_ = r.of.stmt.Close()
	}
	return err
}

// Next reads a row.
func (r *keptRows) Next(dest []driver.Value) error {
	if r.over {
		return io.EOF
	}
	return r.Rows.Next(dest)
}
