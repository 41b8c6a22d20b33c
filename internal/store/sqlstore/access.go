package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// AddToken records a token. Conflict if the name is taken.
func (s *Store) AddToken(ctx context.Context, tok store.Token) error {
	return s.write(ctx, "add a token", tok.Created, func(t *tx) error {
		n, err := t.exec(`INSERT INTO tokens (name, hash, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			clean(tok.Name), clean(tok.Hash), micros(tok.Created))
		if err == nil && n == 0 {
			return weir.Errorf(weir.Conflict, "there is a token called %.80q already", tok.Name).
				WithHint("choose another name, or revoke the old token first")
		}
		return err
	})
}

// FindToken looks a token up by its hash; NotFound if there is none.
func (s *Store) FindToken(ctx context.Context, hash string) (tok store.Token, err error) {
	err = s.read(ctx, "look a token up", func(c conn) error {
		tok, err = scanToken(c.row(`SELECT name, hash, created FROM tokens WHERE hash = $1`, clean(hash)))
		if errors.Is(err, sql.ErrNoRows) {
			return weir.Errorf(weir.NotFound, "no such token").WithHint("it was mistyped or revoked")
		}
		return err
	})
	return tok, err
}

// Tokens lists tokens, without their hashes, by name.
func (s *Store) Tokens(ctx context.Context) (toks []store.Token, err error) {
	err = s.read(ctx, "list tokens", func(c conn) error {
		toks, err = collect(c, scanToken, `SELECT name, '', created FROM tokens ORDER BY name`)
		return err
	})
	return toks, err
}

func scanToken(r scanner) (tok store.Token, err error) {
	var created int64
	err = r.Scan(&tok.Name, &tok.Hash, &created)
	tok.Created = timeOf(created)
	return tok, err
}

// RevokeToken removes a token by name; NotFound if there is none.
func (s *Store) RevokeToken(ctx context.Context, name string) error {
	return s.write(ctx, "revoke a token", time.Time{}, func(t *tx) error {
		n, err := t.exec(`DELETE FROM tokens WHERE name = $1`, clean(name))
		if err == nil && n == 0 {
			return weir.Errorf(weir.NotFound, "there is no token called %.80q", name).
				WithHint("weir token list shows them all")
		}
		return err
	})
}
