package api

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/upkeep"
	"github.com/weir-ci/weir/internal/server/rest"
)

// Tokens keeps what lets people and programs in.
type Tokens interface {
	// Tokens lists tokens, links to sign in and sessions, by name, without secrets.
	Tokens(ctx context.Context) ([]access.Token, error)
	// RevokeToken makes a token useless at once, or ends a session; NotFound if there
	// is none of that name.
	RevokeToken(ctx context.Context, name string) error
}

// guarded is an operation that reads what not everybody may see.
func guarded(right access.Right, op huma.Operation) huma.Operation {
	op.Security = []map[string][]string{{rest.TokenScheme: {string(right)}}}
	return op
}

func (h *handler) access(a *rest.API) {
	rest.Register(a, guarded(access.Admin, get("tokens", "tokens", "Tokens, and who has signed in, by name; never their secrets")),
		func(ctx context.Context, _ *none) (*body[[]access.Token], error) {
			list, err := h.farm.Tokens(ctx)
			return &body[[]access.Token]{orEmpty(list)}, err
		})
	rest.Register(a, operation(access.Admin, http.MethodDelete, "revoke", "tokens/{name}", "Make a token useless, within a second, or end a session"),
		func(ctx context.Context, in *byToken) (*body[done], error) {
			return &body[done]{}, h.farm.RevokeToken(ctx, in.Name)
		})
}

type byToken struct {
	Name string `path:"name" maxLength:"80" doc:"the token"`
}

// auditing adds what there is to read of who did what.
func (h *handler) auditing(a *rest.API) {
	rest.Register(a, guarded(access.Admin, get("audit", "audit", "Who changed what, and from where, newest first")), h.acts)
	rest.Register(a, guarded(access.Admin, get("admin", "admin", "How the farm is kept: its configuration, its size, what expires, who may do what")),
		func(ctx context.Context, _ *none) (*body[upkeep.State], error) {
			s, err := h.views.Upkeep.Read(ctx)
			s.Versions, s.Tokens, s.Acts = orEmpty(s.Versions), orEmpty(s.Tokens), orEmpty(s.Acts)
			return &body[upkeep.State]{s}, err
		})
}

type actsIn struct {
	Who    string `query:"who" maxLength:"80" doc:"only what this person or token did"`
	Verb   string `query:"verb" maxLength:"40" doc:"only this operation, by its id"`
	On     string `query:"on" maxLength:"200" doc:"only what was done to this: \"build 41\", \"worker heron\""`
	Before int64  `query:"before" minimum:"0" doc:"only acts with lower ids"`
	Limit  int    `query:"limit" minimum:"0" maximum:"1000" default:"100"`
	rest.Paging
}

func (h *handler) acts(ctx context.Context, in *actsIn) (*rest.Listed[audit.Act], error) {
	before, err := in.Paging.Before()
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(in.Limit, defaultActs)
	list, err := h.views.Audit.Acts(ctx, audit.Filter{Who: in.Who, Verb: in.Verb, On: in.On, Before: cmp.Or(before, in.Before), Limit: limit})
	if err != nil {
		return nil, err
	}
	return rest.List(&in.Paging, list, limit, func(a audit.Act) int64 { return a.ID }), nil
}

// defaultActs is how many acts are listed unless asked for otherwise.
const defaultActs = 100
