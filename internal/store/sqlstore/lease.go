package sqlstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// attempt is an attempt with what only the store knows of it.
type attempt struct {
	weir.Attempt
	token string
	seq   int64
	by    endedBy
	// Of its worker, when it was read by lockAttempt.
	seen, barred time.Time
	strikes      int
	// locks says that its build may hold some.
	locks bool
}

// endedBy says which verb ended an attempt: it decides what the worker is
// told when it speaks again.
type endedBy string

const (
	byFinish endedBy = "finish"
	byCancel endedBy = "cancel"
	byExpire endedBy = "expire"
	byLease  endedBy = "undelivered" // a lease of its worker that did not hold it
	byRefuse endedBy = "refused"
)

const attemptColumns = `a.build_id, a.number, a.worker, a.token, a.leased, a.deadline, a.seq,
	a.ended, a.ended_by, a.outcome, a.reason_code, a.reason_text`

func scanAttempt(r sqltx.Scanner) (a attempt, err error) {
	err = r.Scan(a.dest()...)
	return a, err
}

// dest lists where attemptColumns go.
func (a *attempt) dest() []any {
	return []any{&a.ID.Build, &a.ID.Number, &a.Worker, &a.token, sqltx.Time(&a.Leased), sqltx.Time(&a.Deadline), &a.seq,
		sqltx.Time(&a.Ended), &a.by, &a.Outcome, &a.Reason.Code, &a.Reason.Text}
}

// askedAttempt is an attempt that was asked for, and its build.
type askedAttempt struct {
	id             weir.AttemptID
	build, attempt sqltx.Asked
}

// lockAttempt asks for an attempt and its build, locked.
func (t *tx) lockAttempt(id weir.AttemptID) askedAttempt {
	return askedAttempt{id, t.Later(oneBuild+t.Lock(), int64(id.Build)), t.Later(`SELECT `+attemptColumns+`, COALESCE(w.seen, 0), COALESCE(w.strikes, 0), COALESCE(w.barred, 0),
			(SELECT COUNT(*) FROM builds k WHERE k.id = a.build_id AND k.locks <> '')
		FROM attempts a LEFT JOIN workers w ON w.name = a.worker WHERE a.build_id = $1 AND a.number = $2`, int64(id.Build), id.Number)}
}

// read gives the attempt and its build if the token is the attempt's own;
// Fenced otherwise.
func (asked askedAttempt) read(token string) (b weir.Build, a attempt, err error) {
	id := asked.id
	if b, err = readBuild(id.Build, asked.build.Row()); err != nil {
		if weir.CodeOf(err) == weir.NotFound {
			err = fenced(id)
		}
		return b, a, err
	}
	locks := 0
	err = asked.attempt.Row().Scan(append(a.dest(), sqltx.Time(&a.seen), &a.strikes, sqltx.Time(&a.barred), &locks)...)
	a.locks = locks > 0
	if errors.Is(err, sql.ErrNoRows) || err == nil && fencing && !a.hasToken(token) {
		err = fenced(id)
	}
	return b, a, err
}

// tokenLength is how much is kept of the hash of a token, in characters of 6
// bits: more than anybody can guess.
const tokenLength = 22

// shorten makes what is kept of a token.
func shorten(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:tokenLength]
}

// hasToken reports whether a token is the attempt's own. Those of attempts that
// were made by earlier versions are kept whole.
func (a attempt) hasToken(token string) bool {
	if len(a.token) != tokenLength {
		return subtle.ConstantTimeCompare([]byte(a.token), []byte(token)) == 1
	}
	return subtle.ConstantTimeCompare([]byte(a.token), []byte(shorten(token))) == 1
}

func fenced(id weir.AttemptID) error {
	return weir.Errorf(weir.Fenced, "attempt %s is not yours, or over", id).WithHint("stop it and drop what it made")
}

// spoke notes that the worker of an attempt was heard of.
func (a attempt) spoke(t *tx, now time.Time) error {
	return sqlroster.Seen(t.Tx, sqlroster.Worker{Worker: weir.Worker{Name: a.Worker, Seen: a.seen}}, now)
}

