package farmtest_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/demo"
	"github.com/weir-ci/weir/internal/ecosystem"
	"github.com/weir-ci/weir/internal/farmtest"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

func newEcosystem(t *testing.T) (eco *ecosystem.Ecosystem, file string) {
	t.Helper()
	eco, err := ecosystem.Create(filepath.Join(t.TempDir(), "ecosystem"))
	if err != nil {
		t.Fatal(err)
	}
	if file, err = eco.WriteConfig(); err != nil {
		t.Fatal(err)
	}
	return eco, file
}

// TestEcosystem plays the history of the toy ecosystem: every planted culprit
// is found, and nobody else is accused. It takes long, so only SQLite is
// played here; the script demo.txtar of internal/cli plays PostgreSQL.
func TestEcosystem(t *testing.T) {
	t.Parallel()
	eco, file := newEcosystem(t)
	farm := farmtest.Start(t, file, farmtest.Options{Slots: 4})
	show := demo.Show{Ecosystem: eco, Farm: farm.Client, Screen: &demo.Screen{Out: t.Output()}}
	last := min(lastStage, eco.Stages()-1)
	for stage := range last + 1 {
		if err := eco.Advance(stage); err != nil {
			t.Fatal(err)
		}
		farm.Until(t, "it has found out about: "+eco.About(stage), func(o client.Overview) bool { return show.Done(o, stage) })
	}
	found, err := farm.Regressions(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if last == eco.Stages()-1 {
		for _, d := range show.Verify(found) {
			t.Error(d.What)
		}
		expectLastBuilds(t, farm)
	}
	expectCulprits(t, eco, last, found)
	expectOneOutcome(t, farm)
}

// expectCulprits checks that exactly the culprits of the stages so far are
// found, and that nothing is said about projects that must stay quiet.
func expectCulprits(t *testing.T, eco *ecosystem.Ecosystem, stage int, found []weir.Regression) {
	t.Helper()
	missing := map[string]bool{}
	for _, c := range eco.Culprits() {
		if c.Stage <= stage {
			missing[c.Commit.ID] = true
		}
	}
	quiet := append(eco.Quiet(), "gnat", "ruin")
	for _, r := range found {
		if r.State == weir.Dismissed {
			continue
		}
		if r.State.Open() && r.State != weir.Located {
			t.Errorf("regression %d is %s at the end: %s", r.ID, r.State, r.Note)
		}
		if _, planted := missing[r.Culprit.Revision.ID]; !planted {
			t.Errorf("regression %d accuses %s %s, which broke nothing", r.ID, r.Culprit.Project, r.Culprit.Revision.ID)
		}
		missing[r.Culprit.Revision.ID] = false
		for _, v := range r.Victims {
			if slices.Contains(quiet, v.Builder.Project) {
				t.Errorf("regression %d (%s) has %s of %s", r.ID, r.State, v.Test, v.Builder.Project)
			}
		}
	}
	for id, m := range missing {
		if m {
			t.Errorf("the culprit %s was not found", id)
		}
	}
}

// expectLastBuilds checks how the projects stand after the last stage.
func expectLastBuilds(t *testing.T, farm *farmtest.Farm) {
	t.Helper()
	for project, want := range map[string]weir.Outcome{"brook": weir.Passed, "calm": weir.Passed, "delta": weir.Passed,
		"ferry": weir.Passed, "mill": weir.Failed, "swamp": weir.Failed, "ruin": weir.Broken} {
		b, done := lastOf(t, farm, project)
		if !done || b.Outcome != want || b.Changes.Worse() > 0 {
			t.Errorf("the last build of %s, %d: %s/%s, %d newly bad; want %s", project, b.ID, b.Outcome, b.Judgement, b.Changes.Worse(), want)
		}
	}
}

// expectOneOutcome checks of every build that one attempt gave it its outcome,
// and that the others were lost or stopped.
func expectOneOutcome(t *testing.T, farm *farmtest.Farm) {
	t.Helper()
	var before weir.BuildID
	for {
		builds, err := farm.Builds(t.Context(), client.BuildQuery{Before: before, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range builds {
			before = b.ID
			if !b.State.Final() {
				t.Errorf("build %d of %s is %s", b.ID, b.Builder.Project, b.State)
			}
			if b.Attempts < 2 {
				continue
			}
			d, err := farm.Build(t.Context(), b.ID)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range d.Attempts {
				if last := i == len(d.Attempts)-1; a.Live() || !last && a.Outcome != weir.Infra {
					t.Errorf("attempt %s: live %v, %s (%s)", a.ID, a.Live(), a.Outcome, a.Reason.Text)
				}
			}
		}
		if len(builds) < 1000 {
			return
		}
	}
}

// TestTwoServers runs two servers with a worker each on one database, and
// stops one of them in the middle: the other one brings everything to its end.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	database, shared := pgtest.DSN(t), filepath.Join(t.TempDir(), "shared")
	eco, file := newEcosystem(t)
	workers := t.TempDir() // products are used at the path that they were built for
	start := func(worker string) (farm *farmtest.Farm, stop func()) {
		config, problems, err := recipe.Load(file)
		if err != nil {
			t.Fatalf("%v\n%s", err, problems.Format())
		}
		config.Data = shared
		farm = farmtest.StartConfig(t, config, farmtest.Options{Database: database, Slots: -1, Lease: impatient})
		stopWorker := startWorker(t, farm, worker, 2, workers)
		return farm, func() {
			stopWorker() // first, while there is a server to tell
			farm.Stop()
		}
	}
	stays, _ := start("stays")
	goes, stop := start("goes")
	show := demo.Show{Ecosystem: eco, Farm: stays.Client, Screen: &demo.Screen{Out: t.Output()}}
	settled := func(stage int) func(client.Overview) bool {
		return func(o client.Overview) bool { return show.Done(o, stage) }
	}
	stays.Until(t, "the first stage is built", settled(0))
	if err := eco.Advance(2); err != nil {
		t.Fatal(err)
	}
	goes.Until(t, "the second stage is under way", func(o client.Overview) bool {
		return len(o.Running) > 1 && o.Queue[weir.Queued]+o.Queue[weir.Blocked] > 0
	})
	stop()
	o := stays.Until(t, "the second stage is built", settled(2))
	expectOneOutcome(t, stays)
	for _, r := range o.Regressions {
		if r.State != weir.Located || r.Culprit.Revision.ID != eco.Culprits()[0].Commit.ID {
			t.Errorf("regression %d is %s: %s", r.ID, r.State, r.Note)
		}
	}
	if len(o.Regressions) == 0 {
		t.Error("the culprit of the second stage was not found")
	}
}
