package sqlstore

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// attempt is an attempt with what only the store knows of it.
type attempt struct {
	weir.Attempt
	token string
	seq   int64
	by    endedBy
}

// endedBy says which verb ended an attempt: it decides what the worker is
// told when it speaks again.
type endedBy string

const (
	byFinish endedBy = "finish"
	byCancel endedBy = "cancel"
	byExpire endedBy = "expire"
)

const attemptColumns = `a.build_id, a.number, a.worker, a.token, a.leased, a.deadline, a.seq,
	a.ended, a.ended_by, a.outcome, a.reason_code, a.reason_text`

func scanAttempt(r sqltx.Scanner) (a attempt, err error) {
	err = r.Scan(&a.ID.Build, &a.ID.Number, &a.Worker, &a.token, sqltx.Time(&a.Leased), sqltx.Time(&a.Deadline), &a.seq,
		sqltx.Time(&a.Ended), &a.by, &a.Outcome, &a.Reason.Code, &a.Reason.Text)
	return a, err
}

// lockAttempt reads an attempt and its build, locked, if the token is the
// attempt's own; Fenced otherwise.
func (t *tx) lockAttempt(id weir.AttemptID, token string) (b weir.Build, a attempt, err error) {
	if b, err = t.lockBuild(id.Build); err != nil {
		if weir.CodeOf(err) == weir.NotFound {
			err = fenced(id)
		}
		return b, a, err
	}
	a, err = scanAttempt(t.Row(`SELECT `+attemptColumns+` FROM attempts a WHERE a.build_id = $1 AND a.number = $2`,
		int64(id.Build), id.Number))
	if errors.Is(err, sql.ErrNoRows) || err == nil && subtle.ConstantTimeCompare([]byte(a.token), []byte(token)) == 0 {
		err = fenced(id)
	}
	return b, a, err
}

func fenced(id weir.AttemptID) error {
	return weir.Errorf(weir.Fenced, "attempt %s is not yours, or over", id).WithHint("stop it and drop what it made")
}

// endAttempt ends a live attempt. Its build must be locked.
func (t *tx) endAttempt(id weir.AttemptID, by endedBy, outcome weir.Outcome, reason weir.Reason, now time.Time) error {
	_, err := t.Exec(`UPDATE attempts SET ended = $3, ended_by = $4, outcome = $5, reason_code = $6, reason_text = $7
		WHERE build_id = $1 AND number = $2 AND ended = 0`,
		int64(id.Build), id.Number, sqltx.Micros(now), string(by), string(outcome), sqltx.Clean(string(reason.Code)), sqltx.Clip(reason.Text, weir.MaxReason))
	return err
}

// seenGranularity is how exactly it is known when a worker was last seen.
const seenGranularity = time.Second

// seen notes that a worker has spoken.
func (t *tx) seen(worker string, now time.Time) error {
	_, err := t.Exec(`UPDATE workers SET seen = $2 WHERE name = $1 AND seen <= $3`,
		sqltx.Clean(worker), sqltx.Micros(now), sqltx.Micros(now.Add(-seenGranularity)))
	return err
}

// Lease gives queued builds to a worker. It may call choose several times:
// when other servers were faster, it is asked again about what is left.
func (s *Store) Lease(ctx context.Context, ask store.LeaseAsk, choose func([]store.Candidate) []weir.BuildID) (leased []store.Leased, err error) {
	if len(ask.Tokens) == 0 {
		return nil, nil
	}
	if idle, err := s.idle(ctx, ask); idle || err != nil {
		return nil, err
	}
	err = s.write(ctx, "lease builds", ask.Now, func(t *tx) error {
		leased = nil
		offers, err := t.candidates(ask.Platform)
		if err != nil {
			return err
		}
		for len(offers) > 0 {
			picked := pick(choose(slices.Clone(offers)), offers, len(ask.Tokens))
			if len(picked) == 0 {
				break
			}
			got, err := t.lockQueued(picked)
			if err != nil {
				return err
			}
			if len(got) > 0 {
				leased, err = t.assign(ask, picked, got)
				if err != nil {
					return err
				}
				break
			}
			offers = slices.DeleteFunc(offers, func(c store.Candidate) bool { return slices.Contains(picked, c.Build) })
		}
		return t.seen(ask.Worker, ask.Now)
	})
	if err != nil {
		return nil, err
	}
	return leased, nil
}

// idle reports whether a lease has nothing to write: nothing is queued, and
// the worker was seen a moment ago. Most polls end here.
func (s *Store) idle(ctx context.Context, ask store.LeaseAsk) (idle bool, err error) {
	err = s.read(ctx, "look at the queue", func(c conn) error {
		var queued, silent int
		err := c.Row(`SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM builds b WHERE b.platform = $1 AND b.state = 'queued' LIMIT 1) q),
			(SELECT COUNT(*) FROM workers w WHERE w.name = $2 AND w.seen <= $3)`,
			sqltx.Clean(string(ask.Platform)), sqltx.Clean(ask.Worker), sqltx.Micros(ask.Now.Add(-seenGranularity))).Scan(&queued, &silent)
		idle = queued == 0 && silent == 0
		return err
	})
	return idle, err
}

func (c conn) candidates(p weir.Platform) ([]store.Candidate, error) {
	return sqltx.Collect(c, func(row sqltx.Scanner) (k store.Candidate, err error) {
		err = row.Scan(append([]any{&k.Build, &k.Cause, &k.Priority, sqltx.Time(&k.Queued), &k.Attempts, sqltx.JSON(&k.Labels)},
			builderDest(&k.Builder)...)...)
		return k, err
	}, `SELECT b.id, b.cause, b.priority, b.queued, b.attempts, b.labels,
			r.id, r.project, r.job, r.cell, r.platform, r.branch, r.upstreams`+fromBuilds+`
		WHERE b.platform = $1 AND b.state = 'queued' ORDER BY b.priority DESC, b.id LIMIT $2`,
		sqltx.Clean(string(p)), store.CandidateLimit)
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
// locked by somebody else are as good as gone.
func (t *tx) lockQueued(ids []weir.BuildID) (map[weir.BuildID]weir.Build, error) {
	builds, err := t.builds(`WHERE b.state = 'queued' AND b.id IN `+t.In(1)+` ORDER BY b.id`+t.LockSkip(), sqltx.IDs(ids))
	got := make(map[weir.BuildID]weir.Build, len(builds))
	for _, b := range builds {
		got[b.ID] = b
	}
	return got, err
}

// assign turns locked builds into attempts, in the order picked.
func (t *tx) assign(ask store.LeaseAsk, picked []weir.BuildID, got map[weir.BuildID]weir.Build) (leased []store.Leased, err error) {
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
		if _, err := t.Exec(`INSERT INTO attempts (build_id, number, worker, token, leased, deadline) VALUES ($1, $2, $3, $4, $5, $6)`,
			int64(id), b.Attempts, b.Worker, sqltx.Clean(l.Token), sqltx.Micros(ask.Now), sqltx.Micros(ask.Deadline)); err != nil {
			return nil, err
		}
		if l.Spec, err = t.spec(id); err != nil {
			return nil, err
		}
		leased = append(leased, l)
	}
	return leased, nil
}
