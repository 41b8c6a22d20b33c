package sqlstore

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/weir-ci/weir"
)

// maxEvents is how many events are read at once.
const maxEvents = 10_000

func itoa[T ~int | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }

func (t *tx) tellBuild(id weir.BuildID)           { t.tell(weir.EventBuild, itoa(id)) }
func (t *tx) tellRegression(id weir.RegressionID) { t.tell(weir.EventRegression, itoa(id)) }
func (t *tx) tellQueue(p weir.Platform)           { t.tell(weir.EventQueue, string(p)) }

// writeEvents writes what was told, in order.
func (t *tx) writeEvents() error {
	rows := make([][]any, len(t.events))
	for i, e := range t.events {
		rows[i] = []any{string(e.kind), e.subject}
	}
	return t.inChunks(rows, func(data string) error {
		_, err := t.exec(`INSERT INTO events (at, kind, subject)
			SELECT CAST($1 AS BIGINT), q.kind, q.subject FROM `+t.d.rows(2, "q", "kind", "subject"),
			micros(t.at), data)
		return err
	})
}

// inChunks calls do with the rows as JSON, chunkRows at a time.
func (t *tx) inChunks(rows [][]any, do func(data string) error) error {
	for len(rows) > 0 {
		n := min(len(rows), chunkRows)
		data, err := encode(rows[:n])
		if err != nil {
			return err
		}
		if err := do(data); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// EventsAfter lists events with a higher number, in order; limit 0 is 1,000.
func (s *Store) EventsAfter(ctx context.Context, seq int64, limit int) ([]weir.Event, error) {
	var events []weir.Event
	err := s.read(ctx, "list events", func(c conn) (err error) {
		events, err = collect(c, func(r scanner) (e weir.Event, err error) {
			var at int64
			err = r.Scan(&e.Seq, &at, &e.Kind, &e.Subject)
			e.At = timeOf(at)
			return e, err
		}, `SELECT seq, at, kind, subject FROM events WHERE seq > $1 ORDER BY seq LIMIT $2`,
			seq, limitOf(limit, 1000, maxEvents))
		return err
	})
	return events, err
}

// LastEvent is the number of the newest event, 0 if there is none.
func (s *Store) LastEvent(ctx context.Context) (seq int64, err error) {
	err = s.read(ctx, "find the newest event", func(c conn) error {
		return c.row(`SELECT COALESCE(MAX(seq), 0) FROM events`).Scan(&seq)
	})
	return seq, err
}

// PruneEvents removes events older than the time given.
func (s *Store) PruneEvents(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.write(ctx, "prune events", before, func(t *tx) error {
		n, err = t.exec(`DELETE FROM events WHERE at < $1`, micros(before))
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
func (s *Store) Wake() (<-chan struct{}, func()) {
	h := &s.hub
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
func (s *Store) Ring() {
	h := &s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.waiting {
		select {
		case ch <- struct{}{}:
		default: // it is awake already
		}
	}
}
