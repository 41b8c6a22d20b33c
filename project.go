package weir

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Platform is an operating system and an architecture in Go's names, for
// example linux/amd64.
type Platform string

// OS returns the part before the slash.
func (p Platform) OS() string { os, _, _ := strings.Cut(string(p), "/"); return os }

// Arch returns the part behind the slash.
func (p Platform) Arch() string { _, arch, _ := strings.Cut(string(p), "/"); return arch }

// Valid reports whether p has the form os/arch.
func (p Platform) Valid() bool { return platformForm.MatchString(string(p)) }

var platformForm = regexp.MustCompile(`^[a-z0-9]{2,16}/[a-z0-9]{2,16}$`)

// Project is something with revisions and a recipe. Its name is a key: it
// appears in URLs and builders, and is never reused for something else.
type Project struct {
	Name      string     `json:"name"`
	Source    Source     `json:"source"`
	Upstreams []Upstream `json:"upstreams,omitempty"`
	Jobs      []Job      `json:"jobs,omitempty"` // sorted by name
	// Formerly lists names that the project had: their history is this one's.
	Formerly []string `json:"formerly,omitempty"`
	// Recipe says where the jobs come from; empty: from the farm file.
	Recipe RecipeFrom `json:"recipe,omitempty"`
	// Owners are mail addresses of people who are told what is new of its flaky
	// tests. They are nobody's business who just looks.
	Owners []string `json:"-"`
}

// RecipeFrom says where a project's jobs come from.
type RecipeFrom string

// Where jobs come from.
const (
	RecipeFarm       RecipeFrom = ""           // the farm file
	RecipeRepository RecipeFrom = "repository" // .weir.yaml at the root of the newest revision
	RecipeAuto       RecipeFrom = "auto"       // the same, or what is detected if there is none
)

// RecipeOrigins lists all of them.
func RecipeOrigins() []RecipeFrom {
	return []RecipeFrom{RecipeFarm, RecipeRepository, RecipeAuto}
}

// RepositoryRecipe is the name of the file in a repository that says how it is
// built and tested.
const RepositoryRecipe = ".weir.yaml"

// Upstream says that a project is tested against each change of another one.
type Upstream struct {
	// Project is the upstream's name.
	Project string `json:"project"`
	// Job is the upstream's job whose product is handed down. Empty when the
	// upstream has no product: then only its revision is told to the steps.
	Job string `json:"job,omitempty"`
}

// What holds when a recipe does not say otherwise.
const (
	DefaultTimeout = time.Hour
	DefaultQuiet   = 20 * time.Minute
	DefaultPoll    = 2 * time.Minute
)

// EnvVar is one variable of a step's environment.
type EnvVar struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ResultFormat names a format of test results.
type ResultFormat string

// The formats that workers can read.
const (
	JUnit  ResultFormat = "junit"  // JUnit XML in any of its dialects
	TAP    ResultFormat = "tap"    // Test Anything Protocol 12, 13 and 14
	GoTest ResultFormat = "gotest" // go test -json
)

// ResultFormats lists every format.
func ResultFormats() []ResultFormat { return []ResultFormat{JUnit, TAP, GoTest} }

// ResultFile says where a job's tests leave results, and in which format.
type ResultFile struct {
	Format ResultFormat `json:"format"`
	// Path is relative to the checkout and may hold the wildcards of
	// path.Match, and ** for any depth.
	Path string `json:"path"`
}

// Job finds a job by name.
func (p Project) Job(name string) (Job, bool) {
	i := slices.IndexFunc(p.Jobs, func(j Job) bool { return j.Name == name })
	if i < 0 {
		return Job{}, false
	}
	return p.Jobs[i], true
}

// ProductJob finds the job that makes the project's product: the first one,
// by name, that has a product.
func (p Project) ProductJob() (Job, bool) {
	i := slices.IndexFunc(p.Jobs, func(j Job) bool { return j.Product != "" })
	if i < 0 {
		return Job{}, false
	}
	return p.Jobs[i], true
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$`)

// ValidName reports whether s can name a project, a job or a worker: up to 64
// letters, digits, dots, dashes, underscores and plus signs, not starting
// with punctuation.
func ValidName(s string) bool { return nameForm.MatchString(s) }

// OutputVar is the name of the variable that tells later steps what a step wrote
// under a name into the file $WEIR_OUTPUT.
func OutputVar(step, name string) string { return "WEIR_OUTPUTS_" + upper(step) + "_" + upper(name) }

// UpstreamVar is the name of the variable that tells a step where the product
// of an upstream lies: WEIR_UPSTREAM_ and the name in upper case, with
// everything but letters and digits turned into underscores. The same name
// with _REVISION behind it holds the revision.
func UpstreamVar(project string) string {
	return "WEIR_UPSTREAM_" + upper(project)
}

// upper makes a part of a variable's name.
func upper(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}
