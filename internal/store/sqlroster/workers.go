package sqlroster

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// maxHeld is how many attempts one hello may ask about.
const maxHeld = 4096

// CheckHeld is Invalid if a worker says that it holds more attempts than one may.
func CheckHeld(name string, n int) error {
	if n <= maxHeld {
		return nil
	}
	return weir.Errorf(weir.Invalid, "worker %.80q says that it holds %d attempts; %d is the most", name, n, maxHeld)
}

// Worker is a worker with what only the store knows of it.
type Worker struct {
	weir.Worker
	Epoch    int64 // of its newest hello
	LeaseSeq int64 // number of the newest lease that gave it something in this epoch
}

// Held reports whether the worker gets no work.
func (w Worker) Held(now time.Time) bool {
	return w.Paused != "" || w.Draining || now.Before(w.Barred) || w.Rest.Rule != ""
}

// seenGranularity is how exactly it is known when a worker was last seen.
const seenGranularity = time.Second

// Stale reports whether it is time to note that the worker was seen.
func (w Worker) Stale(now time.Time) bool { return !w.Seen.After(now.Add(-seenGranularity)) }

// Seen notes that a worker has spoken, if it is one that said hello.
func Seen(t *sqltx.Tx, w Worker, now time.Time) error {
	if w.Seen.IsZero() || !w.Stale(now) {
		return nil
	}
	err := t.Put(`UPDATE workers SET seen = $2 WHERE name = $1 AND seen < $2`, w.Name, sqltx.Micros(now))
	return err
}

// Hello records a worker, begins an epoch for it, and tells which of the
// attempts it says it holds are still its own.
func (s Store) Hello(ctx context.Context, w weir.Worker, holds []weir.AttemptID) (epoch int64, keep []weir.AttemptID, err error) {
	if err := CheckHeld(w.Name, len(holds)); err != nil {
		return 0, nil, err
	}
	labels, err := sqltx.Encode(w.Labels)
	if err != nil {
		return 0, nil, err
	}
	w.Name, labels, w.Policy = sqltx.Clean(w.Name), sqltx.Clean(labels), cleanPolicy(w.Policy)
	w.Platform, w.Version, w.Host = weir.Platform(sqltx.Clean(string(w.Platform))), sqltx.Clean(w.Version), sqltx.Clean(w.Host)
	err = s.write(ctx, "record a worker", w.Seen, func(t *tx) error {
		if epoch, err = t.saveWorker(w, labels); err != nil {
			return err
		}
		keep, err = t.stillHeld(w.Name, holds)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return epoch, keep, nil
}

// saveWorker records a worker, and tells if it is new, changed or back. Its new
// epoch is the time in microseconds, or one more than the last: a worker that
// was forgotten meanwhile gets no epoch again that it had before.
func (t *tx) saveWorker(w weir.Worker, labels string) (epoch int64, err error) {
	old, known, err := LockWorker(t.Tx, w.Name)
	if err != nil {
		return 0, err
	}
	if known {
		if err := t.Row(`SELECT policy FROM workers WHERE name = $1`, w.Name).Scan(sqltx.JSON(&old.Policy)); err != nil {
			return 0, err
		}
	}
	if !known || old.Away(w.Seen) || old.Platform != w.Platform || !slices.Equal(old.Labels, w.Labels) ||
		old.Slots != w.Slots || old.Version != w.Version || old.Host != w.Host || old.Draining != w.Draining ||
		!slices.Equal(old.Policy, w.Policy) || old.Rest != (weir.Rest{}) {
		t.Tell(weir.EventWorker, w.Name)
	}
	if known && !slices.Equal(old.Policy, w.Policy) {
		if err := t.askAgain(w.Name, w.Seen); err != nil {
			return 0, err
		}
	}
	policy, err := encodePolicy(w.Policy)
	if err != nil {
		return 0, err
	}
	err = t.Row(`INSERT INTO workers (name, platform, labels, slots, version, host, seen, epoch, draining, policy)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (name) DO UPDATE SET platform = excluded.platform, labels = excluded.labels, slots = excluded.slots,
			version = excluded.version, host = excluded.host, draining = excluded.draining, lease_seq = 0,
			policy = excluded.policy, rest = '',
			epoch = CASE WHEN workers.epoch >= excluded.epoch THEN workers.epoch + 1 ELSE excluded.epoch END,
			seen = CASE WHEN workers.seen > excluded.seen THEN workers.seen ELSE excluded.seen END
		RETURNING epoch`,
		w.Name, string(w.Platform), labels, w.Slots, w.Version, w.Host, sqltx.Micros(w.Seen), max(1, sqltx.Micros(w.Seen)), sqltx.Flag(w.Draining), policy).Scan(&epoch)
	return epoch, err
}

// LockWorker reads a worker and keeps it from changing until the transaction
// ends, if it ever said hello.
func LockWorker(t *sqltx.Tx, name string) (w Worker, known bool, err error) {
	return ReadWorker(AskWorker(t, name))
}

// AskWorker asks for a worker as LockWorker reads it, which is without its policy: leases
// ask for it, and do not go by that.
func AskWorker(t *sqltx.Tx, name string) sqltx.Asked {
	c := t.Reader()
	return c.Later(`SELECT b.name, b.platform, b.labels, b.slots, b.version, b.host, b.seen, b.draining, b.paused, b.strikes, b.barred, b.rest, b.epoch, b.lease_seq
		FROM workers b WHERE b.name = $1`+c.Lock(), name)
}

// ReadWorker reads a worker that was asked for.
func ReadWorker(asked sqltx.Asked) (w Worker, known bool, err error) {
	var draining int
	err = asked.Row().Scan(&w.Name, &w.Platform, sqltx.JSON(&w.Labels), &w.Slots, &w.Version, &w.Host,
		sqltx.Time(&w.Seen), &draining, &w.Paused, &w.Strikes, sqltx.Time(&w.Barred), sqltx.JSON(&w.Rest), &w.Epoch, &w.LeaseSeq)
	w.Draining = draining != 0
	if errors.Is(err, sql.ErrNoRows) {
		return Worker{}, false, nil
	}
	return w, err == nil, err
}

// Held tells which of the attempts are live and the worker's own.
func (s Store) Held(ctx context.Context, worker string, ids []weir.AttemptID) (held []weir.AttemptID, err error) {
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
	live, err := ReadLive(AskLive(c.Conn, worker))
	for _, id := range holds {
		if slices.Contains(live, id) {
			keep = append(keep, id)
		}
	}
	return keep, err
}

// AskLive asks for the live attempts of a worker.
func AskLive(c sqltx.Conn, worker string) sqltx.Asked {
	return c.Later(`SELECT build_id, number FROM attempts WHERE worker = $1 AND ended = 0`, worker)
}

// ReadLive lists the attempts that were asked for.
func ReadLive(asked sqltx.Asked) ([]weir.AttemptID, error) {
	return sqltx.Collect(asked, func(r sqltx.Scanner) (id weir.AttemptID, err error) {
		err = r.Scan(&id.Build, &id.Number)
		return id, err
	}, "")
}
