// Package local holds the verbs that need no farm: they find out how a repository
// is tested (detect), turn what other services have into a recipe (import), and
// run a recipe here and now (run), as a worker would.
package local

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/worker/execute"
)

// Run is the verb weir run.
func Run() *cobra.Command {
	c := &cobra.Command{
		Use:   "run [PROJECT[/JOB]]",
		Short: "run a recipe here and now, without a server",
		Long: `Run one job of a farm file on this machine, exactly as a worker would: the same
checkout, steps, environment, limits and reading of results. The products of
its upstreams are built first. Revisions are the newest ones unless --pin says
otherwise; --dir tests a copy of a directory instead of a checkout.

Without an argument, runs the only job there is. Exits with 0 if the build
passed and 1 if not.`,
		Example: "  weir run twisted/test\n  weir run twisted --pin cpython=v3.14.0\n  weir run --dir .",
		Args:    cobra.MaximumNArgs(1),
	}
	file := c.Flags().StringP("file", "f", recipe.FileName, "the farm file")
	dir := c.Flags().String("dir", "", "test a copy of this directory instead of a checkout")
	pins := c.Flags().StringToString("pin", nil, "use this revision of a project: PROJECT=REVISION; may be repeated")
	quiet := c.Flags().BoolP("quiet", "q", false, "print only how it ended")
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := console.LoadFarm(c, []string{*file})
		if err != nil {
			return err
		}
		plans := recipe.Expand(farm, console.HostPlatform())
		plan, err := choosePlan(plans, strings.Join(args, ""), *file)
		if err != nil {
			return err
		}
		scratch, err := os.MkdirTemp("", "weir-run-")
		if err != nil {
			return weir.Errorf(weir.Exhausted, "no scratch directory: %w", err)
		}
		defer app.RemoveAll(scratch)
		r := localRun{farm: farm, plans: plans, scratch: scratch, out: c.OutOrStdout(), quiet: *quiet}
		if r.runner, r.lister, err = app.NewRunner(filepath.Join(farm.Data, "worker")); err != nil {
			return err
		}
		if *dir != "" {
			r.runner.Checkout = workingCopy{dir: *dir, of: plan.Key.Project, source: plan.Project.Source, next: r.runner.Checkout}
		}
		if err := r.pin(c.Context(), plan, *pins, *dir != ""); err != nil {
			return err
		}
		report, err := r.build(c.Context(), plan)
		if err != nil {
			return err
		}
		summarise(c.OutOrStdout(), plan.Key.Name(), report)
		if report.Outcome != weir.Passed {
			return console.ErrBadNews
		}
		return nil
	}
	return c
}

// choosePlan finds the builder of this platform that a person means.
func choosePlan(plans []recipe.Plan, want, file string) (recipe.Plan, error) {
	project, job, _ := strings.Cut(want, "/")
	var names []string
	var fit []recipe.Plan
	for _, p := range plans {
		if p.Key.Platform != console.HostPlatform() {
			continue
		}
		names = append(names, p.Key.Project+"/"+p.Key.Job)
		if (project == "" || p.Key.Project == project) && (job == "" || p.Key.Job == job) {
			fit = append(fit, p)
		}
	}
	list := strings.Join(names, ", ")
	if len(names) > 12 {
		list = strings.Join(names[:12], ", ") + ", ..."
	}
	switch {
	case len(names) == 0:
		return recipe.Plan{}, weir.Errorf(weir.NotFound, "%s has no job that runs on %s", file, console.HostPlatform())
	case len(fit) == 0:
		return recipe.Plan{}, weir.Errorf(weir.NotFound, "%s has no job %q that runs on %s", file, want, console.HostPlatform()).
			WithHint("there are: %s", list)
	case len(fit) > 1:
		return recipe.Plan{}, weir.Errorf(weir.Invalid, "%q may be several jobs", want).
			WithHint("name one: weir run PROJECT/JOB; there are: %s", list)
	}
	return fit[0], nil
}

// localRun runs a builder and the products it needs on this machine.
type localRun struct {
	farm    *recipe.Farm
	plans   []recipe.Plan
	runner  *execute.Runner
	lister  app.Lister
	scratch string
	out     io.Writer
	quiet   bool
	pins    weir.Pins
	builds  int
}

// pin decides the revision of everything that takes part.
func (r *localRun) pin(ctx context.Context, plan recipe.Plan, wanted map[string]string, workingCopy bool) error {
	r.pins = weir.Pins{}
	names := append(slices.Clone(plan.Upstreams), plan.Key.Project)
	for name := range wanted {
		if !slices.Contains(names, name) {
			return console.Usage(fmt.Errorf("--pin %s: %s takes no part in %s; these do: %s",
				name, name, plan.Key.Name(), strings.Join(names, ", ")))
		}
	}
	for _, name := range names {
		p, _ := r.farm.Project(name)
		if rev := wanted[name]; rev != "" {
			var err error
			if r.pins[name], err = r.resolve(ctx, p, rev); err != nil {
				return err
			}
			continue
		}
		if workingCopy && name == plan.Key.Project {
			r.pins[name] = "working-copy"
			continue
		}
		listing, err := r.lister.Revisions(ctx, p.Source, "")
		if err != nil {
			return err
		}
		if len(listing.Revisions) == 0 {
			return weir.Errorf(weir.NotFound, "%s has no revisions", name)
		}
		r.pins[name] = listing.Revisions[len(listing.Revisions)-1].ID
	}
	return nil
}

