package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// maxHeld is how many attempts one hello may ask about.
const maxHeld = 4096

// Hello records a worker and tells which of the attempts it says it holds are
// still its own.
func (s *Store) Hello(ctx context.Context, w weir.Worker, holds []weir.AttemptID) (keep []weir.AttemptID, err error) {
	if len(holds) > maxHeld {
		return nil, weir.Errorf(weir.Invalid, "worker %.80q says that it holds %d attempts; %d is the most", w.Name, len(holds), maxHeld)
	}
	labels, err := sqltx.Encode(w.Labels)
	if err != nil {
		return nil, err
	}
	w.Name, labels = sqltx.Clean(w.Name), sqltx.Clean(labels)
	w.Platform, w.Version, w.Host = weir.Platform(sqltx.Clean(string(w.Platform))), sqltx.Clean(w.Version), sqltx.Clean(w.Host)
	err = s.write(ctx, "record a worker", w.Seen, func(t *tx) error {
		if err := t.saveWorker(w, labels); err != nil {
			return err
		}
		keep, err = t.stillHeld(w.Name, holds)
		return err
	})
	if err != nil {
		return nil, err
	}
	return keep, nil
}

// saveWorker records a worker, and tells if it is new, changed or back.
func (t *tx) saveWorker(w weir.Worker, labels string) error {
	old, err := scanWorker(t.Row(`SELECT `+workerColumns+` FROM workers b WHERE b.name = $1`+t.Lock(), w.Name))
	news := errors.Is(err, sql.ErrNoRows)
	if err != nil && !news {
		return err
	}
	if news || old.Away(w.Seen) || old.Platform != w.Platform || !slices.Equal(old.Labels, w.Labels) ||
		old.Slots != w.Slots || old.Version != w.Version || old.Host != w.Host {
		t.Tell(weir.EventWorker, w.Name)
	}
	_, err = t.Exec(`INSERT INTO workers (name, platform, labels, slots, version, host, seen) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (name) DO UPDATE SET platform = excluded.platform, labels = excluded.labels, slots = excluded.slots,
			version = excluded.version, host = excluded.host,
			seen = CASE WHEN workers.seen > excluded.seen THEN workers.seen ELSE excluded.seen END`,
		w.Name, string(w.Platform), labels, w.Slots, w.Version, w.Host, sqltx.Micros(w.Seen))
	return err
}

// Held tells which of the attempts are live and the worker's own.
func (s *Store) Held(ctx context.Context, worker string, ids []weir.AttemptID) (held []weir.AttemptID, err error) {
	err = s.read(ctx, "look at attempts", func(c conn) error {
		held, err = c.stillHeld(sqltx.Clean(worker), ids)
		return err
	})
	return held, err
}

// stillHeld keeps those attempts that are live and the worker's own.
func (c conn) stillHeld(worker string, holds []weir.AttemptID) (keep []weir.AttemptID, err error) {
	if len(holds) == 0 {
		return nil, nil
	}
	live, err := sqltx.Collect(c, func(r sqltx.Scanner) (id weir.AttemptID, err error) {
		err = r.Scan(&id.Build, &id.Number)
		return id, err
	}, `SELECT build_id, number FROM attempts WHERE worker = $1 AND ended = 0`, worker)
	for _, id := range holds {
		if slices.Contains(live, id) {
			keep = append(keep, id)
		}
	}
	return keep, err
}

const workerColumns = `b.name, b.platform, b.labels, b.slots, b.version, b.host, b.seen,
	(SELECT COUNT(*) FROM attempts a WHERE a.worker = b.name AND a.ended = 0)`

func scanWorker(r sqltx.Scanner) (w weir.Worker, err error) {
	err = r.Scan(&w.Name, &w.Platform, sqltx.JSON(&w.Labels), &w.Slots, &w.Version, &w.Host, sqltx.Time(&w.Seen), &w.Running)
	return w, err
}

// Workers lists the workers ever seen, by name.
func (s *Store) Workers(ctx context.Context) ([]weir.Worker, error) {
	return sqltx.List(ctx, s.DB, "list workers", scanWorker, `SELECT `+workerColumns+` FROM workers b ORDER BY b.name`)
}
