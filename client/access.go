package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Act is something that a person, or a program with a token, did to a farm.
type Act struct {
	ID    int64     `json:"id"` // grows
	At    time.Time `json:"at"`
	Who   string    `json:"who"`             // name of the person or the token; empty: not known
	Via   string    `json:"via"`             // page, api, command or hook
	From  string    `json:"from,omitempty"`  // address of the client; empty: the server's own command line
	Verb  string    `json:"verb"`            // id of the operation: cancel, force
	On    string    `json:"on,omitempty"`    // what it was done to: "build 41"
	Note  string    `json:"note,omitempty"`  // the reason that was given
	Error string    `json:"error,omitempty"` // why it was refused or did not work; empty: it was done
}

// ActQuery narrows a list of acts; the zero value lists the newest 100.
type ActQuery struct {
	Who, Verb, On string // only these; empty: any
	Before        int64  // only acts with ids below this one; 0: all
	Limit         int    // 0: 100; at most 1,000
}

// Audit lists what was done to a farm, newest first. It needs a token with the
// right admin.
func (c *Client) Audit(ctx context.Context, q ActQuery) ([]Act, error) {
	query := url.Values{}
	for name, value := range map[string]string{"who": q.Who, "verb": q.Verb, "on": q.On} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if q.Before != 0 {
		query.Set("before", strconv.FormatInt(q.Before, 10))
	}
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	return get[[]Act](ctx, c, "/api/v1/audit", query)
}

// Token is a token of a farm, without its secret.
type Token struct {
	Name    string    `json:"name"`
	Scope   string    `json:"scope"` // worker, admin, api; web: somebody who has signed in; signin: a link for that
	Rights  []string  `json:"rights,omitempty"`
	Owner   string    `json:"owner,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
}

// Tokens lists the tokens of a farm and those who have signed in, by name. It
// needs a token with the right admin.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	return get[[]Token](ctx, c, "/api/v1/tokens", nil)
}

// RevokeToken makes a token useless at once, or ends a session; weir.NotFound if
// there is none of that name. It needs a token with the right admin.
func (c *Client) RevokeToken(ctx context.Context, name string) error {
	_, err := send[struct{}](ctx, c, http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(name), struct{}{})
	return err
}
