//go:build unix

package farmtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

// TestLocks has two workers and more builds than locks: who has a lock of the farm
// is alone with it, who has one of a worker is alone on that worker, and those that
// wait say what for.
func TestLocks(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		// Each step takes a directory that must not be there, and keeps it until the
		// test says so. GOCACHE lies in a directory of the worker's own.
		const alone = `mkdir -p "$(dirname "$D")"; mkdir "$D"; until [ -e %s/%s ]; do sleep 0.05; done; rmdir "$D"`
		f := farmtest.Start(t, farmFile(t, dir, fmt.Sprintf(`
locks:
  database: 1
  display: {scope: worker}
  license: {count: 3}
projects:
  db:
    source: none
    jobs:
      one: {on: [force], locks: [database], steps: ['D=%[1]s/held; `+fmt.Sprintf(alone, dir, "db")+`']}
      two: {on: [force], locks: [{name: license, count: 2}, database], steps: ['D=%[1]s/held; `+fmt.Sprintf(alone, dir, "db")+`']}
  ui:
    source: none
    jobs:
      show: {on: [force], locks: [display], steps: ['D=$GOCACHE.held; `+fmt.Sprintf(alone, dir, "ui")+`']}
`, dir)), farmtest.Options{Database: database, Slots: 3})
		startWorker(t, f, "other", 3, t.TempDir())
		boss := admin(t, f)
		force := func(project string, count, in int) weir.RunID {
			var forced client.Forced
			var err error
			f.Until(t, project+" can be forced", func(o client.Overview) bool {
				known := func(s client.SourceStatus) bool { return s.Project == project && s.Tip.ID != "" }
				return slices.ContainsFunc(o.Sources, known)
			})
			if forced, err = boss.Force(t.Context(), client.Force{Project: project, Count: count}); err != nil || len(forced.Builds) != in {
				t.Fatalf("%d builds of %s, want %d, %v", len(forced.Builds), project, in, err)
			}
			return forced.Run
		}
		free := func(name string) {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		finish := func(project string, run weir.RunID) {
			f.Until(t, project+" is done", func(client.Overview) bool {
				all, err := f.Builds(t.Context(), client.BuildQuery{Project: project})
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range all {
					if b.State.Final() && b.Run == run && b.Outcome != weir.Passed {
						t.Fatalf("build %d %s: %s", b.ID, b.Outcome, b.Reason.Text)
					}
				}
				return !slices.ContainsFunc(all, func(b weir.Build) bool { return b.Run == run && !b.State.Final() })
			})
		}
		run := force("db", 3, 6)
		o := f.Until(t, "one build has the lock", func(o client.Overview) bool {
			return len(o.Running) == 1 && o.Queue[weir.Queued] == 5 && len(o.Waiting) == 5 &&
				!slices.ContainsFunc(o.Waiting, func(w client.Waiting) bool { return w.Waits.Reason != "lock" })
		})
		holder := o.Running[0].ID
		for _, w := range o.Waiting {
			if want := fmt.Sprintf("waits for lock database, which build %d holds", holder); w.Waits.Text != want || w.Waits.Build != holder {
				t.Errorf("build %d says %q, want %q", w.ID, w.Waits.Text, want)
			}
		}
		d, err := f.Build(t.Context(), o.Waiting[0].ID)
		if err != nil || d.Waits == nil || !strings.Contains(d.Waits.Text, "lock database") {
			t.Errorf("its own page says %+v, %v", d.Waits, err)
		}
		free("db")
		finish("db", run)

		run = force("ui", 4, 4)
		o = f.Until(t, "one build on each worker has its lock", func(o client.Overview) bool {
			return len(o.Running) == 2 && len(o.Waiting) == 2 && o.Waiting[0].Waits.Reason == "lock" && o.Waiting[1].Waits.Reason == "lock"
		})
		if o.Running[0].Worker == o.Running[1].Worker {
			t.Errorf("both run on %s", o.Running[0].Worker)
		}
		free("ui")
		finish("ui", run)
	})
}
