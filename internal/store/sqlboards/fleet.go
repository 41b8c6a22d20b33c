package sqlboards

import (
	"context"
	"math"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Ran lists what a worker tried, newest first.
func (s Boards) Ran(ctx context.Context, worker string, before time.Time, limit int) ([]store.RanAttempt, error) {
	earlier := int64(math.MaxInt64)
	if !before.IsZero() {
		earlier = sqltx.Micros(before)
	}
	return sqltx.List(ctx, s.db, "list what a worker ran", func(row sqltx.Scanner) (r store.RanAttempt, err error) {
		err = row.Scan(append([]any{&r.ID.Build, &r.ID.Number, &r.Worker, sqltx.Time(&r.Leased), sqltx.Time(&r.Deadline), sqltx.Time(&r.Ended),
			&r.Outcome, &r.Reason.Code, &r.Reason.Text, sqltx.JSON(&r.Surroundings), &r.Cause, sqltx.Time(&r.Started)},
			sqlroster.BuilderDest(&r.Builder)...)...)
		return r, err
	}, `SELECT a.build_id, a.number, a.worker, a.leased, a.deadline, a.ended, a.outcome, a.reason_code, a.reason_text, a.surroundings, b.cause,
			COALESCE((SELECT MIN(s.started) FROM steps s WHERE s.build_id = a.build_id AND s.attempt = a.number AND s.started > 0), 0),
			r.id, r.project, r.job, r.cell, r.platform, r.branch, r.upstreams
		FROM attempts a JOIN builds b ON b.id = a.build_id JOIN builders r ON r.id = b.builder_id
		WHERE a.worker = $1 AND a.leased < $2 ORDER BY a.leased DESC, a.build_id DESC, a.number DESC LIMIT $3`,
		sqltx.Clean(worker), earlier, sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList))
}

// longest is how long an attempt takes at most; a job may take a day.
const longest = 48 * time.Hour

// Load counts how workers were busy, hour by hour: by worker, then by time. What they
// refused is none of their work.
// Invalid if the span is longer than 31 days.
func (s Boards) Load(ctx context.Context, worker string, from, to time.Time) ([]store.WorkerHour, error) {
	if to.Sub(from) > maxLoad {
		return nil, weir.Errorf(weir.Invalid, "a load of %s is asked for; 31 days are the most", to.Sub(from).Round(time.Hour)).
			WithHint("ask for a shorter span of time")
	}
	args := []any{sqltx.Micros(from), sqltx.Micros(to), maxHours}
	only := ""
	if worker != "" {
		only, args = ` AND a.worker = $4 AND a.leased >= $5`, append(args, sqltx.Clean(worker), sqltx.Micros(from.Add(-longest)))
	}
	return sqltx.List(ctx, s.db, "add up the load of workers", func(r sqltx.Scanner) (h store.WorkerHour, err error) {
		var hour, busy, waited int64
		err = r.Scan(&h.Worker, &hour, &h.Ended, &h.Infra, &h.Lost, &busy, &waited)
		h.Hour = time.Unix(hour*3600, 0).UTC()
		h.Busy, h.Waited = time.Duration(busy)*time.Microsecond, time.Duration(waited)*time.Microsecond
		return h, err
	}, `SELECT a.worker, a.ended / 3600000000 AS hour, SUM(CASE WHEN a.ended_by <> 'expire' THEN 1 ELSE 0 END),
			SUM(CASE WHEN a.ended_by <> 'expire' AND a.outcome = 'infra' THEN 1 ELSE 0 END), SUM(CASE WHEN a.ended_by = 'expire' THEN 1 ELSE 0 END),
			CAST(SUM(CASE WHEN a.ended > a.leased THEN a.ended - a.leased ELSE 0 END) AS BIGINT),
			CAST(SUM(CASE WHEN b.queued > 0 AND a.leased > b.queued THEN a.leased - b.queued ELSE 0 END) AS BIGINT)
		FROM attempts a JOIN builds b ON b.id = a.build_id
		WHERE a.ended > 0 AND a.ended >= $1 AND a.ended < $2 AND a.ended_by <> 'refused'`+only+`
		GROUP BY a.worker, a.ended / 3600000000 ORDER BY a.worker, hour LIMIT $3`, args...)
}

// sampled is how many builds, and builders, the sizes of tables that hang on them
// are estimated from.
const (
	sampledBuilds   = 1000
	sampledBuilders = 50
)

// Sizes says how large the database is. How many rows tables have that hang on
// builds or builders is estimated from some of these.
func (s Boards) Sizes(ctx context.Context) (z store.Sizes, err error) {
	err = s.db.Snapshot(ctx, "tell how large it is", func(c sqltx.Conn) error {
		z = store.Sizes{Rows: map[string]int64{}}
		if err := c.Row(c.Bytes()).Scan(&z.Bytes); err != nil {
			return err
		}
		var oldest, newest int64
		for _, table := range []string{"events", "runs", "builds"} { // builds last: what follows needs their ids
			key := "id"
			if table == "events" {
				key = "seq"
			}
			err := c.Row(`SELECT COALESCE((SELECT MIN(`+key+`) FROM `+table+`), 1), COALESCE((SELECT MAX(`+key+`) FROM `+table+`), 0)`).Scan(&oldest, &newest)
			if err != nil {
				return err
			}
			z.Rows[table] = newest - oldest + 1
		}
		sample := min(sampledBuilds, z.Rows["builds"])
		for _, table := range []string{"attempts", "steps", "log_frames", "log_segments", "test_changes", "artifacts", "metrics"} {
			var n int64
			if err := c.Row(`SELECT COUNT(*) FROM `+table+` WHERE build_id > $1`, newest-sample).Scan(&n); err != nil {
				return err
			}
			z.Rows[table] = n * z.Rows["builds"] / max(sample, 1)
		}
		var builders, states int64
		if err := c.Row(`SELECT COUNT(*) FROM builders`).Scan(&builders); err != nil {
			return err
		}
		every := max(1, builders/sampledBuilders)
		if err := c.Row(`SELECT COUNT(*) FROM builders y CROSS JOIN test_states t WHERE t.builder_id = y.id AND y.id % $1 = 0`, every).Scan(&states); err != nil {
			return err
		}
		z.Rows["builders"], z.Rows["test_states"] = builders, states*every
		return nil
	})
	return z, err
}