// Lease gives queued builds to a worker. It may call choose several times:
// when other servers were faster, it is asked again about what is left.
//
// # Why no lease is lost or doubled
//
// A worker learns what it was given from the answer alone, and answers get
// lost. So it says in each lease which attempts it knows, and live ones that
// it does not know are taken back. Three things make that safe however often
// and however late a lease arrives:
//
// A lease that gives something notes its number in the same transaction, under
// the lock of the worker's row. Of a lease that was doubled on the way one copy
// at most gives builds, and one that was overtaken by a lease that gave
// something is refused: it was sent before the worker could know of that.
//
// Taking back needs no number of its own. The lease is newer than all that
// gave something, so it was sent after the worker had the answers to those, or
// had given up waiting for them: what is not in it the worker does not run.
// Whoever repeats it takes back the same, or nothing.
//
// A lease that changes nothing notes nothing, so that idle workers cost no
// writing and may ask under the same number until there is something.
func (s *Store) Lease(ctx context.Context, ask store.LeaseAsk, choose func(store.Queue) []weir.BuildID) (leased []store.Leased, err error) {
	if err := sqlroster.CheckHeld(ask.Worker, len(ask.Holds)); err != nil {
		return nil, err
	}
	if len(ask.Tokens) == 0 && ask.Epoch == 0 {
		return nil, nil
	}
	ask.Worker = sqltx.Clean(ask.Worker)
	ask.Now, ask.Deadline = sqltx.TimeOf(sqltx.Micros(ask.Now)), sqltx.TimeOf(sqltx.Micros(ask.Deadline))
	if idle, err := s.idle(ctx, ask); idle || err != nil {
		return nil, err
	}
	err = s.writeShort(ctx, "lease builds", ask.Now, func(t *tx) error {
		leased = nil
		worker := sqlroster.AskWorker(t.Tx, ask.Worker)
		live := sqlroster.AskLive(t.Conn, ask.Worker)
		first := t.askCandidates(&s.lanes, ask, glance(ask))
		w, known, err := sqlroster.ReadWorker(worker)
		if err != nil {
			return err
		}
		if ask.Epoch != 0 {
			if err := checkTurn(w, ask, known); err != nil {
				return err
			}
			back, err := t.takeBack(ask, live)
			if err != nil {
				return err
			}
			if back { // the queue is not what it was
				first = t.askCandidates(&s.lanes, ask, glance(ask))
			}
		}
		if w.Held(ask.Now) {
			return sqlroster.Seen(t.Tx, w, ask.Now)
		}
		if leased, err = t.give(s, ask, first, choose); err != nil || !known {
			return err
		}
		if len(leased) == 0 || ask.Epoch == 0 {
			return sqlroster.Seen(t.Tx, w, ask.Now)
		}
		err = t.Put(`UPDATE workers SET lease_seq = $2, seen = CASE WHEN seen > $3 THEN seen ELSE $3 END WHERE name = $1`,
			ask.Worker, ask.Seq, sqltx.Micros(ask.Now))
		return err
	})
	if err != nil {
		return nil, err
	}
	return leased, nil
}

// give leases what choose picks from the queue.
func (t *tx) give(s *Store, ask store.LeaseAsk, first look, choose func(store.Queue) []weir.BuildID) ([]store.Leased, error) {
	for next := first; ; next = t.askCandidates(&s.lanes, ask, store.CandidateLimit) {
		q, more, err := t.candidates(&s.builders, &s.lanes, next)
		for err == nil && len(q.Candidates) > 0 {
			offered := store.Queue{Candidates: slices.Clone(q.Candidates), Held: slices.Clone(q.Held)}
			picked := pick(choose(offered), q.Candidates, len(ask.Tokens))
			if len(picked) == 0 {
				break
			}
			got, specs, err := t.lockQueued(picked)
			if err != nil {
				return nil, err
			}
			if len(got) > 0 {
				return t.assign(ask, picked, got, specs)
			}
			q.Candidates = slices.DeleteFunc(q.Candidates, func(c store.Candidate) bool { return slices.Contains(picked, c.Build) })
		}
		if err != nil || !more || next.limit == store.CandidateLimit {
			return nil, err
		}
	}
}

