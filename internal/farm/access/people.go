package access

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/signin"
	"github.com/weir-ci/weir/internal/store"
)

// Token is a token as it is listed: without its secret, and without its hash.
type Token = store.Token

// The kinds of tokens that pages tell apart.
const (
	ScopeWorker = store.ScopeWorker
	ScopeAdmin  = store.ScopeAdmin
	ScopeWeb    = store.ScopeWeb
	ScopeSignIn = store.ScopeSignIn
	ScopeAPI    = store.ScopeAPI
)

func (g *Guard) door() signin.Door { return signin.Door{Store: g.store, Now: g.now} }

// SignInLink makes a code that lets somebody in once; see signin.Door.Link.
func (g *Guard) SignInLink(ctx context.Context, name string) (code string, err error) {
	return g.door().Link(ctx, name)
}

// SignIn takes such a code, and gives the secret of a session; Unauthenticated if it
// is not good any more.
func (g *Guard) SignIn(ctx context.Context, code string) (session string, err error) {
	return g.door().Enter(ctx, code)
}

// SignedIn tells who has a session; Unauthenticated if nobody has.
func (g *Guard) SignedIn(ctx context.Context, session string) (name string, err error) {
	c, err := g.Visitor(ctx, session)
	return c.Name, err
}

// SignOut ends a session. For a second other servers may still believe it.
func (g *Guard) SignOut(ctx context.Context, session string) error {
	t, err := g.token(ctx, session)
	if weir.CodeOf(err) == weir.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	g.found.drop(t.Name)
	return g.door().Leave(ctx, session)
}

// SignOutEverywhere ends all sessions of a person, and the links that are made out
// to them, and says how many.
func (g *Guard) SignOutEverywhere(ctx context.Context, person string) (ended int, err error) {
	list, err := g.store.Tokens(ctx)
	if err != nil {
		return 0, err
	}
	for _, t := range list {
		if t.Scope != store.ScopeWeb && t.Scope != store.ScopeSignIn || signin.Person(t.Name) != person {
			continue
		}
		err := g.RevokeToken(ctx, t.Name)
		switch {
		case err == nil:
			ended++
		case weir.CodeOf(err) != weir.NotFound: // else somebody was faster
			return ended, err
		}
	}
	return ended, nil
}

// RevokeToken makes a token useless at once, or ends a session; NotFound if there
// is none of that name.
func (g *Guard) RevokeToken(ctx context.Context, name string) error {
	err := g.store.RevokeToken(ctx, name)
	g.found.drop(name)
	return err
}

// Tokens lists tokens, links to sign in and sessions, by name, without secrets.
func (g *Guard) Tokens(ctx context.Context) ([]Token, error) { return g.store.Tokens(ctx) }

// Tidy removes links and sessions that are over.
func (g *Guard) Tidy(ctx context.Context) error { return g.door().Tidy(ctx) }

// Describe says in words what a token is, and which rights it has; these are empty
// for one that lets nobody use the API.
func Describe(t Token) (is, rights string) {
	switch t.Scope {
	case store.ScopeAdmin:
		return "admin", "all"
	case store.ScopeAPI:
		return "program", Words(t.Rights)
	case store.ScopeWeb:
		return "signed in", "all"
	case store.ScopeSignIn:
		return "link to sign in", ""
	}
	return "worker", ""
}

// Person is the name under which the holder of a token acts.
func Person(t Token) string { return signin.Person(t.Name) }
