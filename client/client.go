// Package client reads a farm over its REST API.
//
//	farm, err := client.New("https://weir.example.org", nil)
//	overview, err := farm.Overview(ctx)
//
// What comes back are the words of package weir, and the structs of this
// package that put them together. Errors are *weir.Error with the code, message
// and hint that the server sent; a server that does not answer is
// weir.Unavailable. A Client is safe for use by several goroutines.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// MaxAnswer limits the size of one JSON answer, in bytes.
const MaxAnswer = 256 << 20

// Client reads one farm, and changes it with a token that has the right for it. Make one with
// New.
type Client struct {
	base  *url.URL
	http  *http.Client
	token string // empty: none
}

// New makes a client of the farm at baseURL, for example
// "http://localhost:8080". A nil httpClient means http.DefaultClient; one with
// a timeout below 30 seconds cuts FollowEvents short. Its error is Invalid.
func New(baseURL string, httpClient *http.Client) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(baseURL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, weir.Errorf(weir.Invalid, "%.200q is not the address of a farm", baseURL).
			WithHint("it looks like http://localhost:8080")
	}
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	return &Client{base: base, http: httpClient}, nil
}

// Overview reads what needs somebody, what runs, and the rest.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	return get[Overview](ctx, c, "/api/v1/overview", nil)
}

// BuildQuery narrows a list of builds; the zero value lists the newest 100.
type BuildQuery struct {
	Project string
	Run     weir.RunID
	Builder weir.BuilderID
	State   weir.State
	Outcome weir.Outcome
	Cause   weir.Cause
	// Platform is one, or an operating system or architecture.
	Platform string
	Worker   string       // of the newest attempt
	Since    time.Time    // made then or later
	Before   weir.BuildID // only ids below this one; 0: all
	Limit    int          // 0: 100; at most 1,000
}

// Builds lists builds, newest first. Of builds that are rare it may list fewer than
// there are; ask again with Before.
func (c *Client) Builds(ctx context.Context, q BuildQuery) ([]weir.Build, error) {
	query := url.Values{}
	since := ""
	if !q.Since.IsZero() {
		since = q.Since.UTC().Format(time.RFC3339)
	}
	for name, text := range map[string]string{"project": q.Project, "state": string(q.State), "outcome": string(q.Outcome), "cause": string(q.Cause),
		"platform": q.Platform, "worker": q.Worker, "since": since} {
		if text != "" {
			query.Set(name, text)
		}
	}
	for name, n := range map[string]int64{"run": int64(q.Run), "builder": int64(q.Builder),
		"before": int64(q.Before), "limit": int64(q.Limit)} {
		if n != 0 {
			query.Set(name, strconv.FormatInt(n, 10))
		}
	}
	return get[[]weir.Build](ctx, c, "/api/v1/builds", query)
}

// Build reads everything about one build except its results and logs;
// weir.NotFound if there is none.
func (c *Client) Build(ctx context.Context, id weir.BuildID) (BuildDetail, error) {
	return get[BuildDetail](ctx, c, fmt.Sprintf("/api/v1/builds/%d", id), nil)
}

// Results reads what a build's tests reported, worst first: the bad ones, or
// all. At most limit of them; 0 means 1,000. weir.NotFound if the build
// reported nothing.
func (c *Client) Results(ctx context.Context, id weir.BuildID, all bool, limit int) (Results, error) {
	query := url.Values{"status": {"bad"}}
	if all {
		query.Set("status", "all")
	}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	return get[Results](ctx, c, fmt.Sprintf("/api/v1/builds/%d/results", id), query)
}

// Regressions lists regressions, newest first: the open ones, or all.
func (c *Client) Regressions(ctx context.Context, all bool) ([]weir.Regression, error) {
	return get[[]weir.Regression](ctx, c, "/api/v1/regressions", url.Values{"all": {strconv.FormatBool(all)}})
}

// Regression reads one regression and its evidence; weir.NotFound if there is none.
func (c *Client) Regression(ctx context.Context, id weir.RegressionID) (RegressionDetail, error) {
	return get[RegressionDetail](ctx, c, fmt.Sprintf("/api/v1/regressions/%d", id), nil)
}

