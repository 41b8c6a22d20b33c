// Package sqlinquiry keeps what the farm concludes: baselines, verdicts,
// regressions.
//
// It stands on package sqlstore, which keeps the builds that conclusions are
// drawn from, and is built like it: a verb that writes is one function that
// runs inside Conclusions.write, may run several times, and resets what it
// returns at its start. Packages sqlite and postgres put the two together, on
// one database. Judging and searching ask for builds of their own, so Settle
// and Advance make runs with [sqlstore.CreateRun], in their own transaction.
//
//	judge.go settle.go    baselines and judgements
//	follow.go             what a settled build means for open regressions
//	regressions.go        episodes and their victims
//	advance.go probes.go  the steps of a search, and what builds said
//	flakes.go             what runs of flaky tests did
//
// Locks are taken in the order that package sqlstore explains. Settle alone
// begins with a build, but with a final one, for which nobody waits who holds
// other locks.
package sqlinquiry

import (
	"context"
	"time"

	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Conclusions implements the ports store.Judge, store.Regressions, store.Triage
// and store.Flakes. It is safe for concurrent use.
type Conclusions struct {
	db *sqltx.DB
}

// New makes conclusions of a database, which has to be that of the builds too.
func New(db *sqltx.DB) Conclusions { return Conclusions{db: db} }

// conn is what reading verbs work with.
type conn struct{ sqltx.Conn }

// tx is a transaction that writes.
type tx struct {
	conn
	*sqltx.Tx
}

func newTx(t *sqltx.Tx) *tx { return &tx{conn{t.Reader()}, t} }

// write runs a verb in one transaction, see sqltx.DB.Write.
func (s Conclusions) write(ctx context.Context, verb string, at time.Time, do func(*tx) error) error {
	return s.db.Write(ctx, verb, at, func(t *sqltx.Tx) error { return do(newTx(t)) })
}

// writeShort is write for a verb that takes a moment only, see
// sqltx.DB.WriteShort.
func (s Conclusions) writeShort(ctx context.Context, verb string, at time.Time, do func(*tx) error) error {
	return s.db.WriteShort(ctx, verb, at, func(t *sqltx.Tx) error { return do(newTx(t)) })
}

// read runs a verb of one query.
func (s Conclusions) read(ctx context.Context, verb string, do func(conn) error) error {
	return s.db.Read(ctx, verb, func(c sqltx.Conn) error { return do(conn{c}) })
}

// snapshot runs a verb of several queries that must agree.
func (s Conclusions) snapshot(ctx context.Context, verb string, do func(conn) error) error {
	return s.db.Snapshot(ctx, verb, func(c sqltx.Conn) error { return do(conn{c}) })
}
