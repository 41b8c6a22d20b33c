package weir

import (
	"slices"
	"time"
)

// Job is a named part of a recipe. It expands into one builder per cell and
// platform.
type Job struct {
	Name string `json:"name"`
	// Cell is the name of the cell of a job that For made; empty if there is
	// no matrix.
	Cell      string     `json:"cell,omitempty"`
	Formerly  []string   `json:"formerly,omitempty"`  // names that the job had: their history is this one's
	Platforms []Platform `json:"platforms,omitempty"` // empty: the platforms of its upstreams' products, else the farm's default
	Labels    []string   `json:"labels,omitempty"`    // a worker must offer all of them
	Steps     []Step     `json:"steps"`
	Env       []EnvVar   `json:"env,omitempty"` // sorted by name
	// Cells are the job's variants, in the order in which the matrix lists them;
	// none: the job itself is the only one.
	Cells []Cell `json:"cells,omitempty"`
	// Start says what sets the job off.
	Start Start `json:"start,omitzero"`
	// Needs are names of other jobs of the project, whose builds at the same
	// revisions end first: every cell of them, on the same platform if they run
	// there, on all of theirs if not.
	Needs []string `json:"needs,omitempty"`
	// When says how those must have ended.
	When When `json:"when,omitempty"`
	// If is a condition over what is known before a build is made; see
	// docs/recipe.md. Empty: always.
	If string `json:"if,omitempty"`
	// Params are what a person may choose who starts the job.
	Params []Param `json:"params,omitempty"`
	// Priority moves the job's builds before (above 0) or behind others, -100 to 100.
	Priority int `json:"priority,omitempty"`
	// Locks are held while a build of the job runs.
	Locks []LockUse `json:"locks,omitempty"`
	// Superseded says what becomes of builds when a newer revision comes.
	Superseded Superseded `json:"superseded,omitempty"`
	// AllowFailure says that a bad build of the job is nobody's trouble: jobs that
	// need it go on, and the run counts as good.
	AllowFailure bool `json:"allow_failure,omitempty"`
	// Secrets are names of the farm's secrets that every step finds in its
	// environment, under the same names.
	Secrets  []string  `json:"secrets,omitempty"`
	Services []Service `json:"services,omitempty"`
	Caches   []Cache   `json:"caches,omitempty"`
	// Artifacts lists files that are kept for people.
	Artifacts []ArtifactRule `json:"artifacts,omitempty"`
	// Shell runs the steps that do not name one; empty: the platform's own.
	Shell Shell `json:"shell,omitempty"`
	// Product is the directory that is handed to downstream builds, usually
	// $WEIR_PREFIX. Empty: the job has no product.
	Product string `json:"product,omitempty"`
	// Results lists the files that tests leave behind.
	Results []ResultFile `json:"results,omitempty"`
	// Dir is the name of the checkout's directory, for suites that depend on
	// it. Empty: the last element of the source's location.
	Dir string `json:"dir,omitempty"`
	// Timeout ends a whole attempt; zero means DefaultTimeout.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Quiet ends a step that prints nothing for so long; zero means DefaultQuiet.
	Quiet time.Duration `json:"quiet,omitempty"`
}

// Cell is one variant of a job: a choice of one value on each axis of its matrix.
type Cell struct {
	// Name tells the cell from the job's others: its values joined by commas, in
	// the order of the axes. It is a part of the builder's key.
	Name string   `json:"name"`
	Vars []EnvVar `json:"vars"` // axis and value, in the order of the axes; steps find them in their environment
	// What the cell has in place of the job's own; zero values leave that.
	Platforms    []Platform    `json:"platforms,omitempty"`
	Labels       []string      `json:"labels,omitempty"`
	Env          []EnvVar      `json:"env,omitempty"` // beside the job's own; sorted by name
	Timeout      time.Duration `json:"timeout,omitempty"`
	AllowFailure bool          `json:"allow_failure,omitempty"`
}

// Variants lists the job as each of its cells has it: with Cell set, the cell's
// variables and overrides in place, and no Cells. A job without a matrix is its
// only variant.
func (j Job) Variants() []Job {
	if len(j.Cells) == 0 {
		return []Job{j}
	}
	out := make([]Job, len(j.Cells))
	for i, c := range j.Cells {
		v := j
		v.Cells, v.Cell = nil, c.Name
		v.Env = overlay(j.Env, c.Vars, c.Env)
		if len(c.Platforms) > 0 {
			v.Platforms = c.Platforms
		}
		if len(c.Labels) > 0 {
			v.Labels = c.Labels
		}
		if c.Timeout > 0 {
			v.Timeout = c.Timeout
		}
		v.AllowFailure = j.AllowFailure || c.AllowFailure
		out[i] = v
	}
	return out
}

