package aftermath

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/verdict"
)

const (
	// explainWithin is how long ago a regression may have been mended to be explained.
	explainWithin = 30 * 24 * time.Hour
	// mostAtOnce is how many regressions one look takes in.
	mostAtOnce = 1000
	// mostCandidates is among how many revisions the one is searched that mended
	// a regression. That many take some seven builds; for more, the range has to
	// do, because nobody waits for an answer: the tests are good.
	mostCandidates = 64
	// lookBack is how many settled builds are searched for the last bad one.
	lookBack = 20
)

// explain says of regressions that were mended lately what did it.
func (a *Aftermath) explain(ctx context.Context) (bool, error) {
	mended, err := a.Store.Regressions(ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Recovered},
		ClosedSince: a.Now().Add(-explainWithin), Limit: mostAtOnce})
	changed := false
	for _, r := range mended {
		if a.explained[r.ID].Equal(r.Updated) {
			continue
		}
		moved, done, err := a.explainOne(ctx, r)
		if err != nil {
			a.Log.Error("it is not known what mended a regression", "regression", r.ID, "err", err)
		}
		if done {
			a.explained[r.ID] = r.Updated
		}
		changed = changed || moved
	}
	return changed, err
}

// explainOne takes the next step for one regression, and tells whether it was the last.
func (a *Aftermath) explainOne(ctx context.Context, r weir.Regression) (moved, done bool, err error) {
	if r.FixedBy.Build != 0 {
		return a.found(ctx, r)
	}
	m, err := a.mendingOf(ctx, r)
	if err != nil || m.good.ID == 0 {
		return false, err == nil, err
	}
	note, err := a.fix(ctx, &r, m)
	if err != nil {
		return false, false, err
	}
	r.Note += "; " + note
	grounds := []weir.BuildID{m.good.ID}
	if m.bad.ID != 0 {
		grounds = append(grounds, m.bad.ID)
	}
	moved, err = a.relabel(ctx, r, grounds)
	return moved, moved && r.FixedBy.Search == 0, err
}

// mending is how a regression came to its end.
type mending struct {
	good, bad weir.Build    // the first good build, and the last bad one before it; zero if it is not known
	victims   []weir.Victim // those that became good between the two
}

// mendingOf finds how a regression came to its end: when the last of its tests
// became good on its own builder, or on another one if it has none left there.
func (a *Aftermath) mendingOf(ctx context.Context, r weir.Regression) (m mending, err error) {
	var last weir.Victim
	for _, v := range r.Victims {
		own, lastOwn := v.Builder.ID == r.Builder.ID, last.Builder.ID == r.Builder.ID
		if own && !lastOwn || own == lastOwn && v.FixedIn > last.FixedIn {
			last = v
		}
	}
	if last.FixedIn == 0 {
		return m, nil
	}
	builds, err := a.Store.ListBuilds(ctx, store.BuildFilter{Builder: last.Builder.ID, Before: last.FixedIn + 1, Limit: 1})
	if err != nil || len(builds) == 0 || builds[0].ID != last.FixedIn {
		return m, err // it is not kept any more
	}
	m.good = builds[0]
	for _, v := range r.Victims {
		if v.Builder.ID == last.Builder.ID && v.FixedIn == last.FixedIn {
			v.Was = weir.TestID{} // the builds that are looked at know it by its present name
			m.victims = append(m.victims, v)
		}
	}
	looked := 0
	err = a.Trail.Back(ctx, m.good, func(b weir.Build) (bool, error) {
		looked++
		set, err := a.Trail.ResultsOf(ctx, b)
		if trail.Unreadable(err) {
			return looked < lookBack, nil
		}
		said := verdict.ObserveAll(m.victims, b, set)
		if err != nil || !slices.Contains(said, weir.ObservedBad) {
			return looked < lookBack, err
		}
		m.bad = b
		var bad []weir.Victim
		for i, v := range m.victims {
			if said[i] == weir.ObservedBad {
				bad = append(bad, v)
			}
		}
		m.victims = bad
		return false, nil
	})
	return m, err
}

