package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// startTimeout limits initdb and the server's start.
	startTimeout = 5 * time.Minute
	// superuser owns a private cluster.
	superuser = "weir"
	// maxReport limits, in bytes, what is read of a keeper's complaint.
	maxReport = 64 << 10
	// installHint is the next step of somebody without PostgreSQL.
	installHint = "run: apt-get install -y postgresql, or set " + Env + " to the address of a superuser"
)

// Cluster is a running private PostgreSQL server. Stop it when done; if the
// process ends without that, the cluster ends by itself.
type Cluster struct {
	dir    string
	keeper *exec.Cmd
	hold   *os.File // closing it tells the keeper to clean up
}

// DSN is the address of the cluster's superuser, as a URL.
func (c *Cluster) DSN() string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/postgres",
		RawQuery: url.Values{"host": {c.dir}}.Encode()}
	return u.String()
}

// Stop ends the server, cuts its connections and removes its files. It
// returns when nothing is left.
func (c *Cluster) Stop() error {
	err := c.hold.Close()
	if werr := c.keeper.Wait(); werr != nil {
		err = errors.Join(err, fmt.Errorf("stop PostgreSQL in %s: %w", c.dir, werr))
	}
	return err
}

// Start makes a cluster in a new directory below /tmp and waits until it
// answers. The context limits the start only.
func Start(ctx context.Context) (*Cluster, error) {
	bin, err := findBinaries(os.Getenv("PATH"), serverDirs())
	if err != nil {
		return nil, err
	}
	return startKeeper(ctx, bin)
}

// serverDirs lists where distributions keep the server's programs, newest
// version first.
func serverDirs() []string {
	var dirs []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	} {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
		dirs = append(dirs, found...)
	}
	return dirs
}

// version reads the first number in a path; 0 if there is none.
func version(path string) int {
	i := strings.IndexAny(path, "0123456789")
	if i < 0 {
		return 0
	}
	digits := path[i:]
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	n, _ := strconv.Atoi(digits)
	return n
}

// findBinaries returns the first directory that holds the server and initdb
// together: a lone postgres on the PATH may be anything.
func findBinaries(path string, more []string) (string, error) {
	for _, dir := range append(filepath.SplitList(path), more...) {
		if !filepath.IsAbs(dir) {
			continue
		}
		server, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
		if err != nil {
			continue
		}
		// A link to the server alone is common; its neighbours are what counts.
		if real := filepath.Dir(server); hasAll(real, "postgres", "initdb", "pg_isready") {
			return real, nil
		}
	}
	return "", errors.New("no PostgreSQL server found; " + installHint)
}

func hasAll(dir string, programs ...string) bool {
	for _, p := range programs {
		info, err := os.Stat(filepath.Join(dir, p))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}
