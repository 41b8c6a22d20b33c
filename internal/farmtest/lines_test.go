//go:build unix

package farmtest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
)

const lines = `data: data
locks: {one: 1}
projects:
  fresh:
    source: {git: tree, branch: main, poll: 100ms, clean: fresh, submodules: true, depth: 1}
    jobs: {test: {steps: [{name: look, run: 'cat sub/inner; git rev-list --count HEAD; ls *.o 2>/dev/null || echo clean; touch left.o'}]}}
  incremental:
    source: {git: tree, branch: main, poll: 100ms, clean: incremental}
    jobs: {test: {steps: [&look {name: look, run: 'ls sub; git rev-list --count HEAD; ls *.o 2>/dev/null || echo clean; touch left.o'}]}}
  full:
    source: {git: tree, branch: main, poll: 100ms}
    jobs: {test: {steps: [*look]}}
  lib:
    source: {git: lib, branch: main, poll: 100ms, branches: [release/*], tags: [v*], ignore: [docs/**]}
    jobs:
      test: {steps: [{name: say, run: 'echo "$WEIR_BRANCH $WEIR_CAUSE"; grep good file'}]}
      publish: {on: [tag], if: tag startsWith "v", needs: [test], steps: [{name: say, run: 'echo "$WEIR_CAUSE"'}]}
  settled:
    source: {git: lib, branch: main, poll: 100ms, settle: 3s}
    jobs: {test: {steps: [grep good file]}}
  deploy:
    source: {git: ship, branch: main, poll: 100ms}
    jobs:
      never: {superseded: never, steps: [&wait 'until [ -e DIR/go ]; do sleep 0.05; done']}
      running: {superseded: running, steps: [*wait]}
      waiting: {locks: [one], steps: [*wait]}
`

// lineFarm is the farm of the tests of this file, and its repositories.
type lineFarm struct {
	*farmtest.Farm
	dir             string
	tree, lib, ship repo
}

