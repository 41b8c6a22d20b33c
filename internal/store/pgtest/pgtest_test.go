package pgtest

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childEnv turns the test binary into a process that starts a cluster and
// waits to be killed.
const childEnv = "WEIR_PGTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		beKilled()
		return
	}
	Main(m)
}

func beKilled() {
	c, err := Start(context.Background())
	if err != nil {
		os.Stdout.WriteString("error " + err.Error() + "\n")
		return
	}
	os.Stdout.WriteString(c.dir + " " + c.DSN() + "\n")
	if os.Getenv(childEnv) == "panic" {
		panic("as asked")
	}
	select {}
}

func TestDSNGivesFreshDatabases(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	var names []string
	t.Run("made", func(t *testing.T) {
		for range 2 {
			conn, err := pgx.Connect(ctx, DSN(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
			if _, err := conn.Exec(ctx, "CREATE TABLE mine (n int)"); err != nil {
				t.Fatal(err)
			}
			var name string
			if err := conn.QueryRow(ctx, "SELECT current_database()").Scan(&name); err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
			// A connection that a test forgot must not keep the database alive.
			if _, err := pgx.Connect(ctx, conn.Config().ConnString()); err != nil {
				t.Fatal(err)
			}
		}
	})
	conn, err := pgx.Connect(ctx, DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var left int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_database WHERE datname = ANY($1)", names).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != 0 || len(names) != 2 || names[0] == names[1] {
		t.Errorf("%d of the databases %v are left after their test", left, names)
	}
}

func TestKilledProcessLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"kill", "panic"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"="+way)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer time.AfterFunc(startTimeout, func() { _ = cmd.Process.Kill() }).Stop() // then its output ends
			line, err := bufio.NewReader(out).ReadString('\n')
			dir, dsn, ok := strings.Cut(strings.TrimSpace(line), " ")
			if err != nil || !ok || !filepath.IsAbs(dir) {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				t.Fatalf("child said %q, %v", line, err)
			}
			var conn *pgx.Conn
			if way == "kill" {
				if conn, err = pgx.Connect(t.Context(), dsn); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Process.Kill()
			}
			_ = cmd.Wait()
			if conn != nil { // the server hangs up when it is stopped
				ctx, cancel := context.WithTimeout(t.Context(), adminTimeout)
				defer cancel()
				for err = nil; err == nil; {
					_, err = conn.WaitForNotification(ctx)
				}
			}
			awaitGone(t, dir)
		})
	}
}

func TestStopAndBadStart(t *testing.T) {
	t.Parallel()
	c, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(c.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s after Stop: %v", c.dir, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := Start(ctx); err == nil {
		t.Errorf("start with an ended context worked: %v", c.Stop())
	}
}

func TestFindBinaries(t *testing.T) {
	t.Parallel()
	alone, whole := t.TempDir(), t.TempDir()
	program := func(dir string, names ...string) {
		for _, n := range names {
			if err := os.WriteFile(filepath.Join(dir, n), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	program(alone, "postgres")
	if _, err := findBinaries(alone, nil); err == nil || !strings.Contains(err.Error(), "apt-get install -y postgresql") {
		t.Errorf("a postgres without initdb: %v", err)
	}
	program(whole, "postgres", "initdb", "pg_isready")
	want, err := filepath.EvalSymlinks(whole)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := findBinaries("."+string(filepath.ListSeparator)+alone, []string{whole}); err != nil || got != want {
		t.Errorf("found %q, %v; want %q", got, err, want)
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dsn, want string }{
		{"postgres://a:b@h:5433/postgres?sslmode=disable", "postgres://a:b@h:5433/n?sslmode=disable"},
		{"postgres://a@/postgres?host=%2Ftmp%2Fx&dbname=q", "postgres://a@/n?host=%2Ftmp%2Fx"},
		{"host=/tmp user=a dbname=postgres", "host=/tmp user=a dbname=postgres dbname=n"},
	} {
		got, err := withDatabase(c.dsn, "n")
		if err != nil || got != c.want {
			t.Errorf("withDatabase(%q) = %q, %v; want %q", c.dsn, got, err, c.want)
		}
	}
	if _, err := withDatabase("postgres://secret:word@h:port/", "n"); err == nil || strings.Contains(err.Error(), "word") {
		t.Errorf("a bad address: %v", err)
	}
}

// awaitGone returns once dir does not exist any more: its keeper removes it
// last, so nothing else is left either.
func awaitGone(t *testing.T, dir string) {
	t.Helper()
	for over := time.Now().Add(adminTimeout); ; {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(over) {
			t.Fatalf("%s is still there", dir)
		}
		<-time.After(20 * time.Millisecond)
	}
}
