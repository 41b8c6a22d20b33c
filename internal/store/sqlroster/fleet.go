package sqlroster

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

const workerColumns = `b.name, b.platform, b.labels, b.slots, b.version, b.host, b.seen, b.draining, b.paused, b.strikes, b.barred, b.policy, b.rest,
	(SELECT COUNT(*) FROM attempts a WHERE a.worker = b.name AND a.ended = 0),
	COALESCE((SELECT k.owner FROM tokens k WHERE k.name = b.name), '')`

func scanWorker(r sqltx.Scanner) (w weir.Worker, err error) {
	var draining int
	err = r.Scan(&w.Name, &w.Platform, sqltx.JSON(&w.Labels), &w.Slots, &w.Version, &w.Host, sqltx.Time(&w.Seen), &draining,
		&w.Paused, &w.Strikes, sqltx.Time(&w.Barred), sqltx.JSON(&w.Policy), sqltx.JSON(&w.Rest), &w.Running, &w.Owner)
	w.Draining = draining != 0
	return w, err
}

// Workers lists the workers ever seen, by name.
func (s Store) Workers(ctx context.Context) ([]weir.Worker, error) {
	return sqltx.List(ctx, s.db, "list workers", scanWorker, `SELECT `+workerColumns+` FROM workers b ORDER BY b.name`)
}

// Worker finds one worker; NotFound if it never said hello.
func (s Store) Worker(ctx context.Context, name string) (weir.Worker, error) {
	return sqltx.One(ctx, s.db, "find a worker", noWorker(name), scanWorker,
		`SELECT `+workerColumns+` FROM workers b WHERE b.name = $1`, sqltx.Clean(name))
}

func noWorker(name string) *weir.Error {
	return weir.Errorf(weir.NotFound, "worker %.80q never said hello", name).WithHint("weir workers lists those that did")
}

// Pause holds a worker back and says why, or lets it go on if the reason is
// empty.
func (s Store) Pause(ctx context.Context, name, reason string, now time.Time) error {
	name, reason = sqltx.Clean(name), sqltx.Clip(reason, weir.MaxReason)
	return s.write(ctx, "pause a worker", now, func(t *tx) error {
		w, known, err := LockWorker(t.Tx, name)
		if err != nil {
			return err
		}
		if !known {
			return noWorker(name)
		}
		barred := w.Barred
		if reason == "" {
			barred = time.Time{}
		}
		if w.Paused == reason && w.Barred.Equal(barred) {
			return nil
		}
		t.Tell(weir.EventWorker, name)
		if reason == "" {
			t.Tell(weir.EventQueue, string(w.Platform)) // it may have something now
		}
		err = t.Put(`UPDATE workers SET paused = $2, barred = $3 WHERE name = $1`, name, reason, sqltx.Micros(barred))
		return err
	})
}

// ClaimAbsences lists workers with an owner that have been away since before
// the time given, each once until it comes back.
func (s Store) ClaimAbsences(ctx context.Context, now, before time.Time) ([]weir.Worker, error) {
	return s.claim(ctx, now, `UPDATE workers SET missed = 1 WHERE missed = 0 AND seen < $1`+owned, before)
}

// ClaimReturns lists workers that ClaimAbsences listed and that are no longer
// away, each once.
func (s Store) ClaimReturns(ctx context.Context, now time.Time) ([]weir.Worker, error) {
	return s.claim(ctx, now, `UPDATE workers SET missed = 0 WHERE missed = 1 AND seen >= $1`+owned, now.Add(-weir.WorkerSilence))
}

// owned is the condition that somebody lends a worker, and may still.
const owned = ` AND name IN (SELECT k.name FROM tokens k WHERE k.owner <> '' AND k.scope = '` + string(store.ScopeWorker) + `')`

// claim lists the workers that an update has changed. Of two servers that come
// at once the second finds nothing left to change.
func (s Store) claim(ctx context.Context, now time.Time, update string, limit time.Time) (claimed []weir.Worker, err error) {
	err = s.write(ctx, "claim workers", now, func(t *tx) error {
		claimed = nil
		names, err := sqltx.Collect(t, sqltx.Scalar[string], update+` RETURNING name`, sqltx.Micros(limit))
		if err != nil || len(names) == 0 {
			return err
		}
		rows := make([][]any, len(names))
		for i, name := range names {
			rows[i] = []any{name}
		}
		return t.InChunks(rows, func(data string) error {
			some, err := sqltx.Collect(t, scanWorker, `SELECT `+workerColumns+` FROM workers b
				WHERE b.name IN (SELECT q.name FROM `+t.Table(1, "q", "name")+`) ORDER BY b.name`, data)
			claimed = append(claimed, some...)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// Forget removes a worker that is away and has no live attempt.
func (s Store) Forget(ctx context.Context, name string, now time.Time) error {
	name = sqltx.Clean(name)
	return s.write(ctx, "forget a worker", now, func(t *tx) error {
		w, known, err := LockWorker(t.Tx, name)
		if err != nil {
			return err
		}
		if !known {
			return noWorker(name)
		}
		live, err := ReadLive(AskLive(t.Conn, name))
		if err != nil {
			return err
		}
		switch {
		case !w.Away(now):
			return weir.Errorf(weir.Conflict, "worker %.80q is not away", name).WithHint("stop it first, and wait for %s", weir.WorkerSilence)
		case len(live) > 0:
			return weir.Errorf(weir.Conflict, "worker %.80q has attempt %s still", name, live[0]).WithHint("wait until its lease expires, or cancel the build")
		}
		t.Tell(weir.EventWorker, name)
		if err := t.Put(`DELETE FROM refusals WHERE worker = $1`, name); err != nil {
			return err
		}
		return t.Put(`DELETE FROM workers WHERE name = $1`, name)
	})
}
