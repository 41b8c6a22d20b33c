package importer_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/detect/render"
	"github.com/weir-ci/weir/internal/importer"
	"github.com/weir-ci/weir/internal/importer/draft"
	"github.com/weir-ci/weir/internal/recipe"
)

var update = flag.Bool("update", false, "write the golden files anew")

// write writes what was imported as the command line does, but for its first line.
func write(tb testing.TB, d *draft.Draft) (data []byte, jobs []weir.Job) {
	tb.Helper()
	jobs, notes := importer.Join([]*draft.Draft{d})
	c := render.Comments{}
	for _, n := range notes {
		c.Foot = append(c.Foot, render.Located(n.File, n.Line, n.Text))
	}
	data, err := render.YAML(jobs, c)
	if err != nil {
		tb.Fatal(err)
	}
	return data, jobs
}

// TestGolden imports files in the style of known projects.
func TestGolden(t *testing.T) {
	t.Parallel()
	for file, service := range map[string]importer.Service{
		"github/workflows/library.yml":  importer.GitHub,
		"github/workflows/nightly.yaml": importer.GitHub,
		"gitlab/.gitlab-ci.yml":         importer.GitLab,
		"travis/.travis.yml":            importer.Travis,
		"woodpecker/.woodpecker.yml":    importer.Woodpecker,
		"woodpecker/drone.yml":          importer.Woodpecker,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", filepath.FromSlash(file))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := importer.Of(file); ok && s != service {
				t.Errorf("%s is taken for a file of %s", file, s)
			}
			got, _ := write(t, importer.File(service, file, data))
			golden := path + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s came out differently; go test -update writes it anew:\n%s", file, got)
			}
			if _, problems := recipe.ParseRepository(".weir.yaml", got); problems.Err() != nil {
				t.Errorf("the recipe is not valid:\n%s", problems.Format())
			}
		})
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]importer.Service{
		"/x/.travis.yml": importer.Travis, "/x/.github/workflows/a.yaml": importer.GitHub, "/x/.gitlab-ci.yml": importer.GitLab,
		"/x/.woodpecker/test.yml": importer.Woodpecker, "/x/.drone.yml": importer.Woodpecker, "/x/README.md": "", "/x/a.yml": "",
		"/x/.github/workflows/README": "",
	} {
		if got, ok := importer.Of(file); got != want || ok != (want != "") {
			t.Errorf("%s is taken for a file of %q, want %q", file, got, want)
		}
	}
}

// FuzzImport holds that whatever stands in a file, what comes out is a recipe
// without mistakes, or nothing.
func FuzzImport(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*"))
	if err != nil {
		f.Fatal(err)
	}
	more, _ := filepath.Glob(filepath.Join("testdata", "github", "workflows", "*"))
	more2, _ := filepath.Glob(filepath.Join("testdata", "*", ".*"))
	for _, file := range append(append(files, more...), more2...) {
		data, err := os.ReadFile(file)
		if err == nil && !strings.HasSuffix(file, ".golden") {
			f.Add(data)
		}
	}
	f.Add([]byte("jobs: {a: {steps: [{run: x, env: {'': 1}}], strategy: {matrix: {a: [1, ',']}}}}"))
	f.Add([]byte("a: &a {extends: [a, a], script: [*a]}\n"))
	f.Add([]byte("steps: {a: {commands: [\"\\0\"]}}\nmatrix: {'': [1], 'é': ['\\n']}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range importer.Services() {
			got, jobs := write(t, importer.File(s, "file.yml", data))
			if len(jobs) == 0 {
				continue
			}
			read, problems := recipe.ParseRepository(".weir.yaml", got)
			if problems.Err() != nil {
				t.Fatalf("%s: the recipe is not valid:\n%s\n%s", s, problems.Format(), got)
			}
			if len(read) != len(jobs) {
				t.Fatalf("%s: %d jobs became %d", s, len(jobs), len(read))
			}
		}
	})
}
