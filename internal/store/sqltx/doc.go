// Package sqltx holds the transactions, values and migrations that SQLite and
// PostgreSQL both understand.
//
// It is the ground that packages sqlstore and sqlinquiry stand on: it knows how to write and
// read safely, and nothing of builds or regressions. What differs between the
// databases is in Dialect, which packages sqlite and postgres fill in.
//
//	db.go conn.go      transactions: tried again, explained, with their events
//	backend.go         a database as a verb sees it, through database/sql or not
//	together.go        transactions that several verbs share, where one writes at a time
//	share.go           the same where several write at a time
//	dialect.go         what differs, and lists of rows as one parameter
//	value.go query.go  times, texts and JSON in columns; conditions and limits
//	events.go          the list of what happened, and waking those who wait
//	migrate.go         bringing a schema to the newest version
//
// # Transactions
//
// A function given to DB.Write may run several times, when the database asks
// to try again (a deadlock, a busy file), so it resets what it returns at its
// start. On PostgreSQL it runs in READ COMMITTED. Events that it tells collect
// in the transaction and are written as its last statement, see
// Dialect.BeforeEvents; after the commit they wake those who wait.
//
// Every error that leaves this package through Write, Read, Snapshot, List or
// One is a *weir.Error: one made on purpose passes through, one of the
// database is put into words, with the database's own as its hidden cause.
package sqltx
