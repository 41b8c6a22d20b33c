package weir_test

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

var (
	inlineLink    = regexp.MustCompile(`\]\(([^()\s]+)(?:\s+"[^"]*")?\)`)
	referenceLink = regexp.MustCompile(`^\[[^\]]+\]:\s+(\S+)`)
	schemeOfLink  = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`)
)

func (r *repo) checkLinks(t *testing.T) {
	for _, name := range r.files {
		if path.Ext(name) != ".md" || strings.Contains(name, "testdata/repos/") {
			continue
		}
		fenced := false
		for i, line := range readLines(t, name) {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
			if fenced {
				continue
			}
			links := append(inlineLink.FindAllStringSubmatch(line, -1), referenceLink.FindAllStringSubmatch(line, -1)...)
			for _, m := range links {
				target, _, _ := strings.Cut(m[1], "#")
				if target == "" || schemeOfLink.MatchString(target) {
					continue
				}
				if _, err := os.Stat(filepath.FromSlash(path.Join(path.Dir(name), target))); err != nil {
					t.Errorf("%s:%d: the link to %s leads nowhere: mend the path, relative to %s", name, i+1, target, path.Dir(name))
				}
			}
		}
	}
}

func goMod(t *testing.T, name string) *modfile.File {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := modfile.Parse(name, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func required(f *modfile.File, module string) (version string, line int) {
	for _, r := range f.Require {
		if r.Mod.Path == module {
			return r.Mod.Version, r.Syntax.Start.Line
		}
	}
	return "", 0
}

// checkLibc: the driver is C translated against one version of libc; with
// another one it builds and then corrupts memory.
func (r *repo) checkLibc(t *testing.T) {
	const driver, libc = "modernc.org/sqlite", "modernc.org/libc"
	var module struct{ GoMod, Version string }
	if err := json.Unmarshal(command(t, "go", "list", "-m", "-json", driver), &module); err != nil {
		t.Fatal(err)
	}
	want, _ := required(goMod(t, module.GoMod), libc)
	if got, line := required(goMod(t, "go.mod"), libc); want == "" || got != want {
		t.Errorf("go.mod:%d: %s is %q, and %s %s is made for %q: require that one", line, libc, got, driver, module.Version, want)
	}
}

// checkReasons holds the direct dependencies against the table in the decision about them.
func (r *repo) checkReasons(t *testing.T) {
	const decision = "docs/decisions/0001-libraries.md"
	reasons := map[string]int{} // module -> line
	for i, line := range readLines(t, decision) {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "| `") || len(cells) != 3 {
			continue
		}
		for _, module := range spans(cells[0]) {
			reasons[module] = i + 1
			if strings.TrimSpace(cells[1]) == "" || strings.TrimSpace(cells[2]) == "" {
				t.Errorf("%s:%d: %s has no reason or no licence", decision, i+1, module)
			}
		}
	}
	imported := r.imported(goMod(t, "go.mod"))
	var direct []string
	for _, req := range goMod(t, "go.mod").Require {
		if req.Indirect {
			continue
		}
		direct = append(direct, req.Mod.Path)
		if !imported(req.Mod.Path) {
			t.Errorf("go.mod:%d: nothing imports %s: remove it with go mod tidy, or mark it as indirect", req.Syntax.Start.Line, req.Mod.Path)
		}
		if reasons[req.Mod.Path] == 0 {
			t.Errorf("go.mod:%d: %s is in no row of %s: say there why it is needed, and its licence", req.Syntax.Start.Line, req.Mod.Path, decision)
		}
	}
	for module, line := range reasons {
		if !slices.Contains(direct, module) {
			t.Errorf("%s:%d: %s is not a direct dependency: remove the row", decision, line, module)
		}
	}
}

// imported tells whether a file of the repository, or a tool, needs a module.
func (r *repo) imported(f *modfile.File) func(module string) bool {
	var paths []string
	for _, p := range r.packages {
		for _, file := range p.files {
			for _, spec := range file.syntax.Imports {
				paths = append(paths, importPath(spec))
			}
		}
	}
	for _, tool := range f.Tool {
		paths = append(paths, tool.Path)
	}
	return func(module string) bool {
		return slices.ContainsFunc(paths, func(p string) bool { return p == module || strings.HasPrefix(p, module+"/") })
	}
}