// overlay joins lists of variables, of which later ones win, sorted by name.
func overlay(lists ...[]EnvVar) []EnvVar {
	var out []EnvVar
	for _, list := range lists {
		for _, v := range list {
			i, ok := slices.BinarySearchFunc(out, v.Name, func(e EnvVar, name string) int {
				switch {
				case e.Name < name:
					return -1
				case e.Name > name:
					return 1
				}
				return 0
			})
			if ok {
				out[i] = v
			} else {
				out = slices.Insert(out, i, v)
			}
		}
	}
	return out
}

// Step is one command of a job.
type Step struct {
	Name string `json:"name"`
	Run  string `json:"run,omitempty"` // handed to the shell
	// Script is a file of the checkout that is run in place of Run: by the shell,
	// if one is named, else by itself.
	Script  string        `json:"script,omitempty"`
	Shell   Shell         `json:"shell,omitempty"` // empty: the job's
	Dir     string        `json:"dir,omitempty"`   // below the checkout; empty: the checkout
	Env     []EnvVar      `json:"env,omitempty"`   // sorted by name
	Secrets []string      `json:"secrets,omitempty"`
	Timeout time.Duration `json:"timeout,omitempty"`
	Quiet   time.Duration `json:"quiet,omitempty"`
	// When says how the steps before it must have ended.
	When When `json:"when,omitempty"`
	// If is a condition over what is known when its turn has come; see
	// docs/recipe.md. Empty: always.
	If string `json:"if,omitempty"`
	// AllowFailure says that the build goes on, and may pass, if the step fails.
	AllowFailure bool `json:"allow_failure,omitempty"`
	// Retry is how often a step that failed is run again at once, at most MaxStepRetry.
	Retry int `json:"retry,omitempty"`
}

// MaxStepRetry limits Step.Retry.
const MaxStepRetry = 10

// When says how what came before must have ended.
type When string

// The closed set.
const (
	WhenPassed When = ""       // well
	WhenFailed When = "failed" // badly
	WhenAlways When = "always" // either way, also after a time limit; not after a cancellation
)

// Whens lists all of them.
func Whens() []When { return []When{WhenPassed, WhenFailed, WhenAlways} }

// Shell runs a step's command.
type Shell string

// The shells. Each stops at the first command that fails.
const (
	ShellDefault    Shell = ""           // sh, on Windows cmd
	ShellSh         Shell = "sh"         // sh -e
	ShellBash       Shell = "bash"       // bash -e -o pipefail
	ShellPowerShell Shell = "powershell" // pwsh, or Windows PowerShell where there is no pwsh
	ShellCmd        Shell = "cmd"        // lines joined by &&; Windows only
	ShellPython     Shell = "python"     // python3, or python where there is no python3
)

// Shells lists every shell that a recipe can name.
func Shells() []Shell {
	return []Shell{ShellSh, ShellBash, ShellPowerShell, ShellCmd, ShellPython}
}

// Start says what sets a job off, and when.
type Start struct {
	// On lists causes; empty: change, force, try, pull and tag, or, for a job with
	// Cron, cron and force.
	On []Cause `json:"on,omitempty"`
	// Cron lists times at which it is built whether or not anything changed.
	Cron []Cron `json:"cron,omitempty"`
}

// Begins reports whether a cause sets off a job that starts like this. Retries,
// probes, reruns and products concern every job.
func (s Start) Begins(c Cause) bool {
	switch c {
	case CauseRetry, CauseProbe, CauseRerun, CauseProduct:
		return true
	}
	if len(s.On) > 0 {
		return slices.Contains(s.On, c)
	}
	if len(s.Cron) > 0 {
		return c == CauseCron || c == CauseForce
	}
	return c == CauseChange || c == CauseForce || c.Guest()
}

// Cron is a time that comes again and again.
type Cron struct {
	// Spec has five fields: minute, hour, day of the month, month, day of the week.
	Spec string `json:"spec"`
	// Zone is a name of the IANA time zone database; empty: UTC.
	Zone string `json:"zone,omitempty"`
	// Changed says that it is left out when nothing has changed since the last time.
	Changed bool `json:"changed,omitempty"`
}

// Param is what a person may choose who starts a job. Steps find it as
// $WEIR_PARAM_NAME, the name in upper case.
type Param struct {
	Name     string    `json:"name"` // lower-case letters, digits and underscores
	Type     ParamType `json:"type,omitempty"`
	Default  string    `json:"default,omitempty"`
	Choices  []string  `json:"choices,omitempty"` // of a ParamChoice
	Required bool      `json:"required,omitempty"`
	Help     string    `json:"help,omitempty"` // one line
}

