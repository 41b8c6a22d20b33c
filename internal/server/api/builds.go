package api

import (
	"cmp"
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/buildlist"
	"github.com/weir-ci/weir/internal/farm/testlist"
	"github.com/weir-ci/weir/internal/server/rest"
)

type buildsIn struct {
	Project  string `query:"project" maxLength:"64" doc:"only builds of this project"`
	Run      int64  `query:"run" minimum:"0" doc:"only builds of this run"`
	Builder  int64  `query:"builder" minimum:"0" doc:"only builds of this builder"`
	State    string `query:"state" maxLength:"20" doc:"only builds in this state"`
	Outcome  string `query:"outcome" maxLength:"20" doc:"only builds that ended so"`
	Cause    string `query:"cause" maxLength:"20" doc:"only builds with this cause"`
	Platform string `query:"platform" maxLength:"64" doc:"only builds on this platform, or on this operating system or architecture"`
	Worker   string `query:"worker" maxLength:"64" doc:"only builds whose newest attempt this worker had"`
	Since    string `query:"since" maxLength:"40" doc:"only builds that were made since: a day, a moment, or how long ago (24h, 7d)"`
	Before   int64  `query:"before" minimum:"0" doc:"only builds with lower ids"`
	Limit    int    `query:"limit" minimum:"0" maximum:"1000" default:"100" doc:"at most so many; fewer may be found at once if they are rare: the Link header leads on"`
	rest.Paging
}

// builds lists builds.
func (h *handler) builds(ctx context.Context, in *buildsIn) (*rest.Listed[weir.Build], error) {
	before, err := in.Paging.Before()
	if err != nil {
		return nil, err
	}
	if before == 0 {
		before = in.Before
	}
	q := buildlist.Query{Project: in.Project, Run: weir.RunID(in.Run), Builder: weir.BuilderID(in.Builder), State: weir.State(in.State), Outcome: weir.Outcome(in.Outcome),
		Cause: weir.Cause(in.Cause), Platform: in.Platform, Worker: in.Worker, Before: weir.BuildID(before), Limit: in.Limit}
	if err := q.Check(); err != nil {
		return nil, err
	}
	if q.Since, err = buildlist.ParseSince(in.Since, h.now()); err != nil {
		return nil, err
	}
	list, err := buildlist.Find(ctx, h.farm.Builds, q)
	if err != nil {
		return nil, err
	}
	return rest.From(&in.Paging, list.Builds, int64(list.Next)), nil
}

// maxTests is how many tests of a build are listed beside the rest of it.
const maxTests = 200

type buildIn struct {
	ID      int64  `path:"id" minimum:"1" doc:"the build"`
	Changes int    `query:"changes" minimum:"0" maximum:"100000000" doc:"leave out so many of the changed tests; 200 are listed at once"`
	Tab     string `query:"tab" maxLength:"20" doc:"tests: with what its tests reported, 200 at once; anything else: without, unless some of them are asked for"`
	Status  string `query:"status" maxLength:"20" doc:"of its tests: bad, changed, skipped, good or all; empty: all"`
	Text    string `query:"q" maxLength:"200" doc:"of its tests: a part of the suite, the name or the message, in any case"`
	Suite   string `query:"suite" maxLength:"1024" doc:"of its tests: only this suite; (none): those without one"`
	Offset  int    `query:"offset" minimum:"0" maximum:"100000000" doc:"of its tests: leave out so many"`
}

// BuildPage is a build, and what its tests reported if that is asked for.
type BuildPage struct {
	farm.BuildDetail
	Tests *Results `json:"tests,omitempty"`
}

func (h *handler) build(ctx context.Context, in *buildIn) (*body[BuildPage], error) {
	d, err := h.farm.BuildFrom(ctx, weir.BuildID(in.ID), in.Changes)
	if err != nil {
		return nil, err
	}
	out := &body[BuildPage]{BuildPage{BuildDetail: d}}
	if in.Tab != "tests" && in.Status+in.Text+in.Suite == "" && in.Offset == 0 {
		return out, nil
	}
	status := cmp.Or(in.Status, string(testlist.Any))
	if !slices.Contains(testlist.Statuses(), testlist.Status(status)) {
		return nil, weir.Errorf(weir.Invalid, "there are no tests that are %.40q", status).WithHint("status is one of %v", testlist.Statuses())
	}
	r, err := h.results(ctx, &resultsIn{ID: in.ID, Status: status, Text: in.Text, Suite: in.Suite, Offset: in.Offset, Limit: maxTests})
	switch {
	case err == nil:
		out.Body.Tests = &r.Body
	case weir.CodeOf(err) != weir.NotFound: // a build may have none
		return nil, err
	}
	return out, nil
}