func newLineFarm(t *testing.T, database string) lineFarm {
	t.Helper()
	l := lineFarm{dir: t.TempDir()}
	inner := newRepo(t, filepath.Join(l.dir, "inner"), map[string]string{"inner": "first\n"})
	l.tree = newRepo(t, filepath.Join(l.dir, "tree"), map[string]string{"file": "x"})
	l.tree.git(t, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", string(inner), "sub")
	l.tree.commit(t, "with a submodule", nil)
	l.lib = newRepo(t, filepath.Join(l.dir, "lib"), map[string]string{"file": "good\n"})
	l.ship = newRepo(t, filepath.Join(l.dir, "ship"), map[string]string{"file": "x"})
	l.let(t, true)
	l.Farm = farmtest.Start(t, farmFile(t, l.dir, strings.ReplaceAll(lines, "DIR", l.dir)), farmtest.Options{Database: database, Slots: 10})
	for _, p := range []string{"fresh", "incremental", "full", "lib", "settled", "deploy"} {
		expectEnd(t, untilBuilt(t, l.Farm, p, "").Build, weir.Passed, weir.ReasonNone)
	}
	return l
}

// let lets the builds of deploy end, or not any more.
func (l lineFarm) let(t *testing.T, on bool) {
	t.Helper()
	name := filepath.Join(l.dir, "go")
	err := os.WriteFile(name, nil, 0o600)
	if !on {
		err = os.Remove(name)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLines follows what happens to branches, tags and checkouts as revisions come.
func TestLines(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		l := newLineFarm(t, database)
		l.checkouts(t)
		l.overtakes(t)
		l.skips(t)
		l.branches(t)
		l.tags(t)
	})
}

// checkouts: what the last build left is there, or not.
func (l lineFarm) checkouts(t *testing.T) {
	t.Helper()
	inner := repo(filepath.Join(l.dir, "inner"))
	inner.commit(t, "second", map[string]string{"inner": "second\n"})
	repo(filepath.Join(string(l.tree), "sub")).git(t, "pull", "-q", "origin", "main")
	revision := l.tree.commit(t, "newer submodule", nil)
	for project, want := range map[string]string{"fresh": "second\n1\nclean\n", "incremental": "3\nleft.o\n", "full": "3\nclean\n"} {
		d := untilBuilt(t, l.Farm, project, revision)
		expectEnd(t, d.Build, weir.Passed, weir.ReasonNone)
		if logs, _ := logsOf(t, l.Farm, d.Build.ID); logs["look"] != want {
			t.Errorf("%s finds %q, want %q; the checkout says:\n%s", project, logs["look"], want, logs["checkout"])
		}
	}
}

// overtakes: three revisions come while builds run, with three kinds of jobs.
func (l lineFarm) overtakes(t *testing.T) {
	t.Helper()
	l.let(t, false)
	job := func(job, revision string, fits func(weir.Build) bool) {
		t.Helper()
		l.Until(t, "job "+job+" has come to where it should at "+weir.ShortRevision(revision), func(client.Overview) bool {
			all, err := l.Builds(t.Context(), client.BuildQuery{Project: "deploy"})
			if err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(all, func(b weir.Build) bool { return b.Builder.Job == job && b.Revision() == revision && fits(b) })
		})
	}
	is := func(state weir.State) func(weir.Build) bool {
		return func(b weir.Build) bool { return b.State == state }
	}
	superseded := func(b weir.Build) bool {
		return b.Outcome == weir.OutcomeCancelled && b.Reason.Code == weir.ReasonSuperseded
	}
	passed := func(b weir.Build) bool { return b.Outcome == weir.Passed }
	two := l.ship.commit(t, "two", nil)
	for _, j := range []string{"never", "running", "waiting"} {
		job(j, two, is(weir.Running))
	}
	three := l.ship.commit(t, "three", nil)
	job("never", three, is(weir.Running))
	job("running", two, superseded)
	job("running", three, is(weir.Running))
	job("waiting", three, is(weir.Queued))
	four := l.ship.commit(t, "four", nil)
	job("never", four, is(weir.Running))
	job("running", three, superseded)
	job("waiting", three, superseded)
	job("waiting", two, is(weir.Running))
	l.let(t, true)
	for _, revision := range []string{two, three, four} {
		job("never", revision, passed)
	}
	job("running", four, passed)
	job("waiting", two, passed)
	job("waiting", four, passed)
}

// skips: some revisions set nothing off, and a branch that is not quiet waits.
func (l lineFarm) skips(t *testing.T) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(string(l.lib), "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	seen := func(revision string) {
		l.Until(t, "a revision is seen that sets nothing off", func(o client.Overview) bool {
			return slices.ContainsFunc(o.Sources, func(s client.SourceStatus) bool { return s.Project == "lib" && s.Tip.ID == revision })
		})
	}
	docs := l.lib.commit(t, "words", map[string]string{"docs/page": "x"})
	seen(docs)
	marked := l.lib.commit(t, "nothing [skip ci]", map[string]string{"other": "x"})
	seen(marked)
	counts := l.lib.commit(t, "counts", map[string]string{"other": "y"})
	expectEnd(t, untilBuilt(t, l.Farm, "lib", counts).Build, weir.Passed, weir.ReasonNone)
	last := l.lib.commit(t, "and another", map[string]string{"other": "z"})
	expectEnd(t, untilBuilt(t, l.Farm, "lib", last).Build, weir.Passed, weir.ReasonNone)
	expectEnd(t, untilBuilt(t, l.Farm, "settled", last).Build, weir.Passed, weir.ReasonNone)
	all, err := l.Builds(t.Context(), client.BuildQuery{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		if b.Builder.Project == "lib" && (b.Revision() == docs || b.Revision() == marked) {
			t.Errorf("build %d of lib is at a revision that sets nothing off", b.ID)
		}
		if b.Builder.Project == "settled" && b.Revision() == marked {
			t.Errorf("build %d of settled is at a revision with a skip marker", b.ID)
		}
	}
}

// branches: a further branch has builders and culprits of its own, until it goes.
func (l lineFarm) branches(t *testing.T) {
	t.Helper()
	l.lib.git(t, "checkout", "-q", "-b", "release/1")
	l.lib.commit(t, "begin a release", map[string]string{"notes": "1"})
	l.lib.git(t, "checkout", "-q", "main")
	row := func(o client.Overview) *client.BuilderRow {
		i := slices.IndexFunc(o.Builders, func(r client.BuilderRow) bool {
			return r.Builder.Name() == "lib/test release/1 "+string(r.Builder.Platform)
		})
		if i < 0 {
			return nil
		}
		return &o.Builders[i]
	}
	o := l.Until(t, "the branch has a baseline", func(o client.Overview) bool {
		r := row(o)
		return r != nil && len(r.Recent) > 0 && r.Recent[0].Judgement == weir.Settled
	})
	first := row(o).Recent[0]
	expectEnd(t, first, weir.Passed, weir.ReasonNone)
	if logs, _ := logsOf(t, l.Farm, first.ID); !strings.HasPrefix(logs["say"], "release/1 change\n") {
		t.Errorf("on the branch: %q", logs["say"])
	}
	l.lib.git(t, "checkout", "-q", "release/1")
	bad := l.lib.commit(t, "break the release", map[string]string{"file": "bad\n"})
	l.lib.git(t, "checkout", "-q", "main")
	o = l.Until(t, "the commit on the branch is found", func(o client.Overview) bool {
		return len(o.Regressions) == 1 && o.Regressions[0].State == weir.Located
	})
	if r := o.Regressions[0]; r.Culprit.Revision.ID != bad || r.Culprit.Project != "lib" {
		t.Errorf("the culprit is %+v, want %s", r.Culprit, bad)
	}
	l.lib.git(t, "branch", "-q", "-D", "release/1")
	l.Until(t, "the branch is gone", func(o client.Overview) bool {
		of := 0
		for _, s := range o.Sources {
			if s.Error != "" {
				return false
			}
			if s.Project == "lib" {
				of++
			}
		}
		return of == 1
	})
	forced, err := admin(t, l.Farm).Force(t.Context(), client.Force{Project: "lib"})
	if err != nil || len(forced.Builds) != 1 {
		t.Fatalf("without the branch %d builds are forced, %v", len(forced.Builds), err)
	}
	how, _ := ends(t, l.Farm, "lib", 1, inRun(forced.Run))
	expectEnds(t, how, map[string]string{"test": "passed"})
}

// tags: a new one is built, with the jobs that wait for it.
func (l lineFarm) tags(t *testing.T) {
	t.Helper()
	tagged := l.lib.git(t, "rev-parse", "HEAD~2") // which set nothing off by itself
	l.lib.git(t, "tag", "v1.0", tagged)
	l.lib.git(t, "tag", "other", "HEAD~1")
	how, builds := ends(t, l.Farm, "lib", 2, caused(weir.CauseTag))
	expectEnds(t, how, map[string]string{"test": "passed", "publish": "passed"})
	if b := builds["publish"]; b.Revision() != tagged {
		t.Errorf("what is published is at %s, want %s", b.Revision(), tagged)
	}
	if logs, _ := logsOf(t, l.Farm, builds["publish"].ID); logs["say"] != "tag\n" {
		t.Errorf("the publication says %q", logs["say"])
	}
}
