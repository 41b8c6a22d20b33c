package condition

import (
	"github.com/weir-ci/weir"
)

// JobFacts is what a job's condition knows. Facts that do not apply are empty.
type JobFacts struct {
	Project  string
	Job      string
	Cell     string // of the matrix
	Platform weir.Platform
	Branch   string
	Cause    weir.Cause
	Tag      string // the tag that set it off
	Pull     bool   // it is a pull request's
	Fork     bool   // and that comes from another repository
	Author   string // of the revision, "Name <mail>"
	// Params is what was chosen, or the default, by the names of the parameters;
	// Matrix the cell's values by axis.
	Params map[string]string
	Matrix map[string]string
}

// StepFacts is what a step's condition knows.
type StepFacts struct {
	JobFacts
	Failed bool // a step before it failed; those whose failure is allowed do not count
	// Outputs is what earlier steps handed on, by step and key.
	Outputs map[string]map[string]string
	Env     map[string]string // of the step, without secrets
}

// The values of status.
const (
	statusPassed = "passed"
	statusFailed = "failed"
)

// jobEnv is what the names in a job's condition stand for.
type jobEnv struct {
	Project  string            `expr:"project"`
	Job      string            `expr:"job"`
	Cell     string            `expr:"cell"`
	Platform string            `expr:"platform"`
	OS       string            `expr:"os"`
	Arch     string            `expr:"arch"`
	Branch   string            `expr:"branch"`
	Cause    string            `expr:"cause"`
	Tag      string            `expr:"tag"`
	Pull     bool              `expr:"pull"`
	Fork     bool              `expr:"fork"`
	Author   string            `expr:"author"`
	Params   map[string]string `expr:"params"`
	Matrix   map[string]string `expr:"matrix"`
}

// stepEnv is what the names in a step's condition stand for.
type stepEnv struct {
	jobEnv
	Status  string                       `expr:"status"`
	Outputs map[string]map[string]string `expr:"outputs"`
	Env     map[string]string            `expr:"env"`
}

// JobNames lists the facts that a job's condition can name, sorted.
func JobNames() []string {
	return []string{"arch", "author", "branch", "cause", "cell", "fork", "job", "matrix", "os", "params",
		"platform", "project", "pull", "tag"}
}

// StepNames lists the further facts that a step's condition can name, sorted.
func StepNames() []string { return []string{"env", "outputs", "status"} }

func (f JobFacts) env() jobEnv {
	return jobEnv{Project: f.Project, Job: f.Job, Cell: f.Cell, Platform: string(f.Platform),
		OS: f.Platform.OS(), Arch: f.Platform.Arch(), Branch: f.Branch, Cause: string(f.Cause), Tag: f.Tag,
		Pull: f.Pull, Fork: f.Fork, Author: f.Author, Params: f.Params, Matrix: f.Matrix}
}

func (f StepFacts) env() stepEnv {
	e := stepEnv{jobEnv: f.JobFacts.env(), Status: statusPassed, Outputs: f.Outputs, Env: f.Env}
	if f.Failed {
		e.Status = statusFailed
	}
	return e
}

// Vars makes a map of variables, for the facts that are one.
func Vars(list []weir.EnvVar) map[string]string {
	out := make(map[string]string, len(list))
	for _, v := range list {
		out[v.Name] = v.Value
	}
	return out
}
