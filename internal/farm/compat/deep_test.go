package compat

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// deepStore has two builds of each builder, and notes what it is asked for.
type deepStore struct {
	Store
	asked []weir.BuilderID
}

func (s *deepStore) Lately(_ context.Context, ids []weir.BuilderID, _ int) (list []store.BoardBuild, err error) {
	s.asked = append(s.asked, ids...)
	for _, id := range ids {
		if id == 3 { // has none
			continue
		}
		list = append(list, store.BoardBuild{ID: weir.BuildID(id) * 10, Builder: id}, store.BoardBuild{ID: weir.BuildID(id)*10 - 1, Builder: id})
	}
	return list, nil
}

func TestOlderBuildsAreReadOnce(t *testing.T) {
	t.Parallel()
	s, d := &deepStore{}, deep{}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at   time.Duration
		ids  []weir.BuilderID
		read []weir.BuilderID
	}{
		{0, []weir.BuilderID{1, 2, 3}, []weir.BuilderID{1, 2, 3}},
		{time.Second, []weir.BuilderID{1, 3}, nil},
		{2 * time.Second, []weir.BuilderID{2, 4}, []weir.BuilderID{4}},
		{deepFor, []weir.BuilderID{1, 4}, []weir.BuilderID{1}},
	} {
		s.asked = nil
		got, err := d.of(t.Context(), s, c.ids, now.Add(c.at))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.asked, c.read) {
			t.Errorf("at %s builders %d are read, want %d", c.at, s.asked, c.read)
		}
		for _, id := range c.ids {
			if want := map[bool]int{true: 0, false: 2}[id == 3]; len(got[id]) != want || want > 0 && got[id][0].ID != weir.BuildID(id)*10 {
				t.Errorf("at %s builder %d has %+v", c.at, id, got[id])
			}
		}
	}
	many := make([]weir.BuilderID, deepMost)
	for i := range many {
		many[i] = weir.BuilderID(i + 100)
	}
	if _, err := d.of(t.Context(), s, many, now); err != nil || len(d.kept) > deepMost {
		t.Errorf("%d builders are remembered, %v", len(d.kept), err)
	}
}
