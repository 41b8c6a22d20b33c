package api

import (
	"context"
	"net/http"

	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/hooks"
	"github.com/weir-ci/weir/internal/server/rest"
)

// Changes is how the farm is told that there is something new.
type Changes interface {
	// Nudge makes the source of a project due at once: the branch named, or all.
	// NotFound if there is no such project.
	Nudge(ctx context.Context, project, branch string) error
	// Hooks counts what forges posted to this server.
	Hooks() []hooks.Count
}

func (h *handler) changes(a *rest.API) {
	rest.Register(a, operation(access.Change, http.MethodPost, "change", "changes", "Look at the source of a project now"), h.change)
	rest.Register(a, get("hooks", "hooks", "What forges posted to this server since it started"),
		func(context.Context, *none) (*body[[]hooks.Count], error) {
			return &body[[]hooks.Count]{h.farm.Hooks()}, nil
		})
}

type changeIn struct {
	Body struct {
		Project string `json:"project" doc:"whose source to look at" maxLength:"64"`
		Branch  string `json:"branch,omitempty" doc:"only this branch; empty: all that are followed" maxLength:"250"`
	}
}

func (h *handler) change(ctx context.Context, in *changeIn) (*body[done], error) {
	return &body[done]{}, h.farm.Nudge(ctx, in.Body.Project, in.Body.Branch)
}
