package judgement

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

// confirm notes which regressions a retry has confirmed: those of which it
// was bad as well.
func confirm(accused []weir.Regression, second weir.ResultSet, again weir.Build) {
	for i := range accused {
		if accused[i].Confirmed == 0 && slices.Contains(verdict.ObserveAll(accused[i].Victims, again, second), weir.ObservedBad) {
			accused[i].Confirmed = again.ID
		}
	}
}

const (
	// Tests that are bad again within either of these since they were mended are
	// the old trouble come back; later it is more likely another one.
	againWithin = 90 * 24 * time.Hour
	againBuilds = 500 // settled ones of the builder
	// mostFixed is how many mended regressions of a builder are looked at.
	mostFixed = 200
)

// again tells regressions that were mended and are bad again in the same way
// from new ones, for the accused ones of a build.
func (q *Bench) again(ctx context.Context, b weir.Build, accused []weir.Regression) (open, reopen []weir.Regression, err error) {
	if len(accused) == 0 {
		return nil, nil, nil
	}
	fixed, err := q.store.Regressions(ctx, store.RegressionFilter{Builder: b.Builder.ID, States: []weir.RegressionState{weir.Recovered}, Limit: mostFixed})
	if err != nil {
		return nil, nil, err
	}
	for _, r := range accused {
		old, err := q.formerly(ctx, b, r, fixed)
		if err != nil {
			return nil, nil, err
		}
		if old == nil {
			open = append(open, r)
			continue
		}
		r.ID = old.ID
		r.Note = fmt.Sprintf("bad again since build %d; it was good since build %d", b.ID, mendedIn(*old))
		if by := old.FixedBy; by.Project != "" {
			r.Note += fmt.Sprintf(", because of %s %s", by.Project, by.Revision.Short())
		}
		reopen = append(reopen, r)
		fixed = slices.DeleteFunc(fixed, func(f weir.Regression) bool { return f.ID == old.ID })
	}
	return open, reopen, nil
}

// formerly finds the newest mended regression that had all tests of an accused
// one, bad in the same way; nil if there is none.
func (q *Bench) formerly(ctx context.Context, b weir.Build, r weir.Regression, fixed []weir.Regression) (*weir.Regression, error) {
	for i, old := range fixed {
		if old.Builder.ID != r.Builder.ID || !sameAgain(old.Victims, r.Victims) {
			continue
		}
		recent := q.now().Sub(old.Closed) <= againWithin
		if !recent { // or few builds ago
			since, seen := mendedIn(old), 0
			if err := q.trail.Back(ctx, b, func(g weir.Build) (bool, error) {
				seen++
				recent = g.ID <= since
				return !recent && seen < againBuilds, nil
			}); err != nil {
				return nil, err
			}
		}
		if recent {
			return &fixed[i], nil
		}
	}
	return nil, nil
}

// sameAgain reports whether each of now was among the old ones and is bad in the
// same way, as far as is known what it said.
func sameAgain(old, now []weir.Victim) bool {
	told := func(s string) bool { return s != "" && s != weir.AnySignature }
	return !slices.ContainsFunc(now, func(n weir.Victim) bool {
		return !slices.ContainsFunc(old, func(o weir.Victim) bool {
			return o.Builder.ID == n.Builder.ID && o.Test == n.Test && o.Verdict == n.Verdict &&
				(o.Signature == n.Signature || !told(o.Signature) || !told(n.Signature))
		})
	})
}

// mendedIn is the build since which all tests of a regression on its own builder
// are good; if it has none left there, on any.
func mendedIn(r weir.Regression) weir.BuildID {
	var own, all weir.BuildID
	for _, v := range r.Victims {
		all = max(all, v.FixedIn)
		if v.Builder.ID == r.Builder.ID {
			own = max(own, v.FixedIn)
		}
	}
	if own != 0 {
		return own
	}
	return all
}
