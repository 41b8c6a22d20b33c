package sqltx

import (
	"context"
	"sync"
	"time"

	"github.com/weir-ci/weir"
)

// Where one transaction writes at a time, most of what a short one costs is
// waiting for the disk at its end. So verbs that come while another one writes
// share the next transaction: each in a savepoint of its own, one commit for
// all of them. Each verb is still one transaction to whoever called it: it
// returns when the commit has succeeded, and one that fails leaves nothing and
// disturbs no other.

// mostTogether is how many verbs share a transaction.
const mostTogether = 64

// job is one call of Write that waits for its turn.
type job struct {
	ctx   context.Context
	at    time.Time
	do    func(*Tx) error
	err   error
	panic any
	told  bool          // it has events
	alone bool          // it is to run in a transaction of its own
	turn  chan struct{} // closed when it is done, or should lead
	done  bool          // which of the two, once turn is closed
}

// queue holds the jobs that wait. One of their callers leads: it runs them.
type queue struct {
	mu      sync.Mutex
	leading bool
	waiting []*job
}

// writeTogether is writeOnce, in one transaction with whoever else waits. Once
// it has begun it goes on even if ctx ends: to interrupt one verb would end
// the transaction of all.
func (db *DB) writeTogether(ctx context.Context, at time.Time, do func(*Tx) error) error {
	j := &job{ctx: ctx, at: at, do: do, turn: make(chan struct{})}
	q := &db.queue
	q.mu.Lock()
	q.waiting = append(q.waiting, j)
	lead := !q.leading
	q.leading = true
	q.mu.Unlock()
	if !lead {
		select {
		case <-j.turn:
		case <-ctx.Done():
			if q.leave(j) {
				return ctx.Err()
			}
			<-j.turn
		}
	}
	if !j.done {
		db.lead()
	}
	if j.panic != nil {
		panic(j.panic) // in the goroutine whose verb it was
	}
	if j.alone {
		return db.writeOnce(ctx, at, do)
	}
	return j.err
}

// leave takes a job out again, unless somebody runs it or it is to lead.
func (q *queue) leave(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiting {
		if w == j {
			select {
			case <-j.turn: // it leads: the others wait for it
				return false
			default:
			}
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// next takes the first waiting job; nil if there is none.
func (q *queue) next() *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil
	}
	j := q.waiting[0]
	q.waiting = q.waiting[1:]
	return j
}

// handOver lets another job's caller lead, if one waits.
func (q *queue) handOver() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.leading, q.waiting = false, nil
		return
	}
	close(q.waiting[0].turn)
}

// lead runs the jobs that wait, the leader's own first.
func (db *DB) lead() {
	var jobs []*job
	defer func() {
		db.queue.handOver()
		for _, j := range jobs {
			j.finish()
		}
	}()
	if db.d.Together {
		db.runTogether(&jobs)
	} else {
		db.runShared(&jobs)
	}
}

// finish lets the caller of a job go on.
func (j *job) finish() {
	j.done = true
	select {
	case <-j.turn: // the leader's own
	default:
		close(j.turn)
	}
}

// runTogether runs waiting jobs in one transaction, and adds them to the list.
// If the transaction as a whole fails each gets one of its own, and its own
// error.
func (db *DB) runTogether(list *[]*job) {
	finished := false
	defer func() {
		if !finished { // the goroutine ends in the middle of somebody's verb
			for _, j := range *list {
				j.err = weir.Errorf(weir.Internal, "the transaction was given up")
			}
		}
	}()
	own := db.queue.next()
	*list = append(*list, own)
	ctx := context.WithoutCancel(own.ctx)
	w, err := db.backend.Begin(ctx)
	if err != nil {
		own.err, finished = err, true
		return
	}
	defer w.Rollback() // does nothing once it is committed
	whole := true
	for j := own; j != nil; {
		if j != own {
			*list = append(*list, j)
		}
		if whole = db.runInside(ctx, w, j); !whole || len(*list) == mostTogether {
			break
		}
		j = db.queue.next()
	}
	if whole {
		err = w.Commit(ctx)
	}
	switch jobs := *list; {
	case whole && err == nil:
		db.ringFor(jobs)
	case len(jobs) == 1:
		if own.err == nil {
			own.err = err
		}
	default:
		w.Rollback() // the connection is needed
		for _, j := range jobs {
			j.err, j.panic = nil, nil
			db.runAlone(j)
		}
	}
	finished = true
}

// runInside runs a job in a savepoint. It reports whether the transaction is
// whole: a job that failed has left nothing in it.
func (db *DB) runInside(ctx context.Context, w Work, j *job) bool {
	if _, err := w.Exec(ctx, `SAVEPOINT verb`, nil); err != nil {
		return false
	}
	db.run(ctx, w, j)
	if j.err != nil || j.panic != nil {
		// Some errors end the whole transaction; then there is no savepoint.
		if _, err := w.Exec(ctx, `ROLLBACK TO verb`, nil); err != nil {
			return false
		}
	}
	_, err := w.Exec(ctx, `RELEASE verb`, nil)
	return err == nil
}

// runAlone runs a job in a transaction of its own.
func (db *DB) runAlone(j *job) {
	ctx := context.WithoutCancel(j.ctx)
	w, err := db.backend.Begin(ctx)
	if err != nil {
		j.err = err
		return
	}
	defer w.Rollback() // does nothing once it is committed
	if db.run(ctx, w, j); j.err != nil || j.panic != nil {
		return
	}
	if j.err = w.Commit(ctx); j.err == nil {
		db.ringFor([]*job{j})
	}
}

// run runs a job's verb and writes its events.
func (db *DB) run(ctx context.Context, w Work, j *job) {
	defer func() { j.panic = recover() }()
	if j.err = j.ctx.Err(); j.err != nil {
		return // nobody waits for it any more
	}
	t := db.newTx(ctx, w, j.at)
	if j.err = j.do(t); j.err == nil && len(t.events) > 0 {
		j.told = true
		j.err = db.writeEvents(ctx, w, t)
	}
}

// ringFor wakes those who wait, if a job that succeeded told something.
func (db *DB) ringFor(jobs []*job) {
	for _, j := range jobs {
		if j.told && j.err == nil && j.panic == nil {
			db.Ring()
			return
		}
	}
}
