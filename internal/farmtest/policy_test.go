package farmtest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/farmtest"
)

// writePolicy writes the policy of a worker's owner, as if it had been done long ago.
func writePolicy(t *testing.T, path, text string) {
	t.Helper()
	past := time.Date(2020, 1, 1, 0, 0, len(text), 0, time.UTC)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path+".new", past, past); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// startPicky runs a worker with a policy until the test ends. It returns the file.
func startPicky(t *testing.T, f *farmtest.Farm, name, dir, text string) (policy string) {
	t.Helper()
	policy = filepath.Join(dir, name+".yaml")
	writePolicy(t, policy, text)
	secret, err := app.NewToken(t.Context(), f.Server.Access(), name, true)
	if err != nil {
		t.Fatal(err)
	}
	w, err := app.NewWorker(app.WorkerOptions{Server: f.Server.Address(), Token: secret, Slots: 2, Policy: policy,
		Dir: filepath.Join(dir, name), Products: filepath.Join(dir, "products")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // which ends before its cleanup
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(sync.OnceFunc(func() {
		cancel()
		farmtest.AwaitEnd(t, "worker "+name, done)
	}))
	return policy
}

// startPolicyFarm runs a farm without a worker. It returns how to force a build.
func startPolicyFarm(t *testing.T, database, dir, step string) (f *farmtest.Farm, force func() weir.BuildID) {
	t.Helper()
	f = farmtest.Start(t, farmFile(t, dir, "projects:\n  chores: {source: none, jobs: {sweep: {on: [force], steps: ["+step+"]}}}\n"),
		farmtest.Options{Database: database, Slots: -1})
	f.Until(t, "the project can be forced", func(o client.Overview) bool {
		return slices.ContainsFunc(o.Sources, func(s client.SourceStatus) bool { return s.Tip.ID != "" })
	})
	boss := admin(t, f)
	return f, func() weir.BuildID {
		forced, err := boss.Force(t.Context(), client.Force{Project: "chores"})
		if err != nil || len(forced.Builds) != 1 {
			t.Fatalf("forced %+v, %v", forced, err)
		}
		return forced.Builds[0]
	}
}

// untilWorker waits until a worker is in a state, and returns it.
func untilWorker(t *testing.T, f *farmtest.Farm, name string, state weir.WorkerState) (w client.Worker) {
	t.Helper()
	f.Until(t, name+" is "+string(state), func(client.Overview) bool {
		var err error
		if w, err = f.Client.Worker(t.Context(), name); err != nil && weir.CodeOf(err) != weir.NotFound {
			t.Fatal(err)
		}
		return err == nil && w.State == state
	})
	return w
}

// untilOver waits for the end of a build.
func untilOver(t *testing.T, f *farmtest.Farm, id weir.BuildID) (d client.BuildDetail) {
	t.Helper()
	f.Until(t, "the build is over", func(client.Overview) bool {
		var err error
		if d, err = f.Build(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return d.Build.State.Final()
	})
	return d
}

// TestOwnerRefuses: what one worker's owner does not want is built by another worker,
// and the farm knows who refused it and why.
func TestOwnerRefuses(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		f, force := startPolicyFarm(t, database, dir, "touch "+filepath.Join(dir, "trace")+"-$WEIR_BUILD")
		id := force()
		startPicky(t, f, "alice", dir, "strangers: false\ncommands: [make test]\n")
		text := fmt.Sprintf(`step "touch" runs %q, which is none of the commands that are wanted here`, "touch "+filepath.Join(dir, "trace")+"-$WEIR_BUILD")
		f.Until(t, "alice has refused it", func(client.Overview) bool {
			all, err := f.WorkerRefusals(t.Context(), "alice", 0)
			if err != nil && weir.CodeOf(err) != weir.NotFound {
				t.Fatal(err)
			}
			if len(all) == 0 {
				return false
			}
			if r := all[0]; len(all) != 1 || r.Builder.Project != "chores" || r.Build != id || r.Rule != weir.RuleCommands || r.Text != text || r.Count != 1 || !r.Active {
				t.Fatalf("refused %+v", all)
			}
			return true
		})
		w, err := f.Client.Worker(t.Context(), "alice")
		if want := []string{"no untrusted revisions", `no commands but "make test"`}; err != nil || !slices.Equal(w.Policy, want) || w.State != weir.WorkerReady {
			t.Errorf("alice is %+v, %v", w, err)
		}
		d, err := f.Build(t.Context(), id)
		if err != nil || d.Build.State != weir.Queued || d.Waits == nil {
			t.Errorf("the build is %+v, %v", d.Build, err)
		}
		startPicky(t, f, "bob", dir, "projects: [chores]\n")
		d = untilOver(t, f, id)
		if n := len(d.Attempts); n != 2 || d.Build.Outcome != weir.Passed || d.Attempts[1].Worker != "bob" || d.Attempts[0].Worker != "alice" ||
			d.Attempts[0].Reason != (weir.Reason{Code: weir.ReasonRefused, Text: text}) {
			t.Errorf("it %s after %+v", d.Build.Outcome, d.Attempts)
		}
		if made, _ := filepath.Glob(filepath.Join(dir, "trace-*")); len(made) != 1 {
			t.Errorf("it has run as %v", made)
		}
	})
}

// elsewhen is a policy under which nothing may begin for days, and when something may.
func elsewhen() (policy, says string, until time.Time) {
	d := time.Now().UTC().AddDate(0, 0, 3)
	return fmt.Sprintf("{hours: ['%s 12:00-12:01'], zone: UTC}\n", d.Weekday()), fmt.Sprintf("builds begin %s 12:00 to 12:01 (UTC)", d.Weekday()),
		time.Date(d.Year(), d.Month(), d.Day(), 12, 0, 0, 0, time.UTC)
}

// TestOwnersHours: out of them a worker takes nothing, and says so.
func TestOwnersHours(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		f, force := startPolicyFarm(t, database, dir, "echo swept")
		id := force()
		closed, says, until := elsewhen()
		policy := startPicky(t, f, "alice", dir, closed)
		if r := untilWorker(t, f, "alice", weir.WorkerResting).Rest; r.Rule != weir.RuleHours || !r.Until.Equal(until) || r.Text != says {
			t.Errorf("it rests: %+v", r)
		}
		d, err := f.Build(t.Context(), id)
		if err != nil || d.Build.State != weir.Queued || len(d.Attempts) > 0 {
			t.Errorf("the build is %+v, %v", d, err)
		}
		writePolicy(t, policy, "{hours: [mon-sun], zone: UTC}\n")
		if d = untilOver(t, f, id); d.Build.Outcome != weir.Passed || len(d.Attempts) != 1 {
			t.Errorf("it %s after %+v", d.Build.Outcome, d.Attempts)
		}
		if all, err := f.WorkerRefusals(t.Context(), "alice", 0); err != nil || len(all) > 0 {
			t.Errorf("refused %+v, %v", all, err)
		}
		if w := untilWorker(t, f, "alice", weir.WorkerReady); !slices.Equal(w.Policy, []string{"builds begin at any time (UTC)"}) {
			t.Errorf("alice is %+v", w)
		}
	})
}

// TestOwnersHoursEnd while the worker waits for work: what it is given then is free for
// others at once, and not when its lease ends.
func TestOwnersHoursEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		f, force := startPolicyFarm(t, database, dir, "echo swept")
		policy := startPicky(t, f, "alice", dir, "{hours: [mon-sun], zone: UTC}\n")
		untilWorker(t, f, "alice", weir.WorkerReady)
		closed, _, _ := elsewhen()
		writePolicy(t, policy, closed)
		id := force()
		untilWorker(t, f, "alice", weir.WorkerResting)
		startPicky(t, f, "bob", dir, "strangers: true\n")
		d := untilOver(t, f, id)
		last := len(d.Attempts) - 1
		if d.Build.Outcome != weir.Passed || d.Attempts[last].Worker != "bob" {
			t.Errorf("it %s after %+v", d.Build.Outcome, d.Attempts)
		}
		for _, a := range d.Attempts[:last] { // none if alice looked at the file just before
			if a.Worker != "alice" || a.Reason.Code != weir.ReasonUndelivered {
				t.Errorf("an attempt of %s ended: %+v", a.Worker, a.Reason)
			}
		}
	})
}