// glance is how much of the queue a lease looks at first.
func glance(ask store.LeaseAsk) int {
	return cmp.Or(min(ask.Glance, store.CandidateLimit), store.CandidateLimit)
}

// checkTurn is Conflict unless a lease is newer than all that gave something.
func checkTurn(w sqlroster.Worker, ask store.LeaseAsk, known bool) error {
	if !fencing {
		return nil
	}
	if err := w.CheckEpoch(ask.Worker, ask.Epoch, known); err != nil {
		return err
	}
	if ask.Seq <= w.LeaseSeq {
		return weir.Errorf(weir.Conflict, "lease %d of worker %.80q comes too late: lease %d gave it work", ask.Seq, ask.Worker, w.LeaseSeq).
			WithHint("drop it; the worker has gone on")
	}
	return nil
}

// takeBack ends the live attempts that the worker does not know of, and queues
// their builds. A build that is locked is passed over: its attempt is just
// being ended, or is taken back by the next lease. That way a lease never waits
// for a build while it holds the worker's row, for which others wait who hold
// a build. It reports whether there were any.
func (t *tx) takeBack(ask store.LeaseAsk, live sqltx.Asked) (back bool, err error) {
	strays, err := strays(ask, live)
	if err != nil || len(strays) == 0 {
		return false, err
	}
	ids := make([]weir.BuildID, len(strays))
	for i, id := range strays {
		ids[i] = id.Build
	}
	builds, err := t.builds(`WHERE b.state IN ('leased', 'running') AND b.id IN `+t.In(1)+` ORDER BY b.id`+t.LockSkip(), sqltx.IDs(ids))
	if err != nil {
		return false, err
	}
	for _, b := range builds {
		// What was live before the lock may be over, and another one live.
		id := weir.AttemptID{Build: b.ID, Number: b.Attempts}
		if !slices.Contains(strays, id) {
			continue
		}
		reason := weir.Reason{Code: weir.ReasonUndelivered, Text: "worker " + ask.Worker + " does not know of it"}
		if err := t.endAttempt(id, byLease, store.Finish{Outcome: weir.Infra, Reason: reason, Now: ask.Now}); err != nil {
			return false, err
		}
		if err := t.letGo(b.ID); err != nil {
			return false, err
		}
		var again time.Time
		if ask.Undelivered != nil {
			n := 0
			if err := t.Row(`SELECT COUNT(*) FROM attempts WHERE build_id = $1 AND ended_by = $2`, int64(b.ID), string(byLease)).Scan(&n); err != nil {
				return false, err
			}
			again = ask.Undelivered(n)
		}
		if err := t.enqueue([]weir.Build{b}, ask.Now, again); err != nil {
			return false, err
		}
	}
	return true, nil
}

// strays lists the live attempts of a worker that it does not say it holds.
func strays(ask store.LeaseAsk, asked sqltx.Asked) ([]weir.AttemptID, error) {
	live, err := sqlroster.ReadLive(asked)
	return slices.DeleteFunc(live, func(id weir.AttemptID) bool { return slices.Contains(ask.Holds, id) }), err
}

