package sqltx

import (
	"fmt"
	"strings"
)

// Failure is what an error of the database means for whoever asked.
type Failure int

// The failures that are told apart.
const (
	Unknown  Failure = iota // anything else
	TryAgain                // a deadlock, a conflict of transactions, a busy file
	Full                    // the disk is full
	Away                    // the database does not answer
)

// Dialect is what differs between databases.
type Dialect struct {
	// Name is for messages, for example "SQLite".
	Name string
	// Lock is appended to a SELECT so that it locks the rows of table alias b
	// against writers; empty where there is one writer at a time. LockSkip
	// passes over rows that somebody else has locked.
	Lock, LockSkip string
	// Elements is a table expression with one column called value: the
	// elements of the JSON array in the text parameter %s, as JSON.
	Elements string
	// Item is an expression for item %d of the JSON array in column value, as
	// text; ItemInt the same as an integer.
	Item, ItemInt string
	// Each joins to each row before it the rows of table %[1]s, called %[2]s, that
	// meet condition %[3]s, and goes down an index for each of them.
	Each string
	// BeforeEvents puts the statement that runs right before a transaction
	// writes its events, which is the last thing it does. It sees to it that
	// numbers become visible in order; nil where the database writes one
	// transaction at a time.
	BeforeEvents func(put func(query string, args ...any) error) error
	// Together says that the database writes one transaction at a time and
	// knows savepoints: verbs that wait for their turn share a transaction.
	Together bool
	// Share says that short verbs share transactions, without savepoints.
	// Impatient is what such a transaction runs first: it keeps it from waiting
	// long for locks. Undone reports whether an error, of a statement or a
	// commit, leaves no doubt that nothing was committed.
	Share     bool
	Impatient string
	Undone    func(error) bool
	// Numbers is a query of $1 new numbers for rows of table %s, where that is
	// faster than to be told the number of a row that was added; or empty.
	Numbers string
	// Bytes is a query of how large the database is, in bytes.
	Bytes string
	// Classify tells what an error means.
	Classify func(error) Failure
}

// table is Conn.Table.
func (d *Dialect) table(p int, alias string, columns []string) string {
	items := make([]string, len(columns))
	for i, c := range columns {
		name, isInt := strings.CutSuffix(c, " int")
		form := d.Item
		if isInt {
			form = d.ItemInt
		}
		items[i] = fmt.Sprintf(form, i) + " AS " + name
	}
	return fmt.Sprintf("(SELECT %s FROM %s) %s", strings.Join(items, ", "), d.elements(p), alias)
}

// in is Conn.In.
func (d *Dialect) in(p int) string {
	return fmt.Sprintf("(SELECT CAST(CAST(value AS TEXT) AS BIGINT) FROM %s)", d.elements(p))
}

func (d *Dialect) elements(p int) string {
	return fmt.Sprintf(d.Elements, fmt.Sprintf("$%d", p))
}
