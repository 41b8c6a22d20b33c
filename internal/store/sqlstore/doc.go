// Package sqlstore implements the ports of package store once, on
// database/sql, for every database that speaks its dialect of SQL.
//
// The SQL is what SQLite and PostgreSQL have in common: $1 parameters, CAST,
// ON CONFLICT, RETURNING, scalar subqueries. What differs is in Dialect: how a
// row is locked, how a JSON array becomes rows, how an error is told from
// another, and what must happen right before a transaction commits. Packages
// sqlite and postgres open a database, say which dialect it speaks and keep
// its schema; everything else is here, one file per port:
//
//	changes.go                 revisions and polling
//	builders.go run.go         builders; runs and how builds are shared
//	graph.go end.go            what the end of a build means for those that need it
//	lease.go sync.go finish.go the life of an attempt
//	judge.go settle.go         baselines and judgements
//	regressions.go advance.go probes.go
//	builds.go logs.go overview.go events.go workers.go access.go
//
// # Transactions
//
// A verb that writes is one function that runs inside Store.write. It may run
// several times when the database asks to try again (a deadlock, a busy file),
// so it resets what it returns at its start. On PostgreSQL it runs in READ
// COMMITTED and takes row locks in one order: regressions by id, builders by
// id, builds by id. The lock of a build guards its attempts, steps and logs
// too. The dependants of a build always have higher ids than it has, so a
// cascade locks in order as well; what is left of deadlocks is tried again.
//
// Events collect in the transaction and are written as its last statement,
// see Dialect.BeforeEvents.
//
// Text that comes from outside is cleaned on its way in: PostgreSQL takes
// neither a zero byte nor broken UTF-8, and both databases must say the same.
package sqlstore
