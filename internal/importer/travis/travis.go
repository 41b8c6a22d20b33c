// Package travis turns .travis.yml into a recipe: one job, or one a stage, with
// the phases of a build as steps and its versions, variables and systems as a
// matrix. Travis installs languages by itself; here the worker must have them.
package travis

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/importer/draft"
)

// language is what Travis does for a language if the file does not say otherwise.
type language struct {
	axis             string // key of the versions
	variable         string // that holds the version
	install, script  string
	needsForVersions string // what a worker must have
}

func languages() map[string]language {
	js := language{"node_js", "TRAVIS_NODE_VERSION", "npm install", "npm test", "Node"}
	java := language{"jdk", "TRAVIS_JDK_VERSION", "if [ -e pom.xml ]; then mvn install -DskipTests=true -B -V; fi",
		"if [ -e pom.xml ]; then mvn test -B; else ./gradlew check; fi", "Java"}
	return map[string]language{
		"python":  {"python", "TRAVIS_PYTHON_VERSION", "pip install -r requirements.txt", "pytest", "Python"},
		"node_js": js, "javascript": js, "java": java, "groovy": java, "android": java,
		"go":   {"go", "TRAVIS_GO_VERSION", "go mod download", "go test -v ./...", "Go"},
		"rust": {"rust", "TRAVIS_RUST_VERSION", "cargo build --verbose", "cargo test --verbose", "Rust"},
		"ruby": {"rvm", "TRAVIS_RUBY_VERSION", "bundle install --jobs=3 --retry=3", "bundle exec rake", "Ruby"},
		"php":  {"php", "TRAVIS_PHP_VERSION", "", "phpunit", "PHP"},
		"perl": {"perl", "TRAVIS_PERL_VERSION", "cpanm --quiet --installdeps --notest .", "perl Makefile.PL && make test", "Perl"},
		"c":    {"compiler", "CC", "", "./configure && make && make test", "C"},
		"cpp":  {"compiler", "CXX", "", "./configure && make && make test", "C++"},
	}
}

// phases are in the order in which they run.
var phases = []string{"before_install", "install", "before_script", "script", "after_success", "after_failure", "after_script"}

// build is a file that is being read.
type build struct {
	*draft.Draft
	root *yaml.Node
	lang language
	env  []weir.EnvVar // global
}

// Import reads a file.
func Import(file string, data []byte) *draft.Draft {
	d, root := draft.Open(file, data)
	if root == nil {
		return d
	}
	if !draft.IsMap(root) {
		d.Note(root, "it is no .travis.yml")
		return d
	}
	b := &build{Draft: d, root: root, lang: languages()[draft.Text(draft.Get(root, "language"))]}
	known := []string{"language", "os", "arch", "dist", "sudo", "env", "matrix", "jobs", "stages", b.lang.axis, "version", "group", "if", "osx_image"}
	for _, e := range draft.Entries(root) {
		switch {
		case slices.Contains(known, e.Name), slices.Contains(phases, e.Name):
		case e.Name == "addons", e.Name == "services":
			b.Note(e.Key, "%s: the worker must have what it names; say so with labels", e.Name)
		case e.Name == "branches":
			b.Note(e.Key, "branches: which ones are built is said in the farm file, at the project's source")
		case e.Name == "git":
			b.Note(e.Key, "git: how a project is checked out is said in the farm file, at its source")
		case e.Name == "notifications", e.Name == "deploy", e.Name == "cache":
			b.Note(e.Key, "%s was not taken over", e.Name)
		default:
			b.Note(e.Key, "%s was not taken over", draft.Title(e.Name))
		}
	}
	env := draft.Get(root, "env")
	matrixEnv := env
	if draft.IsMap(env) {
		matrixEnv = draft.Get(env, "jobs")
		if matrixEnv == nil {
			matrixEnv = draft.Get(env, "matrix")
		}
		b.env = b.variables(draft.Get(env, "global"), nil)
		if matrixEnv == nil && draft.Get(env, "global") == nil {
			b.env = b.variables(env, nil)
		}
	}
	b.jobs(matrixEnv)
	return d
}

// variables reads NAME=VALUE NAME="VALUE", lists of it, and mappings.
func (b *build) variables(n *yaml.Node, list []weir.EnvVar) []weir.EnvVar {
	for _, item := range draft.Items(n) {
		for _, e := range draft.Entries(item) {
			if e.Name == "secure" {
				b.Note(e.Key, "an encrypted variable: give the farm a secret, and name it with secrets")
				continue
			}
			list = b.SetEnv(e.Key, list, e.Name, draft.Text(e.Value))
		}
		for _, v := range assignments(draft.Text(item)) {
			if strings.Contains(v.Value, "$") {
				b.Note(item, "the variable %s uses others: set it in a command", draft.Title(v.Name))
				continue
			}
			list = b.SetEnv(item, list, v.Name, v.Value)
		}
	}
	return list
}

