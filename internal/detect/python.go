package detect

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/detect/toml"
)

// pythonView is a directory with a Python project in it.
type pythonView struct {
	dirView
	project toml.Table // pyproject.toml
	sign    string     // the file that shows that it is one
	install bool       // pip can install it
	tests   string     // a file of tests
}

var (
	pythonTest   = regexp.MustCompile(`(?:^|/)(?:test_[^/]*|[^/]*_test|tests?)\.py$`)
	pythonNoTest = regexp.MustCompile(`(?:^|/)(?:docs?|examples?|build|dist)/`)
)

func newPythonView(d dirView) (pythonView, bool) {
	p := pythonView{dirView: d, project: toml.Read(d.text("pyproject.toml"))}
	switch {
	case p.project.Has("build-system"), p.project.Has("project"), p.project.Has("tool", "poetry"):
		p.sign, p.install = "pyproject.toml", true
	case d.has("setup.py"):
		p.sign, p.install = "setup.py", true
	case strings.Contains(d.text("setup.cfg"), "[metadata]"):
		p.sign, p.install = "setup.cfg", true
	default:
		p.sign = d.first("tox.ini", "noxfile.py", "Pipfile", "requirements.txt", "pytest.ini", "pyproject.toml")
	}
	if p.sign == "" {
		return p, false
	}
	p.tests = d.find(func(f string) bool { return pythonTest.MatchString(f) && !pythonNoTest.MatchString(f) })
	return p, true
}

const venv = "python3 -m venv .venv"

// python recognises Python projects.
func python(o Options, d dirView) *finding {
	p, ok := newPythonView(d)
	if !ok {
		return nil
	}
	f := &finding{tool: Python, file: p.sign, text: "a Python project"}
	if backend := p.project.Text("build-system", "build-backend"); backend != "" {
		f.text += ", built with " + clip(backend)
	}
	switch {
	case p.sign == "pyproject.toml" && !p.install:
		f.unfit = "passed over: it only configures tools"
	case p.tests == "" && !p.install:
		f.unfit = "passed over: there are no tests in Python"
	case p.tests == "":
		f.text += ", without tests: it is built only"
		f.step("prepare", venv)
		f.step("build", ".venv/bin/python -m pip wheel --no-deps --wheel-dir dist .")
	case d.has("manage.py") && !p.usesPytest():
		p.django(f)
	case o.Installed:
		p.installed(f)
	default:
		p.fetched(f)
	}
	if f.unfit == "" && p.install {
		p.versions(f)
	}
	return f
}

var pytestItself = regexp.MustCompile(`^pytest(?:$|[^A-Za-z0-9._-])`)

// fetched makes a recipe that fetches what the tests need.
func (p pythonView) fetched(f *finding) {
	f.tests = true
	need := p.needs()
	switch {
	case need.tool == "tox":
		p.tox(f)
		return
	case need.tool == "nox":
		p.nox(f)
		return
	}
	f.note(need.file, need.why)
	args := need.packages
	if !slices.ContainsFunc(args, func(a string) bool { return pytestItself.MatchString(a) }) {
		args = append([]string{"pytest"}, args...)
	}
	for _, plugin := range p.plugins() {
		if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(strings.ToLower(a), plugin) }) {
			args = append(args, plugin)
		}
	}
	for _, r := range need.files {
		args = append(args, "-r", r)
	}
	for _, g := range need.groups {
		args = append(args, "--group", g)
	}
	if p.install {
		here := "."
		if len(need.extras) > 0 {
			here = ".[" + strings.Join(need.extras, ",") + "]"
		}
		args = append(args, "-e", here)
	}
	upgrade := ""
	if len(need.groups) > 0 {
		upgrade = "\n.venv/bin/python -m pip install --upgrade 'pip>=25.1'" // the first that knows groups
	}
	f.step("prepare", venv+upgrade+"\n.venv/bin/python -m pip install "+quoteAll(args))
	p.pytest(f, "")
}

// installed makes a recipe that fetches nothing.
func (p pythonView) installed(f *finding) {
	f.tests = true
	f.note(p.sign, "what it needs is taken from the machine's own packages, pytest too")
	prepare := "python3 -m venv --system-site-packages .venv"
	if p.install {
		prepare += "\n.venv/bin/python -m pip install --no-index --no-deps --no-build-isolation -e ."
	}
	f.step("prepare", prepare)
	options := ""
	if len(p.plugins()) > 0 {
		options = " -o addopts="
		f.note(p.configFile(), "its options for pytest need plugins that may not be there: they are left out")
	}
	p.pytest(f, options)
}

// pytest runs the tests, those of unittest too.
func (p pythonView) pytest(f *finding, options string) {
	text := "tests for pytest"
	if !p.usesPytest() {
		text = "tests for unittest: pytest runs them, and says what each of them did"
		if !p.conventional() {
			options += ` -o "python_files=test*.py *test.py *tests.py"`
		}
	}
	f.note(p.tests, text)
	f.step("test", ".venv/bin/python -m pytest --junitxml=results.xml"+options)
	f.result(weir.JUnit, "results.xml")
}

