package sqlstore

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqllog"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Sync extends a lease and records step events and log frames.
func (s *Store) Sync(ctx context.Context, report store.Sync) (answer store.SyncAnswer, err error) {
	if err := report.Check(); err != nil {
		return answer, err
	}
	now := sqltx.TimeOf(sqltx.Micros(report.Now))
	err = s.writeShort(ctx, "record a sync", now, func(t *tx) error {
		answer = store.SyncAnswer{}
		asked, sizes := t.lockAttempt(report.Attempt), sqllog.Ask(t.Reader(), report.Attempt)
		b, a, err := asked.read(report.Token)
		if err != nil {
			return err
		}
		if fencing && !a.Live() && a.by != byCancel {
			return fenced(a.ID)
		}
		logs, err := sqllog.Sizes(sizes)
		if err != nil {
			return err
		}
		if a.Live() || a.by != byCancel {
			if err := t.record(&b, a, report, logs); err != nil {
				return err
			}
		} else {
			answer.Cancel = &a.Reason
		}
		answer.Offsets = make(map[int]int64, len(logs))
		for step, l := range logs {
			answer.Offsets[step] = l.Bytes
		}
		return nil
	})
	if err != nil {
		return store.SyncAnswer{}, err
	}
	return answer, nil
}

// record takes in a sync of a live attempt; logs are brought up to date.
func (t *tx) record(b *weir.Build, a attempt, report store.Sync, logs map[int]store.LogSize) error {
	if report.Seq > a.seq || !ordering {
		a.seq = report.Seq
		if err := t.recordSteps(b, a.ID, report); err != nil {
			return err
		}
	}
	deadline := max(sqltx.Micros(a.Deadline), sqltx.Micros(report.Deadline))
	if err := t.Put(`UPDATE attempts SET deadline = $3, seq = $4 WHERE build_id = $1 AND number = $2`,
		int64(a.ID.Build), a.ID.Number, deadline, a.seq); err != nil {
		return err
	}
	if _, err := sqllog.Append(t.Tx, a.ID, report.Frames, report.Sealed, logs, ordering); err != nil {
		return err
	}
	return a.spoke(t, report.Now)
}

// recordSteps writes the steps of a sync. The first one starts the build.
func (t *tx) recordSteps(b *weir.Build, id weir.AttemptID, report store.Sync) error {
	if len(report.Steps) == 0 {
		return nil
	}
	if b.State == weir.Leased {
		if err := t.move(b, weir.Running); err != nil {
			return err
		}
		b.Started = report.Now
		if err := t.save(*b); err != nil {
			return err
		}
	}
	t.tellBuild(id.Build)
	return t.saveSteps(id, report.Steps)
}

// saveSteps writes steps; of several with the same index the last one counts.
func (t *tx) saveSteps(id weir.AttemptID, steps []weir.StepRecord) error {
	last := map[int]int{}
	for i, s := range steps {
		last[s.Index] = i
	}
	var rows [][]any
	for i, s := range steps {
		if last[s.Index] == i {
			rows = append(rows, []any{s.Index, sqltx.Clip(s.Name, weir.MaxReason), string(s.State), sqltx.Micros(s.Started), sqltx.Micros(s.Ended),
				s.ExitCode, sqltx.Clip(s.Signal, weir.MaxReason), sqltx.Clip(s.Note, weir.MaxReason)})
		}
	}
	return t.InChunks(rows, func(data string) error {
		err := t.Put(`INSERT INTO steps (build_id, attempt, step, name, state, started, ended, exit_code, signal, note)
			SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), q.step, q.name, q.state, q.started, q.ended, q.exit_code, q.signal, q.note
			FROM `+t.Table(3, "q", "step int", "name", "state", "started int", "ended int", "exit_code int", "signal", "note")+`
			WHERE true ON CONFLICT (build_id, attempt, step) DO UPDATE SET name = excluded.name, state = excluded.state,
				started = excluded.started, ended = excluded.ended, exit_code = excluded.exit_code,
				signal = excluded.signal, note = excluded.note`,
			int64(id.Build), id.Number, data)
		return err
	})
}
