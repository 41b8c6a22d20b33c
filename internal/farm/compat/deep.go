package compat

import (
	"context"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// deepFor is for how long older builds are remembered, and deepMost of how many
	// builders: whoever asks for one version after the other, of which there are
	// as many as one can type, reads the database once.
	deepFor  = time.Minute
	deepMost = 200
)

// deep remembers the older builds of builders. The zero value remembers nothing.
type deep struct {
	mu   sync.Mutex
	kept map[weir.BuilderID]deepRow
}

type deepRow struct {
	builds []store.BoardBuild // newest first
	at     time.Time
}

// of reads the builds of builders, those that are not remembered from the store. One
// reads at a time.
func (d *deep) of(ctx context.Context, s Store, ids []weir.BuilderID, now time.Time) (map[weir.BuilderID][]store.BoardBuild, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[weir.BuilderID][]store.BoardBuild, len(ids))
	var missing []weir.BuilderID
	for _, id := range ids {
		if row, ok := d.kept[id]; ok && !now.Before(row.at) && now.Sub(row.at) < deepFor {
			out[id] = row.builds
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	builds, err := s.Lately(ctx, missing, deepBuilds)
	if err != nil {
		return nil, err
	}
	for len(builds) > 0 {
		n := 1
		for n < len(builds) && builds[n].Builder == builds[0].Builder {
			n++
		}
		out[builds[0].Builder], builds = builds[:n:n], builds[n:]
	}
	if d.kept == nil || len(d.kept)+len(missing) > deepMost {
		d.kept = make(map[weir.BuilderID]deepRow, len(missing))
	}
	for _, id := range missing {
		d.kept[id] = deepRow{out[id], now}
	}
	return out, nil
}
