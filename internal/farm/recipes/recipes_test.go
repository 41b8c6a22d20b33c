package recipes_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recipes"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

// shelf is a store, and keeps what the port promises: a bad recipe leaves the
// last good one as it is.
type shelf struct {
	mu      sync.Mutex
	recipes map[string]store.RepositoryRecipe
	tips    []weir.Tip
	writes  int
}

func (s *shelf) Tips(context.Context) ([]weir.Tip, error) { return s.tips, nil }

func (s *shelf) Recipes(context.Context) ([]store.RepositoryRecipe, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []store.RepositoryRecipe
	for _, name := range slices.Sorted(maps.Keys(s.recipes)) {
		out = append(out, s.recipes[name])
	}
	return out, nil
}

func (s *shelf) RecordRecipe(_ context.Context, r store.RepositoryRecipe) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recipes == nil {
		s.recipes = map[string]store.RepositoryRecipe{}
	}
	if r.Problem != "" {
		last := s.recipes[r.Project]
		r.Text, r.Revision, r.Origin = last.Text, last.Revision, last.Origin
	}
	s.recipes[r.Project] = r
	s.writes++
	return nil
}

// forest is what repositories hold: revision -> path -> content.
type forest struct {
	mu    sync.Mutex
	files map[string]map[string]string
	fail  error
	reads int
}

func (f *forest) ReadFile(_ context.Context, _ weir.Source, revision, path string, limit int64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.fail != nil {
		return nil, f.fail
	}
	text, ok := f.files[revision][path]
	switch {
	case !ok:
		return nil, weir.Errorf(weir.NotFound, "there is no %s", path)
	case int64(len(text)) > limit:
		return nil, weir.Errorf(weir.TooLarge, "%s is too large", path)
	}
	return []byte(text), nil
}

func (f *forest) Files(_ context.Context, _ weir.Source, revision string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.files[revision])), f.fail
}

