// Package sqlstarts keeps what sets runs off besides new revisions: times, tags,
// further branches and pull requests.
//
// A run that is made for one of these takes its occasion in its own transaction:
// package sqlstore calls [Take] before anything else and [Taken] at the end. Of
// several servers that see the same tick or approval one makes the run, and none
// does if that comes to nothing.
package sqlstarts

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Starts implements the ports store.Timetable, store.Refs and store.Proposals. It
// is safe for concurrent use.
type Starts struct{ db *sqltx.DB }

// New makes them of a database.
func New(db *sqltx.DB) Starts { return Starts{db} }

// tx is a transaction that writes.
type tx struct {
	sqltx.Conn
	*sqltx.Tx
}

func (s Starts) write(ctx context.Context, verb string, at time.Time, do func(tx) error) error {
	return s.db.Write(ctx, verb, at, func(t *sqltx.Tx) error { return do(tx{t.Reader(), t}) })
}

// Take takes what a run is made for. Conflict if somebody else has, or it is not
// as the occasion says.
func Take(t *sqltx.Tx, o store.Occasion, now time.Time) error {
	var n int64
	var err error
	switch {
	case o.Tick != nil:
		return move(t, *o.Tick)
	case o.Proposal != 0:
		n, err = t.Exec(`UPDATE proposals SET state = 'built', built = head, updated = $3 WHERE id = $1 AND head = $2 AND state = 'approved'`,
			int64(o.Proposal), sqltx.Clean(o.ProposalHead), sqltx.Micros(now))
		if err == nil && n == 0 {
			return weir.Errorf(weir.Conflict, "pull request %d has another head than %.80q by now, or that is not approved, or built already", o.Proposal, o.ProposalHead)
		}
		t.TellID(weir.EventProposal, int64(o.Proposal))
	case o.Tag != nil:
		n, err = t.Exec(`UPDATE tags SET built = 1, due = 0 WHERE project = $1 AND name = $2 AND revision = $3 AND built = 0`,
			sqltx.Clean(o.Tag.Project), sqltx.Clean(o.Tag.Name), sqltx.Clean(o.Tag.Revision))
		if err == nil && n == 0 {
			return weir.Errorf(weir.Conflict, "tag %.80q of %.80q is not known at %.80q, or built already", o.Tag.Name, o.Tag.Project, o.Tag.Revision)
		}
	}
	return err
}

// Taken notes which run an occasion led to, and whether that was made for it.
func Taken(t *sqltx.Tx, o store.Occasion, run weir.RunID, made bool, now time.Time) error {
	switch {
	case o.Tick != nil && made:
		return t.Put(`UPDATE ticks SET last = $4 WHERE project = $1 AND job = $2 AND cron = $3`,
			sqltx.Clean(o.Tick.Project), sqltx.Clean(o.Tick.Job), sqltx.Clean(o.Tick.Cron), sqltx.Micros(now))
	case o.Proposal != 0 && run != 0:
		return t.Put(`UPDATE proposals SET run_id = $2 WHERE id = $1`, int64(o.Proposal), int64(run))
	}
	return nil
}
