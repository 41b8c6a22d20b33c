package beside

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// Move is a project's revision, and how it got there.
type Move struct {
	Project string      `json:"project"`
	Own     bool        `json:"own,omitempty"` // the build's own project
	Source  weir.Source `json:"source,omitzero"`
	From    string      `json:"from,omitempty"` // empty: it was not pinned before
	To      string      `json:"to,omitempty"`   // empty: it is not pinned any more
	// Revision is To with its author and message, Before is From; only their ids are
	// known of revisions that are on no branch that the farm follows.
	Revision weir.Revision `json:"revision"`
	Before   weir.Revision `json:"before,omitzero"`
	// Count is how many revisions there are behind From up to To; 0 if it did not
	// move, or they are not on one branch. Back says that To comes before From, and
	// then they are those that were taken back.
	Count int  `json:"count,omitempty"`
	Back  bool `json:"back,omitempty"`
	// Between are the newest of those, newest first, at most 20.
	Between []weir.Revision `json:"between,omitempty"`
}

// Moved reports whether the revision is another one.
func (m Move) Moved() bool { return m.From != "" && m.From != m.To }

// Limits.
const (
	maxProjects = 40 // pins that are looked up
	maxBetween  = 20 // revisions of one move
)

// Moves reads how pins differ: those of a build with this specification, against
// earlier ones. The own project comes first, then those that moved, then by name.
func (r *Reader) Moves(ctx context.Context, from, to weir.Pins, spec weir.Spec) ([]Move, error) {
	var out []Move
	for project, rev := range to {
		out = append(out, Move{Project: project, Own: project == spec.Project, From: from[project], To: rev})
	}
	for project, rev := range from {
		if _, ok := to[project]; !ok {
			out = append(out, Move{Project: project, From: rev})
		}
	}
	slices.SortFunc(out, func(a, b Move) int {
		return cmp.Or(first(a.Own)-first(b.Own), first(a.Moved())-first(b.Moved()), strings.Compare(a.Project, b.Project))
	})
	for i := range out {
		m := &out[i]
		m.Revision.ID, m.Before.ID = m.To, m.From
		if i >= maxProjects {
			continue
		}
		if err := r.describe(ctx, m, spec); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func first(yes bool) int {
	if yes {
		return 0
	}
	return 1
}

// describe finds where the project's revisions come from, and what is known of them.
func (r *Reader) describe(ctx context.Context, m *Move, spec weir.Spec) error {
	branches := []string{}
	if m.Own {
		m.Source = spec.Source
		branches = append(branches, spec.Branch)
	} else {
		newest, err := r.store.ListBuilds(ctx, store.BuildFilter{Project: m.Project, Limit: 1})
		if err != nil {
			return err
		}
		if len(newest) == 0 {
			return nil
		}
		theirs, err := r.store.BuildSpec(ctx, newest[0].ID)
		if err != nil && weir.CodeOf(err) != weir.NotFound {
			return err
		}
		m.Source = theirs.Source
	}
	branches = append(branches, m.Source.Branch)
	for _, branch := range slices.Compact(branches) {
		ok, err := r.between(ctx, m, branch)
		if ok || err != nil {
			return err
		}
	}
	return nil
}

// between reads the revisions of a move on a branch; ok is false if To is not on it.
func (r *Reader) between(ctx context.Context, m *Move, branch string) (ok bool, err error) {
	find := func(id string, into *weir.Revision) (bool, error) {
		if id == "" {
			return false, nil
		}
		rev, err := r.store.Revision(ctx, m.Project, branch, id)
		if weir.CodeOf(err) == weir.NotFound {
			return false, nil
		}
		if err == nil {
			*into = rev
		}
		return err == nil, err
	}
	if ok, err = find(m.To, &m.Revision); !ok || err != nil || !m.Moved() {
		return ok, err
	}
	known, err := find(m.From, &m.Before)
	if !known || err != nil {
		return true, err
	}
	low, high := m.Before.Position, m.Revision.Position
	if m.Back = low > high; m.Back {
		low, high = high, low
	}
	m.Count = int(high - low)
	revs, err := r.store.RevisionRange(ctx, m.Project, branch, max(low+1, high-maxBetween+1), high)
	slices.Reverse(revs)
	m.Between = revs
	return true, err
}
