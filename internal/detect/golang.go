package detect

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

var goRequires = regexp.MustCompile(`(?m)^\s*require\b`)

// maxModules is how many modules of a repository are tested.
const maxModules = 20

// golang recognises Go modules. Modules within modules are tested too, since
// ./... leaves them out.
func golang(_ Options, d dirView) *finding {
	root := d.has("go.mod")
	if !root && !d.has("go.work") {
		if tests := d.match("*_test.go", 1); len(tests) > 0 {
			return &finding{tool: Go, file: tests[0], unfit: "passed over: there is no go.mod, so that its module has no name"}
		}
		return nil
	}
	f := &finding{tool: Go, file: "go.mod", text: "a Go module; go test -json says what each test did"}
	modules, untested := goModules(d, root)
	if !root {
		f.file, f.text = "go.work", "a workspace of Go modules; go test -json says what each test did"
	}
	if len(modules) == 0 {
		if !root {
			f.unfit = "passed over: a workspace whose modules have no tests"
			return f
		}
		f.text = "a Go module without tests: it is built and vetted only"
		f.step("build", "go build ./...")
		f.step("vet", "go vet ./...")
		return f
	}
	f.tests = true
	for _, m := range modules {
		if mod := path.Join(m, "go.mod"); goRequires.MatchString(d.text(mod)) && !d.has(path.Join(m, "go.sum")) && !d.has(path.Join(m, "vendor/modules.txt")) {
			f.setEnv("GOFLAGS", "-mod=mod")
			f.note(mod, "there is no go.sum beside it: the go command may complete it")
			break
		}
	}
	f.result(weir.GoTest, "results.json")
	if len(modules) == 1 && modules[0] == "." {
		f.step("test", "go test -json ./... > results.json")
	} else {
		f.step("test", lines("status=0", "for module in "+quoteAll(modules)+"; do",
			`  (cd "$module" && go test -json ./...) >> results.json || status=1`, "done", "exit $status"))
		for _, m := range modules {
			if m != "." {
				f.note(path.Join(m, "go.mod"), "a module of its own, which ./... leaves out")
			}
		}
	}
	for _, m := range untested {
		f.note(path.Join(m, "go.mod"), "not tested: a module of examples, tools or other people")
	}
	return f
}

// goAside are parts of paths below which modules are helpers.
var goAside = regexp.MustCompile(`(?:^|/)(?:\..*|_.*|vendor|third[-_]?party|testdata|examples?|docs?|tools?|hack|benchmarks?)(?:/|$)`)

// goModules lists the directories of modules with tests; "." is the top.
func goModules(d dirView, root bool) (tested, untested []string) {
	var mods []string
	for _, p := range d.all() {
		if path.Base(p) == "go.mod" && (p != "go.mod" || root) {
			mods = append(mods, path.Dir(p))
		}
	}
	slices.Sort(mods)
	has := map[string]bool{}
	for _, p := range d.all() {
		if strings.HasSuffix(p, "_test.go") && !strings.Contains("/"+p, "/testdata/") && !strings.HasPrefix(p, "vendor/") {
			has[owner(mods, path.Dir(p))] = true
		}
	}
	for _, m := range mods {
		switch {
		case m != "." && goAside.MatchString(m):
			if len(untested) < maxModules {
				untested = append(untested, m)
			}
		case has[m] && len(tested) < maxModules:
			tested = append(tested, m)
		}
	}
	return tested, untested
}

// owner is the module that a directory belongs to: the nearest one above.
func owner(mods []string, dir string) string {
	for {
		if _, ok := slices.BinarySearch(mods, dir); ok || dir == "." {
			return dir
		}
		dir = path.Dir(dir)
	}
}
