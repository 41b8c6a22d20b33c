package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weir-ci/weir/internal/cli"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(pgtest.Tests{M: m}, map[string]func(){
		"weir": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// patience ends a wait that would not end by itself.
const patience = 3 * time.Minute

// TestScripts runs every script in testdata/script on both databases. What a
// script finds beside the usual:
//
//	$PORT, $URL          a free port of this machine, and a server's address on it
//	$DATABASE            the address of an empty PostgreSQL database, or nothing
//	[postgres]           there is one
//	$DATABASE_LINE       the key database for a farm file, or nothing
//	expand FILE...       puts variables into files
//	exits CODE CMD...    runs a command that must exit with this code
//	wait-for URL [TEXT]  waits until the address answers, with something that
//	                     matches the regular expression
//	signal VERB INT|TERM|HUP signals the weir that was started last with this verb
func TestScripts(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{
		"sqlite":   func(testing.TB) string { return "" },
		"postgres": pgtest.DSN,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir:                 filepath.Join("testdata", "script"),
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				Setup: func(e *testscript.Env) error {
					return setup(e, database(e.T().(testing.TB)))
				},
				Condition: func(cond string) (bool, error) {
					if cond != "postgres" {
						return false, fmt.Errorf("there is no condition %s", cond)
					}
					return name == cond, nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"expand": expand, "exits": exits, "wait-for": waitFor, "signal": signal,
				},
			})
		})
	}
}

func setup(e *testscript.Env, database string) error {
	port, release := reserve()
	e.Defer(release)
	databaseLine := ""
	if database != "" {
		databaseLine = "database: " + database
	}
	home := filepath.Join(e.WorkDir, "home")
	for name, value := range map[string]string{
		"PORT": strconv.Itoa(port), "URL": fmt.Sprintf("http://127.0.0.1:%d", port),
		"DATABASE":      database,
		"DATABASE_LINE": databaseLine,
		"HOME":          home, "USERPROFILE": home,
		"XDG_CACHE_HOME": filepath.Join(home, "cache"), "LocalAppData": filepath.Join(home, "cache"),
		"GIT_AUTHOR_NAME": "Ada Kern", "GIT_AUTHOR_EMAIL": "ada@kern.example",
		"GIT_COMMITTER_NAME": "Ada Kern", "GIT_COMMITTER_EMAIL": "ada@kern.example",
		"GIT_CONFIG_NOSYSTEM": "1",
		// The race detector would sleep a second at the end of each process.
		"GORACE": os.Getenv("GORACE") + " atexit_sleep_ms=10",
	} {
		e.Setenv(name, value)
	}
	return os.Mkdir(home, 0o755)
}

// reserve finds a free port for a script, which listens there now and then. It is
// below those that the system gives to outgoing connections, so that none of them
// takes it; who holds the port of the same number for datagrams has it among the
// scripts, of other processes too.
func reserve() (port int, release func()) {
	for {
		port := 15_000 + rand.IntN(15_000)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		claim, err := net.ListenPacket("udp", address)
		if err != nil {
			continue // another script's
		}
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return port, func() { _ = claim.Close() }
		}
		_ = claim.Close()
	}
}

func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, name := range args {
		path := ts.MkAbs(name)
		ts.Check(os.WriteFile(path, []byte(os.Expand(ts.ReadFile(name), func(v string) string {
			if slices.Contains([]string{"PORT", "URL", "DATABASE_LINE", "WORK"}, v) {
				return ts.Getenv(v)
			}
			return "$" + v
		})), 0o600))
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("%s exits with %d, want %d", strings.Join(args[1:], " "), code, want)
	}
}

func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: wait-for URL [TEXT]")
	}
	text := regexp.MustCompile(strings.Join(args[1:], ""))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, body, err := ask(ctx, args[0])
		if err == nil && status == http.StatusOK && text.Match(body) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("waited in vain for %s; it last said %d %v: %.2000s", strings.Join(args, " "), status, err, body)
		}
	}
}

func ask(ctx context.Context, url string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, bytes.TrimSpace(body), err
}

func signal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}
	if neg || len(args) != 2 || signals[args[1]] == 0 {
		ts.Fatalf("usage: signal VERB INT|TERM|HUP")
	}
	for _, cmd := range slices.Backward(ts.BackgroundCmds()) {
		if len(cmd.Args) > 1 && cmd.Args[1] == args[0] {
			ts.Check(cmd.Process.Signal(signals[args[1]]))
			return
		}
	}
	ts.Fatalf("no weir %s runs", args[0])
}
