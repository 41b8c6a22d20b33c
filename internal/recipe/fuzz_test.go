package recipe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/condition"
)

// check holds what is true of every file, however broken.
func check(t interface{ Fatalf(string, ...any) }, data []byte) {
	if jobs, problems := recipe.ParseRepository(".weir.yaml", data); (jobs == nil) != (problems.Err() != nil) {
		t.Fatalf("jobs %v with problems %v", jobs, problems)
	}
	farm, problems := recipe.Parse("weir.yaml", data)
	if (farm == nil) != (problems.Err() != nil) {
		t.Fatalf("farm %v with problems %v", farm, problems)
	}
	// To YAML all of these end a line.
	lines := 1
	for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		lines += strings.Count(string(data), end)
	}
	for i, p := range problems {
		if p.Line < 1 || p.Column < 1 || p.Line > lines || p.Message == "" {
			t.Fatalf("problem without a place: %+v", p)
		}
		if i > 0 && p.Line < problems[i-1].Line {
			t.Fatalf("problems are not in the order of the file:\n%s", problems.Error())
		}
	}
	for _, r := range problems.Format() {
		if r < ' ' && r != '\n' || r == 0x7f {
			t.Fatalf("the control character %#x is printed", r)
		}
	}
	if farm == nil {
		return
	}
	for _, p := range farm.Projects {
		for _, j := range p.Jobs {
			checkJob(t, p, j)
		}
	}
	keys := map[weir.BuilderKey]bool{}
	for _, plan := range recipe.Expand(farm, "linux/amd64") {
		if keys[plan.Key] {
			t.Fatalf("the builder %s is there twice", plan.Key.Name())
		}
		keys[plan.Key] = true
		if !weir.ValidName(plan.Key.Project) || !weir.ValidName(plan.Key.Job) || len(plan.Job.Steps) == 0 {
			t.Fatalf("bad plan: %+v", plan)
		}
		plan.Spec(weir.Pins{plan.Key.Project: "1"})
	}
}

// checkJob holds what is true of every job that is taken.
func checkJob(t interface{ Fatalf(string, ...any) }, p weir.Project, j weir.Job) {
	if len(j.Cells) > 256 || len(j.Cells) > 0 && j.Product != "" {
		t.Fatalf("job %s has %d cells and the product %q", j.Name, len(j.Cells), j.Product)
	}
	for _, name := range j.Needs {
		if _, ok := p.Job(name); !ok || name == j.Name {
			t.Fatalf("job %s needs %s", j.Name, name)
		}
	}
	if j.If != "" {
		if err := condition.CheckJob(j.If, condition.Scope{}); err != nil {
			t.Fatalf("the condition %q: %v", j.If, err)
		}
	}
	names := map[string]bool{}
	for _, s := range j.Steps {
		if names[s.Name] || s.Name == "" || (s.Run == "") == (s.Script == "") {
			t.Fatalf("bad step: %+v", s)
		}
		names[s.Name] = true
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.yaml", "../../examples/*/*.yaml", "template.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data) })
}

// TestMutations breaks a valid file in the ways people do: a line is lost,
// doubled, indented, or holds another value.
func TestMutations(t *testing.T) {
	t.Parallel()
	everything, err := os.ReadFile("testdata/valid/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	starts := [][]string{strings.SplitAfter(recipe.Template()+graph[len("\nprojects:\n"):], "\n"), strings.SplitAfter(string(everything), "\n")}
	values := []string{"", "~", "[]", "{}", "-1", "yes", "true", "*a", "&a b", "!!x y", "a: b", "[a, [b]]",
		"{a: {b: c}}", "\t", "'", "\"", "|", ">-", "- - -", "? x", "<<: *a", "https://u:p@h/x", "\x00", "\ufeff", "é\u202e"}
	rapid.Check(t, func(t *rapid.T) {
		lines := append([]string{}, rapid.SampledFrom(starts).Draw(t, "start")...)
		for range rapid.IntRange(1, 6).Draw(t, "mutations") {
			i := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
			line := strings.TrimSuffix(lines[i], "\n")
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				line = ""
			case 1:
				line += "\n" + line
			case 2:
				line = strings.Repeat(" ", rapid.IntRange(0, 8).Draw(t, "indent")) + strings.TrimLeft(line, " ")
			case 3:
				key, _, _ := strings.Cut(line, ":")
				line = key + ": " + rapid.SampledFrom(values).Draw(t, "value")
			case 4:
				line = line[:rapid.IntRange(0, len(line)).Draw(t, "cut")]
			}
			lines[i] = line + "\n"
		}
		check(t, []byte(strings.Join(lines, "")))
	})
}
