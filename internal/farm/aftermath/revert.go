package aftermath

import (
	"context"
	"maps"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

// A culprit is named when it is bad and what is in front of it is good. Whether
// the tests are good again where they were found bad, with nothing but the culprit
// taken out, is asked behind that: nobody has to wait for it, and where it holds
// there is no better evidence. It says nothing where the revert does not apply.

const (
	// mostReverted is how many culprits are reverted in one look.
	mostReverted = 50
	// revertedAmong is among how many of a builder's newest builds the reverted ones are.
	revertedAmong = 200
	// lostReverts is how many of those may come to nothing.
	lostReverts = 3
	// badReverts is how many bad runs say that a revert does not help.
	badReverts = 2
)

// unmake reverts the culprits of located regressions, once each. It returns
// whether anything changed.
func (a *Aftermath) unmake(ctx context.Context, open []weir.Regression) (changed bool) {
	looked := 0
	for _, r := range open {
		if r.State != weir.Located || r.Checks.Reverted.Said != "" || a.reverted[r.ID].Equal(r.Updated) {
			continue
		}
		if looked++; looked > mostReverted {
			break
		}
		moved, wait, err := a.unmakeOne(ctx, r)
		switch {
		case weir.CodeOf(err) == weir.Conflict:
		case err != nil:
			a.Log.Error("a culprit cannot be reverted", "regression", r.ID, "err", err)
		case !wait:
			a.reverted[r.ID] = r.Updated
		}
		changed = changed || moved
	}
	return changed
}

// unmakeOne takes the next step for one regression. It waits while builds are on
// their way.
func (a *Aftermath) unmakeOne(ctx context.Context, r weir.Regression) (moved, wait bool, err error) {
	project := r.Culprit.Project
	head, culprit := r.Bad.Pins[project], r.Culprit.Revision.ID
	if !a.Trail.Config().Reverts(r.Builder.ID, project) || head == "" || culprit == "" || head == culprit {
		return false, false, nil // without the newest revision it is the one in front of it
	}
	pins := maps.Clone(r.Bad.Pins)
	pins[project] = weir.Without(head, culprit)
	builds, err := a.Store.ListBuilds(ctx, store.BuildFilter{Builder: r.Builder.ID, Limit: revertedAmong})
	if err != nil {
		return false, false, err
	}
	builds = slices.DeleteFunc(builds, func(b weir.Build) bool { return !maps.Equal(b.Pins, pins) })
	var cells []blame.Cell
	mine := slices.DeleteFunc(slices.Clone(r.Victims), func(v weir.Victim) bool { return v.Builder.ID != r.Builder.ID })
	asked := trail.OnThePath(mine)
	cells = make([]blame.Cell, len(mine))
	lost := 0
	for _, b := range builds {
		switch {
		case !b.State.Final():
			return false, true, nil
		case !b.Outcome.SaysSomething():
			lost++
			continue
		}
		set, err := a.Trail.ResultsOf(ctx, b)
		if err != nil && !trail.Unreadable(err) {
			return false, false, err
		}
		for i, o := range verdict.ObserveAll(asked, b, set) {
			switch {
			case err != nil || o == weir.ObservedNone:
				cells[i].None++
			case o == weir.ObservedGood:
				cells[i].Good++
			default:
				cells[i].Bad++
			}
		}
	}
	said := reversal(cells)
	switch {
	case lost >= lostReverts || len(mine) == 0:
		return false, false, nil
	case said == "":
		return a.askReverted(ctx, r, pins, builds)
	}
	r.Checks.Reverted = weir.Reversal{Build: builds[0].ID, Said: said}
	switch said {
	case weir.ObservedGood:
		r.Note += "; with it reverted they are good again"
	case weir.ObservedBad:
		r.Checks.Reverted.Note = "something else is bad too, or what came later depends on it"
	default:
		r.Checks.Reverted.Note = "its revert does not apply, or does not build"
	}
	return true, false, a.Store.Relabel(ctx, r, []weir.BuildID{builds[0].ID}, a.Now())
}

// reversal sums up what is known of victims with the culprit reverted; empty while
// it is not sure. A pass needs no repeat, a failure might be a flake.
func reversal(cells []blame.Cell) weir.Observed {
	var said []weir.Observed
	for _, c := range cells {
		switch {
		case c.Good > 0:
			said = append(said, weir.ObservedGood)
		case c.Bad >= badReverts:
			said = append(said, weir.ObservedBad)
		case c.Bad == 0 && c.None > 0, c.None >= badReverts:
			said = append(said, weir.ObservedNone)
		default:
			return ""
		}
	}
	return blame.Join(said...)
}

// askReverted asks first a machine that saw both sides of the culprit, and then
// another one: what is wrong with one alone does not say that a revert is no help.
func (a *Aftermath) askReverted(ctx context.Context, r weir.Regression, at weir.Pins, before []weir.Build) (moved, wait bool, err error) {
	run, err := a.Trail.Config().Add(store.NewRun{Cause: weir.CauseProbe, Project: r.Builder.Project, Regression: r.ID, Now: a.Now(),
		Reason: "is it good again with " + r.Culprit.Project + " " + r.Culprit.Revision.Short() + " reverted?"},
		r.Builder.ID, []weir.Pins{at}, schedule.PriorityChange, func(n *store.NewBuild) {
			n.Share = store.ShareNone
			switch {
			case len(before) > 0:
				n.Avoid = before[0].Worker
			case len(r.Checks.Workers) > 0:
				n.Prefer = r.Checks.Workers[0]
			}
		})
	if code := weir.CodeOf(err); code == weir.NotFound || code == weir.Invalid {
		return false, a.Trail.Config().Empty(), nil // nobody can be asked any more
	}
	if err != nil {
		return false, false, err
	}
	_, _, err = a.Store.CreateRun(ctx, run)
	return true, true, err
}
