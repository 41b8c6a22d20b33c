package triage

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Query narrows a list of regressions. Searches are none.
type Query struct {
	States   []weir.RegressionState // empty: all
	Project  string                 // with a test of it, or a culprit in it; empty: any
	Blame    weir.Blame             // empty: any
	Assignee string                 // assigned to this person, or in this person's hand; empty: any
	Before   weir.RegressionID      // ids below this one; 0: all
	Limit    int                    // 0: 100; at most MaxEpisodes
}

// Page is a part of a list of regressions, newest first.
type Page struct {
	List []weir.Regression
	// Next is the Before of the next part; 0: there is none. A part may be short,
	// even empty, and have a next one: only so many are looked through at once.
	Next weir.RegressionID
}

// Limits of one list.
const (
	MaxEpisodes     = 500
	defaultEpisodes = 100
	// lookedAt is how many regressions are looked through for one page.
	lookedAt = 1000
)

// OpenStates are the states of regressions about which somebody has to do something,
// ClosedStates the others.
func OpenStates() []weir.RegressionState {
	return slices.DeleteFunc(weir.RegressionStates(), func(s weir.RegressionState) bool { return !s.Open() })
}

// ClosedStates are the states of regressions that are over.
func ClosedStates() []weir.RegressionState {
	return slices.DeleteFunc(weir.RegressionStates(), weir.RegressionState.Open)
}

// StatesOf are the states that a word stands for: open, closed or all, or one of
// them; those that are open for any other word.
func StatesOf(word string) []weir.RegressionState {
	switch s := weir.RegressionState(word); {
	case word == "all":
		return nil
	case word == "closed":
		return ClosedStates()
	case slices.Contains(weir.RegressionStates(), s):
		return []weir.RegressionState{s}
	}
	return OpenStates()
}

// Episodes lists regressions, newest first.
func (d *Desk) Episodes(ctx context.Context, q Query) (Page, error) {
	limit := min(max(q.Limit, 0), MaxEpisodes)
	if limit == 0 {
		limit = defaultEpisodes
	}
	var p Page
	ask := store.RegressionFilter{States: q.States, Project: q.Project, Before: q.Before, Limit: limit + 1}
	for seen := 0; seen < lookedAt; {
		list, err := d.store.Regressions(ctx, ask)
		if err != nil {
			return Page{}, err
		}
		for _, r := range list {
			if len(p.List) == limit {
				p.Next = p.List[limit-1].ID
				return p, nil
			}
			if q.holds(r, d) {
				p.List = append(p.List, r)
			}
			ask.Before = r.ID
		}
		if len(list) < ask.Limit {
			return p, nil
		}
		seen += len(list)
	}
	p.Next = ask.Before
	return p, nil
}

// holds reports whether a regression is one of those that are meant.
func (q Query) holds(r weir.Regression, d *Desk) bool {
	if q.Blame != weir.BlameNone && r.Blame != q.Blame {
		return false
	}
	return q.Assignee == "" || r.Assigned.To == q.Assignee || r.State.Open() && r.Acknowledged.By == q.Assignee && r.Acknowledged.In(d.now())
}
