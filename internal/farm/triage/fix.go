package triage

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// BisectFix starts a search for the revision that made the tests of a
// regression good again, or finds the one that there is. Conflict if the
// regression is not mended, or it is known already.
func (d *Desk) BisectFix(ctx context.Context, id weir.RegressionID, w weir.Word) (Asked, error) {
	if err := checkWord(w); err != nil {
		return Asked{}, err
	}
	r, err := d.store.Regression(ctx, id)
	if err != nil {
		return Asked{}, err
	}
	searches, err := d.store.Regressions(ctx, store.RegressionFilter{Of: id})
	if err != nil {
		return Asked{}, err
	}
	for _, s := range searches {
		if s.Aim == weir.AimFix && s.Good.Build > r.Bad.Build { // and not of an earlier time that it was mended
			return Asked{Search: s}, nil
		}
	}
	if err := d.fixable(ctx, r); err != nil {
		return Asked{}, err
	}
	search, err := d.fixSearch(ctx, r)
	if err != nil {
		return Asked{}, err
	}
	search.Aim, search.Of, search.Asked = weir.AimFix, r.ID, w
	out, err := d.open(ctx, search)
	if err != nil {
		return out, err
	}
	r.FixedBy = weir.Fix{Build: search.Good.Build, After: search.Bad.Build, Candidates: weir.Steps(search.Path), Search: out.Search.ID}
	err = d.store.Relabel(ctx, r, []weir.BuildID{search.Bad.Build, search.Good.Build}, d.now())
	if weir.CodeOf(err) == weir.Conflict { // it moved meanwhile; the search says itself what it is for
		err = nil
	}
	return out, err
}

// fixable is a Conflict if there is nothing to find.
func (d *Desk) fixable(ctx context.Context, r weir.Regression) error {
	if err := d.episode(ctx, r.ID); err != nil {
		return err
	}
	switch {
	case r.State == weir.Merged:
		return weir.Errorf(weir.Conflict, "regression %d is merged into another one", r.ID).WithHint("ask for that: weir bisect --fix r%d", r.MergedInto)
	case r.State != weir.Recovered:
		return weir.Errorf(weir.Conflict, "regression %d is %s: its tests are not all good again", r.ID, r.State).
			WithHint("weir regressions %d says what there is to do", r.ID)
	case r.FixedBy.Candidates == 1 && r.FixedBy.Revision.ID != "":
		return weir.Errorf(weir.Conflict, "%s %s mended regression %d; there is no doubt", r.FixedBy.Project, r.FixedBy.Revision.Short(), r.ID)
	}
	return nil
}

// fixSearch finds the way from the last bad build of the line to the first
// good one.
func (d *Desk) fixSearch(ctx context.Context, r weir.Regression) (weir.Regression, error) {
	var out weir.Regression
	fixed := r.FixedBy.Build
	for _, v := range r.Victims {
		if r.FixedBy.Build == 0 && v.Builder.ID == r.Builder.ID {
			fixed = max(fixed, v.FixedIn)
		}
	}
	unknown := weir.Errorf(weir.Conflict, "it is not known in which build the tests of regression %d were good again", r.ID)
	if fixed == 0 {
		return out, unknown
	}
	good, err := d.store.Build(ctx, fixed)
	if err != nil {
		return out, err
	}
	for _, v := range r.Victims {
		if v.Builder.ID == good.Builder.ID && v.FixedIn != 0 {
			v.FixedIn, v.Was = 0, weir.TestID{} // the builds on the way know it by its present name
			out.Victims = append(out.Victims, v)
		}
	}
	if out.Builder = good.Builder; len(out.Victims) == 0 {
		return out, unknown
	}
	bad, err := d.lineBefore(ctx, good, r.FixedBy.After)
	if err != nil {
		return out, err
	}
	out.Good, out.Bad = weir.Evidence{Build: good.ID, Pins: good.Pins}, weir.Evidence{Build: bad.ID, Pins: bad.Pins}
	if out.Path, err = d.path(ctx, out.Builder.ID, bad.Pins, good.Pins); err != nil {
		return out, err
	}
	switch n := weir.Steps(out.Path); {
	case n == 0:
		return out, weir.Errorf(weir.Conflict, "no project moved forward between build %d, which was bad, and build %d", bad.ID, good.ID)
	case n > maxSteps:
		return out, weir.Errorf(weir.TooLarge, "%d revisions lie between build %d and build %d, allowed are %d", n, bad.ID, good.ID, maxSteps)
	}
	return out, nil
}

// lineBefore finds the settled build before one on its line: the one that is
// known, or the newest.
func (d *Desk) lineBefore(ctx context.Context, b weir.Build, known weir.BuildID) (weir.Build, error) {
	if known != 0 {
		return d.store.Build(ctx, known)
	}
	list, err := d.store.ListBuilds(ctx, store.BuildFilter{Builder: b.Builder.ID, Before: b.ID, Limit: 1000})
	if err != nil {
		return weir.Build{}, err
	}
	i := slices.IndexFunc(list, func(e weir.Build) bool { return e.Judgement == weir.Settled && e.Cause.Advances() })
	if i < 0 {
		return weir.Build{}, weir.Errorf(weir.Conflict, "the build before build %d is not kept any more", b.ID)
	}
	return list[i], nil
}

// path leads from some pins to others, one project after the other.
func (d *Desk) path(ctx context.Context, builder weir.BuilderID, from, to weir.Pins) ([]weir.Leg, error) {
	involved := d.config().Involved(builder)
	if len(involved) == 0 {
		return nil, weir.Errorf(weir.Conflict, "builder %d is not in the configuration any more: nobody can be asked", builder)
	}
	var legs []weir.Leg
	for _, s := range involved {
		if from[s.Project] == to[s.Project] {
			continue
		}
		var at [2]int64
		for i, rev := range []string{from[s.Project], to[s.Project]} {
			found, err := d.store.Revision(ctx, s.Project, s.Branch, rev)
			if err != nil && weir.CodeOf(err) != weir.NotFound {
				return nil, err
			}
			at[i] = found.Position // 0: on another branch, from where no way leads here
		}
		if at[0] > 0 && at[1] > at[0] {
			legs = append(legs, weir.Leg{Project: s.Project, Branch: s.Branch, From: at[0], To: at[1]})
		}
	}
	return legs, nil
}
