// Package roster says what workers have done: what runs on them, what they ran and
// how that ended, how busy they were hour by hour, how often the farm had trouble
// with them, and what their owners refused.
package roster

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Limits.
const (
	Days       = 28  // that are looked back
	MaxLast    = 50  // attempts that are listed
	MaxTrouble = 20  // attempts that ended in trouble that are listed
	look       = 400 // attempts that are read for both
	fresh      = time.Minute
)

// Store is what is read.
type Store interface {
	Ran(ctx context.Context, worker string, before time.Time, limit int) ([]store.RanAttempt, error)
	Load(ctx context.Context, worker string, from, to time.Time) ([]store.WorkerHour, error)
	Refusals(ctx context.Context, worker string, now time.Time, limit int) ([]weir.Refusal, error)
}

// Ran is something that a worker tried.
type Ran = store.RanAttempt

// Hour is one hour of a worker.
type Hour struct {
	Hour   time.Time     `json:"hour"` // its beginning, UTC
	Use    float64       `json:"use"`  // of its slots, 0 to 1
	Ended  int           `json:"ended,omitempty"`
	Infra  int           `json:"infra,omitempty"`
	Lost   int           `json:"lost,omitempty"`
	Busy   time.Duration `json:"busy,omitempty"`   // of all slots together
	Waited time.Duration `json:"waited,omitempty"` // how long builds that ended in it had waited for a worker
}

// Sum is hours put together.
type Sum struct {
	From   time.Time     `json:"from"`
	Use    float64       `json:"use"` // of the slots, 0 to 1
	Ended  int           `json:"ended"`
	Infra  int           `json:"infra"`
	Lost   int           `json:"lost"`
	Busy   time.Duration `json:"busy"`
	Waited time.Duration `json:"waited"`
}

// History is what a worker has done.
type History struct {
	Running []Ran `json:"running"`
	Last    []Ran `json:"last"` // that have ended, newest first
	// Trouble are those of the last attempts that ended in no answer: they were lost,
	// never arrived, or the worker could not do its part. What its owner refused is no
	// trouble. Newest first.
	Trouble []Ran `json:"trouble"`
	// Hours are those with something in them, oldest first, of the last Days days.
	Hours []Hour `json:"hours"`
	Days  []Sum  `json:"days"`  // all of them, oldest first
	Weeks []Sum  `json:"weeks"` // all of them, oldest first
}

// Reader answers. Make one with New; it is safe for concurrent use.
type Reader struct {
	store  Store
	window Window
	now    func() time.Time

	mu    sync.Mutex
	read  time.Time
	today map[string][]store.WorkerHour
}

// New makes a reader.
func New(s Store, w Window, now func() time.Time) *Reader {
	return &Reader{store: s, window: w, now: now}
}

// Today reads how workers have been busy in the last 24 hours, by name. Slots says
// how many each has. It may be a minute old.
func (r *Reader) Today(ctx context.Context, workers []weir.Worker) (map[string]Sum, map[string][]Hour, error) {
	now := r.now()
	from := now.Truncate(time.Hour).Add(-23 * time.Hour)
	r.mu.Lock()
	known := r.today
	stale := r.read.IsZero() || now.Sub(r.read) > fresh || now.Before(r.read)
	r.mu.Unlock()
	if stale {
		list, err := r.store.Load(ctx, "", from, now.Add(time.Hour))
		if err != nil {
			return nil, nil, err
		}
		known = map[string][]store.WorkerHour{}
		for _, h := range list {
			known[h.Worker] = append(known[h.Worker], h)
		}
		r.mu.Lock()
		r.read, r.today = now, known
		r.mu.Unlock()
	}
	sums, hours := make(map[string]Sum, len(workers)), make(map[string][]Hour, len(workers))
	for _, w := range workers {
		hours[w.Name] = spread(known[w.Name], w.Slots)
		sums[w.Name] = sum(hours[w.Name], from, 24*time.Hour, w.Slots)
	}
	return sums, hours, nil
}

