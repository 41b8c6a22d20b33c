package local

import (
	"fmt"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/condition"
)

// withNeeds puts in front of each builder the ones that it needs, as far as they
// run on this machine.
func (s *recipeSource) withNeeds(chosen []recipe.Plan) []recipe.Plan {
	var out []recipe.Plan
	seen := map[string]bool{}
	var add func(p recipe.Plan)
	add = func(p recipe.Plan) {
		if seen[p.Key.Name()] {
			return
		}
		seen[p.Key.Name()] = true // before what it needs: that ends a circle
		for _, need := range p.Job.Needs {
			for _, other := range s.plans {
				if runsHere(other) && other.Key.Project == p.Key.Project && other.Key.Job == need {
					add(other)
				}
			}
		}
		out = append(out, p)
	}
	for _, p := range chosen {
		add(p)
	}
	return out
}

// ledger is how the builds of each job of a project ended.
type ledger map[string][]weir.Outcome

func jobKey(p recipe.Plan, job string) string { return p.Key.Project + "/" + job }

// note enters how a build ended. One that may fail is entered as good.
func (l ledger) note(p recipe.Plan, o weir.Outcome) {
	if p.Job.AllowFailure && (o == weir.Failed || o == weir.Broken || o == weir.TimedOut) {
		o = weir.Passed
	}
	l[jobKey(p, p.Key.Job)] = append(l[jobKey(p, p.Key.Job)], o)
}

// leaveOut says why a builder is not built, as a farm would; empty if it is.
func (l ledger) leaveOut(p recipe.Plan, params []weir.EnvVar) string {
	bad := ""
	for _, need := range p.Job.Needs {
		if slices.ContainsFunc(l[jobKey(p, need)], func(o weir.Outcome) bool { return o != weir.Passed }) {
			bad = need
		}
	}
	switch {
	case p.Job.When == weir.WhenAlways:
	case p.Job.When == weir.WhenFailed && bad == "":
		return "what it needs did not fail"
	case p.Job.When != weir.WhenFailed && bad != "":
		return fmt.Sprintf("it needs %s, which did not pass", bad)
	}
	facts := condition.JobFacts{Project: p.Key.Project, Job: p.Key.Job, Cell: p.Key.Cell, Platform: p.Key.Platform, Branch: p.Key.Branch,
		Cause: weir.CauseForce, Params: map[string]string{}, Matrix: map[string]string{}}
	for _, d := range p.Job.Params {
		facts.Params[d.Name] = d.Default
	}
	for _, v := range paramsOf(p.Job, params) {
		facts.Params[v.Name] = v.Value
	}
	for _, c := range cellsOf(p) {
		facts.Matrix[c.Name] = c.Value
	}
	ok, err := condition.Job(p.Job.If, facts)
	switch {
	case err != nil:
		return err.Error()
	case !ok:
		return "its condition is not true: " + p.Job.If
	}
	return ""
}

// cellsOf are the values of the axes of a builder's cell.
func cellsOf(p recipe.Plan) []weir.EnvVar {
	job, ok := p.Project.Job(p.Key.Job)
	if !ok {
		return nil
	}
	for _, c := range job.Cells {
		if c.Name == p.Key.Cell {
			return c.Vars
		}
	}
	return nil
}
