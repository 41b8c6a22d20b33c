// Package doctest holds the documentation against the program: every example
// of a farm file is read as one, every command line names verbs and flags that
// exist, every message of the worker protocol is one, and the lists that pages
// repeat from the code are complete.
//
// What a fenced block holds is told by the words behind its fence:
//
//	yaml           a whole farm file
//	yaml job       the value of one job
//	yaml recipe    a recipe in a repository, .weir.yaml
//	yaml fragment  a part of something, which is not tested
//	json TYPE      a message of package protocol
//	console        what a terminal shows; lines that begin with $ are commands
//	sh             commands
package doctest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/recipe"
)

// root is the module's directory.
const root = "../.."

// block is a fenced block of a page.
type block struct {
	page string // below root
	line int    // of its first line, from 1
	info string // what stands behind the fence
	text string
}

// page is one page of documentation.
type page struct {
	name   string // below root, with slashes
	text   string // without fenced blocks
	blocks []block
}

func readPage(t *testing.T, name string) page {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	p := page{name: name}
	var prose, inside strings.Builder
	var open *block
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		fence, isFence := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "```")
		switch {
		case isFence && open == nil:
			open = &block{page: name, line: number + 1, info: strings.TrimSpace(fence)}
			inside.Reset()
		case isFence:
			open.text = inside.String()
			p.blocks, open = append(p.blocks, *open), nil
		case open != nil:
			inside.WriteString(line)
		default:
			prose.WriteString(line)
		}
	}
	if open != nil {
		t.Errorf("%s:%d: the block is not closed", name, open.line-1)
	}
	p.text = prose.String()
	return p
}

// pages reads the README, everything below docs, and what examples say.
func pages(t *testing.T) []page {
	t.Helper()
	var out []page
	for _, pattern := range []string{"README.md", "CONTRIBUTING.md", "docs/*.md", "docs/*/*.md", "examples/*/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			rel, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, readPage(t, filepath.ToSlash(rel)))
		}
	}
	if len(out) < 5 {
		t.Fatalf("only %d pages: is this run from its own directory?", len(out))
	}
	return out
}

func TestFarmFiles(t *testing.T) {
	t.Parallel()
	tested := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			var text string
			switch b.info {
			case "yaml":
				text = b.text
			case "yaml job":
				text = wrapJob(b.text)
			case "yaml recipe":
				tested++
				if _, problems := recipe.ParseRepository(".weir.yaml", []byte(b.text)); len(problems) > 0 {
					t.Errorf("%s:%d: the example has problems:\n%s", b.page, b.line, problems.Format())
				}
				continue
			default:
				continue
			}
			tested++
			if _, problems := recipe.Parse("weir.yaml", []byte(text)); len(problems) > 0 {
				t.Errorf("%s:%d: the example has problems:\n%s", b.page, b.line, problems.Format())
			}
		}
	}
	if tested < 10 {
		t.Errorf("only %d examples of farm files", tested)
	}
}

// wrapJob makes a farm file around a job.
func wrapJob(job string) string {
	const indent = "        "
	return "projects:\n  example:\n    source: {git: https://example.org/example.git}\n    jobs:\n      test:\n" +
		indent + strings.ReplaceAll(strings.TrimRight(job, "\n"), "\n", "\n"+indent) + "\n"
}

var (
	namedTest   = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`")
	definedTest = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)\(`)
)

// TestNamedTests makes sure that the tests that pages name exist.
func TestNamedTests(t *testing.T) {
	t.Parallel()
	defined := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return nil // a directory of another test that has just ended is no concern
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		for _, m := range definedTest.FindAllStringSubmatch(string(data), -1) {
			defined[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages(t) {
		for _, m := range namedTest.FindAllStringSubmatch(p.text, -1) {
			if !defined[m[1]] {
				t.Errorf("%s: there is no test %s", p.name, m[1])
			}
		}
	}
}