// Of reads what a worker has done.
func (r *Reader) Of(ctx context.Context, w weir.Worker) (History, error) {
	now := r.now()
	h := History{Running: []Ran{}, Last: []Ran{}, Trouble: []Ran{}}
	ran, err := r.store.Ran(ctx, w.Name, time.Time{}, look)
	if err != nil {
		return h, err
	}
	today := now.Truncate(24 * time.Hour)
	from := today.AddDate(0, 0, 1-Days)
	load, err := r.store.Load(ctx, w.Name, from, now.Add(time.Hour))
	if err != nil {
		return h, err
	}
	for _, a := range ran {
		switch {
		case a.Live():
			h.Running = append(h.Running, a)
			load = add(load, w.Name, now, now.Sub(a.Leased))
			continue
		case a.Outcome == weir.Infra && a.Reason.Code != weir.ReasonRefused && len(h.Trouble) < MaxTrouble:
			h.Trouble = append(h.Trouble, a)
		}
		if len(h.Last) < MaxLast {
			h.Last = append(h.Last, a)
		}
	}
	h.Hours = spread(load, w.Slots)
	for i := range Days {
		h.Days = append(h.Days, sum(h.Hours, from.AddDate(0, 0, i), 24*time.Hour, w.Slots))
	}
	for i := range Days / 7 {
		h.Weeks = append(h.Weeks, sum(h.Hours, from.AddDate(0, 0, 7*i), 7*24*time.Hour, w.Slots))
	}
	return h, nil
}

// Ran lists what a worker tried that was leased before a time, newest first.
func (r *Reader) Ran(ctx context.Context, worker string, before time.Time, limit int) ([]Ran, error) {
	return r.store.Ran(ctx, worker, before, limit)
}

// add counts what runs still as busy in the hour of now; spread moves it to where it belongs.
func add(load []store.WorkerHour, worker string, now time.Time, busy time.Duration) []store.WorkerHour {
	hour := now.UTC().Truncate(time.Hour)
	if n := len(load); n == 0 || load[n-1].Hour.Before(hour) {
		load = append(load, store.WorkerHour{Worker: worker, Hour: hour})
	}
	load[len(load)-1].Busy += max(0, busy)
	return load
}

// spread makes hours of what the store counted. It counts all the time of an attempt
// in the hour in which it ended; what is more than the hour had room for was before.
func spread(load []store.WorkerHour, slots int) []Hour {
	room := time.Duration(max(slots, 1)) * time.Hour
	out := []Hour{}
	over := time.Duration(0)
	for i := len(load) - 1; i >= 0 || over > 0; {
		var h Hour
		if i >= 0 && (over <= 0 || len(out) == 0 || !load[i].Hour.Before(out[len(out)-1].Hour.Add(-time.Hour))) {
			l := load[i]
			h = Hour{Hour: l.Hour.UTC(), Ended: l.Ended, Infra: l.Infra, Lost: l.Lost, Busy: l.Busy + over, Waited: l.Waited}
			i--
		} else {
			h = Hour{Hour: out[len(out)-1].Hour.Add(-time.Hour), Busy: over}
		}
		over = max(0, h.Busy-room)
		h.Busy -= over
		h.Use = min(1, h.Busy.Seconds()/room.Seconds())
		out = append(out, h)
		if len(out) > (Days+1)*24 {
			break
		}
	}
	slices.Reverse(out)
	return out
}

// sum puts the hours of a span together.
func sum(hours []Hour, from time.Time, span time.Duration, slots int) Sum {
	s := Sum{From: from.UTC()}
	for _, h := range hours {
		if h.Hour.Before(from) || !h.Hour.Before(from.Add(span)) {
			continue
		}
		s.Ended, s.Infra, s.Lost, s.Busy, s.Waited = s.Ended+h.Ended, s.Infra+h.Infra, s.Lost+h.Lost, s.Busy+h.Busy, s.Waited+h.Waited
	}
	s.Use = min(1, s.Busy.Seconds()/(span.Seconds()*float64(max(slots, 1))))
	return s
}
