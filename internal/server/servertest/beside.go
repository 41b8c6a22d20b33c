package servertest

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/farm/compare"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/store"
)

// compare adds the read models of what stands beside builds.
func (f *Farm) compare(v *views.Views) *views.Views {
	s := &archive{farm: f}
	v.Beside = beside.New(s)
	v.Compare = compare.New(compare.Options{Store: s, Results: s.results,
		Open: func(context.Context, weir.Digest) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(packages)), nil
		}})
	return v
}

// packages is the list of packages that every build keeps.
const packages = "attrs==25.1\ntwisted @ file:///src\n<b>zlib 1.3\n"

// archive is a store with the builds of Details. Of two revisions one lies between.
type archive struct {
	store.Store
	farm *Farm
}

// Build finds one.
func (s *archive) Build(ctx context.Context, id weir.BuildID) (weir.Build, error) {
	d, err := s.farm.Build(ctx, id)
	return d.Build, err
}

// BuildSpec is what the worker was told.
func (s *archive) BuildSpec(ctx context.Context, id weir.BuildID) (weir.Spec, error) {
	d, err := s.farm.Build(ctx, id)
	return d.Spec, err
}

// ListBuilds lists the builds of a builder, a run or a project.
func (s *archive) ListBuilds(ctx context.Context, q store.BuildFilter) (list []weir.Build, err error) {
	all, err := s.farm.Builds(ctx, farm.BuildQuery{Project: q.Project, Run: q.Run, Before: q.Before})
	for _, b := range all {
		if (q.Builder == 0 || b.Builder.ID == q.Builder) && len(list) < q.Limit {
			list = append(list, b)
		}
	}
	return list, err
}

// Revision knows every revision of a branch that is called main.
func (s *archive) Revision(ctx context.Context, project, branch, id string) (weir.Revision, error) {
	r := revision("5", s.subject(ctx, "grind: weigh before milling"), 5)
	if r.ID = id; id != pins(project)[project] {
		r.Position = 3
	}
	return r, s.farm.Fail
}

// RevisionRange knows two.
func (s *archive) RevisionRange(ctx context.Context, _, _ string, first, last int64) (list []weir.Revision, err error) {
	for n := first; n <= last && n < first+2; n++ {
		list = append(list, revision("77aa", s.subject(ctx, "lower: keep tabs"), n))
	}
	return list, s.farm.Fail
}

// subject is that of a commit: foreign text, if that is what builds have.
func (s *archive) subject(ctx context.Context, text string) string {
	if d, err := s.farm.Build(ctx, FailedBuild); err == nil && strings.Contains(d.Run.Reason, "<script>") {
		return d.Run.Reason
	}
	return text
}

// Notes are those of every build.
func (s *archive) Notes(ctx context.Context, id weir.BuildID) (store.Notes, error) {
	return s.farm.Notes(ctx, id)
}

// Attempts lists those of a build.
func (s *archive) Attempts(ctx context.Context, id weir.BuildID) (list []weir.Attempt, err error) {
	d, err := s.farm.Build(ctx, id)
	for _, a := range d.Attempts {
		list = append(list, a.Attempt)
	}
	return list, err
}

// Steps lists those of an attempt.
func (s *archive) Steps(ctx context.Context, id weir.AttemptID) (list []weir.StepRecord, err error) {
	d, err := s.farm.Build(ctx, id.Build)
	if i := slices.IndexFunc(d.Attempts, func(a farm.AttemptDetail) bool { return a.ID.Number == id.Number }); i >= 0 {
		for _, step := range d.Attempts[i].Steps {
			list = append(list, step.StepRecord)
		}
	}
	return list, err
}

// Artifacts lists the files that every build keeps, and a list of packages.
func (s *archive) Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error) {
	list, err := s.farm.Artifacts(ctx, id)
	return append(list, weir.Artifact{Path: "packages.txt"}), err
}

// History is that a test was good until the newest build but one.
func (s *archive) History(_ context.Context, _ weir.BuilderID, test weir.TestID, _ int) (store.TestHistory, error) {
	at := func(n int) store.SettledBuild {
		return store.SettledBuild{Number: n, Build: weir.BuildID(n), At: s.farm.Now.Add(time.Duration(n-30) * time.Hour)}
	}
	return store.TestHistory{First: at(1), Last: at(30), State: &weir.TestState{Test: test, Status: weir.Fail}, Since: at(29), Events: []store.TestEvent{
		{SettledBuild: at(29), Change: weir.TestChange{Verdict: weir.NewlyFailing, From: weir.Pass, To: weir.Fail}},
		{SettledBuild: at(18), Change: weir.TestChange{Verdict: weir.Flaky, From: weir.Pass, To: weir.Pass}}}}, s.farm.Fail
}

// results are what a build reported; nothing is no error.
func (s *archive) results(_ context.Context, b weir.Build) (weir.ResultSet, error) {
	s.farm.mu.Lock()
	defer s.farm.mu.Unlock()
	return s.farm.Sets[b.ID], s.farm.Fail
}
