// Package pgtest gives tests a PostgreSQL of their own.
//
// A test asks for an empty database and gets its address:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestStore(t *testing.T) {
//		s, err := postgres.Open(t.Context(), pgtest.DSN(t))
//		...
//	}
//
// If WEIR_TEST_POSTGRES holds the address of a superuser, databases are made
// there. Otherwise a private cluster is started at the first call of [DSN] and
// stopped by [Main]. To let all packages of a test run share one cluster, run
// them below the command in cmd/pgtest:
//
//	go run ./internal/store/pgtest/cmd/pgtest -- go test ./...
//
// # Nothing stays behind
//
// A private cluster belongs to a small shell process, its keeper, that leads a
// session of its own and reads from a pipe whose other end only the test
// process holds. When the test process ends, in whatever way (return, panic,
// time limit, SIGKILL), the kernel closes the pipe; the keeper then stops
// PostgreSQL and removes the directory. A signal to the whole process group,
// such as Ctrl-C, does not reach the keeper. Only somebody who kills the
// keeper itself with SIGKILL leaves something behind.
//
// The cluster listens on a Unix socket in a directory that nobody else can
// enter, and does without durability (fsync=off). Its databases sort text by
// English rules where the server can do that: a query whose order depends on
// the collation shows up here and not at a user's.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Env names the variable that holds the address of a superuser of an existing
// cluster, as a URL or in keyword=value form.
const Env = "WEIR_TEST_POSTGRES"

// adminTimeout limits making or dropping one database, on a machine that has far
// more to do.
const adminTimeout = 5 * time.Minute

// shared is the private cluster of this test process. It is the one thing in
// this package that outlives a test: starting a cluster takes a second, so all
// tests of a process use the same one.
var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
}

// Main runs the tests of a package and then stops the private cluster, if one
// was started. Call it last in TestMain; the exit code is that of m.Run.
func Main(m *testing.M) {
	defer stopShared()
	m.Run()
}

// Tests is Main for those that want to have the exit code, or end the process
// themselves: testscript.Main and goleak.VerifyTestMain take it.
type Tests struct{ M *testing.M }

// Run runs the tests, stops the private cluster and returns the exit code.
func (t Tests) Run() int {
	defer stopShared()
	return t.M.Run()
}

// DSN makes a fresh, empty database and returns its address, a URL or
// keyword=value string that pgx understands. The database is dropped, and
// connections to it are cut, when the test ends. If there is no PostgreSQL the
// test ends at once, and says what to install.
func DSN(tb testing.TB) string {
	tb.Helper()
	admin := os.Getenv(Env)
	if admin == "" {
		var err error
		if admin, err = sharedDSN(); err != nil {
			tb.Fatalf("a test needs PostgreSQL: %v", err)
		}
	}
	dsn, drop, err := Make(admin)
	if err != nil {
		tb.Fatalf("%s: %v", Env, err)
	}
	tb.Cleanup(func() {
		if err := drop(); err != nil {
			tb.Error(err)
		}
	})
	return dsn
}

// Make makes an empty database on the cluster of a superuser, and returns its
// address as DSN does, for programs that are not tests. Drop removes it and cuts
// connections to it.
func Make(admin string) (dsn string, drop func() error, err error) {
	name := "weir_" + strings.ToLower(rand.Text())
	if dsn, err = withDatabase(admin, name); err != nil {
		return "", nil, err
	}
	if err := createDatabase(admin, name); err != nil {
		return "", nil, fmt.Errorf("make database %s: %w", name, err)
	}
	drop = func() error {
		if err := dropDatabase(admin, name); err != nil {
			return fmt.Errorf("drop database %s: %w", name, err)
		}
		return nil
	}
	return dsn, drop, nil
}

// sharedDSN starts the private cluster unless it runs already.
func sharedDSN() (string, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		shared.cluster, shared.err = Start(ctx)
	}
	if shared.err != nil {
		return "", shared.err
	}
	return shared.cluster.DSN(), nil
}

func stopShared() {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		if err := shared.cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
		}
		shared.cluster = nil
	}
}

// createDatabase makes an empty database with a collation that is not the
// order of bytes, if the server knows ICU; a plain one otherwise.
func createDatabase(admin, name string) error {
	const icu = ` TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`
	err := administer(admin, `CREATE DATABASE `+name+icu)
	var pg *pgconn.PgError
	if errors.As(err, &pg) { // an old server, or one built without ICU
		err = administer(admin, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8'`)
	}
	return err
}

func dropDatabase(admin, name string) error {
	return administer(admin, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
}

// administer runs one statement as the superuser, on a connection of its own.
func administer(admin, statement string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// withDatabase returns dsn with another database name.
func withDatabase(dsn, name string) (string, error) {
	if _, err := pgx.ParseConfig(dsn); err != nil {
		return "", errors.New("not the address of a PostgreSQL server; use postgres://USER:PASSWORD@HOST/postgres")
	}
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " dbname=" + name, nil // the last one counts
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", errors.New("not a URL")
	}
	query := u.Query()
	query.Del("dbname")
	u.Path, u.RawQuery = "/"+name, query.Encode()
	return u.String(), nil
}
