package flaky

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// runs is a store that notes which builders it is asked for.
type runs struct {
	store.Flakes
	asked [][]weir.BuilderID
}

func (r *runs) SettledRuns(_ context.Context, builders []weir.BuilderID, _ int) (list []store.SettledRun, err error) {
	r.asked = append(r.asked, builders)
	for _, b := range builders {
		list = append(list, store.SettledRun{Builder: b}, store.SettledRun{Builder: b})
	}
	return list, nil
}

func TestSettledRunsAreRemembered(t *testing.T) {
	t.Parallel()
	var s settled
	db := &runs{}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at    time.Duration
		ask   []weir.BuilderID
		reads []weir.BuilderID // nil: nothing is read
	}{
		{0, []weir.BuilderID{1, 2}, []weir.BuilderID{1, 2}},
		{time.Second, []weir.BuilderID{1, 2}, nil},
		{time.Second, []weir.BuilderID{2, 3}, []weir.BuilderID{3}},
		{settledFor, []weir.BuilderID{1, 2, 3}, []weir.BuilderID{1, 2}},
		{-time.Hour, []weir.BuilderID{3}, []weir.BuilderID{3}}, // a clock that was set back
	} {
		db.asked = nil
		got, err := s.of(t.Context(), db, c.ask, now.Add(c.at))
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range c.ask {
			if len(got[id]) != 2 {
				t.Errorf("at %s builder %d has %d runs", c.at, id, len(got[id]))
			}
		}
		if read := slices.Concat(db.asked...); !slices.Equal(read, c.reads) {
			t.Errorf("at %s builders %d are read, want %d", c.at, read, c.reads)
		}
	}
}
