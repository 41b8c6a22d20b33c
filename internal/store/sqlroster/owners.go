package sqlroster

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// CheckEpoch is Conflict unless a worker, of that name and known or not, is in an epoch.
func (w Worker) CheckEpoch(name string, epoch int64, known bool) error {
	if known && w.Epoch == epoch {
		return nil
	}
	return weir.Errorf(weir.Conflict, "worker %.80q has said hello again since it began to ask for work like this", name).
		WithHint("another worker uses its token, which must not be; or say hello again")
}

// cleanPolicy is as much of what a worker says of its policy as is kept.
func cleanPolicy(policy []string) (clean []string) {
	for _, text := range policy[:min(len(policy), weir.MaxPolicyRules)] {
		if text = sqltx.Clip(text, weir.MaxPolicyText); text != "" {
			clean = append(clean, text)
		}
	}
	return clean
}

func encodePolicy(policy []string) (string, error) {
	if len(policy) == 0 {
		return "", nil
	}
	return sqltx.Encode(policy)
}

// askAgain ends what a worker refuses.
func (t *tx) askAgain(worker string, now time.Time) error {
	return t.Put(`UPDATE refusals SET until = $2 WHERE worker = $1 AND until > $2`, worker, sqltx.Micros(now))
}

// Rest notes why a worker takes nothing, or that it does again.
func (s Store) Rest(ctx context.Context, worker string, epoch int64, rest weir.Rest, now time.Time) error {
	if err := store.CheckRest(rest); err != nil {
		return err
	}
	worker = sqltx.Clean(worker)
	rest.Text, rest.Until = sqltx.Clip(rest.Text, weir.MaxReason), sqltx.TimeOf(sqltx.Micros(rest.Until))
	if rest.Rule == "" {
		rest = weir.Rest{}
	}
	text, err := sqltx.EncodeNonzero(rest)
	if err != nil {
		return err
	}
	return s.write(ctx, "note that a worker rests", now, func(t *tx) error {
		w, known, err := LockWorker(t.Tx, worker)
		if err != nil {
			return err
		}
		if err := w.CheckEpoch(worker, epoch, known); err != nil {
			return err
		}
		if w.Rest == rest {
			return Seen(t.Tx, w, now)
		}
		t.Tell(weir.EventWorker, worker)
		return t.Put(`UPDATE workers SET rest = $2, seen = CASE WHEN seen > $3 THEN seen ELSE $3 END WHERE name = $1`,
			worker, text, sqltx.Micros(now))
	})
}

// Refused notes that a worker, which is locked, has refused a build of a builder.
func Refused(t *sqltx.Tx, worker string, build weir.Build, r store.Refused, now time.Time) error {
	return t.Put(`INSERT INTO refusals (worker, builder_id, build_id, rule, text, count, first, last, until)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $6, $7)
		ON CONFLICT (worker, builder_id) DO UPDATE SET build_id = excluded.build_id, rule = excluded.rule, text = excluded.text,
			count = refusals.count + 1, last = excluded.last,
			until = CASE WHEN refusals.until > excluded.until THEN refusals.until ELSE excluded.until END`,
		worker, int64(build.Builder.ID), int64(build.ID), string(r.Rule), sqltx.Clip(r.Text, weir.MaxReason),
		sqltx.Micros(now), sqltx.Micros(now.Add(r.Rule.Lasts())))
}

// ForgetRefusals removes what a worker refused too long ago.
func ForgetRefusals(t *sqltx.Tx, worker string, now time.Time) error {
	return t.Put(`DELETE FROM refusals WHERE worker = $1 AND last < $2`, worker, sqltx.Micros(now.Add(-store.RefusalsKept)))
}

// refusals lists refusals, of alias f, of builders that there are.
func (s Store) refusals(ctx context.Context, which string, args ...any) ([]weir.Refusal, error) {
	return sqltx.List(ctx, s.db, "list what workers refuse", func(row sqltx.Scanner) (r weir.Refusal, err error) {
		err = row.Scan(&r.Worker, &r.Builder, &r.Build, &r.Rule, &r.Text, &r.Count, sqltx.Time(&r.First), sqltx.Time(&r.Last), sqltx.Time(&r.Until))
		return r, err
	}, `SELECT f.worker, f.builder_id, f.build_id, f.rule, f.text, f.count, f.first, f.last, f.until
		FROM refusals f JOIN builders y ON y.id = f.builder_id `+which, args...)
}

// Refusals lists what a worker refused lately, the newest first.
func (s Store) Refusals(ctx context.Context, worker string, now time.Time, limit int) ([]weir.Refusal, error) {
	return s.refusals(ctx, `WHERE f.worker = $1 AND f.last >= $2 ORDER BY f.last DESC, f.builder_id DESC LIMIT $3`,
		sqltx.Clean(worker), sqltx.Micros(now.Add(-store.RefusalsKept)), sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList))
}

// RefusalsOf lists which workers are not asked for a builder, by name.
func (s Store) RefusalsOf(ctx context.Context, builder weir.BuilderID, now time.Time) ([]weir.Refusal, error) {
	return s.refusals(ctx, `WHERE f.builder_id = $1 AND f.until > $2 ORDER BY f.worker`, int64(builder), sqltx.Micros(now))
}
