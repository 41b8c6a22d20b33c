package recipe_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
)

func TestRepository(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"jobs":    {"jobs:\n  lint: {steps: [make lint]}\n  test: {steps: [make], needs: [lint]}\n", "lint test"},
		"one job": {"x-a: &a make\nsteps: [*a]\nmatrix: {PYTHON: [a, b]}\n", "test"},
		"a farm":  {"farm: {name: mine}\nprojects:\n  app:\n    source: none\n    jobs: {check: {steps: [make]}}\n", "check"},
		"a farm with others": {"projects:\n  proj: {source: none, jobs: {check: {steps: [make]}}}\n" +
			"  other: {source: none, jobs: {no: {steps: [make]}}}\n", "check"},
		"secrets and locks": {"steps: [make]\nsecrets: [TOKEN]\nlocks: [x]\n", "test"},
	} {
		jobs, problems := recipe.ParseRepository("/src/proj/.weir.yaml", []byte(test.text))
		var got []string
		for _, j := range jobs {
			got = append(got, j.Name)
		}
		if len(problems) > 0 || strings.Join(got, " ") != test.want {
			t.Errorf("%s: jobs %s, want %s\n%s", name, got, test.want, problems.Format())
		}
	}
	for text, want := range map[string]string{
		"":                                  "the file is empty",
		"[]":                                "a recipe must be a mapping",
		"source: none":                      "the recipe has no jobs",
		"jobs: {}":                          "jobs is empty",
		"jobs: {a: {steps: [x]}}\nstep":     "not valid YAML",
		"jobs: {a: {steps: [x]}}\nfarm: {}": `unknown key "farm" in the recipe`,
		"timeout: 5m":                       "job proj/test has no steps",
		"steps: [x]\nneeds: [y]":            `unknown job "y"`,
		"projects: {a: {source: none}}":     "project a has no jobs",
		"projects: {a: {source: none}, b: {source: none}}": "a farm file with 2 projects, none of which is called proj",
		"projects: {}": "a farm file with 0 projects",
	} {
		jobs, problems := recipe.ParseRepository("/src/proj/.weir.yaml", []byte(text))
		if jobs != nil || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v\n%s\nwant %s", text, jobs, problems.Format(), want)
		}
	}
}

// TestGranted reads recipes that may use only what the farm file grants them.
func TestGranted(t *testing.T) {
	t.Parallel()
	farm := parse(t, `
locks: {one: 1}
secrets: {MINE: {env: A}, THEIRS: {env: B}}
projects:
  base:
    source: {git: https://example.org/base.git}
    jobs: {build: {platforms: [linux/amd64], steps: [make], product: $WEIR_PREFIX}}
  app:
    source: {git: https://example.org/app.git}
    upstreams: [base]
    recipe: repository
    secrets: [MINE]
`)
	p, _ := farm.Project("app")
	for text, want := range map[string]string{
		"steps: [make]\nsecrets: [MINE]\nlocks: [one]":          "",
		"steps: [{run: make, secrets: [THEIRS]}]":               "project app may not use the secret THEIRS",
		"steps: [make]\nsecrets: [NOBODYS]":                     "project app may not use the secret NOBODYS",
		"steps: [make]\nlocks: [two]":                           `unknown lock "two" of the farm`,
		"steps: [make]\nlocks: [{name: one, count: 2}]":         `2 shares of the lock "one" are wanted, and it has 1`,
		"steps: [make]\nplatforms: [linux/amd64]":               "",
		"steps: [make]\nplatforms: [linux/arm64]":               "job app/test runs on linux/arm64, where an upstream has no product",
		"secrets: {MINE: {env: PATH}}\njobs: {a: {steps: [x]}}": `unknown key "secrets" in the recipe`,
		// A farm file in the repository says nothing about this farm.
		"secrets: {THEIRS: {env: X}}\nprojects: {app: {source: none, jobs: {t: {steps: [x], secrets: [THEIRS]}}}}": "project app may not use the secret THEIRS",
	} {
		jobs, problems := recipe.ParseFor(farm, *p, ".weir.yaml", []byte(text))
		if want == "" && (len(jobs) != 1 || len(problems) > 0) || want != "" && (jobs != nil || !strings.Contains(problems.Error(), want)) {
			t.Errorf("%s: %v\n%s\nwant %s", text, jobs, problems.Format(), want)
		}
	}
	if _, ok := p.Job("test"); ok || len(p.Jobs) > 0 {
		t.Error("the project of the farm was changed")
	}
	if !recipe.InRepository("a/.weir.yaml") || recipe.InRepository("weir.yaml") || !slices.Contains(weir.RecipeOrigins(), p.Recipe) {
		t.Error("a recipe in a repository is told by its name")
	}
}
