// Package sqlroster keeps what a farm knows by name: sources and their
// revisions, workers, tokens, and builders.
//
// It is the part of package sqlstore that knows nothing of builds, and is built
// like it: a verb that writes is one function that runs inside Store.write, may
// run several times, and resets what it returns at its start. Package sqlstore
// embeds [Store], and leases under the lock that [LockWorker] takes.
package sqlroster

import (
	"context"
	"time"

	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Store implements the ports store.Changes, store.Access and store.Fleet, and
// what store.Leaser, store.Owners and store.Planner ask of workers and builders alone. It
// is safe for concurrent use.
type Store struct {
	db *sqltx.DB
}

// New makes a store of a database.
func New(db *sqltx.DB) Store { return Store{db: db} }

// conn is what reading verbs work with.
type conn struct{ sqltx.Conn }

// tx is a transaction that writes.
type tx struct {
	conn
	*sqltx.Tx
}

func (s Store) write(ctx context.Context, verb string, at time.Time, do func(*tx) error) error {
	return s.db.Write(ctx, verb, at, func(t *sqltx.Tx) error { return do(&tx{conn{t.Reader()}, t}) })
}

func (s Store) read(ctx context.Context, verb string, do func(conn) error) error {
	return s.db.Read(ctx, verb, func(c sqltx.Conn) error { return do(conn{c}) })
}
