package flaky

import (
	"context"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// settledFor is for how long it is remembered where the settled builds of a
	// builder ran: one more among a hundred changes no hint.
	settledFor = time.Minute
	// settledMost is of how many builders it is remembered.
	settledMost = 2000
)

// settled remembers where the newest settled builds of builders ran. The zero value
// remembers nothing.
type settled struct {
	mu   sync.Mutex
	runs map[weir.BuilderID]settledRuns
}

type settledRuns struct {
	runs []store.SettledRun
	at   time.Time
}

// of reads them for some builders, those that are not remembered from the store.
func (s *settled) of(ctx context.Context, db store.Flakes, builders []weir.BuilderID, now time.Time) (map[weir.BuilderID][]store.SettledRun, error) {
	out := make(map[weir.BuilderID][]store.SettledRun, len(builders))
	var missing []weir.BuilderID
	s.mu.Lock()
	for _, id := range builders {
		if r, ok := s.runs[id]; ok && !now.Before(r.at) && now.Sub(r.at) < settledFor {
			out[id] = r.runs
		} else {
			missing = append(missing, id)
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return out, nil
	}
	runs, err := db.SettledRuns(ctx, missing, compared)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		out[r.Builder] = append(out[r.Builder], r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil || len(s.runs)+len(missing) > settledMost {
		s.runs = make(map[weir.BuilderID]settledRuns, len(missing))
	}
	for _, id := range missing[:min(len(missing), settledMost)] {
		s.runs[id] = settledRuns{out[id], now}
	}
	return out, nil
}
