package triage

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// shelf lists so many regressions, each tenth of which is bea's.
type shelf struct {
	Store
	many  weir.RegressionID
	reads int
}

func (s *shelf) Regressions(_ context.Context, f store.RegressionFilter) (list []weir.Regression, err error) {
	s.reads++
	for id := s.many; id > 0 && len(list) < f.Limit; id-- {
		r := weir.Regression{ID: id, State: weir.Dismissed, Blame: weir.BlameUpstream}
		if id%10 == 0 {
			r.Assigned.To, r.Blame = "bea", weir.BlameBoth
		}
		if f.Before == 0 || id < f.Before {
			list = append(list, r)
		}
	}
	return list, nil
}

// all reads a list part by part.
func all(t *testing.T, d *Desk, q Query) (ids []weir.RegressionID, parts int) {
	t.Helper()
	for {
		p, err := d.Episodes(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		parts++
		for _, r := range p.List {
			ids = append(ids, r.ID)
		}
		if p.Next == 0 {
			return ids, parts
		}
		if q.Before = p.Next; parts > 1000 {
			t.Fatal("the list does not end")
		}
	}
}

// TestEpisodesInParts: each regression is listed once, however many there are.
func TestEpisodesInParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		many  weir.RegressionID
		q     Query
		found int
		parts int
	}{
		{0, Query{}, 0, 1}, {100, Query{}, 100, 1}, {101, Query{}, 101, 2}, {1234, Query{Limit: 50}, 1234, 25},
		{1234, Query{Limit: 10_000}, 1234, 3}, {40, Query{Assignee: "bea"}, 4, 1}, {5000, Query{Assignee: "bea", Limit: 50}, 500, 10},
		{5000, Query{Blame: weir.BlameEnvironment}, 0, 5}, {30, Query{Blame: weir.BlameBoth}, 3, 1}, {30, Query{Limit: -1}, 30, 1},
	} {
		s := &shelf{many: c.many}
		ids, parts := all(t, New(Options{Store: s, Now: time.Now}), c.q)
		if len(ids) != c.found || !slices.IsSortedFunc(ids, func(a, b weir.RegressionID) int { return int(b - a) }) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("%d, %+v: %d found", c.many, c.q, len(ids))
		}
		if parts < c.parts || parts > c.parts+1 {
			t.Errorf("%d, %+v: %d parts after %d reads, want %d", c.many, c.q, parts, s.reads, c.parts)
		}
	}
}

func TestStatesOf(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]int{"": 3, "open": 3, "closed": 3, "all": 0, "located": 1, "merged": 1, "odd": 3} {
		if got := StatesOf(word); len(got) != want {
			t.Errorf("%q is %v", word, got)
		}
	}
}

// TestAssignRefused: what is no name is refused before anything is read.
func TestAssignRefused(t *testing.T) {
	t.Parallel()
	d := New(Options{Store: &shelf{}, Now: time.Now})
	for _, to := range []string{"a\nb", string(make([]byte, weir.MaxAssignee+1)), "\xff", "a\x1b[31m"} {
		if err := d.Assign(t.Context(), 1, to, weir.Word{By: "ann"}); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%q: %v", to, err)
		}
	}
	if err := d.Assign(t.Context(), 1, "bea", weir.Word{}); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("by nobody: %v", err)
	}
}
