package servertest

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/find"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/store"
)

// stand adds the read models of how projects stand, of what is in State, as if it
// had been read from a store. Builders are numbered in their order, from 1 on.
func (f *Farm) stand(v *views.Views) *views.Views {
	s := &shelf{farm: f}
	v.Recent = recent.New(s)
	lister := standing.NewLister(v.Recent)
	v.Standing, v.Find = standing.New(s, lister), find.New(s, v.Recent, lister, recent.NewEpisodes(s))
	return f.remember(v)
}

// shelf is a store with what a farm has in State.
type shelf struct{ farm *Farm }

func (s *shelf) rows() (rows []recent.Row) {
	o, _ := s.farm.Overview(context.Background())
	for i, r := range o.Builders {
		row := recent.Row{Builder: r.Builder}
		row.Builder.ID = weir.BuilderID(i + 1)
		for _, b := range r.Recent {
			row.Builds = append(row.Builds, store.BoardBuild{ID: b.ID, Run: b.Run, Builder: row.Builder.ID, Cause: b.Cause, State: b.State, Outcome: b.Outcome,
				Reason: b.Reason.Code, Pins: b.Pins, Worker: b.Worker, Created: b.Created, Started: b.Started, Finished: b.Finished, Counts: b.Counts,
				Changes: b.Changes, Ledger: b.Ledger, Judged: b.Judgement})
		}
		rows = append(rows, row)
	}
	return rows
}

// Builders lists the builders of State.
func (s *shelf) Builders(_ context.Context, after weir.BuilderID, limit int) (list []weir.Builder, err error) {
	for _, r := range s.rows() {
		if r.Builder.ID > after && len(list) < limit {
			list = append(list, r.Builder)
		}
	}
	return list, s.farm.Fail
}

// Lately lists the builds of State.
func (s *shelf) Lately(_ context.Context, of []weir.BuilderID, per int) (list []store.BoardBuild, err error) {
	for _, r := range s.rows() {
		if len(of) == 0 || slices.Contains(of, r.Builder.ID) {
			list = append(list, r.Builds[:min(len(r.Builds), per)]...)
		}
	}
	return list, s.farm.Fail
}

// BoardBuilds finds builds of State.
func (s *shelf) BoardBuilds(_ context.Context, ids []weir.BuildID) (list []store.BoardBuild, err error) {
	for _, r := range s.rows() {
		for _, b := range r.Builds {
			if slices.Contains(ids, b.ID) {
				list = append(list, b)
			}
		}
	}
	return list, s.farm.Fail
}

// EventsAfter lists what was told.
func (s *shelf) EventsAfter(ctx context.Context, seq int64, _ int) ([]weir.Event, error) {
	return s.farm.Events(ctx, seq)
}

// LastEvent is the number of the newest event.
func (s *shelf) LastEvent(ctx context.Context) (int64, error) { return s.farm.LastEvent(ctx) }

// Run finds a run of a build of Details.
func (s *shelf) Run(_ context.Context, id weir.RunID) (weir.Run, error) {
	for _, d := range s.farm.Details {
		if d.Build.Run == id && d.Run.ID == id {
			return d.Run, nil
		}
	}
	return weir.Run{}, weir.Errorf(weir.NotFound, "there is no run %d", id)
}

// ListBuilds lists builds of Details.
func (s *shelf) ListBuilds(ctx context.Context, f store.BuildFilter) (list []weir.Build, err error) {
	for _, d := range s.farm.Details {
		if f.Run == 0 || d.Build.Run == f.Run {
			list = append(list, d.Build)
		}
	}
	slices.SortFunc(list, func(a, b weir.Build) int { return int(b.ID - a.ID) })
	return list, s.farm.Fail
}

// Regressions lists those of State that have a victim in the project or on the builder.
func (s *shelf) Regressions(ctx context.Context, f store.RegressionFilter) (list []weir.Regression, err error) {
	all, err := s.farm.Regressions(ctx, true)
	for _, r := range all {
		if len(f.States) > 0 && !slices.Contains(f.States, r.State) || f.Project != "" && r.Culprit.Project != f.Project &&
			!slices.ContainsFunc(r.Victims, func(v weir.Victim) bool { return v.Builder.Project == f.Project }) {
			continue
		}
		list = append(list, r)
	}
	return list, err
}

// CountRegressions counts them.
func (s *shelf) CountRegressions(ctx context.Context, f store.RegressionFilter) (n store.RegressionCount, err error) {
	list, err := s.Regressions(ctx, f)
	for _, r := range list {
		n.Regressions, n.Tests = n.Regressions+1, n.Tests+len(r.Victims)
	}
	return n, err
}

// Regression finds one.
func (s *shelf) Regression(ctx context.Context, id weir.RegressionID) (weir.Regression, error) {
	d, err := s.farm.Regression(ctx, id)
	return d.Regression, err
}

// Sources lists the sources of State.
func (s *shelf) Sources(ctx context.Context) (list []store.Source, err error) {
	o, err := s.farm.Overview(ctx)
	for _, source := range o.Sources {
		list = append(list, store.Source{Project: source.Project, Polled: source.Polled, Error: source.Error})
	}
	return list, err
}

// Tips lists the tips of the sources of State.
func (s *shelf) Tips(ctx context.Context) (list []weir.Tip, err error) {
	o, err := s.farm.Overview(ctx)
	for _, source := range o.Sources {
		list = append(list, weir.Tip{Project: source.Project, Revision: source.Tip, Due: source.Tip})
	}
	return list, err
}

// RevisionRange lists the tip of a source.
func (s *shelf) RevisionRange(ctx context.Context, project, _ string, _, _ int64) (list []weir.Revision, err error) {
	o, err := s.farm.Overview(ctx)
	for _, source := range o.Sources {
		if source.Project == project {
			list = append(list, source.Tip)
		}
	}
	return list, err
}

// Workers lists the workers of State.
func (s *shelf) Workers(ctx context.Context) ([]weir.Worker, error) {
	o, err := s.farm.Overview(ctx)
	return o.Workers, err
}

// FindTests finds the tests of which the past is known.
func (s *shelf) FindTests(context.Context, []string, int) (list []store.FoundTest, err error) {
	for id := range s.farm.Pasts {
		list = append(list, store.FoundTest{Project: "mill", Job: "test", Test: id})
	}
	return list, s.farm.Fail
}

// FindBuilders finds all builders.
func (s *shelf) FindBuilders(ctx context.Context, _ []string, limit int) ([]weir.Builder, error) {
	return s.Builders(ctx, 0, limit)
}

// FindRevisions finds the tips of all sources.
func (s *shelf) FindRevisions(ctx context.Context, _ []string, _ int) (list []store.FoundRevision, err error) {
	o, err := s.farm.Overview(ctx)
	for _, source := range o.Sources {
		list = append(list, store.FoundRevision{Project: source.Project, Revision: source.Tip})
	}
	return list, err
}
