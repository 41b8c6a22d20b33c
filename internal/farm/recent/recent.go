// Package recent keeps the newest builds of every builder in memory, for pages that
// show many builders at once. It reads them from the store once and then follows the
// farm's events, so that a page costs what it shows, not what the farm has built.
//
// Nothing in it is the truth: several servers have one each, and what is older than
// it reaches is read from the store.
//
// What a reader gets is a State, which nobody changes any more: when something has
// happened a new one is made, which shares with the old one all that is as it was.
// So readers need no locks, and a page sees one moment.
package recent

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Per is how many builds of a builder are kept, at most.
const Per = 40

// Limits.
const (
	// maxBuilders is how many builders are kept, maxBuilds how many builds of all
	// of them: of more builders fewer builds of each are kept.
	maxBuilders  = 20_000
	maxBuilds    = 150_000
	buildersPage = 5000
	// maxEvents is how many events are followed at once, maxNamed how many builds
	// may have changed in them. Behind more, everything is read again.
	maxEvents  = 50_000
	eventsPage = 10_000
	maxNamed   = 5000
	namedPage  = 1000
	// stale is after how long without a reader everything is read again: events are
	// kept for a day.
	stale = 12 * time.Hour
	// loadTime limits how long everything is read.
	loadTime = time.Minute
)

// Store is what is read.
type Store interface {
	Builders(ctx context.Context, after weir.BuilderID, limit int) ([]weir.Builder, error)
	Lately(ctx context.Context, builders []weir.BuilderID, per int) ([]store.BoardBuild, error)
	BoardBuilds(ctx context.Context, ids []weir.BuildID) ([]store.BoardBuild, error)
	EventsAfter(ctx context.Context, seq int64, limit int) ([]weir.Event, error)
	LastEvent(ctx context.Context) (int64, error)
}

// Row is a builder and its newest builds.
type Row struct {
	Builder weir.Builder       `json:"builder"`
	Builds  []store.BoardBuild `json:"builds"` // newest first, at most Per
}

// Usual is how long a build of the builder usually runs. 0: nothing is known.
func (r Row) Usual() time.Duration {
	var u Usual
	for i := range r.Builds {
		b := &r.Builds[i]
		if u.Add(b.Outcome, b.Started, b.Finished); u.Full() {
			break
		}
	}
	return u.Time()
}

// State is how all builders stood at one moment. It must not be changed.
type State struct {
	Seq  int64 // of the newest event that it knows
	Rows []Row // by the builders' ids

	per  int       // how many builds of a builder it keeps
	read time.Time // when events were last asked for
}

// Kept is how many builds of a builder are kept, at most: whoever has fewer has no others.
func (s *State) Kept() int {
	if s.per == 0 {
		return Per
	}
	return s.per
}

// Row finds a builder.
func (s *State) Row(id weir.BuilderID) (Row, bool) {
	i, ok := s.find(id)
	if !ok {
		return Row{}, false
	}
	return s.Rows[i], true
}

func (s *State) find(id weir.BuilderID) (int, bool) {
	return slices.BinarySearchFunc(s.Rows, id, func(r Row, id weir.BuilderID) int { return cmp.Compare(r.Builder.ID, id) })
}

// Window keeps the newest builds. Make one with New. It is safe for concurrent use.
type Window struct {
	store Store
	now   func() time.Time
	// turn is held by the one who reads the store.
	turn  chan struct{}
	state atomic.Pointer[State]
}

// New makes a window that has read nothing yet.
func New(s Store) *Window { return &Window{store: s, now: time.Now, turn: make(chan struct{}, 1)} }

// State reads how all builders stand now: at least what was committed when it was
// called. As a rule that is one question for the events since the last time.
// Errors are those of the store, and the context's.
func (w *Window) State(ctx context.Context) (*State, error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	old := w.state.Load()
	s, err := w.follow(ctx, old)
	if err != nil {
		return nil, err
	}
	if s == nil {
		// Who asked first may have gone before it is read; those who wait need it all the same.
		loading, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTime)
		defer cancel()
		if s, err = w.load(loading); err != nil {
			return nil, err
		}
	}
	w.state.Store(s)
	return s, nil
}

// Last is what State returned last, without a look at the store; nil if nothing
// was read yet.
func (w *Window) Last() *State { return w.state.Load() }

// load reads everything.
func (w *Window) load(ctx context.Context) (*State, error) {
	read := w.now()
	seq, err := w.store.LastEvent(ctx) // before the rest: what comes meanwhile is read twice
	if err != nil {
		return nil, err
	}
	builders, err := w.builders(ctx)
	if err != nil {
		return nil, err
	}
	s := &State{Seq: seq, Rows: make([]Row, len(builders)), read: read, per: Per}
	if len(builders) > 0 {
		s.per = max(1, min(Per, maxBuilds/len(builders)))
	}
	builds, err := w.store.Lately(ctx, nil, s.per)
	if err != nil {
		return nil, err
	}
	for i, b := range builders {
		s.Rows[i].Builder = b
	}
	s.share(builds)
	return s, nil
}

// share gives each row its builds from a list by builder. Rows must be fresh.
func (s *State) share(builds []store.BoardBuild) {
	for len(builds) > 0 {
		n := 1
		for n < len(builds) && builds[n].Builder == builds[0].Builder {
			n++
		}
		if i, ok := s.find(builds[0].Builder); ok {
			s.Rows[i].Builds = builds[:n:n]
		}
		builds = builds[n:]
	}
}

// builders lists all builders, by id.
func (w *Window) builders(ctx context.Context) ([]weir.Builder, error) {
	var all []weir.Builder
	for after := weir.BuilderID(0); len(all) < maxBuilders; {
		page, err := w.store.Builders(ctx, after, buildersPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < buildersPage {
			break
		}
		after = page[len(page)-1].ID
	}
	return all[:min(len(all), maxBuilders)], nil
}
