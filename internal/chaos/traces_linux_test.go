package chaos_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/chaos"
)

// TestProcesses finds what belongs to a directory, by its environment or by
// where it works, and nothing of a directory with a longer name.
func TestProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	begin := func(env, cwd string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "sleep", "600")
		cmd.Env, cmd.Dir = []string{"ANY=" + env}, cwd
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd
	}
	inside := filepath.Join(dir, "w1", "tmp")
	if err := os.MkdirAll(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	want := []int{begin(dir+"/w1", "/").Process.Pid, begin(inside, "/").Process.Pid, begin("", inside).Process.Pid}
	other := begin(dir+"/w11/tmp", dir)
	const patience = 3 * time.Minute // no test waits so long unless something is wrong
	var found []int
	for over := time.Now().Add(patience); len(found) < len(want) && time.Now().Before(over); { // between fork and exec a process looks like its parent
		found = chaos.Processes(dir + "/w1")
	}
	slices.Sort(want)
	slices.Sort(found)
	if !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	chaos.KillAll(ctx, dir+"/w1")
	if left := chaos.Processes(dir + "/w1"); len(left) > 0 || syscall.Kill(other.Process.Pid, 0) != nil {
		t.Errorf("left %v, or the other one is gone", left)
	}
}

// TestWorkFiles knows what may stay in a worker's directory.
func TestWorkFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"lock", "cache/go/mod", "sources/git/x", "slots/", "spool/", "slots/1/src/a", "spool/7.1/journal", "held/7.json"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{dir + "/held/7.json", dir + "/slots/1", dir + "/spool/7.1"}
	if got := chaos.WorkFiles(dir); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
