package sqlroster

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// maxOwner limits the mail address of an owner, in bytes.
const maxOwner = 320

// AddToken records a token. Conflict if the name is taken.
func (s Store) AddToken(ctx context.Context, tok store.Token) error {
	switch tok.Scope {
	case "":
		tok.Scope = store.ScopeWorker
	case store.ScopeWorker, store.ScopeAdmin, store.ScopeWeb, store.ScopeSignIn:
	default:
		return weir.Errorf(weir.Invalid, "%.40q is not a scope of a token", string(tok.Scope)).WithHint("it is worker or admin")
	}
	return s.write(ctx, "add a token", tok.Created, func(t *tx) error {
		n, err := t.Exec(`INSERT INTO tokens (name, hash, created, scope, owner, expires) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			sqltx.Clean(tok.Name), sqltx.Clean(tok.Hash), sqltx.Micros(tok.Created), string(tok.Scope), sqltx.Clip(tok.Owner, maxOwner), sqltx.Micros(tok.Expires))
		if err == nil && n == 0 {
			return weir.Errorf(weir.Conflict, "there is a token called %.80q already", tok.Name).
				WithHint("choose another name, or revoke the old token first")
		}
		return err
	})
}

// FindToken looks a token up by its hash; NotFound if there is none.
func (s Store) FindToken(ctx context.Context, hash string) (store.Token, error) {
	return sqltx.One(ctx, s.db, "look a token up", weir.Errorf(weir.NotFound, "no such token").WithHint("it was mistyped or revoked"),
		scanToken, `SELECT name, hash, created, scope, owner, expires FROM tokens WHERE hash = $1`, sqltx.Clean(hash))
}

// Tokens lists tokens, without their hashes, by name.
func (s Store) Tokens(ctx context.Context) ([]store.Token, error) {
	return sqltx.List(ctx, s.db, "list tokens", scanToken, `SELECT name, '', created, scope, owner, expires FROM tokens ORDER BY name`)
}

func scanToken(r sqltx.Scanner) (tok store.Token, err error) {
	err = r.Scan(&tok.Name, &tok.Hash, sqltx.Time(&tok.Created), &tok.Scope, &tok.Owner, sqltx.Time(&tok.Expires))
	return tok, err
}

// RevokeToken removes a token by name; NotFound if there is none.
func (s Store) RevokeToken(ctx context.Context, name string) error {
	return s.write(ctx, "revoke a token", time.Time{}, func(t *tx) error {
		n, err := t.Exec(`DELETE FROM tokens WHERE name = $1`, sqltx.Clean(name))
		if err == nil && n == 0 {
			return weir.Errorf(weir.NotFound, "there is no token called %.80q", name).
				WithHint("weir token list shows them all")
		}
		return err
	})
}
