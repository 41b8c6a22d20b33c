package repro

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/verdict"
)

// Farm is what a case is asked from; a *client.Client is one.
type Farm interface {
	// Build reads a build; NotFound if there is none.
	Build(ctx context.Context, id weir.BuildID) (client.BuildDetail, error)
	// Results reads what a build's tests reported; NotFound if they did not.
	Results(ctx context.Context, id weir.BuildID, all bool, limit int) (client.Results, error)
	// Regression reads one; NotFound if there is none.
	Regression(ctx context.Context, id weir.RegressionID) (client.RegressionDetail, error)
	// Worker reads one; NotFound if there is none.
	Worker(ctx context.Context, name string) (client.Worker, error)
}

// Side says on which side of a regression's culprit to look.
type Side string

// The sides.
const (
	Culprit Side = "culprit"
	Parent  Side = "parent"
)

// AskBuild makes the case of a build. Conflict if it is not finished, or says
// nothing about its revisions; NotFound if there is no such build.
func AskBuild(ctx context.Context, farm Farm, id weir.BuildID) (Case, error) {
	a := asker{farm: farm, c: newCase(fmt.Sprintf("build %d", id))}
	if _, err := a.trial(ctx, id, fmt.Sprintf("build %d", id)); err != nil {
		return Case{}, err
	}
	return a.done()
}

// AskRegression makes the case of a regression, at the sides asked for. Builds
// for the platform host are preferred. Conflict if the farm has no build that
// could be tried.
func AskRegression(ctx context.Context, farm Farm, id weir.RegressionID, sides []Side, host weir.Platform) (Case, error) {
	d, err := farm.Regression(ctx, id)
	if err != nil {
		return Case{}, err
	}
	if into := d.Regression.MergedInto; into != 0 {
		if d, err = farm.Regression(ctx, into); err != nil {
			return Case{}, err
		}
	}
	a := asker{farm: farm, c: newCase(fmt.Sprintf("regression %d", d.Regression.ID))}
	if merged := id; d.Regression.ID != id {
		id = d.Regression.ID
		a.c.Notes = append(a.c.Notes, fmt.Sprintf("regression %d was merged into regression %d, which has its tests now", merged, id))
	}
	builders := victimBuilders(d.Regression, host)
	found := false
	for _, b := range builders {
		if found, err = a.onBuilder(ctx, d, b, sides); found || err != nil {
			break
		}
	}
	switch {
	case err != nil:
		return Case{}, err
	case !found:
		return Case{}, weir.Errorf(weir.Conflict, "regression %d has no finished build that shows it", id).
			WithHint("reproduce one of its builds instead; they are listed by: weir regressions %d", id)
	}
	if n := len(builders) - 1; n > 0 {
		a.c.Notes = append(a.c.Notes, fmt.Sprintf("%s has victims on %d %s, which are not tried: weir regressions %d lists the builds",
			a.c.Subject, n, verbs{"other builder", "other builders"}.of(n), id))
	}
	return a.done()
}

// done checks the case. Output of tests was needed to tell failures apart, and is
// no part of it.
func (a *asker) done() (Case, error) {
	for _, t := range a.c.Trials {
		for i := range t.Expect.Results {
			t.Expect.Results[i].Output, t.Expect.Results[i].Raw = "", ""
		}
	}
	return a.c, check(a.c)
}

func newCase(subject string) Case {
	return Case{Format: Format, Subject: subject, Asked: time.Now().UTC().Truncate(time.Second), Recipes: map[weir.BuildID]Recipe{}}
}

