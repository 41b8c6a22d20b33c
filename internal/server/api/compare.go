package api

import (
	"cmp"
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/farm/compare"
	"github.com/weir-ci/weir/internal/farm/testlist"
	"github.com/weir-ci/weir/internal/server/rest"
)

// comparing adds what stands beside a build, and any two builds.
func (h *handler) comparing(a *rest.API) {
	if h.views.Beside != nil {
		rest.Register(a, get("beside", "builds/{id}/beside", "What stands beside a build: how long such builds usually take, those before it, its new revisions, the same revisions elsewhere"), h.besideBuild)
	}
	if h.views.Compare != nil {
		rest.Register(a, get("compare-builds", "compare", "Two builds held against each other: revisions, environment, steps, tests, measurements, packages"),
			func(ctx context.Context, in *twoBuildsIn) (*body[compare.Comparison], error) {
				c, err := h.views.Compare.Compare(ctx, weir.BuildID(in.A), weir.BuildID(in.B))
				return &body[compare.Comparison]{c}, err
			})
	}
}

type twoBuildsIn struct {
	A int64 `query:"a" minimum:"1" required:"true" doc:"a build"`
	B int64 `query:"b" minimum:"1" required:"true" doc:"the build that is held against it"`
}

func (h *handler) besideBuild(ctx context.Context, in *byBuild) (*body[beside.Beside], error) {
	d, err := h.farm.Build(ctx, weir.BuildID(in.ID))
	if err != nil {
		return nil, err
	}
	out, err := h.views.Beside.Read(ctx, d.Build, d.Spec)
	if out.Moves == nil {
		out.Moves = []beside.Move{}
	}
	return &body[beside.Beside]{out}, err
}

type resultsIn struct {
	ID     int64  `path:"id" minimum:"1" doc:"the build"`
	Status string `query:"status" enum:"bad,all,changed,skipped,good" default:"bad" doc:"bad: failures, errors and what ran with mixed outcomes; changed: what is not as it was before, at most the 200 worst"`
	Text   string `query:"q" maxLength:"200" doc:"a part of the suite, the name or the message, in any case"`
	Suite  string `query:"suite" maxLength:"1024" doc:"only this suite; (none): tests without one"`
	Offset int    `query:"offset" minimum:"0" maximum:"100000000" doc:"leave out so many"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100000" default:"1000" doc:"at most so many"`
}

// Results is what the tests of a build reported, or the part asked for.
type Results struct {
	Counts    weir.Counts     `json:"counts"` // of all results, not only those listed
	Results   []weir.Result   `json:"results"`
	Incidents []weir.Incident `json:"incidents,omitempty"`
	// Omitted is how many of the results asked for come behind those.
	Omitted int `json:"omitted,omitempty"`
}

func (h *handler) results(ctx context.Context, in *resultsIn) (*body[Results], error) {
	id, limit := weir.BuildID(in.ID), min(cmp.Or(in.Limit, defaultResult), maxResults)
	plain := in.Text == "" && in.Suite == "" && in.Offset == 0
	if plain && (in.Status == "all" || in.Status == "bad" || in.Status == "") {
		tests, err := h.farm.Tests(ctx, id, in.Status == "all", limit)
		if err != nil {
			return nil, err
		}
		return &body[Results]{Results{Counts: tests.Counts, Incidents: tests.Incidents, Results: orEmpty(tests.Results), Omitted: tests.Omitted}}, nil
	}
	q := testlist.Query{Text: in.Text, Suite: in.Suite, Status: testlist.Status(in.Status), Offset: in.Offset, Limit: limit, Changed: map[weir.TestID]bool{}}
	d, err := h.farm.Build(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, c := range d.Changes {
		q.Changed[c.Test] = true
	}
	set, err := h.resultSet(ctx, d.Build)
	if err != nil {
		return nil, err
	}
	list := testlist.Pick(set, q)
	return &body[Results]{Results{Counts: d.Build.Counts, Incidents: set.Incidents, Results: list.Results,
		Omitted: max(0, list.Matched-in.Offset-len(list.Results))}}, nil
}

// resultSet reads all that the tests of a build reported; NotFound if they reported nothing.
func (h *handler) resultSet(ctx context.Context, b weir.Build) (weir.ResultSet, error) {
	if h.views != nil && h.views.Sets != nil && b.Results != "" {
		return h.views.Sets.Of(ctx, b)
	}
	all, err := h.farm.Tests(ctx, b.ID, true, maxResults)
	return weir.ResultSet{Results: all.Results, Incidents: all.Incidents}, err
}
