package sqltx

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
)

// Conn is what a verb reads with, inside of a transaction or not.
type Conn struct {
	ctx context.Context
	q   Session
	d   *Dialect
}

// Row runs a query of one row.
func (c Conn) Row(query string, args ...any) Row {
	rows, err := c.q.Query(c.ctx, query, args)
	return Row{rows, err}
}

// Query runs a query; see Collect.
func (c Conn) Query(query string, args ...any) (Rows, error) {
	return c.q.Query(c.ctx, query, args)
}

// Row is the first row of a query.
type Row struct {
	rows Rows
	err  error
}

// Scan reads the row; sql.ErrNoRows if there is none.
func (r Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	return r.rows.Close()
}

// Asked is a query whose answer is wanted later. Several of them, and what was
// put before, make one journey to a database that is far away; elsewhere each
// runs when it is read. So nothing that the verb writes in between may change
// the answer. It is read once at most, before the transaction ends.
type Asked struct {
	c     Conn
	query string
	args  []any
	later Answer
}

// Later asks a query.
func (c Conn) Later(query string, args ...any) Asked {
	a := Asked{c: c, query: query, args: args}
	if w, ok := c.q.(Pipeline); ok {
		a.later = w.Later(query, args)
	}
	return a
}

// Query gives the answer; see Collect, which takes no query then.
func (a Asked) Query(string, ...any) (Rows, error) {
	if a.later != nil {
		return a.later.Rows(a.c.ctx)
	}
	return a.c.q.Query(a.c.ctx, a.query, a.args)
}

// Row gives the first row of the answer.
func (a Asked) Row() Row {
	rows, err := a.Query("")
	return Row{rows, err}
}

// Lock is Dialect.Lock: it ends a SELECT that locks the rows of alias b.
func (c Conn) Lock() string { return c.d.Lock }

// LockSkip is Dialect.LockSkip: Lock, but it passes over locked rows.
func (c Conn) LockSkip() string { return c.d.LockSkip }

// Numbers is Dialect.Numbers for a table.
func (c Conn) Numbers(table string) string {
	if c.d.Numbers == "" {
		return ""
	}
	return fmt.Sprintf(c.d.Numbers, table)
}

// Bytes is Dialect.Bytes.
func (c Conn) Bytes() string { return c.d.Bytes }

// Table renders a table expression over the JSON array of arrays in parameter
// $p: one row per inner array, with the columns named. A name that ends with
// " int" is an integer, everything else is text.
func (c Conn) Table(p int, alias string, columns ...string) string {
	return c.d.table(p, alias, columns)
}

// Each joins to each row of what stands before it in a query the rows of a table that
// meet a condition, by an index, one row after the other. It is for where that is
// known to be few: a database that guesses wrong reads all of the table instead.
func (c Conn) Each(table, alias, condition string) string {
	return fmt.Sprintf(c.d.Each, table, alias, condition)
}

// In renders a subquery of the integers in the JSON array in parameter $p; IDs
// makes such an array.
func (c Conn) In(p int) string { return c.d.in(p) }

// Among renders the condition that a column is one of the ids, in parameter $p,
// and the parameter. Of one id, as most lists are, databases make a better plan.
func Among[T ~int64](c Conn, p int, ids []T) (condition string, arg any) {
	if len(ids) == 1 {
		return fmt.Sprintf("= $%d", p), int64(ids[0])
	}
	return "IN " + c.In(p), IDs(ids)
}

// Scanner is a row.
type Scanner interface{ Scan(dest ...any) error }

// Collect reads all rows of a query.
func Collect[T any](c interface {
	Query(query string, args ...any) (Rows, error)
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
	work   Work
	events []pendingEvent
	told   map[pendingEvent]bool
	at     time.Time // of its events
	wrote  bool      // or has at least tried
}

type pendingEvent struct {
	kind    weir.EventKind
	subject string
}

// Reader is what the transaction reads with.
func (t *Tx) Reader() Conn { return t.conn }

// Exec runs a statement and returns how many rows it changed.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	t.wrote = true
	return t.work.Exec(t.conn.ctx, query, args)
}

// Put runs a statement whose answer nobody needs. It runs in its turn, before
// whatever is asked after it, but its error may come with that, or with the
// commit.
func (t *Tx) Put(query string, args ...any) error {
	t.wrote = true
	return t.work.Put(t.conn.ctx, query, args)
}

// Guard takes a lock that is nothing but a name, until the transaction ends. Where
// there is one writer at a time there is nothing to do.
func (t *Tx) Guard(name string) error {
	if t.conn.Lock() == "" {
		return nil
	}
	if err := t.Put(`INSERT INTO guards (name) VALUES ($1) ON CONFLICT DO NOTHING`, name); err != nil {
		return err
	}
	return t.conn.Row(`SELECT b.name FROM guards b WHERE b.name = $1`+t.conn.Lock(), name).Scan(&name)
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

// TellID is Tell for a subject that has a number.
func (t *Tx) TellID(kind weir.EventKind, id int64) { t.Tell(kind, strconv.FormatInt(id, 10)) }

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
