package detect

import (
	"regexp"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/detect/toml"
)

// pythonNeeds is what the tests of a Python project need besides the project.
type pythonNeeds struct {
	tool      string // tox or nox, if they know better
	extras    []string
	groups    []string
	files     []string // of requirements
	packages  []string
	file, why string
}

// testNames are names of groups and extras with what tests need, the best first.
var testNames = []string{"test", "tests", "testing", "tests-min", "unittest", "test-all", "all-tests", "dev-test", "dev", "develop", "development"}

// requirementFiles are files with what tests need, the best first.
var requirementFiles = []string{
	"requirements-test.txt", "requirements-tests.txt", "requirements-testing.txt", "requirements_test.txt", "requirements_tests.txt",
	"test-requirements.txt", "test_requirements.txt", "tests-requirements.txt", "requirements/test.txt", "requirements/tests.txt",
	"requirements/testing.txt", "tests/requirements.txt", "test/requirements.txt", "requirements.test.txt", "requirements/tests.in",
	"requirements-dev.txt", "requirements_dev.txt", "dev-requirements.txt", "requirements/dev.txt", "requirements-devel.txt",
}

var (
	extrasKey    = regexp.MustCompile(`["']([a-z_-]+)["']\s*:\s*[\[({a-zA-Z]`)
	testsRequire = regexp.MustCompile(`(?s)tests_require\s*=\s*[\[(]([^\])]*)[\])]`)
	pyString     = regexp.MustCompile(`["']([A-Za-z0-9][^"'\n]*)["']`)
	iniSection   = regexp.MustCompile(`(?m)^\[([^\]\n]+)\]`)
	iniKey       = regexp.MustCompile(`(?m)^([A-Za-z0-9_-]+)\s*=`)
	plainPackage = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	pipName      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[A-Za-z0-9,._ -]*\])?\s*(?:[<>=!~;(,].*)?$`)
)

// needs finds what the tests need. What is made for the purpose comes first:
// groups, extras, then tox, nox, and files of requirements.
func (p pythonView) needs() pythonNeeds {
	groups, extras := p.project.Table("dependency-groups"), p.project.Table("project", "optional-dependencies")
	for _, name := range testNames {
		if groups.Has(name) {
			return pythonNeeds{groups: []string{name}, file: "pyproject.toml", why: "the dependency group " + name + " has what tests need"}
		}
		if extras.Has(name) {
			return pythonNeeds{extras: []string{name}, file: "pyproject.toml", why: "the extra " + name + " has what tests need"}
		}
	}
	if n, ok := p.toolNeeds(); ok {
		return n
	}
	if n, ok := p.legacyNeeds(); ok {
		return n
	}
	if strings.Contains(p.text("tox.ini"), "[testenv]") || p.project.Has("tool", "tox") {
		return pythonNeeds{tool: "tox"}
	}
	if noxTests.MatchString(p.text("noxfile.py")) {
		return pythonNeeds{tool: "nox"}
	}
	n := pythonNeeds{file: p.sign, why: "nothing says what tests need: pytest alone"}
	if file := p.first(requirementFiles...); file != "" {
		n.files, n.file, n.why = []string{file}, file, "has what tests need"
	}
	if !p.install && p.has("requirements.txt") {
		n.files = append([]string{"requirements.txt"}, n.files...)
		if n.file == p.sign {
			n.file, n.why = "requirements.txt", "has what the project needs"
		}
	}
	return n
}

// toolNeeds looks into the sections that tools have in pyproject.toml.
func (p pythonView) toolNeeds() (pythonNeeds, bool) {
	lists := map[string]toml.Table{"pdm": p.project.Table("tool", "pdm", "dev-dependencies"), "uv": p.project.Table("tool", "uv")}
	for _, tool := range []string{"pdm", "uv"} {
		for _, name := range append(slices.Clone(testNames), "dev-dependencies") {
			if list := safePackages(lists[tool].Texts(name)); len(list) > 0 {
				return pythonNeeds{packages: list, file: "pyproject.toml", why: "tool." + tool + " lists what tests need"}, true
			}
		}
	}
	poetry := p.project.Table("tool", "poetry")
	for _, name := range testNames {
		t := poetry.Table("group", name, "dependencies")
		if t == nil && name == "dev" {
			t = poetry.Table("dev-dependencies")
		}
		var list []string
		for pkg := range t {
			if pkg != "python" && plainPackage.MatchString(pkg) {
				list = append(list, pkg)
			}
		}
		slices.Sort(list)
		if list = safePackages(list); len(list) > 0 {
			return pythonNeeds{packages: list, file: "pyproject.toml",
				why: "poetry's group " + name + " has what tests need; pip cannot read its versions, and takes the newest"}, true
		}
	}
	hatch := p.project.Table("tool", "hatch", "envs")
	for _, env := range append(slices.Clone(testNames), "hatch-test", "default") {
		list := append(hatch.Texts(env, "dependencies"), hatch.Texts(env, "extra-dependencies")...)
		if list = safePackages(list); len(list) > 0 {
			return pythonNeeds{packages: list, file: "pyproject.toml", why: "hatch's environment " + env + " has what tests need"}, true
		}
	}
	return pythonNeeds{}, false
}

// legacyNeeds looks into setup.cfg and setup.py.
func (p pythonView) legacyNeeds() (pythonNeeds, bool) {
	keys := map[string]bool{}
	for _, m := range iniKey.FindAllStringSubmatch(section(p.text("setup.cfg"), "options.extras_require"), -1) {
		keys[m[1]] = true
	}
	file := "setup.cfg"
	setup := p.text("setup.py")
	if i := strings.Index(setup, "extras_require"); i >= 0 && len(keys) == 0 {
		file = "setup.py"
		for _, m := range extrasKey.FindAllStringSubmatch(setup[i:], -1) {
			keys[m[1]] = true
		}
	}
	for _, name := range testNames {
		if keys[name] {
			return pythonNeeds{extras: []string{name}, file: file, why: "the extra " + name + " has what tests need"}, true
		}
	}
	if m := testsRequire.FindStringSubmatch(setup); m != nil {
		var list []string
		for _, s := range pyString.FindAllStringSubmatch(m[1], -1) {
			list = append(list, s[1])
		}
		if list = safePackages(list); len(list) > 0 {
			return pythonNeeds{packages: list, file: "setup.py", why: "tests_require has what tests need"}, true
		}
	}
	return pythonNeeds{}, false
}

// section is what stands below a heading of an INI file.
func section(text, name string) string {
	for _, m := range iniSection.FindAllStringSubmatchIndex(text, -1) {
		if text[m[2]:m[3]] != name {
			continue
		}
		rest := text[m[1]:]
		if next := iniSection.FindStringIndex(rest); next != nil {
			rest = rest[:next[0]]
		}
		return rest
	}
	return ""
}

// maxPackages is how many packages are listed on a command line.
const maxPackages = 60

// safePackages keeps what is the name of a package, with versions; paths, links
// and options are left out.
func safePackages(list []string) []string {
	var out []string
	for _, s := range list {
		if s = strings.TrimSpace(s); pipName.MatchString(s) && len(s) < 200 && len(out) < maxPackages && !strings.Contains(s, "\n") {
			out = append(out, s)
		}
	}
	return out
}

// tox lets tox make the environment.
func (p pythonView) tox(f *finding) {
	file := "tox.ini"
	text := section(p.text(file), "testenv")
	if !p.has(file) {
		file = "pyproject.toml"
		text = p.text(file)
	}
	f.step("prepare", venv+"\n.venv/bin/python -m pip install tox")
	if strings.Contains(text, "posargs") && strings.Contains(text, "pytest") {
		f.note(file, "knows what tests need, and hands options to pytest")
		f.step("test", `.venv/bin/tox run -e py -- --junitxml="$PWD/results.xml"`)
		f.result(weir.JUnit, "results.xml")
		return
	}
	f.note(file, "knows what tests need; it hands no options to pytest, so that the job is judged by its steps")
	f.step("test", ".venv/bin/tox run -e py")
}

var noxTests = regexp.MustCompile(`(?m)^def (tests?|unit|unit_tests?|pytest)\(`)

// nox lets nox make the environment.
func (p pythonView) nox(f *finding) {
	text := p.text("noxfile.py")
	session := noxTests.FindStringSubmatch(text)[1]
	f.step("prepare", venv+"\n.venv/bin/python -m pip install nox")
	if strings.Contains(text, "posargs") && strings.Contains(text, "pytest") {
		f.note("noxfile.py", "the session "+session+" knows what tests need, and hands options to pytest")
		f.step("test", `.venv/bin/nox --non-interactive --session `+session+` -- --junitxml="$PWD/results.xml"`)
		f.result(weir.JUnit, "results.xml")
		return
	}
	f.note("noxfile.py", "the session "+session+" knows what tests need; it hands no options to pytest, so that the job is judged by its steps")
	f.step("test", ".venv/bin/nox --non-interactive --session "+session)
}
