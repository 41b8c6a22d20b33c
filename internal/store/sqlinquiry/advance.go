package sqlinquiry

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlstore"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Advance changes an open regression and what hangs on it in one step.
func (s Conclusions) Advance(ctx context.Context, u store.RegressionUpdate) error {
	now := sqltx.TimeOf(sqltx.Micros(u.Now))
	if u.MergeInto != 0 {
		if u.MergeInto == u.Regression.ID {
			return weir.Errorf(weir.Invalid, "regression %d cannot be merged into itself", u.MergeInto)
		}
		u.Regression.State = weir.Merged
	} else if u.Regression.State == weir.Merged {
		return weir.Errorf(weir.Invalid, "regression %d is to be merged, but not into which other", u.Regression.ID)
	}
	rest := store.Settlement{States: u.States}
	if err := cleanStates(&rest); err != nil {
		return err
	}
	flakes, err := cleanRuns(u.Flakes)
	if err != nil {
		return err
	}
	return s.write(ctx, "advance a search", now, func(t *tx) error {
		old, into, err := t.lockForAdvance(u)
		if err != nil {
			return err
		}
		probes, err := t.observations(old.ID)
		if err != nil {
			return err
		}
		next := old
		next.State, next.Suspects, next.Culprit, next.Note = u.Regression.State, u.Regression.Suspects, u.Regression.Culprit, u.Regression.Note
		next.Blame, next.Corners, next.Checks = u.Regression.Blame, u.Regression.Corners, u.Regression.Checks
		next.Follows, next.Confirmed, next.Belief = u.Regression.Follows, u.Regression.Confirmed, u.Regression.Belief
		next.Victims = uniqueVictims(u.Regression.Victims)
		next.Updated = laterThan(old.Updated, now)
		if !next.State.Open() {
			next.Closed = now
		}
		if u.MergeInto != 0 {
			if err := t.mergeVictims(into, next.Victims, now); err != nil {
				return err
			}
			next.MergedInto, next.Victims = into.ID, nil
		}
		if err := t.saveRegression(next); err != nil {
			return err
		}
		if err := t.logAdvance(old, next, into, u, now); err != nil {
			return err
		}
		if err := t.replaceVictims(old, next.Victims, probes); err != nil {
			return err
		}
		if err := t.split(old, u.Split, probes, now); err != nil {
			return err
		}
		if err := t.saveStates(old.Builder.ID, rest); err != nil {
			return err
		}
		if err := t.saveFlakeRuns(old.Builder.ID, flakes); err != nil {
			return err
		}
		for _, run := range u.Probes {
			if run.Regression == 0 {
				run.Regression = old.ID
			}
			if _, _, err := sqlstore.CreateRun(t.Tx, run); err != nil {
				return err
			}
		}
		return nil
	})
}

// Relabel records another side of a regression, open or closed.
func (s Conclusions) Relabel(ctx context.Context, r weir.Regression, grounds []weir.BuildID, now time.Time) error {
	now = sqltx.TimeOf(sqltx.Micros(now))
	return s.write(ctx, "record who is to blame", now, func(t *tx) error {
		old, err := t.lockRegression(r.ID)
		if err != nil {
			return err
		}
		if sqltx.Micros(old.Updated) != sqltx.Micros(r.Updated) {
			return weir.Errorf(weir.Conflict, "regression %d was changed since it was read", old.ID).WithHint("read it again")
		}
		old.Blame, old.Corners, old.Note, old.Updated = r.Blame, r.Corners, r.Note, laterThan(old.Updated, now)
		old.Culprit, old.Checks, old.FixedBy = r.Culprit, r.Checks, r.FixedBy
		if err := t.saveRegression(old); err != nil {
			return err
		}
		return t.log(old.ID, weir.Transition{At: now, Kind: weir.WasJudged, To: old.State, Builds: grounds, Note: old.Note})
	})
}

