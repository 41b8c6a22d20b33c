package sqlstore

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqllog"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
	"github.com/weir-ci/weir/internal/store/sqlyields"
)

// Finish ends an attempt.
func (s *Store) Finish(ctx context.Context, f store.Finish) (b weir.Build, err error) {
	if err := f.Check(); err != nil {
		return b, err
	}
	f.Now = sqltx.TimeOf(sqltx.Micros(f.Now))
	f.Reason = weir.Reason{Code: weir.ReasonCode(sqltx.Clean(string(f.Reason.Code))), Text: sqltx.Clip(f.Reason.Text, weir.MaxReason)}
	f.Product = weir.Product{Digest: weir.Digest(sqltx.Clean(string(f.Product.Digest))), Prefix: sqltx.Clean(f.Product.Prefix), Size: f.Product.Size}
	f.Results = weir.Digest(sqltx.Clean(string(f.Results)))
	err = s.writeShort(ctx, "record how an attempt ended", f.Now, func(t *tx) error {
		var a attempt
		asked := t.lockAttempt(f.Attempt)
		var sizes sqltx.Asked
		if len(f.Frames) > 0 {
			sizes = sqllog.Ask(t.Reader(), f.Attempt)
		}
		t.expectEnd(f.Attempt.Build)
		if b, a, err = asked.read(f.Token); err != nil {
			return err
		}
		if a.by == byFinish {
			return nil // said before
		}
		if fencing && !a.Live() {
			return fenced(a.ID)
		}
		if err := t.lastFrames(a.ID, f, sizes); err != nil {
			return err
		}
		if err := t.saveSteps(a.ID, f.Steps); err != nil {
			return err
		}
		if err := t.finish(&b, a, byFinish, f); err != nil {
			return err
		}
		return t.blame(a, f)
	})
	if err != nil {
		return weir.Build{}, err
	}
	return b, nil
}

// lastFrames appends the frames that came with the end of an attempt. Nobody
// sends again what does not fit now, so all of them must.
func (t *tx) lastFrames(id weir.AttemptID, f store.Finish, sizes sqltx.Asked) error {
	if len(f.Frames) == 0 {
		return nil
	}
	logs, err := sqllog.Sizes(sizes)
	if err != nil {
		return err
	}
	taken, err := sqllog.Append(t.Tx, id, f.Frames, f.Sealed, logs, ordering)
	if err == nil && taken < len(f.Frames) {
		return weir.Errorf(weir.Conflict, "the last log frames of attempt %s do not begin where its log ends", id).
			WithHint("sync to learn where that is, then finish again")
	}
	return err
}

// blame notes that the worker of a finished attempt was heard of, and whose
// fault the end was.
func (t *tx) blame(a attempt, f store.Finish) error {
	switch {
	case f.Outcome != weir.Infra && (a.strikes > 0 || !a.barred.IsZero()):
		t.Tell(weir.EventWorker, a.Worker)
		err := t.Put(`UPDATE workers SET seen = CASE WHEN seen > $2 THEN seen ELSE $2 END, strikes = 0, barred = 0 WHERE name = $1`,
			a.Worker, sqltx.Micros(f.Now))
		return err
	case f.Outcome == weir.Infra && f.Barred != nil:
		w, ok, err := sqlroster.LockWorker(t.Tx, a.Worker)
		if err != nil || !ok {
			return err
		}
		t.Tell(weir.EventWorker, w.Name)
		err = t.Put(`UPDATE workers SET seen = CASE WHEN seen > $2 THEN seen ELSE $2 END, strikes = $3, barred = $4 WHERE name = $1`,
			w.Name, sqltx.Micros(f.Now), w.Strikes+1, sqltx.Micros(f.Barred(w.Strikes+1)))
		return err
	}
	return a.spoke(t, f.Now)
}

