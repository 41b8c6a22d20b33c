// Package detect finds out how a repository is built and tested by looking at
// what it holds, and makes a recipe of that.
//
// It is pure: it sees a list of files and may read some of them, wherever they
// come from (a directory, a mirror of a server, a test), and runs nothing.
//
// Each ecosystem has a detector in a file of its own, which recognises a
// directory by the files that only this ecosystem has, and makes a job: commands
// that work unattended, with an empty home directory and a clean environment, and
// write down what each test did wherever the ecosystem's own tools can do that.
// Everything is said with a reason that names the file that shows it.
//
// What is decided here, and not by a detector, is what becomes of several that
// recognise the same directory: see choose. docs/detection.md explains it to users.
package detect

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Files is what is looked at: a repository at one revision.
type Files interface {
	// Paths lists the files, with slashes and relative to the top. The order does
	// not matter. Only the first MaxPaths are looked at.
	Paths() ([]string, error)
	// Read returns what a file holds, or its first MaxRead bytes. A file that
	// cannot be read (a link, a large object that is elsewhere) is taken for empty
	// if the error is fs.ErrNotExist; other errors end the detection.
	Read(path string) ([]byte, error)
}

// Limits on what is looked at.
const (
	MaxPaths = 200_000
	MaxRead  = 512 << 10 // bytes of one file
	maxReads = 400       // files
	maxJobs  = 8
)

// Tool is something that can be recognised: an ecosystem or its tool for builds.
type Tool string

// The closed set of tools.
const (
	Go        Tool = "go"
	Rust      Tool = "rust"
	Node      Tool = "node"
	Deno      Tool = "deno"
	Python    Tool = "python"
	Maven     Tool = "maven"
	Gradle    Tool = "gradle"
	DotNet    Tool = "dotnet"
	Ruby      Tool = "ruby"
	PHP       Tool = "php"
	Perl      Tool = "perl"
	Lua       Tool = "lua"
	Elixir    Tool = "elixir"
	Haskell   Tool = "haskell"
	OCaml     Tool = "ocaml"
	Swift     Tool = "swift"
	Dart      Tool = "dart"
	Julia     Tool = "julia"
	Zig       Tool = "zig"
	CMake     Tool = "cmake"
	Meson     Tool = "meson"
	Autotools Tool = "autotools"
	Bats      Tool = "bats"
	Make      Tool = "make"
)

// Tools lists every tool, the one that is preferred first.
func Tools() []Tool {
	return []Tool{Go, Rust, Node, Deno, Python, Maven, Gradle, DotNet, Ruby, PHP, Perl, Lua, Elixir, Haskell, OCaml, Swift, Dart,
		Julia, Zig, CMake, Meson, Autotools, Bats, Make}
}

// Reason is one thing that was seen, and what follows from it.
type Reason struct {
	Tool Tool   `json:"tool"`
	File string `json:"file"`          // which shows it
	Job  string `json:"job,omitempty"` // to which it belongs; empty: it was passed over
	Text string `json:"text"`          // one line for people
}

// Options change what recipes are like. The zero value is what farms use.
type Options struct {
	// Installed makes recipes that fetch nothing: what a project needs is there
	// already, as packages of the system.
	Installed bool
}

// Project makes the jobs of a repository, sorted by name, and says why they are
// as they are. Each job has the name of its tool, and, if it was found below the
// top, of its directory, so that it keeps its name and history when others come.
//
// NotFound: nothing was recognised; the reasons list what was seen and passed over.
func Project(files Files) ([]weir.Job, []Reason, error) { return Options{}.Project(files) }

// Project is like the function of that name.
func (o Options) Project(files Files) ([]weir.Job, []Reason, error) {
	t, err := newTree(files)
	if err != nil {
		return nil, nil, err
	}
	var jobs []weir.Job
	var reasons []Reason
	var taken []string
	for _, dir := range t.candidates() {
		if slices.ContainsFunc(taken, func(t string) bool { return strings.HasPrefix(dir, t+"/") }) {
			continue
		}
		found, passed := choose(o.recognise(t, dir))
		for _, f := range found {
			if len(jobs) == maxJobs {
				passed = append(passed, f)
				continue
			}
			job, why := f.job(freeName(jobs, f.jobName(dir)), dir)
			jobs, reasons = append(jobs, job), append(reasons, why...)
		}
		for _, f := range passed {
			reasons = append(reasons, f.passedOver(dir))
		}
		if len(found) > 0 {
			taken = append(taken, dir)
		}
		if dir == "" && len(jobs) > 0 {
			break // what lies below belongs to it
		}
	}
	if t.err != nil {
		return nil, nil, t.err
	}
	if len(jobs) == 0 {
		return nil, reasons, weir.Errorf(weir.NotFound, "it cannot be told from its files how this repository is tested").
			WithHint("write %s; docs/recipe.md explains it", weir.RepositoryRecipe)
	}
	slices.SortFunc(jobs, func(a, b weir.Job) int { return cmp.Compare(a.Name, b.Name) })
	return jobs, reasons, nil
}