// assignments takes a line of shell assignments apart.
func assignments(line string) []weir.EnvVar {
	var out []weir.EnvVar
	var word strings.Builder
	var quote rune
	flush := func() {
		if name, value, ok := strings.Cut(word.String(), "="); ok && draft.IsVariable(name) {
			out = append(out, weir.EnvVar{Name: name, Value: value})
		}
		word.Reset()
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0 && (r == ' ' || r == '\t'):
			flush()
		default:
			word.WriteRune(r)
		}
	}
	flush()
	return out
}

// jobs makes the matrix, and jobs of what include adds with steps of its own.
func (b *build) jobs(env *yaml.Node) {
	j := weir.Job{Name: "test", Shell: weir.ShellBash, Env: b.env}
	cells := b.cells(env)
	include := draft.Get(b.root, "jobs")
	if include == nil {
		include = draft.Get(b.root, "matrix")
	}
	for _, item := range draft.Items(draft.Get(include, "exclude")) {
		cells = slices.DeleteFunc(cells, func(c weir.Cell) bool { return b.fits(c, item) })
	}
	var own []*yaml.Node
	for _, item := range draft.Items(draft.Get(include, "include")) {
		if draft.Get(item, "script") != nil || draft.Get(item, "stage") != nil || draft.Get(item, "install") != nil {
			own = append(own, item)
			continue
		}
		cells = append(cells, b.cell(item))
	}
	b.systems(cells)
	for _, item := range draft.Items(draft.Get(include, "allow_failures")) {
		for i := range cells {
			cells[i].AllowFailure = cells[i].AllowFailure || b.fits(cells[i], item)
		}
	}
	if b.lang.axis != "" {
		if at := draft.Get(b.root, b.lang.axis); at != nil && b.lang.axis != "compiler" {
			b.Note(at, "%s is not installed: the worker must have the versions, or the steps choose them by $%s", b.lang.needsForVersions, b.lang.variable)
		}
	}
	if len(cells) > 0 || len(own) == 0 || draft.Get(b.root, "script") != nil {
		if len(cells) == 1 && len(cells[0].Vars) == 0 {
			j.Platforms, cells = cells[0].Platforms, nil
		}
		lost := 0
		if len(cells) > 0 {
			if j.Cells, lost = draft.Finish(cells); lost > 0 {
				b.Note(b.root, "%d cells of the matrix cannot be named, or are there twice", lost)
			}
		}
		b.steps(b.root, nil, &j)
		b.Add(b.root, j)
	}
	b.stages(own)
}

// stages makes jobs of entries that have steps of their own, each after those of
// the stages before it.
func (b *build) stages(own []*yaml.Node) {
	stage, before := "test", []string(nil)
	var now []string
	for _, j := range b.Jobs {
		now = append(now, j.Name)
	}
	for _, item := range own {
		name := draft.Text(draft.Get(item, "stage"))
		if name == "" {
			name = stage
		}
		if !strings.EqualFold(name, stage) {
			stage, before, now = name, now, nil
		}
		title := draft.Text(draft.Get(item, "name"))
		if title == "" {
			title = name
		}
		c := b.cell(item)
		j := weir.Job{Name: title, Shell: weir.ShellBash, Env: slices.Clone(b.env), Needs: slices.Clone(before), Platforms: c.Platforms}
		for _, v := range append(c.Vars, c.Env...) {
			if v.Name != "TRAVIS_OS_NAME" {
				j.Env = b.SetEnv(item, j.Env, v.Name, v.Value)
			}
		}
		had := len(b.Jobs)
		b.steps(item, b.root, &j)
		b.Add(item, j)
		for _, made := range b.Jobs[had:] {
			now = append(now, made.Name)
		}
	}
}

// steps makes steps of the phases; what a job does not say the file does.
func (b *build) steps(n, otherwise *yaml.Node, j *weir.Job) {
	for _, phase := range phases {
		at := draft.Get(n, phase)
		if at == nil {
			at = draft.Get(otherwise, phase)
		}
		commands := draft.Texts(at)
		switch {
		case len(commands) == 1 && (commands[0] == "true" || commands[0] == "skip" || commands[0] == "false" && phase == "install"):
			continue
		case at == nil && phase == "install" && b.lang.install != "":
			commands = []string{b.lang.install}
		case at == nil && phase == "script" && b.lang.script != "":
			commands = []string{b.lang.script}
		}
		for _, c := range commands {
			s := weir.Step{Run: c}
			switch phase {
			case "after_success":
				s.AllowFailure = true
			case "after_failure":
				s.When, s.AllowFailure = weir.WhenFailed, true
			case "after_script":
				s.When, s.AllowFailure = weir.WhenAlways, true
			}
			if strings.Contains(c, "travis_retry ") {
				s.Run, s.Retry = strings.ReplaceAll(c, "travis_retry ", ""), 2
			}
			s.Run = strings.ReplaceAll(s.Run, "travis_wait ", "")
			if at == nil {
				at = b.root
			}
			b.Step(at, j, s)
		}
	}
}
