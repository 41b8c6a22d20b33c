package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/weir-ci/weir"
)

// WithToken returns a client that proves with a token who it is. The methods that
// change something need one; without it they are weir.Unauthenticated, and
// weir.Forbidden with one that lacks the right, or with the token of a worker.
func (c *Client) WithToken(token string) *Client {
	own := *c
	own.token = token
	return &own
}

// Force says what to build.
type Force struct {
	Project string `json:"project"`
	Job     string `json:"job,omitempty"`    // empty: all jobs
	Reason  string `json:"reason,omitempty"` // one line for people, at most 200 bytes
	Count   int    `json:"count,omitempty"`  // builds of each job and platform, at most 1,000; 0: 1
	// Params are values for parameters of the jobs, by their names.
	Params map[string]string `json:"params,omitempty"`
}

// Forced is what came of it.
type Forced struct {
	Run    weir.RunID     `json:"run"`
	Builds []weir.BuildID `json:"builds"`
}

// Force builds the tips of a project now, whether or not they were built
// before. weir.NotFound if there is no such project or job, weir.Conflict if no
// revision of it is known yet.
func (c *Client) Force(ctx context.Context, f Force) (Forced, error) {
	return send[Forced](ctx, c, http.MethodPost, "/api/v1/runs", f)
}

type because struct {
	Reason string `json:"reason,omitempty"`
}

// Cancel ends an unfinished build and those that need it; weir.Conflict if it
// is over.
func (c *Client) Cancel(ctx context.Context, id weir.BuildID, reason string) error {
	_, err := send[struct{}](ctx, c, http.MethodPost, fmt.Sprintf("/api/v1/builds/%d/cancel", id), because{reason})
	return err
}

// Worker is a worker and what can be expected of it. Its Owner is told to
// admins only.
type Worker struct {
	weir.Worker
	State weir.WorkerState `json:"state"`
	Today *WorkerSum       `json:"today,omitempty"` // the last 24 hours; nil if the farm keeps no history
}

// Workers lists the workers, by name.
func (c *Client) Workers(ctx context.Context) ([]Worker, error) {
	return get[[]Worker](ctx, c, "/api/v1/workers", nil)
}

// Worker reads one worker; weir.NotFound if there is none.
func (c *Client) Worker(ctx context.Context, name string) (Worker, error) {
	path, err := workerPath(name, "")
	if err != nil {
		return Worker{}, err
	}
	return get[Worker](ctx, c, path, nil)
}

// PauseWorker holds a worker back from now on; what it runs goes on. A reason
// is needed.
func (c *Client) PauseWorker(ctx context.Context, name, reason string) error {
	return c.onWorker(ctx, http.MethodPost, name, "/pause", because{reason})
}

// ResumeWorker lets a worker that was paused, or is in quarantine, have work again.
func (c *Client) ResumeWorker(ctx context.Context, name string) error {
	return c.onWorker(ctx, http.MethodPost, name, "/resume", nil)
}

// ForgetWorker removes a worker that is away and runs nothing; weir.Conflict
// otherwise.
func (c *Client) ForgetWorker(ctx context.Context, name string) error {
	return c.onWorker(ctx, http.MethodDelete, name, "", nil)
}

func (c *Client) onWorker(ctx context.Context, method, name, verb string, message any) error {
	path, err := workerPath(name, verb)
	if err != nil {
		return err
	}
	_, err = send[struct{}](ctx, c, method, path, message)
	return err
}

// workerPath is where a worker is found. What cannot be a name is not sent: a
// slash in it would lead elsewhere.
func workerPath(name, verb string) (string, error) {
	if !weir.ValidName(name) {
		return "", weir.Errorf(weir.NotFound, "%.80q cannot be the name of a worker", name).
			WithHint("weir workers lists them")
	}
	return "/api/v1/workers/" + name + verb, nil
}

// send sends a message and reads the answer.
func send[T any](ctx context.Context, c *Client, method, path string, message any) (T, error) {
	var out T
	var data []byte
	if message != nil {
		var err error
		if data, err = json.Marshal(message); err != nil {
			return out, err
		}
	}
	answer, err := c.request(ctx, method, path, nil, bytes.NewReader(data))
	if err != nil {
		return out, err
	}
	return decode[T](ctx, c, answer)
}