// fix says what mended a regression, as far as is known already, and has it searched if it has to be.
func (a *Aftermath) fix(ctx context.Context, r *weir.Regression, m mending) (note string, err error) {
	r.FixedBy = weir.Fix{Build: m.good.ID, After: m.bad.ID}
	if m.bad.ID == 0 {
		return fmt.Sprintf("what made it good in build %d is not known: no build right before it is known to be bad", m.good.ID), nil
	}
	path, err := a.Trail.Path(ctx, m.good, m.bad)
	if err != nil {
		return "", err
	}
	recipe, err := a.Trail.RecipeChange(ctx, m.bad.ID, m.good.ID)
	if err != nil {
		return "", err
	}
	between := fmt.Sprintf("between builds %d and %d", m.bad.ID, m.good.ID)
	also := ""
	if recipe != "" {
		also = "; " + recipe
	}
	moved, n := movedBetween(m.bad.Pins, m.good.Pins), weir.Steps(path)
	r.FixedBy.Candidates = n
	switch {
	case len(moved) == 0 && recipe == "":
		return fmt.Sprintf("no revision moved %s: nothing in the sources made it good", between), nil
	case len(moved) == 0:
		return fmt.Sprintf("no revision moved %s: %s", between, recipe), nil
	case len(path) < len(moved):
		r.FixedBy.Candidates = 0
		return fmt.Sprintf("what made it good is not known: not all revisions %s are on one line", between) + also, nil
	case n > mostCandidates:
		return fmt.Sprintf("one of %d revisions %s made it good; that many are not searched", n, between) + also, nil
	case n == 1 && recipe == "":
		l := path[0]
		revs, err := a.Store.RevisionRange(ctx, l.Project, l.Branch, l.To, l.To)
		if err != nil || len(revs) == 0 {
			return "the revision that made it good is not kept", err
		}
		r.FixedBy.Project, r.FixedBy.Revision = l.Project, revs[0]
		return fmt.Sprintf("made good by %s %s: good with it in build %d, and bad right before it in build %d",
			l.Project, revs[0].Short(), m.good.ID, m.bad.ID), nil
	}
	ask := weir.Regression{State: weir.Searching, Aim: weir.AimFix, Of: r.ID, Builder: m.good.Builder,
		Good: weir.Evidence{Build: m.good.ID, Pins: m.good.Pins}, Bad: weir.Evidence{Build: m.bad.ID, Pins: m.bad.Pins},
		Path: path, Victims: m.victims, Opened: a.Now(), Suspects: weir.Span{First: 1, Last: n},
		Note: "looking for the revision that made it good"}
	if r.FixedBy.Search, err = a.Store.Ask(ctx, ask); err != nil {
		return "", err
	}
	return fmt.Sprintf("one of %d revisions %s made it good", n, between) + also, nil
}

// found hears what the search for a fix has found.
func (a *Aftermath) found(ctx context.Context, r weir.Regression) (moved, done bool, err error) {
	if r.FixedBy.Search == 0 || r.FixedBy.Project != "" {
		return false, true, nil
	}
	s, err := a.Store.Regression(ctx, r.FixedBy.Search)
	told := fmt.Sprintf(" (regression %d)", r.FixedBy.Search)
	switch {
	case weir.CodeOf(err) == weir.NotFound, strings.Contains(r.Note, told):
		return false, true, nil
	case err != nil || s.State == weir.Searching:
		return false, false, err
	}
	switch s.State {
	case weir.Located:
		r.FixedBy.Project, r.FixedBy.Revision = s.Culprit.Project, s.Culprit.Revision
		r.Note += fmt.Sprintf("; made good by %s %s: good with it, and bad right before it", s.Culprit.Project, s.Culprit.Revision.Short())
	case weir.Narrowed:
		r.FixedBy.Candidates = s.Suspects.Last - s.Suspects.First + 1
		r.Note += fmt.Sprintf("; made good by one of %d revisions, which cannot be told apart", r.FixedBy.Candidates)
	default:
		r.Note += "; what made it good is not known: " + s.Note
	}
	r.Note += told
	probes, err := a.Store.Probes(ctx, s.ID)
	if err != nil {
		return false, false, err
	}
	moved, err = a.relabel(ctx, r, edges(s.Suspects, probes))
	return moved, moved, err
}

// edges lists the probes on both sides of what is suspected.
func edges(s weir.Span, probes []weir.Probe) []weir.BuildID {
	var out []weir.BuildID
	for _, p := range probes {
		if p.Position == s.First-1 && p.Good > 0 || p.Position == s.Last && p.Bad > 0 {
			out = append(out, p.Build)
		}
	}
	return out
}

// movedBetween names the projects that stand elsewhere.
func movedBetween(a, b weir.Pins) []string {
	var out []string
	for name, rev := range b {
		if a[name] != rev {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
