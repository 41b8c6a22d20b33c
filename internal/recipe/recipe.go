// Package recipe reads the farm file, weir.yaml, and expands its projects
// into builders.
//
// Reading goes through three stages, and each one adds what it finds wrong to
// one list, so that a person sees every mistake of a file at once:
//
//	strict       bytes -> YAML nodes -> Go values: what is too large or too deep,
//	             unknown keys, duplicate keys and wrong types are problems with a
//	             line and a column
//	farm.go, shared.go, mail.go, project.go; sources; jobs
//	             the keys of the file, each checked where it stands
//	resolve.go   names -> other projects and jobs; circles
//
// The result is a Farm: plain values, checked, with every name in it known.
// What is made of a Farm is pure: Expand lists the builders that its projects
// have on given platforms, and Spec.Spec turns one builder and a set
// of pins into what a worker runs.
//
// The file is trusted as far as its commands go, since its author runs the
// farm. It is not trusted to be well formed, small, free of secrets in places
// that are shown to others, or harmless to the tools that get a location or a
// revision on their command line; those are checked here, once.
package recipe

import (
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// FileName is the name of the farm file.
const FileName = "weir.yaml"

// What holds when the file does not say otherwise.
const (
	DefaultName   = "weir"
	DefaultListen = "127.0.0.1:8710"
	DefaultData   = "weir-data" // beside the farm file
	DefaultSlots  = 1           // one build at a time: tests with timing in them like that best
)

// Farm is the content of a farm file: checked, complete, with paths made
// absolute and every name resolved.
type Farm struct {
	Name   string // for people: titles, mails
	Listen string // HOST:PORT; the host may be empty, the port 0
	// URL is how others reach the farm, without a slash at its end. Empty:
	// derived from the address that it listens on.
	URL string
	// TrustedProxies are believed when they say whom they pass a request on for.
	TrustedProxies []netip.Prefix
	Data           string // absolute path of the directory for everything the farm keeps
	// Database is a postgres:// URL, which may hold a password: never show it.
	// Empty: SQLite in Data.
	Database string
	// Platforms is where jobs run that do not say where. Empty: on the
	// platform of the machine that serves the farm.
	Platforms []weir.Platform
	Worker    Worker
	Mail      Mail        // how owners of workers are told; the zero value: not at all
	Locks     []weir.Lock // sorted by name
	// Secrets says where the values of secrets are, by name. They are never in the file.
	Secrets map[string]SecretFrom
	// Hooks leads from the dialects in which forges may tell of changes to the names
	// of the secrets with which they sign.
	Hooks map[string]string
	// Grants leads from projects to the names of secrets that recipes in their
	// repositories may use.
	Grants   map[string][]string
	Projects []weir.Project // sorted by name
}

// SecretFrom is where the value of a secret is: one of the two.
type SecretFrom struct {
	File string // absolute path of a file; its first line
	Env  string // a variable of the server's environment
}

// Worker is the worker that runs inside the farm's own process.
type Worker struct {
	Slots  int      // how many builds at once, 1 to MaxSlots
	Labels []string // what it offers besides its platform
}

// Problem and Problems are what is wrong with a file; see package strict.
type (
	Problem  = strict.Problem
	Problems = strict.Problems
)

// The severities of a problem.
const (
	Error   = strict.Error
	Warning = strict.Warning
)

// MaxFile is how large a file may be, in bytes.
const MaxFile = strict.MaxFile

// reader reads the keys of a farm file.
type reader struct{ *strict.Reader }

// Project finds a project by name.
func (f *Farm) Project(name string) (*weir.Project, bool) {
	for i := range f.Projects {
		if f.Projects[i].Name == name {
			return &f.Projects[i], true
		}
	}
	return nil, false
}

// Parse reads a farm file. The name of the file is used in problems, and its
// directory is what relative paths in the file are relative to.
//
// The problems are all there are, in the order of the file. The farm is nil if
// one of them is an error; warnings come together with a farm.
func Parse(file string, data []byte) (*Farm, Problems) {
	r := reader{strict.New(file, data)}
	root := r.Document()
	var farm *Farm
	if root != nil {
		farm = r.farm(root)
	}
	problems := r.Finish()
	if problems.Err() != nil {
		return nil, problems
	}
	return farm, problems
}

// Load reads the farm file at path. The error is a *weir.Error if the file
// cannot be read, and the problems themselves if one of them is an error;
// without an error the problems are warnings.
func Load(path string) (*Farm, Problems, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	farm, problems := Parse(path, data)
	return farm, problems, problems.Err()
}

// LoadRepository reads the recipe of a repository at path, as Load does a farm file.
func LoadRepository(path string) ([]weir.Job, Problems, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	jobs, problems := ParseRepository(path, data)
	return jobs, problems, problems.Err()
}

// readFile reads one byte more than is allowed at most, so that Parse can
// tell that the file is too large.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, weir.Errorf(weir.NotFound, "there is no farm file %s", path).
			WithHint("weir init writes one").WithCause(err)
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, strict.MaxFile+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}

func unreadable(path string, err error) error {
	return weir.Errorf(weir.Invalid, "cannot read the farm file %s", path).
		WithHint("it must be a file that this user may read").WithCause(err)
}