// finish ends a live attempt, and its build unless it may be tried again.
func (t *tx) finish(b *weir.Build, a attempt, by endedBy, f store.Finish) error {
	if err := t.endAttempt(a.ID, by, f); err != nil {
		return err
	}
	if a.locks {
		if err := t.letGo(b.ID); err != nil {
			return err
		}
	}
	if f.Outcome == weir.Infra {
		var failures int
		// Attempts that no worker ever took up, or wanted, say nothing about the build.
		if err := t.Row(`SELECT COUNT(*) FROM attempts WHERE build_id = $1 AND outcome = 'infra' AND ended_by <> $2 AND ended_by <> $3`,
			int64(b.ID), string(byLease), string(byRefuse)).Scan(&failures); err != nil {
			return err
		}
		if failures < weir.MaxAttempts {
			again := []weir.Build{*b}
			if err := t.enqueue(again, f.Now, f.Retry); err != nil {
				return err
			}
			*b = again[0]
			return nil
		}
	}
	if f.Outcome != weir.Infra {
		if err := sqlyields.Keep(t.Tx, *b, f); err != nil {
			return err
		}
	}
	b.Product, b.Results, b.Counts = f.Product, f.Results, f.Counts
	return t.end(b, f.Outcome, f.Reason, f.Now)
}

// endAttempt ends a live attempt: of f its outcome, reason, time and
// surroundings count. Its build must be locked.
func (t *tx) endAttempt(id weir.AttemptID, by endedBy, f store.Finish) error {
	f.Surroundings.Directory = sqltx.Clip(f.Surroundings.Directory, store.MaxDirectory)
	around, err := sqltx.EncodeNonzero(f.Surroundings)
	if err != nil {
		return err
	}
	return t.Put(`UPDATE attempts SET ended = $3, ended_by = $4, outcome = $5, reason_code = $6, reason_text = $7, surroundings = $8
		WHERE build_id = $1 AND number = $2 AND ended = 0`,
		int64(id.Build), id.Number, sqltx.Micros(f.Now), string(by), string(f.Outcome), sqltx.Clean(string(f.Reason.Code)),
		sqltx.Clip(f.Reason.Text, weir.MaxReason), around)
}

// Expire ends attempts whose lease has run out as lost and requeues their
// builds.
func (s *Store) Expire(ctx context.Context, now time.Time) (ended []weir.AttemptID, err error) {
	now = sqltx.TimeOf(sqltx.Micros(now))
	var any bool
	err = s.read(ctx, "look for lost attempts", func(c conn) error {
		var n int
		err := c.Row(`SELECT COUNT(*) FROM attempts WHERE ended = 0 AND deadline <= $1`, sqltx.Micros(now)).Scan(&n)
		any = n > 0
		return err
	})
	if err != nil || !any {
		return nil, err
	}
	err = s.write(ctx, "end lost attempts", now, func(t *tx) error {
		ended = nil
		// The builds first, then their attempts: a build whose worker syncs at
		// this moment is passed over or, once locked, has a new deadline.
		builds, err := t.builds(`WHERE b.state IN ('leased', 'running') AND b.id IN
			(SELECT a.build_id FROM attempts a WHERE a.ended = 0 AND a.deadline <= $1) ORDER BY b.id`+t.LockSkip(), sqltx.Micros(now))
		if err != nil {
			return err
		}
		for _, b := range builds {
			id, err := t.expire(&b, now)
			if err != nil {
				return err
			}
			if id.Number != 0 {
				ended = append(ended, id)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

// expire ends the live attempt of a locked build, if it is still overdue.
func (t *tx) expire(b *weir.Build, now time.Time) (weir.AttemptID, error) {
	overdue, err := sqltx.Collect(t, scanAttempt, `SELECT `+attemptColumns+` FROM attempts a
		WHERE a.build_id = $1 AND a.ended = 0 AND a.deadline <= $2`, int64(b.ID), sqltx.Micros(now))
	if err != nil || len(overdue) == 0 {
		return weir.AttemptID{}, err
	}
	a := overdue[0]
	a.locks = true
	return a.ID, t.finish(b, a, byExpire, store.Finish{Now: now, Outcome: weir.Infra, Reason: weir.Reason{
		Code: weir.ReasonLost, Text: "nothing was heard of worker " + a.Worker + " for too long"}})
}
