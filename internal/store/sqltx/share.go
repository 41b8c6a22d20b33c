package sqltx

import (
	"context"
	"errors"
	"time"

	"github.com/weir-ci/weir"
)

// Where several transactions write at a time, short verbs of this process share
// one all the same: its beginning, its events and its commit are paid once.
// There are no savepoints, which would cost a journey and more for each verb.
// Instead a transaction in which anything goes wrong is given up as a whole, and
// each of its verbs runs again by itself, in the goroutine of its caller. A verb
// that refuses, and has written nothing, is nothing that goes wrong.
//
// A transaction of several verbs takes locks in an order that nobody planned, so
// it may wait in a circle with one of another server, or keep the short verbs
// behind a long one. It is therefore impatient: a wait that is not over in a
// moment is something that goes wrong. Verbs by themselves wait as long as it
// takes, and take their locks in order.
//
// What may have been committed is never run again: see Dialect.Undone.

// sharedTime is how long a shared transaction may take.
const sharedTime = 30 * time.Second

// runShared runs waiting jobs in one transaction, and adds them to the list.
func (db *DB) runShared(list *[]*job) {
	finished := false
	defer func() {
		if !finished { // the goroutine ends in the middle of somebody's verb
			for _, j := range *list {
				j.err = weir.Errorf(weir.Internal, "the transaction was given up")
			}
		}
	}()
	err := db.share(list)
	finished = true
	if err == nil {
		db.ringFor(*list)
		return
	}
	var refused *weir.Error
	again := errors.Is(err, errGivenUp) || errors.As(err, &refused) || db.d.Undone(err)
	for _, j := range *list {
		j.err, j.panic, j.alone = err, nil, again
	}
}

// errGivenUp says that a verb panicked.
var errGivenUp = errors.New("a verb in a shared transaction panicked")

// share runs waiting jobs in one transaction. Its error is that of all.
func (db *DB) share(list *[]*job) error {
	own := db.queue.next()
	*list = append(*list, own)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(own.ctx), sharedTime)
	defer cancel()
	w, err := db.backend.Begin(ctx)
	if err != nil {
		return err
	}
	defer w.Rollback() // does nothing once it is committed
	if err := w.Put(ctx, db.d.Impatient, nil); err != nil {
		return err
	}
	var done []*Tx
	for j := own; j != nil; {
		if j != own {
			*list = append(*list, j)
		}
		t := db.newTx(ctx, w, j.at)
		db.runOne(t, j)
		switch {
		case j.err == nil && j.panic == nil:
			j.told = len(t.events) > 0
			done = append(done, t)
		case t.wrote || !harmless(j):
			if j.panic != nil {
				return errGivenUp
			}
			return j.err
		}
		if len(*list) == mostTogether {
			break
		}
		j = db.queue.next()
	}
	if len(done) == 0 {
		return nil // all refused: there is nothing to commit
	}
	if err := db.writeEvents(ctx, w, done...); err != nil {
		return err
	}
	return w.Commit(ctx)
}

// harmless reports whether a job has refused, or nobody waits for it any more.
func harmless(j *job) bool {
	var refused *weir.Error
	return j.panic == nil && (errors.As(j.err, &refused) && refused.Unwrap() == nil || j.ctx.Err() != nil && errors.Is(j.err, j.ctx.Err()))
}

// runOne runs a job's verb.
func (db *DB) runOne(t *Tx, j *job) {
	defer func() { j.panic = recover() }()
	if j.err = j.ctx.Err(); j.err == nil {
		j.err = j.do(t)
	}
}
