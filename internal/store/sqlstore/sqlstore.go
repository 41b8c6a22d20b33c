package sqlstore

import (
	"context"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqllog"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqlstarts"
	"github.com/weir-ci/weir/internal/store/sqltx"
	"github.com/weir-ci/weir/internal/store/sqlyields"
)

// Store implements the ports of package store but for Judge and Regressions,
// which are package sqlinquiry's, and for Migrate and Close, which belong to the
// database; its DB is the port Events. It is safe for
// concurrent use.
type Store struct {
	*sqltx.DB
	sqlroster.Store
	sqllog.Logs
	sqlstarts.Starts
	sqlyields.Yields
	builders sqlroster.Builders
	lanes    turns
}

// New makes a store of a database.
func New(db *sqltx.DB) *Store {
	return &Store{DB: db, Store: sqlroster.New(db), Logs: sqllog.New(db),
		Starts: sqlstarts.New(db), Yields: sqlyields.New(db)}
}

// conn is what reading verbs work with.
type conn struct{ sqltx.Conn }

// tx is a transaction that writes.
type tx struct {
	conn
	*sqltx.Tx
	waiting map[weir.BuildID]sqltx.Asked // asked by expectEnd
}

func newTx(t *sqltx.Tx) *tx { return &tx{conn: conn{t.Reader()}, Tx: t} }

// write runs a verb in one transaction, see sqltx.DB.Write.
func (s *Store) write(ctx context.Context, verb string, at time.Time, do func(*tx) error) error {
	return s.Write(ctx, verb, at, func(t *sqltx.Tx) error { return do(newTx(t)) })
}

// writeShort is write for a verb that takes a moment only, see
// sqltx.DB.WriteShort.
func (s *Store) writeShort(ctx context.Context, verb string, at time.Time, do func(*tx) error) error {
	return s.WriteShort(ctx, verb, at, func(t *sqltx.Tx) error { return do(newTx(t)) })
}

// read runs a verb of one query.
func (s *Store) read(ctx context.Context, verb string, do func(conn) error) error {
	return s.Read(ctx, verb, func(c sqltx.Conn) error { return do(conn{c}) })
}

// snapshot runs a verb of several queries that must agree.
func (s *Store) snapshot(ctx context.Context, verb string, do func(conn) error) error {
	return s.Snapshot(ctx, verb, func(c sqltx.Conn) error { return do(conn{c}) })
}

func itoa[T ~int | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }

func (t *tx) tellBuild(id weir.BuildID) { t.TellID(weir.EventBuild, int64(id)) }
func (t *tx) tellQueue(p weir.Platform) { t.Tell(weir.EventQueue, string(p)) }

// PinsKey is 128 bits of a hash: pins are too long for an index.
func PinsKey(p weir.Pins) string { return sqltx.HashOf(p.Key())[:32] }
