package recipe_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestBroken holds the rendering of every problem against a golden file.
func TestBroken(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("found %d broken files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data := read(t, file)
			farm, problems := recipe.Parse("weir.yaml", data)
			if farm != nil || problems.Err() == nil {
				t.Fatal("no error was found")
			}
			got := problems.Format()
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(read(t, golden)); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			for _, text := range []string{got, problems.Error()} {
				if strings.Contains(text, "hunter2") || strings.Contains(text, "ter2") || strings.Contains(text, "ghp_") {
					t.Errorf("a secret is shown:\n%s", text)
				}
			}
			for _, p := range problems {
				if strings.Contains(p.Text, "hunter2") || p.Hint == "" && p.Message == "" {
					t.Errorf("bad problem: %+v", p)
				}
			}
		})
	}
}

// TestExamples parses the files that users start from.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("found %d examples, %v", len(files), err)
	}
	valid, err := filepath.Glob("testdata/valid/*.yaml")
	if err != nil || len(valid) == 0 {
		t.Fatalf("found %d valid files, %v", len(valid), err)
	}
	for _, file := range append(files, valid...) {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			farm, problems, err := recipe.Load(file)
			if err != nil || len(problems) > 0 {
				t.Fatalf("%v\n%s", err, problems.Format())
			}
			if len(recipe.Expand(farm, "linux/amd64")) == 0 {
				t.Error("the example has no builders")
			}
		})
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	farm, problems := recipe.Parse("weir.yaml", []byte(recipe.Template()))
	if len(problems) > 0 {
		t.Fatal(problems.Format())
	}
	if len(farm.Projects) != 2 {
		t.Fatalf("the template has %d projects, want an upstream and a downstream", len(farm.Projects))
	}
	// Every commented setting must be right too: whoever removes the # finds out.
	var lines []string
	for line := range strings.Lines(recipe.Template()) {
		bare := strings.TrimLeft(line, " ")
		// "# text" is prose; "#key" and "#  key" are settings.
		if len(bare) > 2 && bare[0] == '#' && (bare[1] != ' ' || bare[2] == ' ') {
			line = strings.Replace(line, "#", "", 1)
		}
		lines = append(lines, line)
	}
	farm, problems = recipe.Parse("weir.yaml", []byte(strings.Join(lines, "")))
	if len(problems) > 0 {
		t.Fatal(problems.Format())
	}
	if len(farm.Projects) != 4 {
		t.Errorf("with all settings there are %d projects, want 4", len(farm.Projects))
	}
}

// TestDesign parses the example that introduces the format.
func TestDesign(t *testing.T) {
	t.Parallel()
	const example = `projects:
  cpython:
    source: {git: https://github.com/python/cpython, branch: main, poll: 2m}
    jobs:
      build:
        platforms: [linux/amd64, linux/arm64, darwin/arm64]
        steps:
          - ./configure --prefix=$WEIR_PREFIX
          - make -j$WEIR_CPUS
          - make install
        product: $WEIR_PREFIX
  twisted:
    source: {git: https://github.com/twisted/twisted, branch: trunk}
    upstreams: [cpython]
    jobs:
      test:
        steps:
          - {name: prepare, run: python3 run_tests.py prepare}
          - {name: test, run: python3 run_tests.py twisted}
        results: [{FORMAT: results}]
`
	farm, problems := recipe.Parse("weir.yaml", []byte(strings.Replace(example, "FORMAT", "junit", 1)))
	if len(problems) > 0 {
		t.Fatal(problems.Format())
	}
	cpython, twisted := farm.Projects[0], farm.Projects[1]
	if cpython.Source.Poll != 2*time.Minute || cpython.Source.Branch != "main" || cpython.Source.Kind != weir.Git {
		t.Errorf("source of cpython: %+v", cpython.Source)
	}
	names := []string{}
	for _, s := range cpython.Jobs[0].Steps {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, ","); got != "configure,make,make install" {
		t.Errorf("steps are named %s", got)
	}
	if len(twisted.Upstreams) != 1 || twisted.Upstreams[0] != (weir.Upstream{Project: "cpython", Job: "build"}) {
		t.Errorf("upstreams of twisted: %+v", twisted.Upstreams)
	}
	_, problems = recipe.Parse("weir.yaml", []byte(strings.Replace(example, "FORMAT", "subunit", 1)))
	if len(problems) != 1 || problems[0].Line != 20 || !strings.Contains(problems[0].Hint, "junit") {
		t.Errorf("an unknown format gives\n%s", problems.Format())
	}
}

func TestLocations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for location, want := range map[string]string{
		"https://example.org/a.git":          "",
		"http://example.org:8080/a":          "",
		"ssh://git@example.org/a.git":        "",
		"ssh://git@example.org:2222/~/a.git": "",
		"git://example.org/a":                "",
		"file:///srv/a.git":                  "",
		"git@example.org:team/a.git":         "",
		"example.org:a.git":                  "",
		"git@[::1]:a.git":                    "",
		"./a":                                filepath.Join(dir, "a"),
		"../a":                               filepath.Join(filepath.Dir(dir), "a"),
		"repos/a.git":                        filepath.Join(dir, "repos", "a.git"),
		filepath.Join(dir, "x", "..", "b"):   filepath.Join(dir, "b"),
	} {
		text := "projects:\n  a:\n    source: {git: '" + location + "'}\n    jobs: {test: {steps: [make]}}\n"
		farm, problems := recipe.Parse(filepath.Join(dir, "weir.yaml"), []byte(text))
		if len(problems) > 0 {
			t.Errorf("%s", problems.Format())
			continue
		}
		if want == "" {
			want = location
		}
		if got := farm.Projects[0].Source.Location; got != want {
			t.Errorf("%s is read as %s, want %s", location, got, want)
		}
	}
}