// victimBuilders lists the builders that have victims: those of this platform
// first, then the one on which it was first seen.
func victimBuilders(r weir.Regression, host weir.Platform) []weir.Builder {
	var out []weir.Builder
	for _, v := range r.Victims {
		if !slices.ContainsFunc(out, func(b weir.Builder) bool { return b.ID == v.Builder.ID }) {
			out = append(out, v.Builder)
		}
	}
	rank := func(b weir.Builder) int {
		n := 0
		if b.Platform != host {
			n += 2
		}
		if b.ID != r.Builder.ID {
			n++
		}
		return n
	}
	slices.SortStableFunc(out, func(a, b weir.Builder) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

type asker struct {
	farm Farm
	c    Case
}

// candidate is a build that says something about a regression, and where.
type candidate struct {
	build    weir.BuildID
	position int
}

// onBuilder adds the trials of a regression on one builder; false if that has no
// builds which show it.
func (a *asker) onBuilder(ctx context.Context, d client.RegressionDetail, b weir.Builder, sides []Side) (bool, error) {
	r := d.Regression
	victims := slices.DeleteFunc(slices.Clone(r.Victims), func(v weir.Victim) bool { return v.Builder.ID != b.ID })
	all := []candidate{{r.Good.Build, 0}, {r.Bad.Build, weir.Steps(r.Path)}}
	for _, p := range d.Probes {
		if p.State.Final() && p.Good+p.Bad > 0 {
			all = append(all, candidate{p.Build, p.Position})
		}
	}
	// The culprit is the step to Last; without one, the ends of what is suspected.
	bad := slices.DeleteFunc(slices.Clone(all), func(c candidate) bool { return c.position < r.Suspects.Last })
	good := slices.DeleteFunc(all, func(c candidate) bool { return c.position >= max(r.Suspects.First, 1) })
	slices.SortStableFunc(bad, func(a, b candidate) int { return cmp.Compare(a.position, b.position) })
	slices.SortStableFunc(good, func(a, b candidate) int { return cmp.Compare(b.position, a.position) })
	for _, side := range sides {
		from, want := bad, weir.ObservedBad
		if side == Parent {
			from, want = good, weir.ObservedGood
		}
		found, err := a.firstThatShows(ctx, from, b, victims, want, sideName(side, r))
		if !found || err != nil {
			a.c.Trials, a.c.Recipes = nil, map[weir.BuildID]Recipe{}
			return false, err
		}
	}
	return true, nil
}

func sideName(s Side, r weir.Regression) string {
	located := r.Culprit.Project != ""
	switch {
	case s == Parent && located:
		return "before the culprit"
	case s == Parent:
		return "the last good build"
	case located:
		return "the culprit"
	}
	return "the first bad build"
}

// firstThatShows adds a trial of the first build of the builder that shows any
// of the victims as wanted.
func (a *asker) firstThatShows(ctx context.Context, from []candidate, b weir.Builder, victims []weir.Victim, want weir.Observed,
	name string) (bool, error) {
	seen := map[weir.BuildID]bool{}
	for _, c := range from {
		if c.build == 0 || seen[c.build] {
			continue
		}
		seen[c.build] = true
		d, err := a.farm.Build(ctx, c.build)
		if weir.CodeOf(err) == weir.NotFound || err == nil && (d.Build.Builder.ID != b.ID || !d.Build.Outcome.SaysSomething()) {
			continue
		}
		if err != nil {
			return false, err
		}
		t, err := a.trial(ctx, c.build, fmt.Sprintf("%s, build %d", name, c.build))
		if err != nil {
			return false, err
		}
		observed := verdict.ObserveAll(victims, d.Build, weir.ResultSet{Results: t.Expect.Results})
		if slices.Contains(observed, want) {
			t.Expect.Victims, t.Expect.Observed = victims, observed
			return true, nil
		}
		a.c.Trials = a.c.Trials[:len(a.c.Trials)-1]
	}
	return false, nil
}

// trial adds a build to be tried.
func (a *asker) trial(ctx context.Context, id weir.BuildID, name string) (*Trial, error) {
	d, err := a.recipe(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case !d.Build.State.Final():
		return nil, weir.Errorf(weir.Conflict, "build %d is %s, so there is nothing to compare with yet", id, d.Build.State).
			WithHint("wait for it with: weir logs -f %d", id)
	case !d.Build.Outcome.SaysSomething() || d.Build.Reason.Code == weir.ReasonUpstreamBuild:
		return nil, weir.Errorf(weir.Conflict, "build %d ended as %s, which says nothing about its revisions: %s", id, d.Build.Outcome, d.Build.Reason.Text).
			WithHint("reproduce the build that it needs, or one that ran")
	}
	t := Trial{Name: name, Build: id, Expect: Expectation{Outcome: d.Build.Outcome, Reason: d.Build.Reason}}
	results, err := a.farm.Results(ctx, id, true, MaxResults)
	if err != nil && weir.CodeOf(err) != weir.NotFound {
		return nil, err
	}
	t.Expect.Results, t.Expect.Omitted = results.Results, results.Omitted
	a.c.Trials = append(a.c.Trials, t)
	return &a.c.Trials[len(a.c.Trials)-1], nil
}

// recipe adds how a build is made, and all the builds that it needs.
func (a *asker) recipe(ctx context.Context, id weir.BuildID) (client.BuildDetail, error) {
	d, err := a.farm.Build(ctx, id)
	if err != nil {
		return d, err
	}
	if len(a.c.Recipes) >= MaxRecipes {
		return d, weir.Errorf(weir.TooLarge, "%s needs more than %d builds", a.c.Subject, MaxRecipes)
	}
	r := Recipe{Spec: d.Spec, Needs: map[string]weir.BuildID{}, Worker: d.Build.Worker}
	a.c.Recipes[id] = r
	if w, err := a.farm.Worker(ctx, d.Build.Worker); err == nil {
		r.Program = w.Version
	}
	for i := range r.Spec.Inputs {
		in := &r.Spec.Inputs[i]
		k := slices.IndexFunc(d.Needs, func(b weir.Build) bool { return b.Builder.Project == in.Project })
		if in.Product.Digest == "" || k < 0 {
			continue
		}
		need := d.Needs[k].ID
		r.Needs[in.Project] = need
		if _, known := a.c.Recipes[need]; !known {
			if _, err := a.recipe(ctx, need); err != nil {
				return d, err
			}
		}
	}
	a.c.Recipes[id] = r
	return d, nil
}
