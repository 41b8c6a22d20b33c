// Package sqlstore keeps builds, and their way through the farm, once, on
// database/sql, for every database that speaks its dialect of SQL.
//
// The SQL is what SQLite and PostgreSQL have in common: $1 parameters, CAST,
// ON CONFLICT, RETURNING, scalar subqueries. How a transaction is run and a
// value is stored is package sqltx's; what differs between the databases is in
// its Dialect. Packages sqlite and postgres open a database, say which dialect
// it speaks and keep its schema. The verbs are here, one file per port:
//
//	sqlstore.go                what all verbs stand on
//	builders.go run.go         lines of builds; runs and how builds are shared
//	end.go                     what the end of a build means for those that need it
//	recipes.go                 specifications, kept once for many builds
//	lease.go sync.go finish.go refuse.go
//	                           the life of an attempt
//	builds.go logs.go overview.go
//
// Revisions, workers, tokens and builders by name are in package sqlroster, logs
// in package sqllog. What is concluded from builds stands on this package, in
// package sqlinquiry.
//
// # Transactions
//
// A verb that writes is one function that runs inside Store.write. It may run
// several times, see sqltx.DB.Write, so it resets what it returns at its
// start. On PostgreSQL it takes row locks in one order: regressions by id,
// builders by id, builds by id. The lock of a build guards its attempts, steps
// and logs too. The dependants of a build always have higher ids than it has,
// so a cascade locks in order as well. What is left of deadlocks is tried
// again. The row of a worker comes last, but in Lease,
// which begins with it: to be in no circle, Lease passes over builds that
// somebody else has locked and never waits for one.
//
// On SQLite verbs that wait for their turn share a transaction, see
// sqltx.Dialect.Together. A verb can then see what another one wrote that has
// not returned yet, and that may still come to nothing: nothing that is read in
// a transaction that writes may be remembered beyond it, unless whoever wrote
// it must have returned by then.
//
// # Mistakes on purpose
//
// Two build tags make stores that must never serve a farm: weir_nofence does
// not hold attempts against their tokens nor leases against their turn, and
// weir_noseq takes log frames and syncs as they come. Tests that kill and
// disturb farms use them to show that they would notice.
//
// Text that comes from outside is cleaned on its way in: PostgreSQL takes
// neither a zero byte nor broken UTF-8, and both databases must say the same.
package sqlstore
