package recent

import (
	"context"
	"slices"
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// How many regressions are kept, and how many events may lie behind before all are
// read again without looking at the events.
const (
	openEpisodes   = 200
	closedEpisodes = 200
	episodeEvents  = 1000
)

// EpisodeStore is what is read.
type EpisodeStore interface {
	Regressions(ctx context.Context, f store.RegressionFilter) ([]weir.Regression, error)
	CountRegressions(ctx context.Context, f store.RegressionFilter) (store.RegressionCount, error)
	EventsAfter(ctx context.Context, seq int64, limit int) ([]weir.Event, error)
	LastEvent(ctx context.Context) (int64, error)
}

// Cases are the regressions at one moment. They must not be changed: whoever asks
// gets the same until one of them changes.
type Cases struct {
	Open   []weir.Regression // newest first, at most openEpisodes
	Closed []weir.Regression // fixed or dismissed, newest first, at most closedEpisodes
	// All counts the open ones, those that Open leaves out too.
	All store.RegressionCount
}

// Episodes keeps the open regressions, and those that were closed lately, until an
// event says that one has changed: many pages show them, and a regression has
// thousands of victims. Make one with NewEpisodes.
type Episodes struct {
	store EpisodeStore
	mu    sync.Mutex
	cases *Cases // nil: nothing has been read
	seq   int64  // of the newest event that they know
}

// NewEpisodes makes an Episodes that has read nothing yet.
func NewEpisodes(s EpisodeStore) *Episodes { return &Episodes{store: s} }

// Cases reads how the regressions stand now: at least what was committed when it
// was called.
func (e *Episodes) Cases(ctx context.Context) (*Cases, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last, err := e.store.LastEvent(ctx)
	if err != nil {
		return nil, err
	}
	if e.cases != nil {
		changed, err := e.changed(ctx, last)
		if err != nil {
			return nil, err
		}
		if !changed {
			e.seq = last
			return e.cases, nil
		}
	}
	c := new(Cases)
	open := store.RegressionFilter{Limit: openEpisodes, States: []weir.RegressionState{weir.Searching, weir.Located, weir.Narrowed}}
	if c.Open, err = e.store.Regressions(ctx, open); err != nil {
		return nil, err
	}
	if c.All, err = e.store.CountRegressions(ctx, open); err != nil {
		return nil, err
	}
	if c.Closed, err = e.store.Regressions(ctx, store.RegressionFilter{Limit: closedEpisodes,
		States: []weir.RegressionState{weir.Recovered, weir.Dismissed}}); err != nil {
		return nil, err
	}
	e.cases, e.seq = c, last
	return c, nil
}

// changed reports whether a regression, or the name of something in one, may have
// changed up to an event.
func (e *Episodes) changed(ctx context.Context, last int64) (bool, error) {
	if e.seq == last {
		return false, nil
	}
	if last < e.seq || last-e.seq > episodeEvents {
		return true, nil
	}
	events, err := e.store.EventsAfter(ctx, e.seq, episodeEvents)
	return slices.ContainsFunc(events, func(ev weir.Event) bool {
		return ev.Kind == weir.EventRegression || ev.Kind == weir.EventConfig
	}), err
}