// fullHash is how git names a commit for good.
var fullHash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// resolve finds the revision that a person means: a tag, a version, the
// beginning of a hash. A full hash is taken even if the branch does not have it,
// and so is a derived revision (weir.Without), as builds on a farm name them.
func (r *localRun) resolve(ctx context.Context, p *weir.Project, name string) (string, error) {
	src := p.Source
	src.From, src.To = name, name
	if _, _, derived := weir.CutWithout(name); derived && src.Kind == weir.Git {
		return name, nil
	}
	listing, err := r.lister.Revisions(ctx, src, "")
	switch code := weir.CodeOf(err); {
	case err == nil && len(listing.Revisions) > 0:
		return listing.Revisions[0].ID, nil
	case src.Kind == weir.Git && fullHash.MatchString(name) && (err == nil || code == weir.NotFound):
		return name, nil
	case err == nil, code == weir.NotFound:
		return "", weir.Errorf(weir.NotFound, "%s has no revision %.80q", p.Name, name).
			WithHint("name a tag, a version, or a commit by its hash")
	}
	return "", err
}

// build runs a plan, and before it the plans whose products it needs.
func (r *localRun) build(ctx context.Context, plan recipe.Plan) (execute.Report, error) {
	spec := plan.Spec(r.pins)
	for i, input := range spec.Inputs {
		job := plan.ProductJob(r.farm, input.Project)
		if job == "" {
			continue
		}
		k := slices.IndexFunc(r.plans, func(p recipe.Plan) bool {
			return p.Key.Project == input.Project && p.Key.Job == job && p.Key.Platform == plan.Key.Platform
		})
		if k < 0 {
			return execute.Report{}, weir.Errorf(weir.NotFound, "%s/%s is not built on %s", input.Project, job, plan.Key.Platform)
		}
		made, err := r.build(ctx, r.plans[k])
		if err != nil {
			return made, err
		}
		if made.Outcome != weir.Passed {
			return made, weir.Errorf(weir.Unavailable, "the product of %s could not be built: it %s%s",
				input.Project, made.Outcome, console.ReasonText(made.Reason))
		}
		spec.Inputs[i].Product = made.Product
	}
	r.builds++
	if !r.quiet {
		fmt.Fprintf(r.out, "=== %s at %s\n", plan.Key.Name(), weir.ShortRevision(spec.Revision))
	}
	dir := filepath.Join(r.scratch, fmt.Sprint(r.builds))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return execute.Report{}, err
	}
	report := r.runner.Run(ctx, execute.Job{Build: "0", Spec: spec, Dir: dir}, &printer{out: r.out, quiet: r.quiet})
	return report, ctx.Err()
}

// Printer shows a build on w while it runs; only how steps ended badly if it is quiet.
func Printer(w io.Writer, quiet bool) execute.Observer { return &printer{out: w, quiet: quiet} }

// printer shows a build while it runs.
type printer struct {
	out   io.Writer
	quiet bool
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
		fmt.Fprintf(p.out, "--- %s\n", show.Safe(s.Name))
	case s.State == weir.StepFailed || s.State == weir.StepKilled:
		fmt.Fprintf(p.out, "--- %s: %s\n", show.Safe(s.Name), show.Safe(s.Note))
	}
}

// Output is where a step's output goes.
func (p *printer) Output(int) io.Writer {
	if p.quiet {
		return io.Discard
	}
	return p.out
}

// maxListed is how many failing tests a summary lists.
const maxListed = 50

// summarise prints how a build ended and which tests were bad.
func summarise(w io.Writer, name string, r execute.Report) {
	listed := 0
	for _, t := range r.Set.Results {
		if !t.Status.Bad() || t.Test.Suite == weir.StepSuite {
			continue
		}
		if listed++; listed > maxListed {
			continue
		}
		message, _, _ := strings.Cut(t.Message, "\n")
		fmt.Fprintf(w, "%s %s\n    %s\n", t.Status, show.Safe(t.Test.String()), show.Clip(show.Safe(message), 200))
	}
	if listed > maxListed {
		fmt.Fprintf(w, "and %d more\n", listed-maxListed)
	}
	var took time.Duration
	if len(r.Steps) > 0 {
		took = r.Steps[len(r.Steps)-1].Ended.Sub(r.Steps[0].Started).Round(10 * time.Millisecond)
	}
	counts := r.Set.Count()
	fmt.Fprintf(w, "=== %s %s%s", name, r.Outcome, console.ReasonText(r.Reason))
	if counts.Total() > 0 {
		noun := "tests"
		if counts.Total() == 1 {
			noun = "test"
		}
		fmt.Fprintf(w, "; %d %s, %d bad, %d skipped", counts.Total(), noun, counts.Bad(), counts.Skip)
	}
	if took > 0 {
		fmt.Fprintf(w, "; %v", took)
	}
	fmt.Fprintln(w)
}

// workingCopy checks out one project by copying a directory.
type workingCopy struct {
	dir    string
	of     string
	source weir.Source
	next   execute.Checkouter
}

// Checkout copies the directory if it is asked for the project's source.
func (w workingCopy) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	if src.Location != w.source.Location || revision != "working-copy" {
		return w.next.Checkout(ctx, src, revision, dir, log)
	}
	fmt.Fprintf(log, "copying %s\n", w.dir)
	info, err := os.Stat(w.dir)
	if err != nil || !info.IsDir() {
		return weir.Errorf(weir.Invalid, "%s is not a directory", w.dir)
	}
	if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
		return weir.Errorf(weir.Invalid, "%s cannot be copied: %w", w.dir, err)
	}
	return nil
}
