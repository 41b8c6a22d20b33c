// Package sqlstore implements the ports of package store once, on
// database/sql, for every database that speaks its dialect of SQL.
//
// The SQL is what SQLite and PostgreSQL have in common: $1 parameters, CAST,
// ON CONFLICT, RETURNING, scalar subqueries. How a transaction is run and a
// value is stored is package sqltx's; what differs between the databases is in
// its Dialect. Packages sqlite and postgres open a database, say which dialect
// it speaks and keep its schema. The verbs are here, one file per port:
//
//	sqlstore.go                what all verbs stand on
//	changes.go                 revisions and polling
//	builders.go run.go         builders; runs and how builds are shared
//	end.go                     what the end of a build means for those that need it
//	lease.go sync.go finish.go the life of an attempt
//	judge.go settle.go         baselines and judgements
//	regressions.go advance.go probes.go
//	builds.go logs.go overview.go workers.go access.go
//
// # Transactions
//
// A verb that writes is one function that runs inside Store.write. It may run
// several times, see sqltx.DB.Write, so it resets what it returns at its
// start. On PostgreSQL it takes row locks in one order: regressions by id,
// builders by id, builds by id. The lock of a build guards its attempts, steps
// and logs too. The dependants of a build always have higher ids than it has,
// so a cascade locks in order as well. Settle alone begins with a build, but
// with a final one, for which nobody waits who holds other locks. What is left
// of deadlocks is tried again.
//
// Text that comes from outside is cleaned on its way in: PostgreSQL takes
// neither a zero byte nor broken UTF-8, and both databases must say the same.
package sqlstore