// finding is what a detector makes of a directory.
type finding struct {
	tool  Tool
	file  string // that shows it, below the directory
	text  string // what follows from it
	notes []note // further reasons
	// unfit says why no job can be made of it; empty if one can.
	unfit string
	// tests says that the job runs tests, and does not only build.
	tests   bool
	env     []weir.EnvVar
	steps   []weir.Step
	results []weir.ResultFile
}

type note struct{ file, text string }

// note adds a reason.
func (f *finding) note(file, text string) { f.notes = append(f.notes, note{file, text}) }

// step adds a command.
func (f *finding) step(name, run string) {
	f.steps = append(f.steps, weir.Step{Name: name, Run: run})
}

// setEnv sets a variable for all steps.
func (f *finding) setEnv(name, value string) {
	f.env = append(f.env, weir.EnvVar{Name: name, Value: value})
	slices.SortFunc(f.env, func(a, b weir.EnvVar) int { return cmp.Compare(a.Name, b.Name) })
}

// result adds a file of results.
func (f *finding) result(format weir.ResultFormat, path string) {
	f.results = append(f.results, weir.ResultFile{Format: format, Path: path})
}

// maxName is how long the name of a job gets; a number may come behind it.
const maxName = 60

// jobName is the name of the job for a directory.
func (f *finding) jobName(dir string) string {
	if dir == "" {
		return string(f.tool)
	}
	name := string(f.tool) + "-" + strings.Map(inName, dir)
	return name[:min(len(name), maxName)]
}

// freeName is name, or name with a number if there is a job of that name.
func freeName(jobs []weir.Job, name string) string {
	free := name
	for n := 2; slices.ContainsFunc(jobs, func(j weir.Job) bool { return j.Name == free }); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

// job makes the job and its reasons, below dir.
func (f *finding) job(name, dir string) (weir.Job, []Reason) {
	j := weir.Job{Name: name, Steps: f.steps, Env: f.env}
	if dir != "" {
		for i := range j.Steps {
			j.Steps[i].Dir = path.Join(dir, j.Steps[i].Dir)
		}
	}
	for _, r := range f.results {
		j.Results = append(j.Results, weir.ResultFile{Format: r.Format, Path: path.Join(escape(dir), r.Path)})
	}
	why := []Reason{{f.tool, path.Join(dir, f.file), j.Name, f.text}}
	for _, n := range f.notes {
		why = append(why, Reason{f.tool, path.Join(dir, n.file), j.Name, n.text})
	}
	return j, why
}

// inName turns what a job's name cannot hold into dashes.
func inName(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_':
		return r
	}
	return '-'
}

// escape makes a pattern that matches just this path.
func escape(dir string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(dir)
}

func (f *finding) passedOver(dir string) Reason {
	text := f.unfit
	if text == "" {
		text = "passed over: there are too many"
	}
	return Reason{Tool: f.tool, File: path.Join(dir, f.file), Text: text}
}

// detectors are in the order in which tools are preferred; Tools lists them too.
func detectors() []func(Options, dirView) *finding {
	return []func(Options, dirView) *finding{golang, rust, node, deno, python, maven, gradle, dotnet, ruby, php, perl, lua, elixir,
		haskell, ocaml, swift, dart, julia, zig, cmake, meson, autotools, bats, makefile}
}

func (o Options) recognise(t *tree, dir string) []*finding {
	var out []*finding
	for _, d := range detectors() {
		if f := d(o, dirView{t, dir}); f != nil {
			out = append(out, f)
		}
	}
	return out
}

// kind says how tools go together.
type kind int

const (
	language kind = iota // each has a job of its own
	native               // ways to build the same C or C++: one of them is enough
	fallback             // only if there is nothing else
)

func (t Tool) kind() kind {
	switch t {
	case CMake, Meson, Autotools:
		return native
	case Bats, Make:
		return fallback
	}
	return language
}

// choose decides what becomes of several findings about one directory. Those that
// run tests come before those that do not; of the native ones the first is taken,
// and none that only builds if a language has tests; fallbacks are for when there
// is nothing else.
func choose(all []*finding) (take, pass []*finding) {
	var fit []*finding
	tested := false
	for _, f := range all {
		if f.unfit != "" {
			pass = append(pass, f)
			continue
		}
		fit = append(fit, f)
		tested = tested || f.tests
	}
	slices.SortStableFunc(fit, func(a, b *finding) int {
		return cmp.Or(cmp.Compare(a.tool.kind(), b.tool.kind()), compareBool(b.tests, a.tests))
	})
	var nativeTool Tool
	for _, f := range fit {
		switch k := f.tool.kind(); {
		case tested && !f.tests:
			f.unfit = "passed over: it has no tests here, and something else has"
		case k == native && nativeTool != "":
			f.unfit = "passed over: " + string(nativeTool) + " builds the same"
		case k == fallback && len(take) > 0:
			f.unfit = "passed over: " + string(take[0].tool) + " says more of what was tested"
		default:
			if k == native {
				nativeTool = f.tool
			}
			take = append(take, f)
			continue
		}
		pass = append(pass, f)
	}
	return take, pass
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// FS looks at a directory. What tools leave in a working tree (.git, node_modules,
// .venv and the like) is not looked at.
func FS(fsys fs.FS) Files { return directory{fsys} }