// answer makes every read fail, or none.
func (f *forest) answer(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// target keeps the newest configuration.
type target struct {
	farm  *recipe.Farm
	times int
}

func (t *target) Configure(_ context.Context, f *recipe.Farm) error {
	t.farm = f
	t.times++
	return nil
}

func (t *target) Workers(context.Context) ([]weir.Worker, error) { return nil, nil }

func (t *target) jobs(project string) string {
	p, _ := t.farm.Project(project)
	var names []string
	for _, j := range p.Jobs {
		names = append(names, j.Name)
	}
	return strings.Join(names, " ")
}

type fixture struct {
	*recipes.Book
	shelf  *shelf
	forest *forest
	target *target
	board  *setup.Board
	keeper *setup.Keeper
}

// open starts a server's part of a farm.
func open(t *testing.T, s *shelf, f *forest, text string) *fixture {
	t.Helper()
	farm, problems := recipe.Parse("weir.yaml", []byte(text))
	if farm == nil {
		t.Fatal(problems.Format())
	}
	x := &fixture{shelf: s, forest: f, target: &target{}, board: &setup.Board{}}
	x.Book = recipes.New(recipes.Options{Store: s, Files: f, Refill: func(ctx context.Context) error { return x.keeper.Refill(ctx) }})
	x.keeper = setup.NewKeeper(setup.Options{Farm: farm, Target: x.target, Board: x.board, Repositories: x.Book, Host: "linux/amd64"})
	if err := x.keeper.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *fixture) arrive(t *testing.T, project, revision string) {
	t.Helper()
	if err := x.Arrive(t.Context(), project, revision); err != nil {
		t.Fatal(err)
	}
}

func (x *fixture) problem(project string) string {
	for _, r := range x.board.Status().Recipes {
		if r.Project == project {
			return r.Problem
		}
	}
	return "not listed"
}

const farmText = `
locks: {display: 1}
secrets: {MINE: {env: A}, THEIRS: {env: B}}
projects:
  lib:
    source: {git: https://example.org/lib.git, branch: main}
    recipe: repository
  app:
    source: {git: https://example.org/app.git, branch: main}
    upstreams: [lib]
    recipe: auto
    secrets: [MINE]
  plain:
    source: {git: https://example.org/plain.git, branch: main}
    jobs: {test: {steps: [make]}}
`

func TestLife(t *testing.T) {
	t.Parallel()
	s, f := &shelf{}, &forest{files: map[string]map[string]string{
		"l1": {".weir.yaml": "jobs: {build: {steps: [make], product: $WEIR_PREFIX}}"},
		"l2": {".weir.yaml": "jobs: {build: {steps: [make, make install], product: $WEIR_PREFIX}, lint: {steps: [x]}}"},
		"a1": {"go.mod": "module example.org/app\n", "app_test.go": "package app"},
		"a2": {".weir.yaml": "jobs: {check: {steps: [x], secrets: [MINE], locks: [display]}}"},
		"a3": {".weir.yaml": "jobs: {check: {steps: [x], secrets: [THEIRS]}}"},
		"a4": {".weir.yaml": "jobs: {check: {stepz: [x]}, other: 1}"},
		"a5": {".weir.yaml": strings.Repeat("#", recipes.MaxRecipe+1)},
		"a6": {"README": "nothing that is known"},
		"a7": {".weir.yaml": "jobs: {check: {steps: [y]}}"},
	}}
	x := open(t, s, f, farmText)
	if got := x.target.jobs("lib") + x.target.jobs("app"); got != "" || x.target.jobs("plain") != "test" {
		t.Errorf("before anything is known the jobs are %q", got)
	}
	x.arrive(t, "plain", "p1")
	if f.reads != 0 {
		t.Error("a repository was looked at whose jobs are in the farm file")
	}
	x.arrive(t, "lib", "l1")
	x.arrive(t, "app", "a1")
	if lib, app := x.target.jobs("lib"), x.target.jobs("app"); lib != "build" || app != "go" {
		t.Fatalf("the jobs are %q and %q", lib, app)
	}
	if p, _ := x.target.farm.Project("app"); len(p.Upstreams) != 1 || p.Upstreams[0].Job != "build" {
		t.Errorf("app is built against %+v", p.Upstreams)
	}
	before := x.board.Status().Version
	x.arrive(t, "lib", "l2")
	if got := x.target.jobs("lib"); got != "build lint" || x.board.Status().Version == before {
		t.Errorf("the jobs are %q", got)
	}
	x.arrive(t, "app", "a2")
	if got := x.target.jobs("app"); got != "check" || x.problem("app") != "" {
		t.Errorf("the jobs are %q: %s", got, x.problem("app"))
	}
	for _, c := range []struct{ revision, says string }{
		{"a3", "at a3: .weir.yaml:1:38: project app may not use the secret THEIRS"},
		{"a4", "and 2 more"},
		{"a5", "is larger than 256 KiB"},
		{"a6", "a6 has no .weir.yaml, and nothing in it tells how it is built"},
	} {
		x.arrive(t, "app", c.revision)
		if got := x.problem("app"); !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q", c.revision, got, c.says)
		}
		if got := x.target.jobs("app"); got != "check" {
			t.Errorf("%s: the jobs are %q", c.revision, got)
		}
	}
	// Another server, or this one after a restart, has the same from the store.
	reads := f.reads
	again := open(t, s, f, farmText)
	if got := again.target.jobs("app") + " " + again.target.jobs("lib"); got != "check build lint" || f.reads != reads || again.problem("app") == "" {
		t.Errorf("after a restart the jobs are %q, after %d reads: %s", got, f.reads-reads, again.problem("app"))
	}
	if v := again.board.Status().Version; v != x.board.Status().Version {
		t.Errorf("after a restart the version is %s", v)
	}
	x.arrive(t, "app", "a7")
	if x.problem("app") != "" {
		t.Errorf("a good recipe has the problem %q", x.problem("app"))
	}
	if err := again.Current(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, _ := again.target.farm.Project("app"); p.Jobs[0].Steps[0].Run != "y" {
		t.Errorf("the other server runs %+v", p.Jobs)
	}
	times := again.target.times
	if err := again.Current(t.Context()); err != nil || again.target.times != times {
		t.Errorf("it is configured again for nothing: %v", err)
	}
}

// TestSameJobsAtAnotherRevision makes sure that a commit that leaves the recipe
// as it is costs no new configuration.
func TestSameJobsAtAnotherRevision(t *testing.T) {
	t.Parallel()
	const text = "jobs: {check: {steps: [x]}}"
	x := open(t, &shelf{}, &forest{files: map[string]map[string]string{"a1": {".weir.yaml": text}, "a2": {".weir.yaml": text}}}, farmText)
	x.arrive(t, "app", "a1")
	times := x.target.times
	x.arrive(t, "app", "a2")
	x.arrive(t, "app", "a2")
	if x.target.times != times || x.shelf.writes != 2 || x.forest.reads != 2 {
		t.Errorf("%d configurations, %d writes, %d reads", x.target.times-times, x.shelf.writes, x.forest.reads)
	}
	if r := x.board.Status().Recipes[0]; r.Project != "app" || r.Revision != "a2" {
		t.Errorf("%+v", r)
	}
}

// TestComparisonLeavesNothing fills another farm only to look at it.
func TestComparisonLeavesNothing(t *testing.T) {
	t.Parallel()
	x := open(t, &shelf{}, &forest{files: map[string]map[string]string{"a1": {".weir.yaml": "jobs: {check: {steps: [x], secrets: [MINE]}}"}}}, farmText)
	x.arrive(t, "app", "a1")
	other, problems := recipe.Parse("weir.yaml", []byte(strings.Replace(farmText, "    secrets: [MINE]\n", "", 1)))
	if other == nil {
		t.Fatal(problems.Format())
	}
	full, list, err := x.Fill(t.Context(), other)
	if p, _ := full.Project("app"); err != nil || len(p.Jobs) != 0 || list[0].Problem == "" {
		t.Errorf("without the grant the jobs are %+v, %+v, %v", p.Jobs, list, err)
	}
	times := x.target.times
	if err := x.Current(t.Context()); err != nil || x.target.times != times {
		t.Errorf("it is configured again, %v", err)
	}
	if err := x.keeper.Refill(t.Context()); err != nil || x.target.jobs("app") != "check" || x.problem("app") != "" {
		t.Errorf("the jobs are %q, %q, %v", x.target.jobs("app"), x.problem("app"), err)
	}
}

// TestRenamed keeps the jobs of a project under its new name before its recipe is read again.
func TestRenamed(t *testing.T) {
	t.Parallel()
	x := open(t, &shelf{}, &forest{files: map[string]map[string]string{"a1": {".weir.yaml": "jobs: {check: {steps: [x]}}"}}}, farmText)
	x.arrive(t, "app", "a1")
	other, problems := recipe.Parse("weir.yaml", []byte(strings.Replace(farmText, "  app:\n", "  tool:\n    formerly: [app]\n", 1)))
	if other == nil {
		t.Fatal(problems.Format())
	}
	full, _, err := x.Fill(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := full.Project("tool"); !ok || len(p.Jobs) != 1 || p.Jobs[0].Name != "check" {
		t.Errorf("the jobs are %+v", p)
	}
}

// TestSourceAway makes sure that a revision does not arrive whose recipe cannot
// be read now, and arrives later.
func TestSourceAway(t *testing.T) {
	t.Parallel()
	x := open(t, &shelf{}, &forest{files: map[string]map[string]string{"a1": {".weir.yaml": "jobs: {check: {steps: [x]}}"}}}, farmText)
	x.forest.answer(weir.Errorf(weir.Unavailable, "example.org does not answer"))
	if err := x.Arrive(t.Context(), "app", "a1"); weir.CodeOf(err) != weir.Unavailable || x.shelf.writes != 0 {
		t.Errorf("%v, %d writes", err, x.shelf.writes)
	}
	x.forest.answer(nil)
	x.arrive(t, "app", "a1")
	if x.target.jobs("app") != "check" {
		t.Errorf("the jobs are %q", x.target.jobs("app"))
	}
	x.forest.answer(errors.New("a bug"))
	if err := x.Arrive(t.Context(), "lib", "l1"); err == nil {
		t.Error("what nobody understands is no recipe")
	}
}

// TestCatchUp has revisions that were known before the farm file asked for their
// recipes.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{tips: []weir.Tip{{Project: "app", Branch: "main", Revision: weir.Revision{ID: "a1"}}, {Project: "app", Branch: "next", Revision: weir.Revision{ID: "n1"}},
			{Project: "gone", Branch: "main"}, {Project: "plain", Branch: "main", Revision: weir.Revision{ID: "p1"}}}}
		x := open(t, s, &forest{files: map[string]map[string]string{"a1": {".weir.yaml": "jobs: {check: {steps: [x]}}"}}}, farmText)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		x.forest.answer(weir.Errorf(weir.Unavailable, "not yet"))
		go func() { done <- x.Run(ctx) }()
		synctest.Wait()
		x.forest.answer(nil)
		<-time.After(2 * time.Minute) // synthetic
		synctest.Wait()
		if x.target.jobs("app") != "check" || x.shelf.writes != 1 {
			t.Errorf("the jobs are %q, after %d writes", x.target.jobs("app"), x.shelf.writes)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