// lockForAdvance locks what an update is about, and checks that it may be made.
func (t *tx) lockForAdvance(u store.RegressionUpdate) (old, into weir.Regression, err error) {
	ids := []weir.RegressionID{u.Regression.ID}
	if u.MergeInto != 0 {
		ids = append(ids, u.MergeInto)
	}
	locked, err := t.lockRegressions(ids)
	if err != nil {
		return old, into, err
	}
	old, ok := locked[u.Regression.ID]
	if !ok {
		return old, into, noRegression(u.Regression.ID)
	}
	if sqltx.Micros(old.Updated) != sqltx.Micros(u.Regression.Updated) {
		return old, into, weir.Errorf(weir.Conflict, "regression %d was changed since it was read", old.ID).WithHint("read it again")
	}
	if next := u.Regression.State; !old.State.Open() || next != old.State && !old.State.CanBecome(next) {
		return old, into, weir.Errorf(weir.Conflict, "regression %d is %s and cannot become %.40q", old.ID, old.State, string(next))
	}
	if u.MergeInto != 0 {
		if into, ok = locked[u.MergeInto]; !ok {
			return old, into, noRegression(u.MergeInto)
		}
		if !into.State.Open() {
			return old, into, weir.Errorf(weir.Conflict, "regression %d is %s and takes no more tests", into.ID, into.State)
		}
	}
	return old, into, nil
}

// mergeVictims hands victims to another regression, behind its own. One that both
// have, and that is good again in one of them only, is bad.
func (t *tx) mergeVictims(into weir.Regression, victims []weir.Victim, now time.Time) error {
	probes, err := t.observations(into.ID)
	if err != nil {
		return err
	}
	open := map[store.VictimKey]weir.Victim{}
	for _, v := range victims {
		if v.FixedIn == 0 {
			open[keyOf(v)] = v
		}
	}
	own := slices.Clone(into.Victims)
	for i, v := range own {
		if again, ok := open[keyOf(v)]; ok && v.FixedIn != 0 {
			own[i] = again
		}
	}
	all := uniqueVictims(slices.Concat(own, victims))
	into.Updated = laterThan(into.Updated, now)
	if err := t.saveRegression(into); err != nil {
		return err
	}
	return t.replaceVictims(into, all, probes)
}

// replaceVictims writes the victims of a regression and brings the
// observations of its probes into their order.
func (t *tx) replaceVictims(old weir.Regression, victims []weir.Victim, probes []weir.Probe) error {
	if err := t.saveVictims(old.ID, victims); err != nil {
		return err
	}
	if slices.EqualFunc(old.Victims, victims, func(a, b weir.Victim) bool { return keyOf(a) == keyOf(b) }) {
		return nil
	}
	for _, p := range probes {
		if err := t.saveProbe(old.ID, restrict(p, old.Victims, victims)); err != nil {
			return err
		}
	}
	return nil
}

// split opens regressions from victims that went elsewhere, each with what was
// observed of its victims.
func (t *tx) split(old weir.Regression, parts []weir.Regression, probes []weir.Probe, now time.Time) error {
	for _, part := range parts {
		part.Victims = uniqueVictims(part.Victims)
		id, err := t.openRegression(part, now)
		if err != nil {
			return err
		}
		for _, p := range probes {
			if err := t.saveProbe(id, restrict(p, old.Victims, part.Victims)); err != nil {
				return err
			}
		}
	}
	return nil
}

// restrict translates what a probe said about some victims to others: what it
// did not speak of is none.
func restrict(p weir.Probe, from, to []weir.Victim) weir.Probe {
	if len(p.Victims) == 0 || len(to) == 0 {
		p.Victims = nil
		return p
	}
	said := make(map[store.VictimKey]weir.Observed, len(from))
	for i, v := range from {
		if i < len(p.Victims) {
			said[keyOf(v)] = p.Victims[i]
		}
	}
	p.Victims = make([]weir.Observed, len(to))
	for i, v := range to {
		if p.Victims[i] = said[keyOf(v)]; p.Victims[i] == "" {
			p.Victims[i] = weir.ObservedNone
		}
	}
	return countObserved(p)
}

// countObserved sums up what a probe said, if it said something.
func countObserved(p weir.Probe) weir.Probe {
	if len(p.Victims) == 0 {
		return p
	}
	p.Good, p.Bad, p.None = 0, 0, 0
	for _, o := range p.Victims {
		switch o {
		case weir.ObservedGood:
			p.Good++
		case weir.ObservedBad:
			p.Bad++
		default:
			p.None++
		}
	}
	return p
}
