// Package sqlconfig keeps what a farm was told to do: the versions of its
// configuration, the recipes that projects bring along, and what they were called
// before, in the SQL that both databases speak.
package sqlconfig

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Settings implement the port store.Configs. They are safe for concurrent use.
type Settings struct{ db *sqltx.DB }

// New makes them of a database, which has to be that of the builds too.
func New(db *sqltx.DB) Settings { return Settings{db} }

// tx is a transaction that writes.
type tx struct {
	sqltx.Conn
	*sqltx.Tx
}

func (s Settings) write(ctx context.Context, verb string, at time.Time, do func(tx) error) error {
	return s.db.Write(ctx, verb, at, func(t *sqltx.Tx) error { return do(tx{t.Reader(), t}) })
}

// RecordConfig notes that a version of the configuration is in force from now on.
func (s Settings) RecordConfig(ctx context.Context, c store.Config) error {
	if c.Version == "" {
		return weir.Errorf(weir.Invalid, "a version of the configuration has no name")
	}
	version := sqltx.Clip(c.Version, store.MaxConfigText)
	return s.write(ctx, "record the configuration", c.Since, func(t tx) error {
		if err := t.Guard("configs"); err != nil { // several servers read the same file at once
			return err
		}
		var last string
		if err := t.Row(`SELECT COALESCE((SELECT version FROM configs ORDER BY id DESC LIMIT 1), '')`).Scan(&last); err != nil || last == version {
			return err
		}
		t.Tell(weir.EventConfig, version)
		return t.Put(`INSERT INTO configs (version, since, by_whom) VALUES ($1, $2, $3)`,
			version, sqltx.Micros(c.Since), sqltx.Clip(c.By, store.MaxConfigText))
	})
}

// Configs lists the versions that were in force, newest first.
func (s Settings) Configs(ctx context.Context, limit int) ([]store.Config, error) {
	return sqltx.List(ctx, s.db, "list configurations", func(r sqltx.Scanner) (c store.Config, err error) {
		err = r.Scan(&c.Version, sqltx.Time(&c.Since), &c.By)
		return c, err
	}, `SELECT version, since, by_whom FROM configs ORDER BY id DESC LIMIT $1`, sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList))
}

// RecordRecipe keeps the recipe of a project whose jobs come from its repository.
func (s Settings) RecordRecipe(ctx context.Context, r store.RepositoryRecipe) error {
	if r.Project == "" {
		return weir.Errorf(weir.Invalid, "a recipe is of no project")
	}
	if len(r.Text) > store.MaxRecipeText {
		return weir.Errorf(weir.Invalid, "the recipe of %.80q has %d bytes; %d are the most", r.Project, len(r.Text), store.MaxRecipeText)
	}
	r.Project, r.Problem = sqltx.Clean(r.Project), sqltx.Clip(r.Problem, store.MaxRecipeText)
	r.Revision, r.Origin, r.Text = sqltx.Clean(r.Revision), sqltx.Clip(r.Origin, store.MaxConfigText), sqltx.Clean(r.Text)
	if r.Problem != "" {
		r.Revision, r.Origin, r.Text = "", "", ""
	}
	return s.write(ctx, "record a recipe", r.Read, func(t tx) error {
		if err := t.Put(`INSERT INTO repository_recipes (project, revision, origin, text, problem, read) VALUES ($1, '', '', '', '', 0) ON CONFLICT DO NOTHING`, r.Project); err != nil {
			return err
		}
		old, err := scanRecipe(t.Row(`SELECT b.project, b.revision, b.origin, b.text, b.problem, b.read FROM repository_recipes b WHERE b.project = $1`+t.Lock(), r.Project))
		if err != nil {
			return err
		}
		if r.Problem != "" {
			r.Revision, r.Origin, r.Text = old.Revision, old.Origin, old.Text
		}
		if r.Text != old.Text || r.Origin != old.Origin || r.Problem != old.Problem {
			t.Tell(weir.EventConfig, r.Project)
		}
		return t.Put(`UPDATE repository_recipes SET revision = $2, origin = $3, text = $4, problem = $5, read = $6 WHERE project = $1`,
			r.Project, r.Revision, r.Origin, r.Text, r.Problem, sqltx.Micros(r.Read))
	})
}

func scanRecipe(row sqltx.Scanner) (r store.RepositoryRecipe, err error) {
	err = row.Scan(&r.Project, &r.Revision, &r.Origin, &r.Text, &r.Problem, sqltx.Time(&r.Read))
	return r, err
}

// Recipes lists them, by project.
func (s Settings) Recipes(ctx context.Context) ([]store.RepositoryRecipe, error) {
	return sqltx.List(ctx, s.db, "list recipes", scanRecipe,
		`SELECT project, revision, origin, text, problem, read FROM repository_recipes ORDER BY project`)
}
