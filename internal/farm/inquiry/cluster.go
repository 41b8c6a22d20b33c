package inquiry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/route"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/kin"
	"github.com/weir-ci/weir/internal/store"
)

// One break of an upstream fails many projects at once. Those that fail alike,
// in the same range of a project, are searched one after the other: the first
// leads, the others follow and begin with its culprit, which takes them a few runs
// and no new product. That they fail alike is a hint and no proof, so each has to
// see the culprit bad and its parent good for itself; then they are merged.

const (
	// patience is how long a search waits for one that it follows, counted from
	// when that one took its last step. Its workers may be away.
	patience = 2 * time.Hour
	// longestChain is how often a regression may have been merged into another.
	longestChain = 10
)

// relatives is what one pass of Search knows of the regressions beside the one it
// looks at, and of the products that they share.
type relatives struct {
	searching []weir.Regression // newest first
	settled   []weir.Regression // open, and not searched any more
	read      bool              // whether settled was
	leaders   map[weir.RegressionID]weir.Regression
	said      map[weir.RegressionID]kin.Sayings
	products  map[weir.BuilderID]map[string]weir.Build // newest of each, by Pins.Key
}

// cluster finds whom each search follows, and leaves out those that have to
// wait. It returns those that may go on, newest first, and whether any changed.
func (q *Inquiry) cluster(ctx context.Context, searching []weir.Regression) (free []weir.Regression, changed bool, err error) {
	q.kin = relatives{searching: searching, leaders: map[weir.RegressionID]weir.Regression{}, said: map[weir.RegressionID]kin.Sayings{}}
	waits := map[weir.RegressionID]bool{}
	for _, r := range slices.Backward(searching) { // whom one follows is looked at before it
		leader, ok, err := q.leaderOf(ctx, r)
		if err != nil {
			return nil, changed, err
		}
		if !ok && r.Aim == weir.AimBreak && q.alone[r.ID] != r.Bad.Build {
			open, err := q.kin.others(ctx, q.store)
			if err != nil {
				return nil, changed, err
			}
			leader, ok = kin.Leader(r, open, q.kin.sayings)
			if !ok {
				q.alone[r.ID] = r.Bad.Build
			}
		}
		if !ok {
			free = append(free, r)
			continue
		}
		q.kin.leaders[r.ID] = leader
		if leader.ID != r.Follows {
			u := store.RegressionUpdate{Regression: r, Now: q.now()}
			u.Regression.Follows = leader.ID
			u.Regression.Note = fmt.Sprintf("fails like regression %d, and waits for it", leader.ID)
			if err := q.store.Advance(ctx, u); err != nil && weir.CodeOf(err) != weir.Conflict {
				return nil, changed, err
			}
			changed, waits[r.ID] = true, true // it is read again before it goes on
			continue
		}
		waits[r.ID] = leader.State == weir.Searching && (waits[leader.ID] || q.now().Sub(leader.Updated) < patience)
		if !waits[r.ID] {
			free = append(free, r)
		}
	}
	slices.Reverse(free)
	return free, changed, nil
}

// others lists all open regressions that broke something.
func (k *relatives) others(ctx context.Context, s store.Regressions) ([]weir.Regression, error) {
	if !k.read {
		var err error
		if k.settled, err = s.Regressions(ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Located, weir.Narrowed}, Limit: mostOpen}); err != nil {
			return nil, err
		}
		k.read = true
	}
	return slices.Concat(k.searching, k.settled), nil
}

// sayings are what victims of a regression say, read once a pass.
func (k *relatives) sayings(r weir.Regression) kin.Sayings {
	out, ok := k.said[r.ID]
	if !ok {
		out = kin.SayingsOf(r)
		k.said[r.ID] = out
	}
	return out
}

// leaderOf reads the regression that one follows, or what it was merged into.
func (q *Inquiry) leaderOf(ctx context.Context, r weir.Regression) (leader weir.Regression, ok bool, err error) {
	next := r.Follows
	for range longestChain {
		if next == 0 || next == r.ID {
			return leader, false, nil
		}
		if i := slices.IndexFunc(q.kin.searching, func(o weir.Regression) bool { return o.ID == next }); i >= 0 {
			return q.kin.searching[i], true, nil
		}
		leader, err = q.store.Regression(ctx, next)
		if weir.CodeOf(err) == weir.NotFound {
			return leader, false, nil
		}
		if err != nil || leader.State != weir.Merged {
			// Its victims may have parted ways.
			ok = err == nil && (leader.Culprit.Project != "" || leader.State == weir.Narrowed) && q.kin.sayings(leader).Meet(q.kin.sayings(r))
			return leader, ok, err
		}
		next = leader.MergedInto
	}
	return leader, false, nil
}

// suspicion weighs the steps of a search before anything has run, nil if all
// are alike, and lists those that the leader's culprit may be.
func (q *Inquiry) suspicion(ctx context.Context, r weir.Regression, way route.Route) (all []float64, lead []int, err error) {
	if r.Aim != weir.AimBreak && r.Aim != weir.AimAsked {
		return nil, nil, nil
	}
	steps := kin.NewWay(way.Len(), way.Step)
	var others []int
	if l, ok := q.kin.leaders[r.ID]; ok {
		switch {
		case l.Culprit.Project != "":
			lead = steps.Step(l.Culprit)
		case l.State == weir.Narrowed:
			theirs, err := route.Of(ctx, q.store, l)
			if err != nil && !trail.Unreadable(err) {
				return nil, nil, err
			}
			for i := max(l.Suspects.First, 1); i <= min(l.Suspects.Last, theirs.Len()) && err == nil; i++ {
				project, rev := theirs.Step(i)
				lead = append(lead, steps.Step(weir.Culprit{Project: project, Revision: rev})...)
			}
		}
	}
	open, err := q.kin.others(ctx, q.store)
	for _, o := range open {
		if o.ID != r.ID && o.Culprit.Project != "" {
			others = append(others, steps.Step(o.Culprit)...)
		}
	}
	return steps.Weights(lead, others), lead, err
}

// unfollow ends following for what is concluded, unless it came to the same culprit.
func (q *Inquiry) unfollow(of weir.RegressionID, u *store.RegressionUpdate) {
	l := q.kin.leaders[of].Culprit
	end := func(r *weir.Regression) {
		if l.Project == "" || l.Project != r.Culprit.Project || l.Revision.ID != r.Culprit.Revision.ID {
			r.Follows = 0
		}
	}
	end(&u.Regression)
	for i := range u.Split {
		end(&u.Split[i])
	}
}