// Test reads the past of a test of a project, on each builder that knows it:
// those of one job, or of all if job is empty. weir.NotFound if none does.
func (c *Client) Test(ctx context.Context, project, job string, test weir.TestID) (TestHistory, error) {
	query := url.Values{"project": {project}, "name": {test.Name}}
	if job != "" {
		query.Set("job", job)
	}
	if test.Suite != "" {
		query.Set("suite", test.Suite)
	}
	return get[TestHistory](ctx, c, "/api/v1/tests", query)
}

// FromNow asks FollowEvents for what happens after the call.
const FromNow = -1

// LastEvent is the number of the newest event. Whoever asks for it first, then
// reads, and then follows what comes after it misses nothing.
func (c *Client) LastEvent(ctx context.Context) (int64, error) {
	list, err := get[eventList](ctx, c, "/api/v1/events", url.Values{"after": {strconv.Itoa(FromNow)}})
	return list.Last, err
}

// FollowEvents yields events in order, those after the given number first. It
// goes on until the context or the loop ends, and survives a server that is
// away for a while; any other error is yielded last.
func (c *Client) FollowEvents(ctx context.Context, after int64) iter.Seq2[weir.Event, error] {
	return func(yield func(weir.Event, error) bool) {
		pause := retryFirst
		for ctx.Err() == nil {
			list, err := get[eventList](ctx, c, "/api/v1/events", url.Values{"after": {strconv.FormatInt(after, 10)}})
			if weir.CodeOf(err) == weir.Unavailable {
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
				pause = min(2*pause, retryMost)
				continue
			}
			if err != nil {
				yield(weir.Event{}, err)
				return
			}
			pause, after = retryFirst, list.Last
			for _, e := range list.Events {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// How long FollowEvents waits before it asks a silent server again.
const (
	retryFirst = 200 * time.Millisecond
	retryMost  = 10 * time.Second
)

type eventList struct {
	Events []weir.Event `json:"events"`
	Last   int64        `json:"last"`
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	answer, err := c.do(ctx, path, query)
	if err != nil {
		var out T
		return out, err
	}
	return decode[T](ctx, c, answer)
}

// decode reads an answer, and closes it.
func decode[T any](ctx context.Context, c *Client, answer *http.Response) (T, error) {
	var out T
	defer answer.Body.Close()
	if err := json.NewDecoder(io.LimitReader(answer.Body, MaxAnswer)).Decode(&out); err != nil {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		var netErr interface{ Timeout() bool }
		if errors.As(err, &netErr) || errors.Is(err, io.ErrUnexpectedEOF) {
			return out, weir.Errorf(weir.Unavailable, "the answer of %s broke off", c.base.Host).WithCause(err)
		}
		return out, weir.Errorf(weir.Unsupported, "%s does not answer like a farm of this version", c.base.Host).WithCause(err)
	}
	return out, nil
}

// do asks for a path. The caller closes the body.
func (c *Client) do(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	return c.request(ctx, http.MethodGet, path, query, nil)
}

// request sends a request; a body is JSON. An answer other than OK is an
// error. The caller closes the answer's body.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	request, err := c.newRequest(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	answer, err := c.exchange(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		return nil, problem(c.base.Host, answer)
	}
	return answer, nil
}

func (c *Client) newRequest(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Request, error) {
	target := *c.base
	target.Path += path
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "cannot ask for %s", path).WithCause(err)
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	return request, nil
}

// exchange sends a request, whatever the answer. The caller closes its body.
func (c *Client) exchange(request *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(request)
	if err != nil {
		if ctx := request.Context(); ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, weir.Errorf(weir.Unavailable, "the farm at %s does not answer", c.base.Host).
			WithHint("is it running? start one with: weir serve").WithCause(err)
	}
	return answer, nil
}

// maxProblem limits the size of an error's body, in bytes.
const maxProblem = 64 << 10

func problem(host string, answer *http.Response) error {
	var p struct {
		Title, Detail, Hint string
		Code                weir.Code
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	if err == nil && json.Unmarshal(body, &p) == nil && p.Code != "" {
		message := p.Detail
		if message == "" {
			message = p.Title
		}
		return &weir.Error{Code: p.Code, Message: message, Hint: p.Hint}
	}
	code := weir.Unsupported // something else answers there
	switch answer.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		code = weir.Unavailable // a proxy whose farm is away
	}
	return weir.Errorf(code, "%s answers %q and not like a farm", host, answer.Status)
}
