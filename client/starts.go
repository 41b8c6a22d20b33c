package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/weir-ci/weir"
)

// Try is a change that nobody has pushed, to be built.
type Try struct {
	Project   string          `json:"project"`
	Base      string          `json:"base"`                // full hash of the commit that the patch is for
	Patch     []byte          `json:"patch"`               // as git diff --binary writes it, at most 16 MiB
	Jobs      []string        `json:"jobs,omitempty"`      // none: all that are for it
	Platforms []weir.Platform `json:"platforms,omitempty"` // none: all
	Reason    string          `json:"reason,omitempty"`    // one line for people, at most 200 bytes
}

// Try builds a project with a change; a token with the right build is needed. weir.NotFound
// if there is no such project, job or platform of it; weir.Conflict if no revision
// of something upstream is known yet.
func (c *Client) Try(ctx context.Context, t Try) (Forced, error) {
	return send[Forced](ctx, c, http.MethodPost, "/api/v1/try", t)
}

// Rerun says what of a run is to be repeated.
type Rerun struct {
	Failed bool           `json:"failed,omitempty"` // only what did not pass
	Builds []weir.BuildID `json:"builds,omitempty"` // only these
	Reason string         `json:"reason,omitempty"` // one line for people, at most 200 bytes
}

// Rerun repeats builds of a run, at the same revisions and with the same recipe;
// a token with the right build is needed. weir.Conflict if there is nothing to repeat.
func (c *Client) Rerun(ctx context.Context, run weir.RunID, r Rerun) (Forced, error) {
	return send[Forced](ctx, c, http.MethodPost, fmt.Sprintf("/api/v1/runs/%d/rerun", run), r)
}

// Tick is a time at which a job starts by itself.
type Tick struct {
	Project string    `json:"project"`
	Job     string    `json:"job"`
	Cron    string    `json:"cron"` // as the recipe has it, with the zone behind it
	At      time.Time `json:"at"`
	Last    time.Time `json:"last,omitzero"` // when it last did
}

// Upcoming lists when jobs start by themselves, by time.
func (c *Client) Upcoming(ctx context.Context) ([]Tick, error) {
	return get[[]Tick](ctx, c, "/api/v1/starts", nil)
}

// Pulls lists pull requests, those that changed last first. An empty project or
// state means all.
func (c *Client) Pulls(ctx context.Context, project string, state weir.ProposalState) ([]weir.Proposal, error) {
	query := url.Values{}
	if project != "" {
		query.Set("project", project)
	}
	if state != "" {
		query.Set("state", string(state))
	}
	return get[[]weir.Proposal](ctx, c, "/api/v1/pulls", query)
}

// DecidePull approves or refuses the head of a pull request; a token with the right
// build is needed. weir.Conflict if it has another head by now: read that first.
func (c *Client) DecidePull(ctx context.Context, id weir.ProposalID, head string, approve bool) error {
	verb := "refuse"
	if approve {
		verb = "approve"
	}
	_, err := send[struct{}](ctx, c, http.MethodPost, fmt.Sprintf("/api/v1/pulls/%d/%s", id, verb), map[string]string{"head": head})
	return err
}
