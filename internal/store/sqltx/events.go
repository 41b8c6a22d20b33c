package sqltx

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"time"

	"github.com/weir-ci/weir"
)

// maxEvents is how many events are read at once.
const maxEvents = 10_000

// fewEvents is how many events are written as plain rows: up to here that is
// faster than a list in JSON, and the statements are few enough to be kept.
const fewEvents = 8

// writeEvents writes what was told in transactions of one Work, in order.
func (db *DB) writeEvents(ctx context.Context, w Work, txs ...*Tx) error {
	n := 0
	for _, t := range txs {
		n += len(t.events)
	}
	if n == 0 {
		return nil
	}
	put := func(query string, args ...any) error { return w.Put(ctx, query, args) }
	if db.d.BeforeEvents != nil {
		if err := db.d.BeforeEvents(put); err != nil {
			return err
		}
	}
	if n <= fewEvents && len(txs) == 1 {
		return txs[0].writeFew(put)
	}
	rows := make([][]any, 0, n)
	for _, t := range txs {
		for _, e := range t.events {
			rows = append(rows, []any{Micros(t.at), string(e.kind), e.subject})
		}
	}
	return txs[0].InChunks(rows, func(data string) error {
		return put(`INSERT INTO events (at, kind, subject)
			SELECT q.at, q.kind, q.subject FROM `+db.d.table(1, "q", []string{"at int", "kind", "subject"}), data)
	})
}

func (t *Tx) writeFew(put func(query string, args ...any) error) error {
	args := []any{Micros(t.at)}
	values := make([]string, len(t.events))
	for i, e := range t.events {
		values[i] = "(CAST($1 AS BIGINT), " + Placeholders(len(args)+1, 2) + ")"
		args = append(args, string(e.kind), e.subject)
	}
	return put(`INSERT INTO events (at, kind, subject) VALUES `+strings.Join(values, ", "), args...)
}

// EventsAfter lists events with a higher number, in order; limit 0 is 1,000.
func (db *DB) EventsAfter(ctx context.Context, seq int64, limit int) ([]weir.Event, error) {
	return List(ctx, db, "list events", func(r Scanner) (e weir.Event, err error) {
		err = r.Scan(&e.Seq, Time(&e.At), &e.Kind, &e.Subject)
		return e, err
	}, `SELECT seq, at, kind, subject FROM events WHERE seq > $1 ORDER BY seq LIMIT $2`,
		seq, Limit(limit, 1000, maxEvents))
}

// LastEvent is the number of the newest event, 0 if there is none.
func (db *DB) LastEvent(ctx context.Context) (seq int64, err error) {
	err = db.Read(ctx, "find the newest event", func(c Conn) error {
		return c.Row(`SELECT COALESCE(MAX(seq), 0) FROM events`).Scan(&seq)
	})
	return seq, err
}

// PruneEvents removes events older than the time given.
func (db *DB) PruneEvents(ctx context.Context, before time.Time) (n int64, err error) {
	// Looking for the last one holds up nobody; there is no index for it,
	// because every event would have to pay for that.
	var last sql.NullInt64
	err = db.Read(ctx, "look for old events", func(c Conn) error {
		return c.Row(`SELECT MAX(seq) FROM events WHERE at < $1`, Micros(before)).Scan(&last)
	})
	if err != nil || !last.Valid {
		return 0, err
	}
	err = db.Write(ctx, "prune events", before, func(t *Tx) error {
		n, err = t.Exec(`DELETE FROM events WHERE seq <= $1 AND at < $2`, last.Int64, Micros(before))
		return err
	})
	return n, err
}

// hub wakes those who wait for events in this process.
type hub struct {
	mu      sync.Mutex
	waiting map[chan struct{}]bool
}

// Wake returns a channel that receives when events may have been added. Wakes
// that nobody fetched are one. The channel is not closed by its end.
func (db *DB) Wake() (<-chan struct{}, func()) {
	h := &db.hub
	ch := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == nil {
		h.waiting = map[chan struct{}]bool{}
	}
	h.waiting[ch] = true
	return ch, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.waiting, ch)
	}
}

// Ring wakes everybody who asked by Wake. It does not block.
func (db *DB) Ring() {
	h := &db.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.waiting {
		select {
		case ch <- struct{}{}:
		default: // it is awake already
		}
	}
}
