package farmtest_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farmtest"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

// recipeOf finds out where the jobs of a project come from.
func recipeOf(o client.Overview, project string) client.RepositoryRecipe {
	i := slices.IndexFunc(o.Config.Recipes, func(r client.RepositoryRecipe) bool { return r.Project == project })
	if i < 0 {
		return client.RepositoryRecipe{}
	}
	return o.Config.Recipes[i]
}

func jobsOf(builds []weir.Build, revision string) (jobs []string) {
	for _, b := range builds {
		if b.Revision() == revision {
			jobs = append(jobs, b.Builder.Job)
		}
	}
	slices.Sort(jobs)
	return slices.Compact(jobs)
}

// TestRecipesInRepositories builds projects as their own repositories say: from
// .weir.yaml, which changes together with what it builds, and from what is there.
func TestRecipesInRepositories(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		own := newRepo(t, filepath.Join(dir, "own"), map[string]string{"one.sh": "echo one\n",
			".weir.yaml": "jobs: {test: {steps: [sh one.sh]}}\n"})
		looked := newRepo(t, filepath.Join(dir, "looked"), map[string]string{"Makefile": "check:\n\techo fine\n"})
		file := farmFile(t, dir, `data: data
projects:
  own: {source: {git: own, branch: main, poll: 100ms}, recipe: repository}
  looked: {source: {git: looked, branch: main, poll: 100ms}, recipe: auto}
`)
		f := farmtest.Start(t, file, farmtest.Options{Database: database})
		first := untilBuilt(t, f, "own", "")
		expectEnd(t, first.Build, weir.Passed, weir.ReasonNone)
		seen := untilBuilt(t, f, "looked", "")
		expectEnd(t, seen.Build, weir.Passed, weir.ReasonNone)
		if seen.Build.Builder.Job != "make" {
			t.Errorf("the detected job is %s", seen.Build.Builder.Job)
		}

		// A commit that changes the recipe together with what it builds is built as it says.
		second := own.commit(t, "two", map[string]string{"two.sh": "echo two\n",
			".weir.yaml": "jobs: {test: {steps: [rm one.sh, sh two.sh]}, lint: {steps: [echo lint]}}\n"})
		b := untilBuilt(t, f, "own", second)
		expectEnd(t, b.Build, weir.Passed, weir.ReasonNone)
		f.Until(t, "both jobs are built", func(client.Overview) bool {
			builds, err := f.Builds(t.Context(), client.BuildQuery{Project: "own"})
			if err != nil {
				t.Fatal(err)
			}
			return slices.Equal(jobsOf(builds, second), []string{"lint", "test"})
		})
		if b.Run.Config == "" || b.Run.Config == first.Run.Config {
			t.Errorf("the version was %s and is %s", first.Run.Config, b.Run.Config)
		}

		// A bad recipe leaves the last good one in force, and is told of.
		third := own.commit(t, "three", map[string]string{".weir.yaml": "jobs: {test: {stepz: [x]}}\n"})
		b = untilBuilt(t, f, "own", third)
		expectEnd(t, b.Build, weir.Passed, weir.ReasonNone)
		bad := func(o client.Overview) bool {
			r := recipeOf(o, "own")
			return r.Revision == second && strings.Contains(r.Problem, "at "+weir.ShortRevision(third)+": .weir.yaml:1:")
		}
		f.Until(t, "the mistake is told", bad)
		f.Stop()

		// The jobs survive a restart, and the mistake too.
		f = farmtest.Start(t, file, farmtest.Options{Database: database})
		o, err := f.Overview(t.Context())
		if err != nil || !bad(o) {
			t.Errorf("after a restart: %+v, %v", o.Config, err)
		}
		if r := recipeOf(o, "looked"); r.Origin != "detected" || r.Problem != "" {
			t.Errorf("%+v", r)
		}
		fourth := own.commit(t, "four", map[string]string{".weir.yaml": "jobs: {test: {steps: [sh two.sh]}}\n"})
		b = untilBuilt(t, f, "own", fourth)
		if b.Build.Outcome != weir.Passed || b.First {
			t.Errorf("build %d %s, the first: %v", b.Build.ID, b.Build.Outcome, b.First)
		}
		if o := f.Until(t, "the mistake is gone", func(o client.Overview) bool { return recipeOf(o, "own").Problem == "" }); recipeOf(o, "own").Revision != fourth {
			t.Errorf("%+v", recipeOf(o, "own"))
		}
		// A file takes the place of what was detected.
		fifth := looked.commit(t, "say so", map[string]string{".weir.yaml": "steps: [make check]\n"})
		b = untilBuilt(t, f, "looked", fifth)
		if b.Build.Builder.Job != "test" || recipeOf(mustOverview(t, f), "looked").Origin != ".weir.yaml" {
			t.Errorf("job %s", b.Build.Builder.Job)
		}
		all, err := f.Regressions(t.Context(), true)
		if err != nil || len(all) > 0 {
			t.Errorf("somebody is accused: %+v, %v", all, err)
		}
	})
}

func mustOverview(t *testing.T, f *farmtest.Farm) client.Overview {
	t.Helper()
	o, err := f.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestRecipesOnTwoServers runs two servers on one database: whichever reads a
// recipe, both have it in force.
func TestRecipesOnTwoServers(t *testing.T) {
	t.Parallel()
	database, dir := pgtest.DSN(t), t.TempDir()
	own := newRepo(t, filepath.Join(dir, "own"), map[string]string{".weir.yaml": "jobs: {test: {steps: [echo one]}}\n"})
	file := farmFile(t, dir, "projects: {own: {source: {git: own, branch: main, poll: 100ms}, recipe: repository}}\n")
	one := farmtest.Start(t, file, farmtest.Options{Database: database})
	other := farmtest.Start(t, file, farmtest.Options{Database: database, Slots: -1})
	untilBuilt(t, one, "own", "")
	second := own.commit(t, "two", map[string]string{".weir.yaml": "jobs: {test: {steps: [echo two]}, lint: {steps: [echo lint]}}\n"})
	b := untilBuilt(t, one, "own", second)
	if got := b.Spec.Job.Steps[0].Run; b.Build.Builder.Job == "test" && got != "echo two" {
		t.Errorf("it runs %q", got)
	}
	for _, f := range []*farmtest.Farm{one, other} {
		f.Until(t, "the second recipe is in force", func(o client.Overview) bool {
			return recipeOf(o, "own").Revision == second && o.Config.Version == mustOverview(t, one).Config.Version
		})
	}
	third := own.commit(t, "three", map[string]string{".weir.yaml": "nothing: good\n"})
	untilBuilt(t, one, "own", third)
	for _, f := range []*farmtest.Farm{one, other} {
		f.Until(t, "the mistake is told", func(o client.Overview) bool {
			r := recipeOf(o, "own")
			return r.Revision == second && r.Problem != ""
		})
	}
}