// idle reports whether a lease has nothing to write and is in its turn: the
// worker was seen a moment ago and has no attempt to be taken back, and it may
// have no work or nothing is queued. Most polls end here.
func (s *Store) idle(ctx context.Context, ask store.LeaseAsk) (idle bool, err error) {
	err = s.read(ctx, "look at the queue", func(c conn) error {
		var queued bool
		w, err := scanTurn(c.Row(`SELECT COALESCE(w.Epoch, 0), COALESCE(w.lease_seq, 0), COALESCE(w.seen, 0), COALESCE(w.draining, 0),
				COALESCE(w.paused, ''), COALESCE(w.barred, 0), COALESCE(w.rest, ''), q.n
			FROM (SELECT COUNT(*) AS n FROM (SELECT 1 FROM builds x WHERE `+isQueued+wanted(ask.Picky, "$3")+` LIMIT 1) one) q
			LEFT JOIN workers w ON w.name = $3`,
			sqltx.Clean(string(ask.Platform)), sqltx.Micros(ask.Now), ask.Worker), &queued)
		if err != nil || queued && !w.Held(ask.Now) || !w.Seen.IsZero() && w.Stale(ask.Now) {
			return err
		}
		if ask.Epoch == 0 {
			idle = true
			return nil
		}
		if checkTurn(w, ask, true) != nil {
			return nil
		}
		strays, err := strays(ask, sqlroster.AskLive(c.Conn, ask.Worker))
		idle = len(strays) == 0
		return err
	})
	return idle, err
}

func scanTurn(r sqltx.Scanner, queued *bool) (w sqlroster.Worker, err error) {
	var draining, n int
	err = r.Scan(&w.Epoch, &w.LeaseSeq, sqltx.Time(&w.Seen), &draining, &w.Paused, sqltx.Time(&w.Barred), sqltx.JSON(&w.Rest), &n)
	w.Draining, *queued = draining != 0, n > 0
	return w, err
}

// pick keeps what was offered, once each, and no more than there is room for.
func pick(chosen []weir.BuildID, offers []store.Candidate, room int) (picked []weir.BuildID) {
	for _, id := range chosen {
		offered := slices.ContainsFunc(offers, func(c store.Candidate) bool { return c.Build == id })
		if offered && !slices.Contains(picked, id) && len(picked) < room {
			picked = append(picked, id)
		}
	}
	return picked
}

// lockQueued locks those of the builds that are queued still. Ones that are
// locked by somebody else are as good as gone. It asks for what is to be done
// for them, too.
func (t *tx) lockQueued(ids []weir.BuildID) (map[weir.BuildID]weir.Build, map[weir.BuildID]sqltx.Asked, error) {
	among, arg := sqltx.Among(t.Conn, 1, ids)
	queued := t.Later(`SELECT `+buildColumns+fromBuilds+`WHERE b.state = 'queued' AND b.id `+among+` ORDER BY b.id`+t.LockSkip(), arg)
	specs := make(map[weir.BuildID]sqltx.Asked, len(ids))
	for _, id := range ids {
		specs[id] = t.askSpec(id)
	}
	builds, err := sqltx.Collect(queued, scanBuild, "")
	got := make(map[weir.BuildID]weir.Build, len(builds))
	for _, b := range builds {
		got[b.ID] = b
	}
	return got, specs, err
}

// assign turns locked builds into attempts, in the order picked.
func (t *tx) assign(ask store.LeaseAsk, picked []weir.BuildID, got map[weir.BuildID]weir.Build, specs map[weir.BuildID]sqltx.Asked) (leased []store.Leased, err error) {
	for _, id := range picked {
		b, ok := got[id]
		if !ok {
			continue
		}
		if err := t.move(&b, weir.Leased); err != nil {
			return nil, err
		}
		b.Attempts++
		b.Worker, b.Started = sqltx.Clean(ask.Worker), time.Time{}
		if err := t.save(b); err != nil {
			return nil, err
		}
		l := store.Leased{Attempt: weir.AttemptID{Build: id, Number: b.Attempts}, Token: ask.Tokens[len(leased)], Build: b}
		if err := t.Put(`INSERT INTO attempts (build_id, number, worker, token, leased, deadline) VALUES ($1, $2, $3, $4, $5, $6)`,
			int64(id), b.Attempts, b.Worker, shorten(l.Token), sqltx.Micros(ask.Now), sqltx.Micros(ask.Deadline)); err != nil {
			return nil, err
		}
		if l.Spec, err = t.readSpec(b, specs[id]); err != nil {
			return nil, err
		}
		leased = append(leased, l)
	}
	return leased, nil
}
