package chaos_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/chaos"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// What can be asked for in the environment.
const (
	envRuns    = "WEIR_CHAOS_RUNS"    // runs on each database; default 1
	envFaults  = "WEIR_CHAOS_FAULTS"  // faults in a run; default 30
	envSeed    = "WEIR_CHAOS_SEED"    // of the first run; default 1
	envProfile = "WEIR_CHAOS_PROFILE" // only this profile; default: all, mostly mixed
	envKeep    = "WEIR_CHAOS_KEEP"    // keep the directory of a run that failed
)

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// program builds weir with tags.
func program(t *testing.T, tags ...string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "weir")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-tags", strings.Join(append(tags, "weir_chaos"), ","), "-o", bin,
		"github.com/weir-ci/weir/cmd/weir")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// farmDir makes a directory with a short path, which stays if the test fails
// and somebody wants to look into it.
func farmDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && os.Getenv(envKeep) != "" {
			t.Logf("everything is in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// play runs one farm.
func play(t *testing.T, o chaos.Options) chaos.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	o.Dir = farmDir(t)
	if testing.Verbose() {
		o.Say = t.Logf
	}
	r, err := chaos.Do(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// profileOf chooses what sort of run belongs to a seed.
func profileOf(t *testing.T, seed uint64) chaos.Profile {
	t.Helper()
	name := os.Getenv(envProfile)
	if name == "" {
		name = []string{"mixed", "mixed", "no-retry", "mixed", "pauses", "mixed", "no-retry", "echoes", "mixed", "disks"}[(seed+9)%10]
	}
	for _, p := range []chaos.Profile{chaos.Mixed(), chaos.NoRetry(), chaos.Pauses(), chaos.Echoes(), chaos.Disks()} {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("%s: there is no profile %q", envProfile, name)
	return chaos.Profile{}
}

// TestChaos does its worst to farms, and nothing may be lost, doubled or told
// wrong. It is short unless the environment asks for more: see make chaos.
func TestChaos(t *testing.T) {
	t.Parallel()
	bin := program(t)
	seed, runs, faults := number(t, envSeed, 1), number(t, envRuns, 1), number(t, envFaults, 30)
	for _, database := range []string{"sqlite", "postgres"} {
		for i := range runs {
			profile := profileOf(t, seed+i)
			t.Run(fmt.Sprintf("%s-%d", database, seed+i), func(t *testing.T) {
				if runs == 1 {
					t.Parallel() // else they would take turns with the processor for an hour
				}
				o := chaos.Options{Program: bin, Seed: seed + i, Faults: int(faults), Profile: profile} //nolint:gosec // small
				if database == "postgres" {
					o.Database = pgtest.DSN(t)
				}
				r := play(t, o)
				t.Log(r)
				for n, problem := range r.Problems {
					if n == 30 {
						t.Errorf("and %d more", len(r.Problems)-n)
						break
					}
					t.Error(problem)
				}
				if missing := r.Tally.Missing(profile); len(missing) > 0 && faults >= 200 {
					t.Errorf("faults that never happened: %v", missing)
				}
				if t.Failed() {
					t.Logf("again: WEIR_CHAOS_KEEP=1 WEIR_CHAOS_SEED=%d WEIR_CHAOS_FAULTS=%d WEIR_CHAOS_PROFILE=%s go test -count=1 -v -run 'TestChaos$/%s' ./internal/chaos",
						o.Seed, o.Faults, profile.Name, database)
				}
			})
		}
	}
}
