package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
)

// Why is what a person says along with a deed: one line, at most 500 bytes.
type Why struct {
	Why string `json:"why,omitempty"`
}

// Acknowledge says that you have an open regression in hand, until the time
// given: at most weir.MaxAcknowledged ahead. weir.Conflict if it is closed.
func (c *Client) Acknowledge(ctx context.Context, id weir.RegressionID, until time.Time, why string) error {
	return c.say(ctx, id, "acknowledge", struct {
		Why
		Until time.Time `json:"until"`
	}{Why{why}, until})
}

// AcknowledgeFor is Acknowledge for so long from now, by the farm's clock.
func (c *Client) AcknowledgeFor(ctx context.Context, id weir.RegressionID, d time.Duration, why string) error {
	return c.say(ctx, id, "acknowledge", struct {
		Why
		Seconds int64 `json:"for_seconds"`
	}{Why{why}, int64(d / time.Second)})
}

// Unacknowledge takes it back.
func (c *Client) Unacknowledge(ctx context.Context, id weir.RegressionID, why string) error {
	return c.say(ctx, id, "unacknowledge", Why{why})
}

// RegressionQuery narrows a list of regressions; what is empty does not.
type RegressionQuery struct {
	// State is open, closed, all, or one of the states; empty: open.
	State    string
	Project  string            // with a test of it, or its culprit in it
	Blame    weir.Blame        // with this side to blame
	Assignee string            // assigned to this person, or in this person's hand
	Before   weir.RegressionID // ids below this one
	Limit    int               // 0: 500, which are the most
}

// FindRegressions lists regressions, newest first.
func (c *Client) FindRegressions(ctx context.Context, q RegressionQuery) ([]weir.Regression, error) {
	values := url.Values{}
	for key, value := range map[string]string{"state": q.State, "project": q.Project, "blame": string(q.Blame), "assignee": q.Assignee} {
		if value != "" {
			values.Set(key, value)
		}
	}
	for key, n := range map[string]int64{"before": int64(q.Before), "limit": int64(q.Limit)} {
		if n != 0 {
			values.Set(key, strconv.FormatInt(n, 10))
		}
	}
	return get[[]weir.Regression](ctx, c, "/api/v1/regressions", values)
}

// Assign says whose business an open regression is; an empty to: nobody's any
// more. weir.Conflict if it is closed, or nobody's anyway.
func (c *Client) Assign(ctx context.Context, id weir.RegressionID, to, why string) error {
	return c.say(ctx, id, "assign", struct {
		Why
		To string `json:"to"`
	}{Why{why}, to})
}

// Dismiss closes a regression, or ends a search; a reason is needed.
// weir.Conflict if it is closed.
func (c *Client) Dismiss(ctx context.Context, id weir.RegressionID, why string) error {
	return c.say(ctx, id, "dismiss", Why{why})
}

// Reopen searches a closed regression again; weir.Conflict if it is open, or
// merged into another one.
func (c *Client) Reopen(ctx context.Context, id weir.RegressionID, why string) error {
	return c.say(ctx, id, "reopen", Why{why})
}

// Merge hands the tests of an open regression to another open one.
func (c *Client) Merge(ctx context.Context, id, into weir.RegressionID, why string) error {
	return c.say(ctx, id, "merge", struct {
		Why
		Into weir.RegressionID `json:"into"`
	}{Why{why}, into})
}

func (c *Client) say(ctx context.Context, id weir.RegressionID, verb string, message any) error {
	_, err := send[struct{}](ctx, c, http.MethodPost, fmt.Sprintf("/api/v1/regressions/%d/%s", id, verb), message)
	return err
}

// Pick names a test of a regression. Without a suite the name is enough, or has
// the suite in front; without a builder only one may have the test.
type Pick struct {
	Suite   string `json:"suite,omitempty"`
	Name    string `json:"name"`
	Builder string `json:"builder,omitempty"` // its name
}

// Split makes a regression of its own of some of the tests of an open one, and
// tells which it is. weir.Invalid if one is not a test of it, or all are named.
func (c *Client) Split(ctx context.Context, id weir.RegressionID, victims []Pick, why string) (weir.RegressionID, error) {
	out, err := send[struct {
		Regression weir.RegressionID `json:"regression"`
	}](ctx, c, http.MethodPost, fmt.Sprintf("/api/v1/regressions/%d/split", id), struct {
		Why
		Victims []Pick `json:"victims"`
	}{Why{why}, victims})
	return out.Regression, err
}

// Ask is a wish to know which revision of a project made a test bad. Test and
// Project are needed; the farm finds what else it needs, or says what is missing.
type Ask struct {
	Why
	Project  string        `json:"project,omitempty"`  // whose test it is
	Suite    string        `json:"suite,omitempty"`    // of the test
	Name     string        `json:"name,omitempty"`     // of the test
	Job      string        `json:"job,omitempty"`      // empty: the only one that has it
	Platform weir.Platform `json:"platform,omitempty"` // empty: the only one it runs on
	Builder  string        `json:"builder,omitempty"`  // its name; empty: the only one that fits
	// Of is the project whose revisions are searched; empty: Project.
	Of string `json:"of,omitempty"`
	// Good and Bad are revisions of Of: whole ids, the beginning of one, or
	// versions. Empty: where the test's history turns from good to bad.
	Good string `json:"good,omitempty"`
	Bad  string `json:"bad,omitempty"`
	// At pins other projects; they stand where they stood last otherwise.
	At map[string]string `json:"at,omitempty"`
	// Fix asks which revision mended this regression; then nothing else is said but Why.
	Fix weir.RegressionID `json:"fix,omitempty"`
}

// Asked is the search that came of an Ask.
type Asked struct {
	Search weir.Regression `json:"search"`
	New    bool            `json:"new"` // false: the same was being searched already
}

// Bisect starts a search. weir.NotFound if there is no such project, test or
// revision, weir.Conflict if more than one fits or nothing is known that is
// needed, weir.Invalid if nothing lies between the revisions.
func (c *Client) Bisect(ctx context.Context, ask Ask) (Asked, error) {
	return send[Asked](ctx, c, http.MethodPost, "/api/v1/bisections", ask)
}

// Bisections lists searches that people asked for, or that follow from a
// regression, newest first, at most 100.
func (c *Client) Bisections(ctx context.Context) ([]weir.Regression, error) {
	return get[[]weir.Regression](ctx, c, "/api/v1/bisections", nil)
}