// conventional reports whether pytest finds the tests without being told how
// their files are called.
func (p pythonView) conventional() bool {
	name := path.Base(p.tests)
	return strings.HasPrefix(name, "test_") || strings.HasSuffix(name, "_test.py")
}

// usesPytest reports whether anything says so.
func (p pythonView) usesPytest() bool {
	if p.has("pytest.ini") || p.has("conftest.py") || p.project.Has("tool", "pytest") {
		return true
	}
	for _, name := range append([]string{"pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "noxfile.py"}, requirementFiles...) {
		if strings.Contains(p.text(name), "pytest") {
			return true
		}
	}
	return p.find(func(f string) bool { return path.Base(f) == "conftest.py" }) != "" || strings.Contains(p.text(p.tests), "import pytest")
}

// pluginOptions are options of pytest that a plugin brings.
var pluginOptions = []struct {
	sign   *regexp.Regexp
	plugin string
}{
	{regexp.MustCompile(`--(?:no-)?cov\b`), "pytest-cov"},
	{regexp.MustCompile(`(?:^|\s)(?:-n[ =]?\w|--numprocesses|--dist[ =])`), "pytest-xdist"},
	{regexp.MustCompile(`--timeout\b`), "pytest-timeout"},
	{regexp.MustCompile(`--benchmark-`), "pytest-benchmark"},
	{regexp.MustCompile(`--(?:flake8|pycodestyle)\b`), "pytest-flake8"},
	{regexp.MustCompile(`--mypy\b`), "pytest-mypy"},
	{regexp.MustCompile(`--reruns\b`), "pytest-rerunfailures"},
	{regexp.MustCompile(`--randomly-|-p randomly`), "pytest-randomly"},
}

var iniAddopts = regexp.MustCompile(`(?m)^addopts\s*=((?:.*)(?:\n[ \t]+.*)*)`)

// configFile is where pytest's options are.
func (p pythonView) configFile() string {
	switch {
	case p.has("pytest.ini"):
		return "pytest.ini"
	case p.project.Has("tool", "pytest"):
		return "pyproject.toml"
	case strings.Contains(p.text("tox.ini"), "[pytest]"):
		return "tox.ini"
	}
	return "setup.cfg"
}

// plugins lists the plugins that the project's own options for pytest need.
func (p pythonView) plugins() []string {
	file := p.configFile()
	options := p.project.Text("tool", "pytest", "ini_options", "addopts") + " " +
		strings.Join(p.project.Texts("tool", "pytest", "ini_options", "addopts"), " ")
	if file != "pyproject.toml" {
		options = ""
		if m := iniAddopts.FindStringSubmatch(p.text(file)); m != nil {
			options = m[1]
		}
	}
	var out []string
	for _, o := range pluginOptions {
		if o.sign.MatchString(options) {
			out = append(out, o.plugin)
		}
	}
	return out
}

// django runs a site's tests, which need its settings.
func (p pythonView) django(f *finding) {
	f.tests = true
	f.note("manage.py", "a Django site; manage.py test does not say what each test did: the job is judged by its steps")
	install := ""
	if r := p.first(requirementFiles...); r != "" {
		install = "\n.venv/bin/python -m pip install -r " + quote(r)
	} else if r := p.first("requirements.txt"); r != "" {
		install = "\n.venv/bin/python -m pip install -r " + r
	}
	f.step("prepare", venv+install)
	f.step("test", ".venv/bin/python manage.py test --no-input")
}

var scmVersion = regexp.MustCompile(`setuptools[-_]scm|hatch-vcs|flit[-_]scm|setuptools-git-versioning`)

// versions tells tools that ask git for the version what to say where there is no
// repository, as in an archive.
func (p pythonView) versions(f *finding) {
	meta := p.text("pyproject.toml") + p.text("setup.py") + p.text("setup.cfg")
	set, file := "", p.sign
	switch {
	case p.has("PKG-INFO"):
		return
	case scmVersion.MatchString(meta):
		set = "SETUPTOOLS_SCM_PRETEND_VERSION=0.0.1"
	case regexp.MustCompile(`\bpbr\b`).MatchString(meta):
		set = "PBR_VERSION=0.0.1"
	default:
		return
	}
	f.note(file, "its version comes from the repository; where there is none, as in an archive, it is 0.0.1")
	f.steps[0].Run = "[ -e .git ] || export " + set + "\n" + f.steps[0].Run
}

// maxClip limits what is quoted from files.
const maxClip = 80

// clip makes text of a file safe to quote in one line.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxClip {
		return string(r[:maxClip]) + "..."
	}
	return s
}