// TestOtherLocations is about the repositories that are not git's, and archives.
func TestOtherLocations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for source, want := range map[string]string{
		"hg: https://example.org/a":  "https://example.org/a",
		"hg: ssh://hg@example.org/a": "ssh://hg@example.org/a",
		"hg: ./a":                    filepath.Join(dir, "a"),
		"svn: svn://example.org/a":   "svn://example.org/a",
		"svn: file:///srv/svn, branch: branches/1.x, from: 12": "file:///srv/svn",
		"svn: ./a, to: r7":                     filepath.Join(dir, "a"),
		"hg: git@example.org:a":                "",
		"hg: a:b":                              "",
		"hg: static-http://example.org/a":      "",
		"hg: bundle:a":                         "",
		"hg: git://example.org/a":              "",
		"svn: ssh://example.org/a":             "",
		"svn: svn+custom://example.org/a":      "",
		"svn: svn://example.org/a, from: HEAD": "",
		"svn: svn://-o/a":                      "",
		`archive: "file:///srv/a-{version}.zip", index: file:///srv`:             "file:///srv/a-{version}.zip",
		`archive: "https://u@example.org/{version}", index: https://example.org`: "",
		`archive: "https://example.org/{version}{version}", versions: [1]`:       "",
		`archive: "http:/{version}", versions: [1]`:                              "",
		`archive: "https://example.org/a-{version}", versions: [a/b]`:            "",
		`npm: "@a/b/c"`: "",
		`npm: "../a"`:   "",
		`npm: a, index: "https://u:p@example.org"`: "",
		`pypi: "-a"`:                          "",
		`pypi: a, index: "ftp://example.org"`: "",
		`pypi: zope.interface`:                "zope.interface",
	} {
		text := "projects:\n  a:\n    source: {" + source + "}\n    jobs: {test: {steps: [make]}}\n"
		farm, problems := recipe.Parse(filepath.Join(dir, "weir.yaml"), []byte(text))
		switch {
		case want == "" && problems.Err() == nil:
			t.Errorf("%s is taken", source)
		case want != "" && (len(problems) > 0 || farm.Projects[0].Source.Location != want):
			t.Errorf("%s is read as %+v\n%s", source, farm, problems.Format())
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	farm, problems := recipe.Parse("weir.yaml", []byte("farm: {name: bare}\nprojects: {}\n"))
	if farm == nil || problems.Err() != nil || len(problems) != 1 || problems[0].Severity != recipe.Warning {
		t.Fatalf("a farm without projects: %v, %+v", farm, problems)
	}
	for on, want := range map[string]int{"[tag]": 1, "[pull]": 1, "[tag, force]": 0, "[change]": 0} {
		_, never := recipe.Parse("weir.yaml", []byte("projects: {a: {source: {git: /a}, jobs: {t: {steps: [make], on: "+on+"}}}}\n"))
		if len(never) != want || want > 0 && !strings.Contains(never.Error(), "nothing sets off job a/t") {
			t.Errorf("on %s: %s", on, never.Format())
		}
	}
	if got := problems.Format(); !strings.Contains(got, "weir.yaml:2:11: warning: the farm has no projects\n") {
		t.Errorf("rendered as %s", got)
	}
}

func TestMail(t *testing.T) {
	t.Parallel()
	const project = "projects:\n  chores:\n    source: none\n    jobs: {test: {steps: [make]}}\n"
	farm, problems := recipe.Parse("weir.yaml", []byte(project))
	if problems.Err() != nil || farm.Mail != (recipe.Mail{}) || farm.Projects[0].Source.Kind != weir.None {
		t.Errorf("without mail: %+v, %v", farm, problems)
	}
	farm, problems = recipe.Parse("/etc/weir.yaml", []byte("mail:\n  smtp: smtp.example.org:587\n  from: weir@example.org\n"+
		"  user: weir\n  password_file: secret\n  away: 1h\n  digest: 24h\n"+project+"    owners: [alice@example.org, bob@example.org]\n"))
	want := recipe.Mail{SMTP: "smtp.example.org:587", From: "weir@example.org", TLS: recipe.StartTLS, User: "weir",
		PasswordFile: filepath.FromSlash("/etc/secret"), Away: time.Hour, Digest: 24 * time.Hour}
	if problems.Err() != nil || farm.Mail != want || strings.Join(farm.Projects[0].Owners, " ") != "alice@example.org bob@example.org" {
		t.Errorf("mail is %+v, owners are %q, %v", farm.Mail, farm.Projects[0].Owners, problems)
	}
	farm, problems = recipe.Parse("weir.yaml", []byte("mail: {smtp: \"localhost:25\", from: weir@example.org, tls: none}\n"+project))
	if problems.Err() != nil || farm.Mail.Digest != recipe.DefaultDigest || farm.Mail.Away != recipe.DefaultAway || len(farm.Projects[0].Owners) != 0 {
		t.Errorf("mail is %+v, %v", farm.Mail, problems)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), recipe.FileName)
	if _, _, err := recipe.Load(path); weir.CodeOf(err) != weir.NotFound || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
	if _, _, err := recipe.Load(filepath.Dir(path)); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("a directory gives %v", err)
	}
	if err := os.WriteFile(path, []byte("projcets: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems, err := recipe.Load(path)
	if weir.CodeOf(err) != weir.Invalid || len(problems) == 0 {
		t.Errorf("a broken file gives %v", err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("#", recipe.MaxFile+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems, err = recipe.Load(path); err == nil || !strings.Contains(problems.Error(), "larger than 4 MiB") {
		t.Errorf("a large file gives %v", err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
