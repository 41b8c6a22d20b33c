package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Refuse ends attempts that the owner of their worker does not want there, and queues
// their builds again.
func (s *Store) Refuse(ctx context.Context, worker string, epoch int64, refused []store.Refused, now time.Time) error {
	if err := store.CheckRefused(refused); err != nil {
		return err
	}
	worker, now = sqltx.Clean(worker), sqltx.TimeOf(sqltx.Micros(now))
	ids := make([]weir.BuildID, len(refused))
	for i, r := range refused {
		ids[i] = r.Attempt.Build
	}
	return s.write(ctx, "refuse builds", now, func(t *tx) error {
		// The builds first, as everywhere; the worker comes last. What it holds is asked
		// for when nobody else can end it any more.
		locked := t.Later(`SELECT `+buildColumns+fromBuilds+`WHERE b.state IN ('leased', 'running') AND b.id IN `+t.In(1)+` ORDER BY b.id`+t.Lock(), sqltx.IDs(ids))
		held, asked := sqlroster.AskLive(t.Conn, worker), sqlroster.AskWorker(t.Tx, worker)
		builds, err := sqltx.Collect(locked, scanBuild, "")
		if err != nil {
			return err
		}
		live, err := sqlroster.ReadLive(held)
		if err != nil {
			return err
		}
		w, known, err := sqlroster.ReadWorker(asked)
		if err != nil {
			return err
		}
		if err := w.CheckEpoch(worker, epoch, known); err != nil && fencing {
			return err
		}
		insisted, err := t.insisted(worker, now)
		if err != nil {
			return err
		}
		often, err := t.often(worker)
		if err != nil {
			return err
		}
		var again []weir.Build
		for _, b := range builds {
			id := weir.AttemptID{Build: b.ID, Number: b.Attempts}
			i := slices.IndexFunc(refused, func(r store.Refused) bool { return r.Attempt == id })
			if i < 0 || !slices.Contains(live, id) || slices.Contains(insisted, b.ID) {
				continue
			}
			if slices.Contains(often, b.ID) {
				if err := sqlroster.Refused(t.Tx, worker, b, refused[i], now); err != nil {
					return err
				}
				continue
			}
			if err := t.refuse(b, id, refused[i], worker, now); err != nil {
				return err
			}
			again = append(again, b)
		}
		// They have waited all the time: for others nothing has happened to them.
		if err := t.enqueue(again, time.Time{}, time.Time{}); err != nil {
			return err
		}
		if err := sqlroster.ForgetRefusals(t.Tx, worker, now); err != nil {
			return err
		}
		return sqlroster.Seen(t.Tx, w, now)
	})
}

// insisted lists the builds that a worker has, and that it asked for although it refused
// their builders then and does now. It must be locked.
func (t *tx) insisted(worker string, now time.Time) ([]weir.BuildID, error) {
	return sqltx.Collect(t, sqltx.Scalar[weir.BuildID], `SELECT b.id FROM attempts a JOIN builds b ON b.id = a.build_id
		JOIN refusals f ON f.worker = a.worker AND f.builder_id = b.builder_id
		WHERE a.worker = $1 AND a.ended = 0 AND f.until > $2 AND f.last < a.leased`, worker, sqltx.Micros(now))
}

// maxRefused is how often a worker may refuse one build, as its policy changes.
const maxRefused = weir.MaxAttempts

// often lists the builds that a worker has, and has refused so often that it gives them
// back only as what did not reach it: else one that changes its mind, or lies, could keep them
// from others. It must be locked.
func (t *tx) often(worker string) ([]weir.BuildID, error) {
	return sqltx.Collect(t, sqltx.Scalar[weir.BuildID], `SELECT a.build_id FROM attempts a WHERE a.worker = $1 AND a.ended = 0
		AND (SELECT COUNT(*) FROM attempts o WHERE o.build_id = a.build_id AND o.worker = a.worker AND o.ended_by = $2) >= $3`, worker, string(byRefuse), maxRefused)
}

// refuse ends a live attempt of a locked build.
func (t *tx) refuse(b weir.Build, id weir.AttemptID, r store.Refused, worker string, now time.Time) error {
	reason := weir.Reason{Code: weir.ReasonRefused, Text: r.Text}
	if err := t.endAttempt(id, byRefuse, store.Finish{Outcome: weir.Infra, Reason: reason, Now: now}); err != nil {
		return err
	}
	if err := t.letGo(b.ID); err != nil {
		return err
	}
	return sqlroster.Refused(t.Tx, worker, b, r, now)
}
