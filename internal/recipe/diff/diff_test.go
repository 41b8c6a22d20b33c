package diff_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/diff"
)

const host = "linux/amd64"

func parse(t *testing.T, text string) *recipe.Farm {
	t.Helper()
	f, problems := recipe.Parse("weir.yaml", []byte(text))
	if f == nil {
		t.Fatalf("%s\n%s", text, problems.Format())
	}
	return f
}

const base = `
farm: {name: One}
worker: {slots: 2}
projects:
  lib:
    source: {git: https://example.org/lib, branch: main}
    jobs: {build: {steps: [make], product: $WEIR_PREFIX}}
  app:
    source: {git: https://example.org/app, branch: main, poll: 2m}
    upstreams: [lib]
    jobs:
      lint: {steps: [make lint]}
      test: {steps: [make check], platforms: [linux/amd64, linux/arm64]}
`

// farm is base with parts replaced: old, new, old, new ...
func farm(t *testing.T, replace ...string) *recipe.Farm {
	t.Helper()
	text := strings.NewReplacer(replace...).Replace(base)
	if len(replace) > 0 && text == base {
		t.Fatalf("%q replaces nothing", replace)
	}
	return parse(t, strings.ReplaceAll(text, "platforms: [linux/amd64, linux/arm64]", "platforms: [linux/amd64]"))
}

func TestFarms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what    string
		after   *recipe.Farm
		workers []weir.Worker
		want    string
	}{
		{what: "nothing", after: farm(t), want: ""},
		{what: "settings", after: farm(t, "name: One", "name: Two", "slots: 2", "slots: 3, labels: [big]"), want: `
changed   setting farm.name
changed   setting worker.labels
changed   setting worker.slots
`},
		{what: "a project more", after: farm(t, "projects:\n", "projects:\n  new: {source: none, jobs: {a: {steps: [x]}, b: {steps: [x], platforms: [linux/amd64, darwin/arm64]}}}\n"), want: `
added     project new
           2 jobs, 3 builders
`},
		{what: "a poll and steps", after: farm(t, "poll: 2m", "poll: 5m", "make lint", "make lint2"), want: `
changed   project app: source.poll
changed   job app/lint: steps
`},
		{what: "keys as the file has them", after: farm(t, "poll: 2m", "poll: 2m, settle: 5s, clean: fresh, pulls: own", "{steps: [make lint]}", "{on: [force], steps: [make lint]}"), want: `
changed   project app: source.clean, source.pulls.build, source.settle
changed   job app/lint: on
`},
		{what: "a branch", after: farm(t, "app, branch: main", "app, branch: next"), want: `
changed   project app: source.branch
           its history starts anew: builders of branch next are other builders
`},
		{what: "a location", after: farm(t, "example.org/app", "example.net/app"), want: `
changed   project app: source.location
           its history goes on if the new location has the newest revision that is known, and starts anew if not
`},
		{what: "another kind", after: farm(t, "{git: https://example.org/app, branch: main, poll: 2m}", "{go: example.org/app, poll: 2m}"), want: `
changed   project app: source.branch, source.kind, source.location
           its revisions come from another kind of source: what follows is not compared with what was before
`},
		{what: "no upstreams", after: farm(t, "    upstreams: [lib]\n", ""), want: `
changed   project app: upstreams
           its history starts anew: builders against other upstreams are other builders
`},
		{what: "a job gone, another there", after: farm(t, "lint: {steps: [make lint]}", "style: {steps: [make lint]}"), want: `
removed   job app/lint
           1 builder; its history stays
added     job app/style
           1 builder
`},
		{what: "labels", after: farm(t, "steps: [make lint]", "steps: [make lint], labels: [gpu, big]"),
			workers: []weir.Worker{{Labels: []string{"gpu"}}, {Labels: []string{"big"}}}, want: `
changed   job app/lint: labels
note: no worker offers big and gpu, which job app/lint asks for
`},
		{what: "labels that somebody has", after: farm(t, "steps: [make lint]", "steps: [make lint], labels: [gpu]"),
			workers: []weir.Worker{{Labels: []string{"docker", "gpu"}}}, want: `
changed   job app/lint: labels
`},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			d := diff.Farms(farm(t), c.after, diff.Options{Host: host, Workers: c.workers})
			if got, want := d.String(), strings.TrimPrefix(c.want, "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if d.Empty() != (c.want == "") {
				t.Errorf("Empty is %v", d.Empty())
			}
		})
	}
}

