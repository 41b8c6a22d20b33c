package api

import (
	"cmp"
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/triage"
	"github.com/weir-ci/weir/internal/server/rest"
)

// regressionsIn is what the page of regressions is asked, by the same names.
type regressionsIn struct {
	All      bool   `query:"all" doc:"the same as state=all"`
	State    string `query:"state" enum:"open,closed,all,searching,located,narrowed,fixed,dismissed,merged" doc:"only those; empty: open"`
	Project  string `query:"project" maxLength:"64" doc:"with a test of this project, or its culprit in it"`
	Blame    string `query:"blame" maxLength:"40" doc:"only those with this side to blame, as in a regression's blame"`
	Assignee string `query:"assignee" maxLength:"100" doc:"assigned to this person, or in this person's hand"`
	Before   int64  `query:"before" minimum:"0" doc:"only regressions with lower ids"`
	Limit    int    `query:"limit" minimum:"0" maximum:"500" default:"500" doc:"at most so many"`
	rest.Paging
}

// regressions lists regressions.
func (h *handler) regressions(ctx context.Context, in *regressionsIn) (*rest.Listed[weir.Regression], error) {
	before, err := in.Paging.Before()
	if err != nil {
		return nil, err
	}
	state := in.State
	if in.All && state == "" {
		state = "all"
	}
	q := triage.Query{States: triage.StatesOf(state), Project: in.Project, Blame: weir.Blame(in.Blame), Assignee: in.Assignee,
		Before: weir.RegressionID(cmp.Or(before, in.Before)), Limit: min(cmp.Or(in.Limit, triage.MaxEpisodes), triage.MaxEpisodes)}
	p, err := h.farm.Episodes(ctx, q)
	if err != nil {
		return nil, err
	}
	return rest.From(&in.Paging, p.List, int64(p.Next)), nil
}
