package sqlstarts

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Ticks lists all, by time.
func (s Starts) Ticks(ctx context.Context) ([]store.Tick, error) {
	return sqltx.List(ctx, s.db, "list times", func(r sqltx.Scanner) (t store.Tick, err error) {
		err = r.Scan(&t.Project, &t.Job, &t.Cron, sqltx.Time(&t.At), sqltx.Time(&t.Last))
		return t, err
	}, `SELECT project, job, cron, at, last FROM ticks ORDER BY at, project, job, cron`)
}

// SetTicks makes these the only ones.
func (s Starts) SetTicks(ctx context.Context, ticks []store.Tick) error {
	if err := store.CheckTicks(ticks); err != nil {
		return err
	}
	type key struct{ project, job, cron string }
	wanted := map[key]bool{}
	var rows [][]any
	for _, t := range ticks {
		k := key{sqltx.Clean(t.Project), sqltx.Clean(t.Job), sqltx.Clean(t.Cron)}
		if !wanted[k] {
			wanted[k] = true
			rows = append(rows, []any{k.project, k.job, k.cron, sqltx.Micros(t.At)})
		}
	}
	return s.write(ctx, "set the times", time.Time{}, func(t tx) error {
		known, err := sqltx.Collect(t, func(r sqltx.Scanner) (k key, err error) {
			err = r.Scan(&k.project, &k.job, &k.cron)
			return k, err
		}, `SELECT b.project, b.job, b.cron FROM ticks b ORDER BY b.project, b.job, b.cron`+t.Lock())
		if err != nil {
			return err
		}
		for _, k := range known {
			if !wanted[k] {
				if err := t.Put(`DELETE FROM ticks WHERE project = $1 AND job = $2 AND cron = $3`, k.project, k.job, k.cron); err != nil {
					return err
				}
			}
		}
		return t.InChunks(rows, func(data string) error {
			return t.Put(`INSERT INTO ticks (project, job, cron, at, last) SELECT q.project, q.job, q.cron, q.moment, 0
				FROM `+t.Table(1, "q", "project", "job", "cron", "moment int")+`
				WHERE true ORDER BY 1, 2, 3 ON CONFLICT (project, job, cron) DO NOTHING`, data)
		})
	})
}

// SkipTick moves a tick on that makes no run; Conflict if it is not at At.
func (s Starts) SkipTick(ctx context.Context, tick store.Tick) error {
	if err := tick.Check(); err != nil {
		return err
	}
	return s.write(ctx, "skip a time", time.Time{}, func(t tx) error { return move(t.Tx, tick) })
}

// move sets a tick to its next time.
func move(t *sqltx.Tx, tick store.Tick) error {
	n, err := t.Exec(`UPDATE ticks SET at = $5 WHERE project = $1 AND job = $2 AND cron = $3 AND at = $4`,
		sqltx.Clean(tick.Project), sqltx.Clean(tick.Job), sqltx.Clean(tick.Cron), sqltx.Micros(tick.At), sqltx.Micros(tick.Next))
	if err == nil && n == 0 {
		return weir.Errorf(weir.Conflict, "%.80q of %.80q is not due at %s by %.80q any more", tick.Job, tick.Project, tick.At.UTC().Format(time.RFC3339), tick.Cron)
	}
	return err
}
