package execute

import (
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/condition"
	"github.com/weir-ci/weir/internal/worker/notes"
)

// maxOutputs limits the outputs of all steps of a build, in bytes: every later
// step finds them in its environment, and that has limits of the system's.
const maxOutputs = 256 << 10

// takeNotes keeps what a step wrote for others. What it wrote wrong stands in its log.
func (a *attempt) takeNotes(step weir.Step, log *stepLog, n notes.Notes) {
	for _, complaint := range n.Complaints {
		log.say("%s", complaint)
	}
	for _, v := range n.Outputs {
		a.outputs.add(step.Name, v, log)
	}
	merged, left := notes.Merge(a.metrics, n.Metrics)
	if a.metrics = merged; left > 0 {
		log.say("%s left out: a build has at most %d", plural(left, "metric"), weir.MaxMetrics)
	}
	joined, cut := notes.Append(a.summary, n.Summary)
	if a.summary = joined; cut {
		log.say("the summary is cut: that of a build has at most %d bytes", weir.MaxSummary)
	}
}

// outputs are what steps hand to later ones.
type outputs struct {
	list  []output // in the order in which they came; later ones win
	bytes int
}

type output struct {
	step string
	weir.EnvVar
}

func (o *outputs) add(step string, v weir.EnvVar, log *stepLog) {
	size := len(step) + len(v.Name) + len(v.Value)
	if o.bytes+size > maxOutputs {
		log.say("the output %s is left out: those of a build have at most %d bytes together", v.Name, maxOutputs)
		return
	}
	o.bytes += size
	o.list = append(o.list, output{step, v})
}

// describe adds the outputs to the environment of a step.
func (o *outputs) describe(env map[string]string) {
	for _, out := range o.list {
		env[weir.OutputVar(out.step, out.Name)] = out.Value
	}
}

// byStep are the outputs as conditions see them.
func (o *outputs) byStep() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, out := range o.list {
		if all[out.step] == nil {
			all[out.step] = map[string]string{}
		}
		all[out.step][out.Name] = out.Value
	}
	return all
}

// condition evaluates what a step's turn depends on beside the steps before it.
func (a *attempt) condition(step weir.Step) (bool, error) {
	if strings.TrimSpace(step.If) == "" {
		return true, nil
	}
	spec := a.job.Spec
	vars := condition.Vars(spec.Job.Env)
	facts := condition.StepFacts{
		JobFacts: condition.JobFacts{
			Project: spec.Project, Job: spec.Job.Name, Cell: spec.Job.Cell, Platform: spec.Platform, Branch: spec.Branch,
			Cause: spec.Cause, Pull: spec.Cause == weir.CausePull, Fork: spec.Cause == weir.CausePull && spec.Untrusted,
			Params: a.params(), Matrix: vars,
		},
		Failed: a.facts.bad(), Outputs: a.outputs.byStep(), Env: condition.Vars(append(spec.Job.Env[:len(spec.Job.Env):len(spec.Job.Env)], step.Env...)),
	}
	if tag, ok := strings.CutPrefix(spec.Ref, "refs/tags/"); ok {
		facts.Tag = tag
	}
	return condition.Step(step.If, facts)
}

// params are the job's parameters, as chosen or by default.
func (a *attempt) params() map[string]string {
	all := map[string]string{}
	for _, p := range a.job.Spec.Job.Params {
		all[p.Name] = p.Default
	}
	for _, v := range a.job.Spec.Params {
		all[v.Name] = v.Value
	}
	return all
}
