package client

import (
	"context"
	"net/http"
	"time"
)

// Change tells the farm that the source of a project has something new: it is
// looked at now, the branch named or all that are followed. A token with the right
// change is needed. weir.NotFound if there is no such project.
func (c *Client) Change(ctx context.Context, project, branch string) error {
	_, err := send[struct{}](ctx, c, http.MethodPost, "/api/v1/changes", struct {
		Project string `json:"project"`
		Branch  string `json:"branch,omitempty"`
	}{project, branch})
	return err
}

// HookCount is what came as webhooks in one dialect since the server started.
type HookCount struct {
	Dialect string    `json:"dialect"`
	Taken   int64     `json:"taken"`   // signed, whatever came of them
	Refused int64     `json:"refused"` // not signed with the farm's secret
	Last    time.Time `json:"last,omitzero"`
	Trouble string    `json:"trouble,omitempty"` // of the last one, if it was refused
}

// Hooks counts the webhooks that came, by dialect.
func (c *Client) Hooks(ctx context.Context) ([]HookCount, error) {
	return get[[]HookCount](ctx, c, "/api/v1/hooks", nil)
}