// ParamType says what values a parameter may have.
type ParamType string

// The types.
const (
	ParamText   ParamType = ""       // one line of at most MaxParam bytes
	ParamNumber ParamType = "number" // a decimal number
	ParamBool   ParamType = "bool"   // true or false
	ParamChoice ParamType = "choice" // one of Choices
)

// ParamTypes lists every type.
func ParamTypes() []ParamType { return []ParamType{ParamText, ParamNumber, ParamBool, ParamChoice} }

// MaxParam limits a parameter's value, in bytes.
const MaxParam = 4 << 10

// ParamVar is the name of the variable that tells a step what was chosen.
func ParamVar(name string) string { return "WEIR_PARAM_" + upper(name) }

// Lock keeps builds from running at the same time.
type Lock struct {
	Name  string    `json:"name"`
	Scope LockScope `json:"scope,omitempty"`
	Count int       `json:"count,omitempty"` // how many shares it has; 0 means 1
}

// LockScope says among whom a lock is shared.
type LockScope string

// The scopes.
const (
	LockFarm   LockScope = ""       // all builds of the farm
	LockWorker LockScope = "worker" // the builds of each worker
)

// LockScopes lists every scope.
func LockScopes() []LockScope { return []LockScope{LockFarm, LockWorker} }

// LockUse is a job's hold on a lock.
type LockUse struct {
	Name  string `json:"name"`
	Count int    `json:"count,omitempty"` // shares it takes; 0 means 1
}

// Shares is how many shares of the lock are taken.
func (u LockUse) Shares() int { return max(u.Count, 1) }

// Shares is how many shares the lock has.
func (l Lock) Shares() int { return max(l.Count, 1) }

// Superseded says what becomes of builds of a branch when a newer revision of
// it comes. Builds that were forced, retries, probes and baselines always stay.
type Superseded string

// The policies.
const (
	SupersededWaiting Superseded = ""        // those that wait are cancelled
	SupersededRunning Superseded = "running" // those that run too, but for those of the branch's first revision
	SupersededNever   Superseded = "never"   // all stay: deployments, publications
)

// SupersededPolicies lists every policy.
func SupersededPolicies() []Superseded {
	return []Superseded{SupersededWaiting, SupersededRunning, SupersededNever}
}

// Service is a command that runs beside the steps of a build.
type Service struct {
	Name string   `json:"name"`
	Run  string   `json:"run"`
	Env  []EnvVar `json:"env,omitempty"`
	// Ready is a command that is run again and again until it succeeds, before the
	// first step. Empty: nothing is waited for.
	Ready   string        `json:"ready,omitempty"`
	Timeout time.Duration `json:"timeout,omitempty"` // for Ready; zero means DefaultReady
}

// DefaultReady is how long a service may take to become ready.
const DefaultReady = time.Minute

// Cache is what a build leaves on its worker for later builds of the project.
type Cache struct {
	// Paths are directories and files below the checkout, or below the home
	// directory if they start with ~/.
	Paths []string `json:"paths"`
	// Key names a state of the cache. {NAME} stands for a variable of the job's
	// environment, {platform}, {branch} and {job} for those, and {hash:PATTERN}
	// for what files of the checkout hold. What is cached under a key never changes.
	Key string `json:"key"`
	// Fallback are beginnings of keys: the newest cache with such a key is taken
	// if there is none with Key.
	Fallback []string `json:"fallback,omitempty"`
}

// ArtifactRule says which files a build keeps for people.
type ArtifactRule struct {
	Path string        `json:"path"`           // below the checkout, with wildcards as in ResultFile
	Keep time.Duration `json:"keep,omitempty"` // zero means DefaultKeep
	When When          `json:"when,omitempty"` // how the build must have ended
}

// DefaultKeep is how long an artifact is kept.
const DefaultKeep = 30 * 24 * time.Hour

// Artifact is a file that a build keeps for people.
type Artifact struct {
	Path    string    `json:"path"` // relative, with slashes
	Digest  Digest    `json:"digest"`
	Size    int64     `json:"size"` // bytes
	Expires time.Time `json:"expires,omitzero"`
}

// Metric is a number that a build measured, as steps write it into the file
// $WEIR_METRICS.
type Metric struct {
	Name  string  `json:"name"` // at most MaxMetricName bytes
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// Limits on what builds say of themselves.
const (
	MaxMetrics    = 1000
	MaxMetricName = 200
	MaxSummary    = 64 << 10 // bytes of the file $WEIR_SUMMARY
	MaxArtifacts  = 10_000   // files of one build
)
