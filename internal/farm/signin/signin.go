// Package signin lets people into the pages of a farm, before there are accounts:
// whoever can read the farm's database makes a link that works once, and opening it
// gives a browser the right to change things for a while.
//
// Links and browsers are tokens in the store, known by their hashes only, so that
// they survive a restart, hold on every server, and can be listed and revoked like
// all others.
package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// How long a link and a browser that has used one are good for.
const (
	LinkTime    = time.Hour
	SessionTime = 30 * 24 * time.Hour
)

// maxName limits who somebody says he is, in bytes.
const maxName = 40

// Door lets people in.
type Door struct {
	Store store.Access
	Now   func() time.Time
}

// Hash is what the store keeps of a secret.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Link makes a code that lets somebody in once, under a name that is noted with
// whatever they do then. Invalid if the name cannot be one.
func (d Door) Link(ctx context.Context, name string) (code string, err error) {
	if !weir.ValidName(name) || len(name) > maxName {
		return "", weir.Errorf(weir.Invalid, "%.80q cannot be the name of somebody who signs in", name).
			WithHint("use up to %d letters, digits, dots, dashes and underscores", maxName)
	}
	return d.add(ctx, name, store.ScopeSignIn, LinkTime)
}

// add makes a token with a name of its own.
func (d Door) add(ctx context.Context, name string, scope store.Scope, lives time.Duration) (secret string, err error) {
	secret = rand.Text()
	now := d.Now()
	return secret, d.Store.AddToken(ctx, store.Token{Name: name + "." + string(scope) + "-" + strings.ToLower(rand.Text()[:8]),
		Hash: Hash(secret), Scope: scope, Created: now, Expires: now.Add(lives)})
}

// Enter takes a code, which is good for nothing any more then, and gives the
// secret of a session. Unauthenticated if the code is not known, used or too old.
func (d Door) Enter(ctx context.Context, code string) (session string, err error) {
	refused := weir.Errorf(weir.Unauthenticated, "this link does not work any more: each works once, for an hour").
		WithHint("make a new one on the server with: weir signin")
	t, err := d.Store.FindToken(ctx, Hash(code))
	if weir.CodeOf(err) == weir.NotFound || err == nil && (t.Scope != store.ScopeSignIn || t.Expired(d.Now())) {
		return "", refused
	}
	if err != nil {
		return "", err
	}
	// Of two who come with one link the one is let in who takes it away.
	if err := d.Store.RevokeToken(ctx, t.Name); weir.CodeOf(err) == weir.NotFound {
		return "", refused
	} else if err != nil {
		return "", err
	}
	return d.add(ctx, Person(t.Name), store.ScopeWeb, SessionTime)
}

// Leave ends a session. One that is over already is no error.
func (d Door) Leave(ctx context.Context, session string) error {
	t, err := d.Store.FindToken(ctx, Hash(session))
	if err == nil && t.Scope == store.ScopeWeb {
		err = d.Store.RevokeToken(ctx, t.Name)
	}
	if weir.CodeOf(err) == weir.NotFound {
		return nil
	}
	return err
}

// Tidy removes links and sessions that have expired. Other tokens stay, so that
// whoever comes with one that is too old hears that.
func (d Door) Tidy(ctx context.Context) error {
	list, err := d.Store.Tokens(ctx)
	if err != nil {
		return err
	}
	for _, t := range list {
		if (t.Scope == store.ScopeSignIn || t.Scope == store.ScopeWeb) && t.Expired(d.Now()) {
			if err := d.Store.RevokeToken(ctx, t.Name); err != nil && weir.CodeOf(err) != weir.NotFound {
				return err
			}
		}
	}
	return nil
}

// Person is the name under which the holder of a token acts.
func Person(token string) string {
	for _, scope := range []store.Scope{store.ScopeWeb, store.ScopeSignIn} {
		if i := strings.LastIndex(token, "."+string(scope)+"-"); i > 0 {
			return token[:i]
		}
	}
	return token
}
