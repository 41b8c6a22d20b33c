package postgres

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weir-ci/weir/internal/store/sqltx"
)

// channel is what servers of one farm listen to.
const channel = "weir_events"

// eventLock is the key of the advisory lock that orders the commits of
// transactions that tell events. Any constant will do; this one spells "weir".
const eventLock = 0x77656972

func dialect() sqltx.Dialect {
	return sqltx.Dialect{
		Name: "PostgreSQL",
		// Not FOR UPDATE: rows that refer to the locked one may be added
		// meanwhile, and the lock does not hold them up.
		Lock:     ` FOR NO KEY UPDATE OF b`,
		LockSkip: ` FOR NO KEY UPDATE OF b SKIP LOCKED`,
		Elements: `json_array_elements(CAST(CAST(%s AS TEXT) AS JSON))`,
		Item:     `value->>%d`,
		ItemInt:  `CAST(value->>%d AS BIGINT)`,
		// The offset keeps the planner from making a join of it that reads whole tables.
		Each:         ` CROSS JOIN LATERAL (SELECT * FROM %[1]s %[2]s WHERE %[3]s OFFSET 0) %[2]s `,
		BeforeEvents: beforeEvents,
		Share:        true,
		Impatient:    `SET LOCAL lock_timeout = '` + patience + `'`,
		Undone:       undone,
		Numbers:      `SELECT nextval(CAST('%s_id_seq' AS REGCLASS)) FROM generate_series(1, CAST($1 AS INT))`,
		Bytes:        `SELECT pg_database_size(current_database())`,
		Classify:     classify,
	}
}

// beforeEvents takes the event lock until the transaction ends, and rings.
//
// A sequence gives out numbers before their transactions commit, so without
// the lock a reader could pass number 7 while the transaction that holds 6 is
// still on its way. With it, commits that tell events come one after the
// other: about as many in a second as the server's disk can sync. That costs
// little on top of what NOTIFY costs already, which makes such commits queue
// up in any case. The lock is the last one a transaction takes, so nobody can
// wait for it in a circle.
//
// It is waited for with patience, also in transactions that have none else.
func beforeEvents(put func(query string, args ...any) error) error {
	return put(`SELECT set_config('lock_timeout', '0', true), pg_advisory_xact_lock($1), pg_notify($2, '')`, int64(eventLock), channel)
}

// patience is how long a transaction that several verbs share waits for a lock.
// Other such transactions take less, as a rule.
const patience = "50ms"

// SQLSTATEs and classes of them, as PostgreSQL documents them.
const (
	stateSerialization  = "40001"
	stateDeadlock       = "40P01"
	stateDiskFull       = "53100"
	stateTooManyClients = "53300"
	classConnection     = "08"
	classShutdown       = "57P"
)

func classify(err error) sqltx.Failure {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case pg.Code == stateSerialization || pg.Code == stateDeadlock:
			return sqltx.TryAgain
		case pg.Code == stateDiskFull:
			return sqltx.Full
		case strings.HasPrefix(pg.Code, classConnection) || strings.HasPrefix(pg.Code, classShutdown) || pg.Code == stateTooManyClients:
			return sqltx.Away
		}
		return sqltx.Unknown
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return sqltx.Away
	}
	return sqltx.Unknown
}
