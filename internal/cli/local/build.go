package local

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/worker/execute"
)

// localRun runs builders and the products they need on this machine.
type localRun struct {
	flags   runFlags
	src     *recipeSource
	runner  *execute.Runner
	lister  app.Lister
	scratch string
	out     io.Writer
	paint   paint
	pins    weir.Pins
	secrets []weir.EnvVar
	params  []weir.EnvVar
	base    *baselines
	made    map[string]weir.Product // by builder: products that exist already
	builds  int
	keep    bool // the scratch directory stays, for somebody to look at
}

// build runs a plan, and before it the plans whose products it needs.
func (r *localRun) build(ctx context.Context, plan recipe.Plan) (execute.Report, error) {
	spec := plan.Spec(r.pins)
	spec.Cause, spec.Branch, spec.Params = weir.CauseForce, plan.Key.Branch, paramsOf(plan.Job, r.params)
	for i, input := range spec.Inputs {
		job := plan.ProductJob(r.src.farm, input.Project)
		if job == "" {
			continue
		}
		product, report, err := r.product(ctx, plan, input.Project, job)
		if err != nil {
			return report, err
		}
		spec.Inputs[i].Product = product
	}
	r.builds++
	if !r.flags.quiet {
		fmt.Fprintln(r.out, r.paint.bold(fmt.Sprintf("=== %s at %s", plan.Key.Name(), weir.ShortRevision(spec.Revision))))
	}
	dir := filepath.Join(r.scratch, fmt.Sprint(r.builds))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return execute.Report{}, err
	}
	report := r.runner.Run(ctx, execute.Job{Build: "0", Spec: spec, Dir: dir, Secrets: r.secretsOf(plan)},
		&printer{out: r.out, quiet: r.flags.quiet, paint: r.paint})
	return report, ctx.Err()
}

// secretsOf are the secrets that a builder may have.
func (r *localRun) secretsOf(plan recipe.Plan) []weir.EnvVar {
	names := slices.Clone(plan.Job.Secrets)
	for _, s := range plan.Job.Steps {
		names = append(names, s.Secrets...)
	}
	names = append(names, plan.Project.Source.Credentials)
	var out []weir.EnvVar
	for _, v := range r.secrets {
		if slices.Contains(names, v.Name) {
			out = append(out, v)
		}
	}
	return out
}

// product builds what an upstream hands down, once.
func (r *localRun) product(ctx context.Context, plan recipe.Plan, project, job string) (weir.Product, execute.Report, error) {
	k := slices.IndexFunc(r.src.plans, func(p recipe.Plan) bool {
		return p.Key.Project == project && p.Key.Job == job && p.Key.Platform == plan.Key.Platform
	})
	if k < 0 {
		return weir.Product{}, execute.Report{}, weir.Errorf(weir.NotFound, "%s/%s is not built on %s", project, job, plan.Key.Platform)
	}
	name := r.src.plans[k].Key.Name()
	if p, ok := r.made[name]; ok {
		return p, execute.Report{}, nil
	}
	made, err := r.build(ctx, r.src.plans[k])
	if err != nil {
		return weir.Product{}, made, err
	}
	if made.Outcome != weir.Passed {
		return weir.Product{}, made, weir.Errorf(weir.Unavailable, "the product of %s could not be built: it %s%s",
			project, made.Outcome, console.ReasonText(made.Reason))
	}
	r.made[name] = made.Product
	return made.Product, made, nil
}

// Printer shows a build on w while it runs; only how it ended if it is quiet.
func Printer(w io.Writer, quiet bool) execute.Observer {
	return &printer{out: w, quiet: quiet, paint: painter(w)}
}

// printer shows a build while it runs.
type printer struct {
	out   io.Writer
	quiet bool
	paint paint
	begun map[int]bool
}

// Step prints the step's title when it begins and its note when it ends badly.
func (p *printer) Step(s weir.StepRecord) {
	if p.quiet {
		return
	}
	if p.begun == nil {
		p.begun = map[int]bool{}
	}
	switch {
	case s.State == weir.StepRunning && !p.begun[s.Index]:
		p.begun[s.Index] = true
		fmt.Fprintln(p.out, p.paint.bold("--- "+show.Safe(s.Name)))
	case s.State == weir.StepFailed || s.State == weir.StepKilled:
		fmt.Fprintln(p.out, p.paint.red("--- "+show.Safe(s.Name)+": "+show.Safe(s.Note)))
	}
}

// Output is where a step's output goes.
func (p *printer) Output(int) io.Writer {
	if p.quiet {
		return io.Discard
	}
	return p.out
}
