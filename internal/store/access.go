package store

import (
	"context"
	"time"
)

// Access keeps tokens, by hash only.
type Access interface {
	// AddToken records a token. Conflict if the name is taken.
	AddToken(ctx context.Context, t Token) error
	// FindToken looks a token up by its hash; NotFound if there is none.
	FindToken(ctx context.Context, hash string) (Token, error)
	// Tokens lists tokens, without their hashes, by name.
	Tokens(ctx context.Context) ([]Token, error)
	// RevokeToken removes a token by name; NotFound if there is none.
	RevokeToken(ctx context.Context, name string) error
}

// Token is the right of a worker, or of an admin, to talk to the server.
type Token struct {
	Name    string    `json:"name"` // the worker's or the person's name
	Hash    string    `json:"-"`    // hex SHA-256 of the secret
	Created time.Time `json:"created"`
	Scope   Scope     `json:"scope"` // empty means ScopeWorker
	// Rights are what a token with ScopeAPI may do, sorted.
	Rights []Right `json:"rights,omitempty"`
	Owner  string  `json:"owner,omitempty"` // mail address of who lends the worker
	// Expires is when it stops working; zero: never. FindToken finds it all the same.
	Expires time.Time `json:"expires,omitzero"`
}

// Expired reports whether the token does not work any more.
func (t Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// Scope says what a token allows.
type Scope string

// The closed set of scopes.
const (
	ScopeWorker Scope = "worker" // to be a worker
	ScopeAdmin  Scope = "admin"  // to change the state of the farm
	ScopeWeb    Scope = "web"    // the same, on the pages: somebody has signed in with a browser
	ScopeSignIn Scope = "signin" // to sign in once
	ScopeAPI    Scope = "api"    // to do what its rights say, with the REST API
)

// Right is something that a token may do. Reading needs none.
type Right string

// The closed set of rights. ScopeAdmin and ScopeWeb have all of them.
const (
	RightBuild  Right = "build"  // force, try, rerun, cancel builds; skip starts; decide on pull requests
	RightTriage Right = "triage" // acknowledge, assign, dismiss, reopen, merge and split regressions; ask for searches
	RightFleet  Right = "fleet"  // pause, resume and forget workers
	RightChange Right = "change" // tell of new revisions
	RightConfig Right = "config" // read the farm file again
	RightAdmin  Right = "admin"  // see the audit, list and revoke tokens
)

// Rights lists every right.
func Rights() []Right {
	return []Right{RightBuild, RightTriage, RightFleet, RightChange, RightConfig, RightAdmin}
}
