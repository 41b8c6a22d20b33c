//go:build unix

package pgtest

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed keeper.sh
var keeperScript string

// startKeeper runs the keeper (see the package comment) and waits until it
// says that the server answers.
func startKeeper(ctx context.Context, bin string) (*Cluster, error) {
	attr, err := keeperAttr()
	if err != nil {
		return nil, err
	}
	input, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer input.Close()
	report, output, err := os.Pipe()
	if err != nil {
		hold.Close()
		return nil, err
	}
	defer report.Close()

	// Not os.TempDir: the path of a socket may have 100 bytes at most, and
	// another user must be able to get there.
	dir := filepath.Join("/tmp", "weir-pgtest-"+strings.ToLower(rand.Text()))
	cmd := exec.Command("/bin/sh", "-c", keeperScript, "pgtest-keeper", dir, bin, superuser)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGOPTIONS=", "PGPORT=5432")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, output, output
	cmd.SysProcAttr = attr
	err = cmd.Start()
	output.Close()
	if err != nil {
		hold.Close()
		return nil, err
	}
	c := &Cluster{dir: dir, keeper: cmd, hold: hold}
	if err := awaitReady(ctx, report); err != nil {
		_ = c.Stop() // its exit code says what err says better
		return nil, err
	}
	return c, nil
}

// awaitReady reads the keeper's first line: "ready", or what went wrong.
func awaitReady(ctx context.Context, report *os.File) error {
	defer context.AfterFunc(ctx, func() { _ = report.SetReadDeadline(time.Now()) })()
	r := bufio.NewReader(io.LimitReader(report, maxReport))
	line, err := r.ReadString('\n')
	if line == "ready\n" {
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("PostgreSQL does not start: %w", context.Cause(ctx))
	}
	rest, _ := io.ReadAll(r)
	return errors.New(strings.TrimSpace(line + string(rest)))
}

// keeperAttr gives the keeper a session of its own, so that it survives what
// hits the test, and a user under which PostgreSQL runs: it refuses root.
func keeperAttr() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, errors.New("PostgreSQL refuses to run as root and there is no user postgres; " + installHint)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, nil
}
