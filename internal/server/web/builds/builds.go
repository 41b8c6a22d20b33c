// Package builds is the pages of builds: the list, one build, and any two
// compared. A build's page says first how it ended and what is new about it, then
// why it was made, of what, where and how long it took, and then all that it left.
package builds

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/farm/compare"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/testlist"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Farm is what the pages read.
type Farm interface {
	// Builds lists builds, newest first.
	Builds(ctx context.Context, q farm.BuildQuery) ([]weir.Build, error)
	// BuildFrom reads a build, with the changes behind the first so many; NotFound if there is none.
	BuildFrom(ctx context.Context, id weir.BuildID, from int) (farm.BuildDetail, error)
	// Tests reads what the tests of a build reported, the bad ones or all, at
	// most limit of them; NotFound if they reported nothing.
	Tests(ctx context.Context, id weir.BuildID, all bool, limit int) (farm.Tests, error)
	// ReadLog reads a stretch of a step's log.
	ReadLog(ctx context.Context, id weir.AttemptID, step int, ask farm.LogAsk) (farm.LogPiece, error)
	// Artifacts lists the files that a build keeps, Notes what it says of itself.
	Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error)
	Notes(ctx context.Context, id weir.BuildID) (farm.Notes, error)
	// Setup is what the farm was told to do.
	Setup() setup.Status
}

// Readers are what else the pages read. Each may be nil: the pages do without.
type Readers struct {
	// Beside reads what stands beside a build.
	Beside func(ctx context.Context, b weir.Build, spec weir.Spec) (beside.Beside, error)
	// Strips reads what tests did lately on a builder.
	Strips func(ctx context.Context, builder weir.BuilderID, tests []weir.TestID) (map[weir.TestID]beside.Strip, error)
	// Results reads what the tests of a build reported.
	Results func(ctx context.Context, b weir.Build) (weir.ResultSet, error)
	// Compare holds two builds against each other; without it that page is not there.
	Compare func(ctx context.Context, a, b weir.BuildID) (compare.Comparison, error)
}

// ReadersOf are those of a farm's views, which may be nil.
func ReadersOf(v *views.Views) (r Readers) {
	if v == nil {
		return r
	}
	if v.Beside != nil {
		r.Beside, r.Strips = v.Beside.Read, v.Beside.Strips
	}
	if v.Sets != nil {
		r.Results = v.Sets.Of
	}
	if v.Compare != nil {
		r.Compare = v.Compare.Compare
	}
	return r
}

type site struct {
	*page.Routes
	farm Farm
	Readers
}

// Register adds the pages.
func Register(routes *page.Routes, f Farm, r Readers) {
	s := &site{routes, f, r}
	s.Show(page.Route{Pattern: "/builds", Twin: "builds", Live: true, Params: s.listed()}, s.builds)
	s.Show(page.Route{Pattern: "/builds/{id}", Twin: "builds/{id}", Live: true, Params: []page.Param{page.NumberParam("changes", "how many changed tests to leave out"),
		page.WordParam("tab", tabTests, tabFiles, tabPlace).Draws(), page.NumberParam("attempt", "an attempt").Draws(), page.NumberParam("step", "a step").Draws(),
		page.TextParam("q"), page.TextParam("suite"), page.WordParam("status", testlist.Statuses()...), page.NumberParam("offset", "how many tests to leave out")}}, s.build)
	if s.Compare != nil {
		s.Show(page.Route{Pattern: "/compare", Twin: "compare", Params: []page.Param{page.NumberParam("a", "the id of a build"), page.NumberParam("b", "the id of a build")}}, s.compare)
	}
}
