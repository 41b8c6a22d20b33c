package inquiry

import (
	"context"
	"fmt"
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

// An upstream moves, its downstream breaks and follows, and all is well: was the
// upstream to blame, or did the two have to move together? While the regression was
// searched, nobody could know. Now the project has a revision that is good with
// the new upstreams, and one corner tells: that revision with the old ones.

const (
	// mendedEvery is how often closed regressions are looked at. Nobody waits for it.
	mendedEvery = 30 * time.Second
	// mostMended is how many of the newest are.
	mostMended = 50
)

// reconsider asks who was to blame for regressions that their downstream's move
// has mended, once for each. It returns whether anything changed.
func (q *Inquiry) reconsider(ctx context.Context) (bool, error) {
	if q.now().Sub(q.reconsidered) < mendedEvery {
		return false, nil
	}
	q.reconsidered = q.now()
	fixed, err := q.store.Regressions(ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Recovered}, Limit: mostMended})
	changed := false
	for _, r := range fixed {
		asked := slices.ContainsFunc(r.Corners, func(c weir.Corner) bool { return c.NewDownstream })
		if r.Blame != weir.BlameUpstream || asked || q.decided[r.ID].Equal(r.Closed) {
			continue
		}
		moved, wait, err := q.reconsiderOne(ctx, r)
		switch {
		case weir.CodeOf(err) == weir.Conflict:
		case err != nil:
			q.log.Error("it is not known who was to blame", "regression", r.ID, "err", err)
		case !wait:
			q.decided[r.ID] = r.Closed
		}
		changed = changed || moved
	}
	return changed, err
}

// reconsiderOne takes the next step for one regression. It waits while builds
// are on their way.
func (q *Inquiry) reconsiderOne(ctx context.Context, r weir.Regression) (moved, wait bool, err error) {
	r.Victims = slices.DeleteFunc(r.Victims, func(v weir.Victim) bool { return v.Builder.ID != r.Builder.ID || v.FixedIn == 0 })
	corners, fixed, err := q.mendedCorners(ctx, r)
	if err != nil || corners == nil {
		return false, false, err
	}
	e := &evidence{flakes: map[weir.TestID]weir.TestState{}, sides: sides{beside: corners[blame.NewDownstream].Pins}}
	e.checks = []check{&e.sides} // which hears of builds there that came to nothing
	if err := q.hearBeside(ctx, r, e, fixed); err != nil {
		return false, false, err
	}
	question := blame.Question{Width: maxWidth}
	question.Pending[blame.NewDownstream] = e.sides.pending
	var all []int // victims
	for i := range r.Victims {
		all = append(all, i)
		s := blame.Subject{FlakeRate: e.rates[i]}
		for p, c := range corners {
			s.Cells[p].Known = c.Said
		}
		s.Cells[blame.NewDownstream] = e.sides.cell(i)
		question.Subjects = append(question.Subjects, s)
	}
	answer := blame.Next(question)
	if !answer.Done {
		return q.askMended(ctx, r, e.sides.beside, answer.Count)
	}
	beside := &corners[blame.NewDownstream]
	*beside = e.join(*beside, all, e.sides.cell)
	beside.Build = e.sides.newest()
	r.Corners = corners
	switch b := blame.Verdict(corners...); b {
	case weir.BlameLockStep:
		r.Blame = b
		r.Note += "; " + blame.Phrase(b)
	case weir.BlameUpstream:
		r.Note += "; " + r.Builder.Project + " is good with the old and the new upstreams now"
	}
	return true, false, q.store.Relabel(ctx, r, groundsOf(corners), q.now())
}

// groundsOf lists the builds that corners rest on.
func groundsOf(corners []weir.Corner) []weir.BuildID {
	var out []weir.BuildID
	for _, c := range corners {
		if c.Build != 0 {
			out = append(out, c.Build)
		}
	}
	return out
}

// mendedCorners finds the corners of a regression that is mended, in their
// order, and the build in which it was; nil if its project's move did not do it.
func (q *Inquiry) mendedCorners(ctx context.Context, r weir.Regression) (corners []weir.Corner, fixed weir.BuildID, err error) {
	for _, v := range r.Victims {
		fixed = max(fixed, v.FixedIn)
	}
	if fixed == 0 {
		return nil, 0, nil
	}
	builds, err := q.store.ListBuilds(ctx, store.BuildFilter{Builder: r.Builder.ID, Before: fixed + 1, Limit: 1})
	if err != nil || len(builds) == 0 || builds[0].ID != fixed {
		return nil, 0, err
	}
	var last weir.Build
	if err := q.trail.Back(ctx, builds[0], func(b weir.Build) (bool, error) {
		last = b
		return false, nil
	}); err != nil || last.ID < r.Bad.Build {
		return nil, 0, err
	}
	corners, ok := blame.Mended{Project: r.Builder.Project, Good: r.Good.Pins, Bad: r.Bad.Pins, Last: last.Pins, Fixed: builds[0].Pins}.Corners()
	if !ok {
		return nil, 0, nil
	}
	corners[blame.Old].Build, corners[blame.New].Build = r.Good.Build, fixed
	for _, b := range []weir.Evidence{r.Bad, {Build: last.ID, Pins: last.Pins}} {
		if maps.Equal(b.Pins, corners[blame.NewUpstream].Pins) {
			corners[blame.NewUpstream].Build = b.Build
		}
	}
	return corners, fixed, nil
}

// hearBeside reads what builds at the corner have said since.
func (q *Inquiry) hearBeside(ctx context.Context, r weir.Regression, e *evidence, since weir.BuildID) error {
	builds, err := q.store.Evidence(ctx, r.Builder.ID, since)
	if err != nil {
		return err
	}
	for _, b := range builds {
		if !e.sides.has(b) {
			continue
		}
		if !b.State.Final() {
			e.sides.pending++
			continue
		}
		set, err := q.trail.ResultsOf(ctx, b)
		said := verdict.ObserveAll(r.Victims, b, set)
		if trail.Unreadable(err) {
			said = slices.Repeat([]weir.Observed{weir.ObservedNone}, len(r.Victims))
		} else if err != nil {
			return err
		}
		e.sides.hear(r.Victims, b, said, set)
	}
	return q.gatherFlakes(ctx, r, e)
}

// askMended makes the builds that are missing.
func (q *Inquiry) askMended(ctx context.Context, r weir.Regression, at weir.Pins, count int) (moved, wait bool, err error) {
	if count == 0 {
		return false, true, nil
	}
	run, err := q.config().Add(store.NewRun{Cause: weir.CauseProbe, Project: r.Builder.Project, Regression: r.ID, Now: q.now(),
		Reason: fmt.Sprintf("regression %d: is the new %s good with the old upstreams too?", r.ID, r.Builder.Project)},
		r.Builder.ID, slices.Repeat([]weir.Pins{at}, count), schedule.PriorityProbe, func(n *store.NewBuild) { n.Share = store.ShareNone })
	if code := weir.CodeOf(err); code == weir.NotFound || code == weir.Invalid {
		return false, q.config().Empty(), nil // nobody can be asked any more
	}
	if err != nil {
		return false, false, err
	}
	_, _, err = q.store.CreateRun(ctx, run)
	return true, true, err
}