func TestBuilders(t *testing.T) {
	t.Parallel()
	before, after := farm(t), farm(t)
	at := func(f *recipe.Farm) *weir.Job {
		p, _ := f.Project("app")
		return &p.Jobs[slices.IndexFunc(p.Jobs, func(j weir.Job) bool { return j.Name == "test" })]
	}
	at(after).Platforms = []weir.Platform{"darwin/arm64"}
	at(before).Cells = []weir.Cell{{Name: "py3.11"}, {Name: "py3.12", Vars: []weir.EnvVar{{Name: "py", Value: "3.12"}}}}
	at(after).Cells = []weir.Cell{{Name: "py3.12", Timeout: time.Hour}, {Name: "py3.13"}}
	got := diff.Farms(before, after, diff.Options{Host: host}).String()
	for _, want := range []string{"changed   job app/test: platforms\n", "removed   cell app/test py3.11\n", "changed   cell app/test py3.12: timeout, vars\n",
		"added     cell app/test py3.13\n", "removed   builder app/test", "added     builder app/test"} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
}

func TestRenames(t *testing.T) {
	t.Parallel()
	before, after := farm(t), farm(t, "  lib:", "  core:", "[lib]", "[core]", "lint:", "style:")
	for i := range after.Projects {
		p := &after.Projects[i]
		switch p.Name {
		case "core":
			p.Formerly = []string{"libcore", "lib"}
		case "app":
			for j := range p.Jobs {
				if p.Jobs[j].Name == "style" {
					p.Jobs[j].Formerly = []string{"lint"}
				}
			}
		}
	}
	got := diff.Farms(before, after, diff.Options{Host: host}).String()
	want := `renamed   job app/style, which was app/lint
           its history goes on
renamed   project core, which was lib
           its history goes on
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	// A name that is still in use is nobody's former one.
	after = farm(t, "projects:\n", "projects:\n  core: {source: none, jobs: {a: {steps: [x]}}}\n")
	p, _ := after.Project("core")
	p.Formerly = []string{"lib"}
	if got, want := diff.Farms(before, after, diff.Options{Host: host}).String(), "added     project core\n           1 job, 1 builder\n"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestSecretsStay makes sure that no value gets into a diff.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	before, after := farm(t), farm(t)
	after.Database = "postgres://weir:hunter2@db/weir"
	p, _ := after.Project("app")
	p.Jobs[0].Env = []weir.EnvVar{{Name: "KEY", Value: "hunter2"}}
	d := diff.Farms(before, after, diff.Options{Host: host})
	if text := d.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "setting database") || !strings.Contains(text, "app/lint: env") {
		t.Error(text)
	}
}

func TestMany(t *testing.T) {
	t.Parallel()
	empty, full := &recipe.Farm{}, &recipe.Farm{}
	for i := range diff.MaxChanges + 7 {
		full.Projects = append(full.Projects, weir.Project{Name: fmt.Sprintf("p%05d", i)})
	}
	d := diff.Farms(empty, full, diff.Options{Host: host})
	if len(d.Changes) != diff.MaxChanges || d.Omitted != 7 || !strings.HasSuffix(d.String(), "and 7 more\n") {
		t.Errorf("%d changes, %d omitted", len(d.Changes), d.Omitted)
	}
}

// TestProperties holds for any two farms: nothing differs from itself, and what
// is added one way is removed the other way.
func TestProperties(t *testing.T) {
	t.Parallel()
	any := rapid.Custom(func(t *rapid.T) *recipe.Farm {
		f := &recipe.Farm{Name: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")}
		for _, name := range []string{"p", "q", "r"} {
			if !rapid.Bool().Draw(t, name) {
				continue
			}
			p := weir.Project{Name: name, Source: weir.Source{Kind: weir.Git, Location: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "location")}}
			for _, job := range []string{"j", "k"} {
				if rapid.Bool().Draw(t, job) {
					p.Jobs = append(p.Jobs, weir.Job{Name: job, Steps: []weir.Step{{Run: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "run")}},
						Platforms: rapid.SampledFrom([][]weir.Platform{nil, {"linux/arm64"}, {host, "linux/arm64"}}).Draw(t, "platforms")})
				}
			}
			f.Projects = append(f.Projects, p)
		}
		return f
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := any.Draw(t, "a"), any.Draw(t, "b")
		o := diff.Options{Host: host}
		if d := diff.Farms(a, a, o); !d.Empty() {
			t.Fatalf("differs from itself: %s", d)
		}
		there, back := diff.Farms(a, b, o), diff.Farms(b, a, o)
		if len(there.Changes) != len(back.Changes) {
			t.Fatalf("%d changes there, %d back:\n%s\n%s", len(there.Changes), len(back.Changes), there, back)
		}
		for _, c := range there.Changes {
			opposite := map[diff.What]diff.What{diff.Added: diff.Removed, diff.Removed: diff.Added, diff.Changed: diff.Changed}[c.What]
			if !slices.ContainsFunc(back.Changes, func(o diff.Change) bool {
				return o.What == opposite && o.Kind == c.Kind && o.Name == c.Name && slices.Equal(o.Keys, c.Keys)
			}) {
				t.Fatalf("%s has no counterpart in\n%s", c, back)
			}
		}
	})
}
