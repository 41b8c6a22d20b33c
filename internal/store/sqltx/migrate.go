package sqltx

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/weir-ci/weir"
)

// Schema is the schema of one database: numbered SQL files for goose.
type Schema struct {
	Dialect goose.Dialect
	Files   fs.FS
	Options []goose.ProviderOption
}

// migrateTries is how often a migration is tried when somebody else may have
// been at it at the same time.
const migrateTries = 20

// Migrate brings the schema to the newest version. A schema newer than the
// program is Unsupported, and is left alone.
func (db *DB) Migrate(ctx context.Context, schema Schema) error {
	options := append([]goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}, schema.Options...)
	p, err := goose.NewProvider(schema.Dialect, db.writer, schema.Files, options...)
	if err != nil {
		return weir.Errorf(weir.Internal, "the program's own schema cannot be read").WithCause(err)
	}
	for try := 1; ; try++ {
		err := db.migrateOnce(ctx, p)
		var known *weir.Error
		if err == nil || errors.As(err, &known) || try == migrateTries || ctx.Err() != nil {
			return db.explain(ctx, "bring its schema up to date", err)
		}
		// Another server may have made the same tables a moment ago; then the
		// next look finds nothing left to do.
		pause := time.NewTimer(time.Duration(try) * 10 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
		case <-pause.C:
		}
	}
}

func (db *DB) migrateOnce(ctx context.Context, p *goose.Provider) error {
	if err := db.CheckVersion(ctx, newest(p)); err != nil {
		return err
	}
	_, err := p.Up(ctx)
	return err
}

func newest(p *goose.Provider) (version int64) {
	for _, src := range p.ListSources() {
		version = max(version, src.Version)
	}
	return version
}

// Newest is the version that the files lead to.
func (s Schema) Newest() int64 {
	sources, err := fs.Glob(s.Files, "*.sql")
	if err != nil {
		return 0
	}
	var version int64
	for _, name := range sources {
		if v, err := goose.NumericComponent(name); err == nil {
			version = max(version, v)
		}
	}
	return version
}

// CheckVersion is Unsupported if the schema is newer than the version given.
// A database without a schema is fine.
func (db *DB) CheckVersion(ctx context.Context, newest int64) error {
	var version sql.NullInt64
	err := db.writer.QueryRowContext(ctx, `SELECT MAX(version_id) FROM goose_db_version WHERE is_applied`).Scan(&version)
	if err == nil && version.Int64 > newest {
		return weir.Errorf(weir.Unsupported, "the database has schema version %d; this program knows versions up to %d", version.Int64, newest).
			WithHint("run the newer version of weir that made it, or restore a backup from before the upgrade")
	}
	if err != nil && db.d.Classify(err) != Unknown {
		return err
	}
	return ctx.Err() // any other error: there is no such table yet
}
