// Package sqlaudit keeps who changed what, and from where, in the SQL that both
// databases speak.
//
// An act is recorded by whoever lets it happen, after it did or was refused: it is
// not a part of the transaction that it tells of, so that what was refused is
// there too.
package sqlaudit

import (
	"context"
	"time"

	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Audit implements the port store.Audit. It is safe for concurrent use.
type Audit struct{ db *sqltx.DB }

// New makes it of a database.
func New(db *sqltx.DB) Audit { return Audit{db} }

// RecordAct notes what somebody did or was refused. What is too long is cut;
// Invalid if there is no verb, or no such way.
func (l Audit) RecordAct(ctx context.Context, a store.Act) error {
	if err := a.Check(); err != nil {
		return err
	}
	a = a.Bounded()
	return l.db.WriteShort(ctx, "record who did what", a.At, func(t *sqltx.Tx) error {
		return t.Put(`INSERT INTO acts (at, who, via, address, verb, subject, note, code) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			sqltx.Micros(a.At), sqltx.Clean(a.Who), string(a.Via), sqltx.Clean(a.From), sqltx.Clean(a.Verb), sqltx.Clean(a.On),
			sqltx.Clean(a.Note), sqltx.Clean(a.Code))
	})
}

// Acts lists what was done, newest first.
func (l Audit) Acts(ctx context.Context, f store.ActFilter) ([]store.Act, error) {
	q := &sqltx.Where{}
	for _, c := range []struct{ column, value string }{{"who", f.Who}, {"subject", f.On}, {"verb", f.Verb}} {
		if c.value != "" {
			q.And(c.column+` = ?`, sqltx.Clean(c.value))
		}
	}
	if f.Before > 0 {
		q.And(`id < ?`, f.Before)
	}
	limit := q.Arg(sqltx.Limit(f.Limit, sqltx.StandardList, sqltx.LongestList))
	return sqltx.List(ctx, l.db, "list who did what", func(r sqltx.Scanner) (a store.Act, err error) {
		err = r.Scan(&a.ID, sqltx.Time(&a.At), &a.Who, &a.Via, &a.From, &a.Verb, &a.On, &a.Note, &a.Code)
		return a, err
	}, `SELECT id, at, who, via, address, verb, subject, note, code FROM acts`+q.String()+` ORDER BY id DESC LIMIT `+limit, q.Args()...)
}

// PruneActs removes acts older than a time, the oldest first, and says how many.
func (l Audit) PruneActs(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	limit = sqltx.Limit(limit, sqltx.LongestList, mostPruned)
	err = l.db.Write(ctx, "remove old acts", before, func(t *sqltx.Tx) error {
		n, err := t.Exec(`DELETE FROM acts WHERE id IN (SELECT id FROM acts WHERE at < $1 ORDER BY at, id LIMIT $2)`, sqltx.Micros(before), limit)
		removed = int(n)
		return err
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// mostPruned is how many acts go in one transaction at most.
const mostPruned = 10_000
