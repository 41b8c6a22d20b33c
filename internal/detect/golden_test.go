package detect_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/detect"
	"github.com/weir-ci/weir/internal/detect/render"
	"github.com/weir-ci/weir/internal/recipe"
)

var update = flag.Bool("update", false, "write the golden files anew")

// show writes what was detected, with all reasons.
func show(tb testing.TB, files detect.Files, o detect.Options) []byte {
	tb.Helper()
	jobs, reasons, err := o.Project(files)
	c := render.Comments{Jobs: map[string][]string{}}
	for _, r := range reasons {
		if line := r.File + ": " + r.Text; r.Job == "" {
			c.Foot = append(c.Foot, line)
		} else {
			c.Jobs[r.Job] = append(c.Jobs[r.Job], line)
		}
	}
	if err != nil {
		if weir.CodeOf(err) != weir.NotFound || len(jobs) > 0 {
			tb.Fatalf("%v with %d jobs", err, len(jobs))
		}
		return []byte(strings.Join(c.Foot, "\n") + "\n")
	}
	data, err := render.YAML(jobs, c)
	if err != nil {
		tb.Fatal(err)
	}
	read, problems := recipe.ParseRepository(".weir.yaml", data)
	if problems.Err() != nil {
		tb.Fatalf("the recipe is not valid:\n%s\n%s", problems.Format(), data)
	}
	if len(read) != len(jobs) {
		tb.Fatalf("%d jobs became %d:\n%s", len(jobs), len(read), data)
	}
	return data
}

// TestGolden looks at repositories in the style of real ones: testdata/NAME.txtar
// holds the files, NAME.golden what must come out.
func TestGolden(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(all) < 20 {
		t.Fatalf("%d repositories, %v", len(all), err)
	}
	for _, path := range all {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for _, f := range archive.Files {
				files[f.Name] = string(f.Data)
			}
			o := detect.Options{Installed: strings.Contains(string(archive.Comment), "--installed")}
			got := show(t, repo(files), o)
			golden := strings.TrimSuffix(path, ".txtar") + ".golden"
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
				t.Errorf("%s came out differently; go test -update writes it anew:\n%s", path, got)
			}
		})
	}
}

// TestTools holds that each tool is recognised by one of the repositories.
func TestTools(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[detect.Tool]bool{}
	for _, path := range all {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, f := range archive.Files {
			files[f.Name] = string(f.Data)
		}
		_, reasons, _ := detect.Project(repo(files))
		for _, r := range reasons {
			if r.Job != "" {
				seen[r.Tool] = true
			}
			if !slices.Contains(detect.Tools(), r.Tool) || r.File == "" || r.Text == "" {
				t.Errorf("%s: an odd reason: %+v", path, r)
			}
		}
	}
	for _, tool := range detect.Tools() {
		if !seen[tool] {
			t.Errorf("no repository in testdata is one of %s", tool)
		}
	}
}

// hostile is a repository that does not answer.
type hostile struct{ err error }

func (h hostile) Paths() ([]string, error) {
	return []string{"Cargo.toml", "../x", "/abs", "", "a//b"}, nil
}
func (h hostile) Read(string) ([]byte, error) { return nil, h.err }

func TestUnreadable(t *testing.T) {
	t.Parallel()
	down := weir.Errorf(weir.Unavailable, "the mirror is gone")
	if _, _, err := detect.Project(hostile{down}); weir.CodeOf(err) != weir.Unavailable {
		t.Errorf("got %v, want that the mirror is gone", err)
	}
	if jobs, _, err := detect.Project(hostile{os.ErrNotExist}); err != nil || len(jobs) != 1 {
		t.Errorf("a file that is not there: %v, %v", jobs, err)
	}
}

// TestDirectory looks at a directory as it lies on a disk, with links and litter.
func TestDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"node_modules/x/go.mod": "module x", ".git/go.mod": "module x", "setup.py": "", "test_x.py": ""} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "tox.ini")); err != nil {
		t.Logf("no links here: %v", err)
	}
	jobs, _, err := detect.Project(detect.FS(os.DirFS(dir)))
	if err != nil || len(jobs) != 1 || jobs[0].Name != "python" {
		t.Errorf("got %+v, %v", jobs, err)
	}
}

// FuzzProject holds that whatever files say, what comes out is a recipe without
// mistakes, or nothing.
func FuzzProject(f *testing.F) {
	all, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range all {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, false)
	}
	f.Add([]byte("-- package.json --\n{\"scripts\": {\"test\": \"npm run a && npm run a\", \"a\": \"npm test && npm run a\"}}\n"), true)
	f.Add([]byte("-- a b/*[/go.mod --\n-- a b/*[/x_test.go --\n"), false)
	f.Fuzz(func(t *testing.T, data []byte, installed bool) {
		files := map[string]string{}
		for _, file := range txtar.Parse(data).Files {
			files[file.Name] = string(file.Data)
		}
		show(t, plain(files), detect.Options{Installed: installed})
	})
}

// plain is files by their names, whatever those are.
type plain map[string]string

func (p plain) Paths() ([]string, error) {
	var out []string
	for name := range p {
		out = append(out, name)
	}
	return out, nil
}

func (p plain) Read(name string) ([]byte, error) { return []byte(p[name]), nil }
