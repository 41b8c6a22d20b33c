package weir_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The module's path, and the name under which docs/architecture.md speaks of
// the root package.
const (
	modulePath = "github.com/weir-ci/weir"
	rootName   = "weir"
)

// TestRepository holds the whole module against its own rules: the table of
// packages in docs/architecture.md, the house rules in CONTRIBUTING.md, and
// the links and lists in the documentation.
func TestRepository(t *testing.T) {
	t.Parallel()
	r := loadRepo(t)
	for name, check := range map[string]func(*repo, *testing.T){
		"imports follow the table":       (*repo).checkImports,
		"only app names a database":      (*repo).checkDrivers,
		"the root package is pure":       (*repo).checkRoot,
		"packages explain themselves":    (*repo).checkPackageComments,
		"exported names are documented":  (*repo).checkDocComments,
		"files and packages stay small":  (*repo).checkSizes,
		"functions stay short":           (*repo).checkFunctions,
		"interfaces stay small":          (*repo).checkInterfaces,
		"nothing is left to do":          (*repo).checkMarks,
		"tests do not sleep":             (*repo).checkSleep,
		"nothing runs before main":       (*repo).checkInit,
		"no path of a machine":           (*repo).checkMachinePaths,
		"links lead somewhere":           (*repo).checkLinks,
		"libc is the one SQLite wants":   (*repo).checkLibc,
		"each dependency has its reason": (*repo).checkReasons,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(r, t)
		})
	}
}

// repo is the module as it lies on disk.
type repo struct {
	packages []pkg
	files    []string // every text file, slash-separated, sorted
}

// pkg is one package with all its Go files, those for other systems included.
type pkg struct {
	name  string // below the module; rootName for the root
	files []goFile
}

type goFile struct {
	path      string
	lines     int
	test      bool
	generated bool
	set       *token.FileSet
	syntax    *ast.File
}

// at names a place for an error message.
func (f goFile) at(n ast.Node) string {
	p := f.set.Position(n.Pos())
	return f.path + ":" + itoa(p.Line)
}

// own lists the files that people write and that are not tests.
func (p pkg) own() []goFile {
	return slices.DeleteFunc(slices.Clone(p.files), func(f goFile) bool { return f.test || f.generated })
}

// each visits every Go file that people write.
func (r *repo) each(visit func(pkg, goFile)) {
	for _, p := range r.packages {
		for _, f := range p.files {
			if !f.generated {
				visit(p, f)
			}
		}
	}
}

func loadRepo(t *testing.T) *repo {
	t.Helper()
	r := &repo{files: textFiles(t)}
	out := command(t, "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles,Error",
		"./...", "./testdata/ecosystem")
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var l struct {
			ImportPath, Dir                                    string
			GoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
			Error                                              *struct{ Err string }
		}
		if err := dec.Decode(&l); err != nil {
			t.Fatalf("output of go list: %v", err)
		}
		if l.Error != nil {
			t.Errorf("go list: %s: %s", l.ImportPath, l.Error.Err)
		}
		dir, err := filepath.Rel(root, l.Dir)
		if err != nil {
			t.Fatal(err)
		}
		p := pkg{name: shortName(l.ImportPath)}
		for _, name := range slices.Concat(l.GoFiles, l.IgnoredGoFiles, l.TestGoFiles, l.XTestGoFiles) {
			p.files = append(p.files, parse(t, path.Join(filepath.ToSlash(dir), name)))
		}
		r.packages = append(r.packages, p)
	}
	if len(r.packages) < 10 {
		t.Fatalf("go list finds only %d packages", len(r.packages))
	}
	return r
}

// shortName turns an import path into a name of the table in
// docs/architecture.md. Paths outside of the module give "".
func shortName(importPath string) string {
	if importPath == modulePath {
		return rootName
	}
	short, ok := strings.CutPrefix(importPath, modulePath+"/")
	if !ok {
		return ""
	}
	return short
}

func parse(t *testing.T, name string) goFile {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f := goFile{path: name, lines: bytes.Count(src, []byte("\n")), test: strings.HasSuffix(name, "_test.go"), set: token.NewFileSet()}
	f.syntax, err = parser.ParseFile(f.set, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	f.generated = ast.IsGenerated(f.syntax) || strings.HasSuffix(name, "_templ.go")
	return f
}

// textFiles lists the files of the tree that are neither binary nor built.
func textFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // a file of another test that has just ended
			return nil
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "node_modules", ".cache"}, d.Name()):
			return fs.SkipDir
		case d.Type().IsRegular() && isText(name):
			files = append(files, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// isText tells text from binary as git does: by a zero byte in the beginning.
func isText(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 8000)
	n, _ := f.Read(head)
	return !bytes.Contains(head[:n], []byte{0})
}

// command runs a program without network and returns what it prints.
func command(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, exit.Stderr)
		}
		t.Fatalf("%s: %v", name, err)
	}
	return out
}
