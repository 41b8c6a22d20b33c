package servertest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/upkeep"
	"github.com/weir-ci/weir/internal/farm/views"
)

// Acts is a record of acts in memory.
type Acts struct {
	mu   sync.Mutex
	list []audit.Act
}

// RecordAct keeps an act.
func (a *Acts) RecordAct(_ context.Context, act audit.Act) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	act.ID = int64(len(a.list) + 1)
	a.list = append(a.list, act)
	return nil
}

// Acts lists what was kept, newest first.
func (a *Acts) Acts(_ context.Context, f audit.Filter) ([]audit.Act, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []audit.Act
	for _, act := range slices.Backward(a.list) {
		if (f.Who == "" || f.Who == act.Who) && (f.On == "" || f.On == act.On) && (f.Verb == "" || f.Verb == act.Verb) &&
			(f.Before == 0 || act.ID < f.Before) && (f.Limit == 0 || len(out) < f.Limit) {
			out = append(out, act)
		}
	}
	return out, nil
}

// PruneActs forgets nothing.
func (a *Acts) PruneActs(context.Context, time.Time, int) (int, error) { return 0, nil }

// Views are read models that know the farm's configuration, its tokens, the acts,
// and what is in State, and nothing else.
func (f *Farm) Views(acts *Acts) *views.Views {
	recorder := audit.New(audit.Options{Store: acts, Now: f.clock})
	return f.timed(f.compare(f.stand(&views.Views{Audit: recorder, Upkeep: upkeep.New(upkeep.Options{Store: kept{f}, Audit: recorder, Setup: f.Setup, Version: "1.2.3", Now: f.clock})})))
}

func (f *Farm) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Now
}

// kept is what package upkeep reads.
type kept struct{ f *Farm }

func (k kept) Configs(context.Context, int) ([]upkeep.Version, error) {
	now := k.f.clock()
	return []upkeep.Version{{Version: "0123456789ab", Since: now.Add(-time.Hour), By: "otter"}, {Version: "ba9876543210", Since: now.Add(-48 * time.Hour), By: "start"}}, nil
}

func (k kept) Sizes(context.Context) (upkeep.Sizes, error) {
	return upkeep.Sizes{Bytes: 123 << 20, Rows: map[string]int64{"builds": 120_000, "steps": 480_000, "test_states": 2_000_000, "events": 5000}}, nil
}

func (k kept) Tokens(ctx context.Context) ([]access.Token, error) { return k.f.Tokens(ctx) }
