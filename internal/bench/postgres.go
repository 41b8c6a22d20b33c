package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver, to ask for sizes

	"github.com/weir-ci/weir/internal/bench/process"
)

// postgres is a PostgreSQL server of the benchmark's own, as durable as
// PostgreSQL is unless told otherwise: whatever is fast here is fast with
// fsync.
type postgres struct {
	dir    string
	bin    string
	server *process.Process
	db     *sql.DB
	made   int
}

// asPostgres runs a program as the user postgres if we are root, as whom the
// server refuses to run.
func asPostgres(args ...string) []string {
	if os.Geteuid() == 0 {
		return append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"}, args...)
	}
	return args
}

// startPostgres makes a cluster and starts its server. dir must be short:
// a socket lies in it.
func startPostgres(ctx context.Context) (*postgres, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return nil, errors.New("there is no PostgreSQL; run: apt-get install -y postgresql")
	}
	dir, err := os.MkdirTemp("", "weirpg")
	if err != nil {
		return nil, err
	}
	p := &postgres{dir: dir, bin: filepath.Dir(found[len(found)-1])}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *postgres) start(ctx context.Context) error {
	if os.Geteuid() == 0 {
		if _, err := process.Run(ctx, process.Command{Args: []string{"chown", "postgres:postgres", p.dir}}); err != nil {
			return err
		}
	}
	data := filepath.Join(p.dir, "data")
	if _, err := process.Run(ctx, process.Command{Dir: "/", Args: asPostgres(filepath.Join(p.bin, "initdb"), "-D", data, "-U", "weir", "-A", "trust",
		"-E", "UTF8", "--locale=C", "--no-instructions")}); err != nil {
		return err
	}
	var err error
	p.server, err = process.Start(process.Command{Dir: "/", Log: p.dir + ".log", Args: asPostgres(filepath.Join(p.bin, "postgres"), "-D", data, "-k", p.dir,
		"-c", "listen_addresses=", "-c", "max_connections=200")})
	if err != nil {
		return err
	}
	if p.db, err = sql.Open("pgx", p.dsn("postgres")); err != nil {
		return err
	}
	for p.db.PingContext(ctx) != nil {
		if err := errors.Join(p.server.Alive(), pause(ctx, 20*time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

func (p *postgres) dsn(name string) string {
	u := url.URL{Scheme: "postgres", User: url.User("weir"), Path: "/" + name, RawQuery: url.Values{"host": {p.dir}}.Encode()}
	return u.String()
}

// database makes an empty database and returns its name.
func (p *postgres) database(ctx context.Context) (string, error) {
	p.made++
	name := fmt.Sprint("bench", p.made)
	_, err := p.db.ExecContext(ctx, "CREATE DATABASE "+name)
	return name, err
}

// size is the size of a database, in bytes.
func (p *postgres) size(ctx context.Context, name string) (float64, error) {
	var n float64
	err := p.db.QueryRowContext(ctx, "SELECT pg_database_size($1)", name).Scan(&n)
	return n, err
}

// version is for example "PostgreSQL 15.8".
func (p *postgres) version(ctx context.Context) string {
	var v string
	if p.db.QueryRowContext(ctx, "SHOW server_version").Scan(&v) != nil {
		return "PostgreSQL"
	}
	first, _, _ := strings.Cut(v, " ")
	return fmt.Sprint("PostgreSQL ", first)
}

func (p *postgres) stop() error {
	if p == nil {
		return nil
	}
	var errs []error
	if p.db != nil {
		errs = append(errs, p.db.Close())
	}
	errs = append(errs, p.server.Interrupt(), os.RemoveAll(p.dir), os.RemoveAll(p.dir+".log"))
	return errors.Join(errs...)
}
