package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/weir-ci/weir"
)

// apiPrefix stands before the paths of all operations.
const apiPrefix = "/api/v1/"

// Answer is what a farm answered to Call. Whoever gets one closes its Body.
type Answer struct {
	Body io.ReadCloser
	Type string // content type, without parameters
	// Next is the path of the next part of a list, for Call; empty: there is none.
	Next string
}

// Call asks for any operation of the API, also for those that this package knows
// nothing of: "builds/41", or "builds?limit=7", which stands for
// "/api/v1/builds?limit=7". A body is JSON; nil: none. Errors of the farm are
// errors here as well.
func (c *Client) Call(ctx context.Context, method, path string, body []byte) (*Answer, error) {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || u.Fragment != "" {
		return nil, weir.Errorf(weir.Invalid, "%.200q is not the path of an operation", path).
			WithHint("it looks like builds/41, or builds?limit=7")
	}
	if !strings.HasPrefix(u.Path, "/") {
		u.Path, u.RawPath = apiPrefix+u.Path, ""
	}
	if !strings.HasPrefix(u.Path, "/api/") || strings.Contains(u.Path, "..") {
		return nil, weir.Errorf(weir.Invalid, "%.200q is not below /api/", path)
	}
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	answer, err := c.request(ctx, method, u.Path, u.Query(), content)
	if err != nil {
		return nil, err
	}
	kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	return &Answer{Body: answer.Body, Type: kind, Next: nextPart(answer.Header)}, nil
}

// nextPart finds the link to the next part of a list (RFC 8288).
func nextPart(h http.Header) string {
	for _, link := range h.Values("Link") {
		target, params, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
		if ok && strings.Contains(params, `rel="next"`) {
			return target
		}
	}
	return ""
}
