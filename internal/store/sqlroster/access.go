package sqlroster

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// maxOwner limits the mail address of an owner, in bytes.
const maxOwner = 320

// AddToken records a token. Conflict if the name is taken; Invalid if there is no
// such scope or right, or if it has rights and its scope is not that of them.
func (s Store) AddToken(ctx context.Context, tok store.Token) error {
	switch tok.Scope {
	case "":
		tok.Scope = store.ScopeWorker
	case store.ScopeWorker, store.ScopeAdmin, store.ScopeWeb, store.ScopeSignIn, store.ScopeAPI:
	default:
		return weir.Errorf(weir.Invalid, "%.40q is not a scope of a token", string(tok.Scope)).WithHint("it is worker, admin or api")
	}
	if tok.Scope != store.ScopeAPI && len(tok.Rights) > 0 {
		return weir.Errorf(weir.Invalid, "a token with the scope %s has no rights of its own", string(tok.Scope)).
			WithHint("give the rights to one with the scope %s", string(store.ScopeAPI))
	}
	for _, r := range tok.Rights {
		if !slices.Contains(store.Rights(), r) {
			return weir.Errorf(weir.Invalid, "%.40q is not a right", string(r)).WithHint("rights are %s", joinRights(store.Rights(), ", "))
		}
	}
	rights := slices.Clone(tok.Rights)
	slices.Sort(rights)
	return s.write(ctx, "add a token", tok.Created, func(t *tx) error {
		n, err := t.Exec(`INSERT INTO tokens (name, hash, created, scope, owner, expires, rights) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			sqltx.Clean(tok.Name), sqltx.Clean(tok.Hash), sqltx.Micros(tok.Created), string(tok.Scope), sqltx.Clip(tok.Owner, maxOwner), sqltx.Micros(tok.Expires),
			joinRights(slices.Compact(rights), " "))
		if err == nil && n == 0 {
			return weir.Errorf(weir.Conflict, "there is a token called %.80q already", tok.Name).
				WithHint("choose another name, or revoke the old token first")
		}
		return err
	})
}

func joinRights(rights []store.Right, separator string) string {
	var b strings.Builder
	for i, r := range rights {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(string(r))
	}
	return b.String()
}

// FindToken looks a token up by its hash; NotFound if there is none.
func (s Store) FindToken(ctx context.Context, hash string) (store.Token, error) {
	return sqltx.One(ctx, s.db, "look a token up", weir.Errorf(weir.NotFound, "no such token").WithHint("it was mistyped or revoked"),
		scanToken, `SELECT name, hash, created, scope, owner, expires, rights FROM tokens WHERE hash = $1`, sqltx.Clean(hash))
}

// Tokens lists tokens, without their hashes, by name.
func (s Store) Tokens(ctx context.Context) ([]store.Token, error) {
	return sqltx.List(ctx, s.db, "list tokens", scanToken, `SELECT name, '', created, scope, owner, expires, rights FROM tokens ORDER BY name`)
}

func scanToken(r sqltx.Scanner) (tok store.Token, err error) {
	var rights string
	err = r.Scan(&tok.Name, &tok.Hash, sqltx.Time(&tok.Created), &tok.Scope, &tok.Owner, sqltx.Time(&tok.Expires), &rights)
	for right := range strings.FieldsSeq(rights) {
		tok.Rights = append(tok.Rights, store.Right(right))
	}
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
