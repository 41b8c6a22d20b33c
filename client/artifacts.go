package client

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/weir-ci/weir"
)

// Notes are what a build says of itself.
type Notes struct {
	Summary string        `json:"summary,omitempty"` // Markdown
	Metrics []weir.Metric `json:"metrics,omitempty"`
}

// Artifacts lists the files that a build keeps, by path; weir.NotFound if there is no
// such build.
func (c *Client) Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error) {
	return get[[]weir.Artifact](ctx, c, fmt.Sprintf("/api/v1/builds/%d/artifacts", id), nil)
}

// OpenArtifact opens a file that a build keeps. The caller closes it. weir.NotFound
// if the build does not keep it, or not any more.
func (c *Client) OpenArtifact(ctx context.Context, id weir.BuildID, path string) (io.ReadCloser, error) {
	answer, err := c.do(ctx, fmt.Sprintf("/api/v1/builds/%d/artifact", id), url.Values{"path": {path}})
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// Notes reads the metrics and the summary of a build.
func (c *Client) Notes(ctx context.Context, id weir.BuildID) (Notes, error) {
	return get[Notes](ctx, c, fmt.Sprintf("/api/v1/builds/%d/notes", id), nil)
}
