// Package sqlite keeps the farm's state in one SQLite file.
//
// It is the default: nothing to install, and a backup is a copy. SQLite lets
// one transaction write at a time, so all writing goes through one connection,
// and readers, on connections of their own, see the state as it was when they
// began (write-ahead log). A transaction that has committed survives a loss of
// power (synchronous=FULL). Several processes may open the same file on the
// same machine; the file must not lie on a network share.
//
// Wake-ups reach those who wait in the same process; other processes look at
// intervals.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlaudit"
	"github.com/weir-ci/weir/internal/store/sqlboards"
	"github.com/weir-ci/weir/internal/store/sqlconfig"
	"github.com/weir-ci/weir/internal/store/sqlfind"
	"github.com/weir-ci/weir/internal/store/sqlinquiry"
	"github.com/weir-ci/weir/internal/store/sqlstore"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

//go:embed migrations/*.sql
var migrations embed.FS

// busyMillis is how long a statement waits for another process to end its
// transaction, in milliseconds.
const busyMillis = "10000"

// journalBytes is what the write-ahead log keeps of the disk once its content
// is in the database file; without a limit it stays as large as it ever was.
const journalBytes = "16777216"

// Store is a farm's state in a SQLite file.
type Store struct {
	*sqlstore.Store
	sqlinquiry.Conclusions
	sqlconfig.Settings
	sqlboards.Boards
	sqlaudit.Audit
	sqlfind.Finder
	schema sqltx.Schema
	writer *sql.DB
	reader *sql.DB
	close  func() error
}

var _ store.Store = (*Store)(nil)

// Open opens the database file at path, which is made if it does not exist;
// its directory must. Migrate comes next. Invalid if the file is no SQLite
// database or cannot be opened, Unsupported if a newer program made its
// schema, Exhausted if the disk is full.
func Open(ctx context.Context, path string) (store.Store, error) {
	return open(ctx, path)
}

func open(ctx context.Context, path string) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, weir.Errorf(weir.Internal, "the program's own schema cannot be read").WithCause(err)
	}
	full, err := filepath.Abs(path)
	if path == "" || err != nil {
		return nil, weir.Errorf(weir.Invalid, "%.200q is not the name of a file", path)
	}
	s := &Store{schema: sqltx.Schema{Dialect: goose.DialectSQLite3, Files: files}}
	writes, err := newConnector(dsn(full, "_txlock", "immediate", "_pragma", "synchronous(FULL)", "_pragma", "foreign_keys(1)",
		"_pragma", "journal_size_limit("+journalBytes+")"))
	if err != nil {
		return nil, explainOpen(path, err)
	}
	reads, err := newConnector(dsn(full, "_pragma", "query_only(1)", "_pragma", "cache_size(-16384)"))
	if err != nil {
		return nil, explainOpen(path, err)
	}
	s.writer, s.reader = sql.OpenDB(writes), sql.OpenDB(reads)
	s.writer.SetMaxOpenConns(1)
	s.reader.SetMaxOpenConns(max(4, runtime.NumCPU()))
	s.reader.SetMaxIdleConns(max(4, runtime.NumCPU()))
	s.close = sync.OnceValue(func() error { return errors.Join(s.reader.Close(), s.writer.Close()) })
	db := sqltx.New(s.writer, s.reader, dialect())
	s.Store, s.Conclusions, s.Settings, s.Boards, s.Audit, s.Finder = sqlstore.New(db), sqlinquiry.New(db), sqlconfig.New(db), sqlboards.New(db), sqlaudit.New(db), sqlfind.New(db)
	if err := s.writer.PingContext(ctx); err != nil {
		return nil, errors.Join(explainOpen(path, err), s.close())
	}
	if err := s.CheckVersion(ctx, s.schema.Newest()); err != nil {
		return nil, errors.Join(explainOpen(path, err), s.close())
	}
	return s, nil
}

// dsn renders the address of a file; options are names and values in turn.
func dsn(path string, options ...string) string {
	query := url.Values{}
	query.Add("_pragma", "busy_timeout("+busyMillis+")")
	query.Add("_pragma", "journal_mode(WAL)")
	for i := 0; i+1 < len(options); i += 2 {
		query.Add(options[i], options[i+1])
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/... on Windows
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return u.String()
}

// Migrate brings the schema to the newest version.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.Store.Migrate(ctx, s.schema); err != nil {
		return err
	}
	return sqlfind.CatchUp(ctx, s.DB)
}

// Close lets the file go. Closing twice does nothing.
func (s *Store) Close() error {
	if err := s.close(); err != nil {
		return weir.Errorf(weir.Internal, "the database did not close cleanly").WithCause(err)
	}
	return nil
}

// explainOpen says why a file cannot be opened.
func explainOpen(path string, err error) error {
	var known *weir.Error
	if errors.As(err, &known) {
		return err
	}
	switch primary(err) {
	case codeNotADatabase:
		return weir.Errorf(weir.Invalid, "%s is not a SQLite database", path).
			WithHint("name another file; this one was left as it is").WithCause(err)
	case codeCorrupt:
		return weir.Errorf(weir.Invalid, "the database %s is damaged", path).
			WithHint("restore a backup").WithCause(err)
	case codeCannotOpen, codeReadOnly, codePermission:
		hint := "check that its directory exists and that you may write there"
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			hint = "it is a directory; name a file in it"
		}
		return weir.Errorf(weir.Invalid, "the database %s cannot be opened for writing", path).WithHint("%s", hint).WithCause(err)
	case codeFull:
		return weir.Errorf(weir.Exhausted, "the disk that holds %s is full", path).WithHint("free some space").WithCause(err)
	case codeBusy, codeLocked:
		return weir.Errorf(weir.Unavailable, "the database %s is locked by another program", path).
			WithHint("end it, or try again").WithCause(err)
	}
	return weir.Errorf(weir.Internal, "the database %s cannot be opened", path).WithCause(err)
}
