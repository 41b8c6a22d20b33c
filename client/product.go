package client

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/weir-ci/weir"
)

// OpenProduct opens the packed product that a build made: a tar file in zstd,
// whose digest is in the build. weir.NotFound if there is none. The caller
// closes it, and holds what was read against the digest.
func (c *Client) OpenProduct(ctx context.Context, id weir.BuildID) (io.ReadCloser, error) {
	answer, err := c.request(ctx, http.MethodGet, productPath(id), nil, nil)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// HasProduct reports whether the farm still has the product of a build.
func (c *Client) HasProduct(ctx context.Context, id weir.BuildID) (bool, error) {
	answer, err := c.request(ctx, http.MethodHead, productPath(id), nil, nil)
	switch {
	case err == nil:
		return true, answer.Body.Close()
	case answer == nil && weir.CodeOf(err) == weir.Unavailable:
		return false, err
	}
	return false, ctx.Err() // whatever it says instead, there is nothing to be had
}

func productPath(id weir.BuildID) string { return fmt.Sprintf("/api/v1/builds/%d/product", id) }
