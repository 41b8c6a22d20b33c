// Package access says who may do what: it knows tokens by their secrets.
//
// There are three kinds of secrets that last, and none stands for another. A
// worker's token lets a machine run builds. An admin's token, or one that was made
// for a program with some rights, changes the farm by the REST API. A session does
// it on the pages; package signin makes those.
//
// The store has hashes only, and is asked for one by its value, so that nothing is
// compared byte by byte with what somebody sent.
package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/signin"
	"github.com/weir-ci/weir/internal/store"
)

// Right is something that a token may do; see store.Right. Reading what everybody
// may see needs none.
type Right = store.Right

// The closed set of rights.
const (
	Build  = store.RightBuild
	Triage = store.RightTriage
	Fleet  = store.RightFleet
	Change = store.RightChange
	Config = store.RightConfig
	Admin  = store.RightAdmin
)

// Rights lists every right.
func Rights() []Right { return store.Rights() }

// Means says in a few words what a right allows.
func Means(r Right) string {
	switch r {
	case Build:
		return "force, try, rerun and cancel builds, decide on pull requests"
	case Triage:
		return "acknowledge, dismiss, reopen, merge and split regressions, ask for searches"
	case Fleet:
		return "pause, resume and forget workers"
	case Change:
		return "tell of new revisions"
	case Config:
		return "compare the farm file, and have it read again"
	case Admin:
		return "see the admin page and the audit, list and revoke tokens"
	}
	return ""
}

// ParseRights reads a list with commas between; Invalid if one is no right. What
// it returns is sorted, and has nothing twice.
func ParseRights(text string) ([]Right, error) {
	var out []Right
	for _, word := range strings.Split(text, ",") {
		r := Right(strings.TrimSpace(word))
		if !slices.Contains(Rights(), r) {
			return nil, weir.Errorf(weir.Invalid, "%.40q is not a right", string(r)).WithHint("rights are %s", Words(Rights()))
		}
		out = append(out, r)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Words lists rights for people.
func Words(rights []Right) string {
	words := make([]string, len(rights))
	for i, r := range rights {
		words[i] = string(r)
	}
	return strings.Join(words, ", ")
}

// Caller is who asks for something, as far as a secret tells.
type Caller struct {
	Name   string
	Rights []Right
	// Person says that it is somebody with a browser. The API lets them read.
	Person bool
}

// May reports whether the caller has a right.
func (c Caller) May(r Right) bool { return slices.Contains(c.Rights, r) }

// Guard knows tokens. Make one with New.
type Guard struct {
	store store.Access
	now   func() time.Time
	found cache
}

// New makes a guard. A nil now means time.Now.
func New(db store.Access, now func() time.Time) *Guard {
	if now == nil {
		now = time.Now
	}
	return &Guard{store: db, now: now}
}

// token finds a token, whether or not it has expired; NotFound if there is none.
func (g *Guard) token(ctx context.Context, secret string) (store.Token, error) {
	hash := signin.Hash(secret)
	if t, ok := g.found.get(hash); ok {
		return t, nil
	}
	asked := time.Now()
	t, err := g.store.FindToken(ctx, hash)
	if err == nil {
		g.found.put(hash, t, asked)
	}
	return t, err
}

// expired is what is said of a token that does not work any more.
func expired(t store.Token) *weir.Error {
	return weir.Errorf(weir.Unauthenticated, "the token %s does not work any more since %s", t.Name, t.Expires.UTC().Format("2006-01-02 15:04 MST"))
}

// Authenticate finds the worker that a token belongs to; Unauthenticated if there
// is none or it has expired, Forbidden if it is no worker's.
func (g *Guard) Authenticate(ctx context.Context, secret string) (worker string, err error) {
	t, err := g.token(ctx, secret)
	const how = "make one on the server with: weir token add NAME"
	switch {
	case weir.CodeOf(err) == weir.NotFound:
		return "", weir.Errorf(weir.Unauthenticated, "the worker's token is not known to this farm").WithHint(how)
	case err != nil:
		return "", err
	case t.Scope != store.ScopeWorker && t.Scope != "":
		return "", weir.Errorf(weir.Forbidden, "the token of %s is %s, and no worker's", t.Name, kind(t.Scope)).WithHint(how)
	case t.Expired(g.now()):
		return "", expired(t).WithHint(how)
	}
	return t.Name, nil
}

// kind is what a token is, as a word with its article.
func kind(s store.Scope) string {
	switch s {
	case store.ScopeAdmin:
		return "an admin's"
	case store.ScopeAPI:
		return "a program's"
	case store.ScopeWeb, store.ScopeSignIn:
		return "a browser's"
	}
	return "a worker's"
}

// Caller finds who may use the API with a token, and for what; Unauthenticated if
// there is none or it has expired, Forbidden if it is for something else. Then the
// caller has its name, and no rights.
func (g *Guard) Caller(ctx context.Context, secret string) (Caller, error) {
	t, err := g.token(ctx, secret)
	const how = "make one on the server with: weir token add NAME --right RIGHT, or --admin for all rights"
	switch {
	case weir.CodeOf(err) == weir.NotFound:
		return Caller{}, weir.Errorf(weir.Unauthenticated, "the token is not known to this farm").WithHint(how)
	case err != nil:
		return Caller{}, err
	case t.Scope != store.ScopeAdmin && t.Scope != store.ScopeAPI:
		return Caller{Name: t.Name}, weir.Errorf(weir.Forbidden, "the token of %s is %s; this needs an admin's or a program's", t.Name, kind(t.Scope)).WithHint(how)
	case t.Expired(g.now()):
		return Caller{Name: t.Name}, expired(t).WithHint(how)
	case t.Scope == store.ScopeAdmin:
		return Caller{Name: t.Name, Rights: Rights()}, nil
	}
	return Caller{Name: t.Name, Rights: t.Rights}, nil
}

// Visitor finds who has signed in with a browser; Unauthenticated if nobody has.
func (g *Guard) Visitor(ctx context.Context, session string) (Caller, error) {
	t, err := g.token(ctx, session)
	if weir.CodeOf(err) == weir.NotFound || err == nil && (t.Scope != store.ScopeWeb || t.Expired(g.now())) {
		return Caller{}, weir.Errorf(weir.Unauthenticated, "nobody is signed in with this browser any more")
	}
	if err != nil {
		return Caller{}, err
	}
	return Caller{Name: signin.Person(t.Name), Rights: Rights(), Person: true}, nil
}
