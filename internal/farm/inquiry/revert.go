package inquiry

import (
	"context"
	"maps"
	"slices"
	"time"

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
	// revertedEvery is how often located regressions are looked at.
	revertedEvery = 30 * time.Second
	// mostReverted is how many of the newest are.
	mostReverted = 50
	// badReverts is how many bad runs say that a revert does not help.
	badReverts = 2
)

// unmake reverts the culprits of located regressions, once each. It returns
// whether anything changed.
func (q *Inquiry) unmake(ctx context.Context) (bool, error) {
	if q.now().Sub(q.unmade) < revertedEvery {
		return false, nil
	}
	q.unmade = q.now()
	located, err := q.store.Regressions(ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Located}, Limit: mostReverted})
	changed := false
	for _, r := range located {
		if r.Checks.Reverted.Said != "" || q.reverted[r.ID] == r.Updated {
			continue
		}
		moved, wait, err := q.unmakeOne(ctx, r)
		switch {
		case weir.CodeOf(err) == weir.Conflict:
		case err != nil:
			q.log.Error("a culprit cannot be reverted", "regression", r.ID, "err", err)
		case !wait:
			q.reverted[r.ID] = r.Updated
		}
		changed = changed || moved
	}
	return changed, err
}

// unmakeOne takes the next step for one regression. It waits while builds are on
// their way.
func (q *Inquiry) unmakeOne(ctx context.Context, r weir.Regression) (moved, wait bool, err error) {
	project := r.Culprit.Project
	head, culprit := r.Bad.Pins[project], r.Culprit.Revision.ID
	if !q.config().Reverts(r.Builder.ID, project) || head == "" || culprit == "" || head == culprit {
		return false, false, nil // without the newest revision it is the one in front of it
	}
	pins := maps.Clone(r.Bad.Pins)
	pins[project] = weir.Without(head, culprit)
	builds, err := q.store.ListBuilds(ctx, store.BuildFilter{Builder: r.Builder.ID, Limit: lostAmong})
	if err != nil {
		return false, false, err
	}
	builds = slices.DeleteFunc(builds, func(b weir.Build) bool { return !maps.Equal(b.Pins, pins) })
	var cells []blame.Cell
	mine := slices.DeleteFunc(slices.Clone(r.Victims), func(v weir.Victim) bool { return v.Builder.ID != r.Builder.ID })
	asked := onThePath(mine)
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
		set, err := q.trail.ResultsOf(ctx, b)
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
	case lost >= maxSilent || len(mine) == 0:
		return false, false, nil
	case said == "":
		return q.askReverted(ctx, r, pins)
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
	return true, false, q.store.Relabel(ctx, r, []weir.BuildID{builds[0].ID}, q.now())
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

func (q *Inquiry) askReverted(ctx context.Context, r weir.Regression, at weir.Pins) (moved, wait bool, err error) {
	run, err := q.config().Add(store.NewRun{Cause: weir.CauseProbe, Project: r.Builder.Project, Regression: r.ID, Now: q.now(),
		Reason: "is it good again with " + r.Culprit.Project + " " + r.Culprit.Revision.Short() + " reverted?"},
		r.Builder.ID, []weir.Pins{at}, schedule.PriorityChange, func(n *store.NewBuild) { n.Share = store.ShareNone })
	if code := weir.CodeOf(err); code == weir.NotFound || code == weir.Invalid {
		return false, q.config().Empty(), nil // nobody can be asked any more
	}
	if err != nil {
		return false, false, err
	}
	_, _, err = q.store.CreateRun(ctx, run)
	return true, true, err
}
