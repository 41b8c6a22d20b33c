// Package local holds the verbs that need no farm: they find out how a repository
// is tested (detect), turn what other services have into a recipe (import), and
// run a recipe here and now (run), as a worker would.
//
// A run goes through these parts:
//
//	run.go       the verb: which recipe, which of its builders, how it ends
//	recipe.go    where the recipe comes from: a farm file, .weir.yaml, detection
//	order.go     what is run before what, and what is left out
//	build.go     one build, and the products that it needs
//	pin.go       which revisions take part
//	copy.go      a checkout that is a copy of a directory
//	secrets.go   the values of secrets and parameters
//	baseline.go  what was seen before, and the verdict
//	failure.go   a shell where a step failed
//	summary.go   what people read
package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/detect"
	"github.com/weir-ci/weir/internal/recipe"
)

// runFlags is what can be said on the command line.
type runFlags struct {
	file, dir        string
	job, cell        string
	pins             map[string]string
	params, secrets  map[string]string
	quiet            bool
	shell            bool
	installed        bool
	baseline, saveTo string
	repeat           int
	fileGiven        bool
}

// Run is the verb weir run.
func Run() *cobra.Command {
	c := &cobra.Command{
		Use:   "run [PROJECT[/JOB]]",
		Short: "run a recipe here and now, without a server",
		Long: `Run a recipe on this machine, exactly as a worker would: the same checkout,
steps, environment, limits and reading of results.

With a farm file (weir.yaml here, or --file) run one job of it. The products of
its upstreams are built first. Revisions are the newest ones unless --pin says
otherwise; --dir tests a copy of a directory instead of a checkout. Without an
argument, runs the only job there is.

Without a farm file run what is here, or in --dir: a copy of the directory is
tested with its .weir.yaml, or, if there is none, with what weir detect finds.
All jobs are run, those that others need first.

With --baseline the results are held against those of an earlier run, as a farm
does it: what is newly bad is run once more, and only what is bad again counts.

Exit codes: 0 if all builds passed, 1 if not. With --baseline: 0 if nothing got
worse, even if tests fail that failed before; 1 if something did. 2 if the
command line is wrong, 3 if a build ended for a reason that says nothing about
the project, such as a source that does not answer.`,
		Example: "  weir run\n  weir run --job python --shell-on-failure\n  weir run twisted --pin cpython=v3.14.0\n" +
			"  weir run --save-baseline before.json; edit; weir run --baseline before.json",
		Args: cobra.MaximumNArgs(1),
	}
	var f runFlags
	c.Flags().StringVarP(&f.file, "file", "f", recipe.FileName, "the farm file")
	c.Flags().StringVar(&f.dir, "dir", "", "test a copy of this directory instead of a checkout")
	c.Flags().StringVar(&f.job, "job", "", "run this job, and those that it needs")
	c.Flags().StringVar(&f.cell, "cell", "", "run this cell of a matrix only")
	c.Flags().StringToStringVar(&f.pins, "pin", nil, "use this revision of a project: PROJECT=REVISION; may be repeated")
	c.Flags().StringToStringVar(&f.params, "param", nil, "choose a parameter: NAME=VALUE; may be repeated")
	c.Flags().StringToStringVar(&f.secrets, "secret", nil, "read a secret from a file: NAME=FILE; may be repeated")
	c.Flags().BoolVar(&f.shell, "shell-on-failure", false, "open a shell where a step failed, with its environment")
	c.Flags().StringVar(&f.baseline, "baseline", "", "hold the results against those in this file")
	c.Flags().StringVar(&f.saveTo, "save-baseline", "", "save the results to this file, for --baseline")
	c.Flags().IntVar(&f.repeat, "repeat", 1, "how often what is newly bad is run again, 0 to 10")
	c.Flags().BoolVar(&f.installed, "installed", false, "detect a recipe that fetches nothing")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print only how it ended")
	c.RunE = func(c *cobra.Command, args []string) error {
		f.fileGiven = c.Flags().Changed("file")
		if f.repeat < 0 || f.repeat > 10 {
			return console.Usage(fmt.Errorf("--repeat %d: it must be 0 to 10", f.repeat))
		}
		return f.run(c, strings.Join(args, ""))
	}
	return c
}

// run does what the command line says.
func (f runFlags) run(c *cobra.Command, want string) error {
	src, err := f.source(c)
	if err != nil {
		return err
	}
	chosen, err := src.choose(want, f.job, f.cell)
	if err != nil {
		return err
	}
	base, err := loadBaseline(f.baseline)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "weir-run-")
	if err != nil {
		return weir.Errorf(weir.Exhausted, "no scratch directory: %w", err)
	}
	r := &localRun{flags: f, src: src, scratch: scratch, out: c.OutOrStdout(), base: base,
		paint: painter(c.OutOrStdout()), made: map[string]weir.Product{}}
	defer func() {
		if !r.keep {
			_ = app.RemoveAll(scratch)
		}
	}()
	if r.runner, r.lister, err = app.NewRunner(filepath.Join(src.farm.Data, "worker")); err != nil {
		return err
	}
	if f.shell {
		r.runner.Failed = r.failed(c.InOrStdin())
	}
	if src.dir != "" {
		project := chosen[0].Project
		r.runner.Checkout = workingCopy{dir: src.dir, scratch: scratch, source: project.Source, next: r.runner.Checkout}
	}
	if err := r.pin(c.Context(), chosen, f.pins, src.dir != ""); err != nil {
		return err
	}
	if r.secrets, err = f.readSecrets(src.farm, chosen); err != nil {
		return err
	}
	if r.params, err = chooseParams(chosen, f.params); err != nil {
		return err
	}
	return r.all(c.Context(), chosen)
}

// all runs the chosen builders in their order, and says how it ended.
func (r *localRun) all(ctx context.Context, chosen []recipe.Plan) error {
	done := ledger{}
	bad, silent := false, false
	for _, plan := range chosen {
		if why := done.leaveOut(plan, r.params); why != "" {
			fmt.Fprintf(r.out, "=== %s skipped: %s\n", plan.Key.Name(), why)
			done.note(plan, weir.Skipped)
			continue
		}
		end, err := r.judged(ctx, plan)
		if err != nil {
			return err
		}
		done.note(plan, end.outcome)
		bad = bad || end.bad
		silent = silent || end.silent
	}
	if r.flags.saveTo != "" {
		if err := r.base.save(r.flags.saveTo); err != nil {
			return err
		}
		fmt.Fprintf(r.out, "saved what is to be expected to %s\n", r.flags.saveTo)
	}
	switch {
	case bad:
		return console.ErrBadNews
	case silent:
		return weir.Errorf(weir.Unavailable, "a build ended for a reason that says nothing about the project").
			WithHint("see above, and run it again")
	}
	return nil
}

// detected says how a repository without a recipe is tested.
func (f runFlags) detected(dir string) ([]weir.Job, []detect.Reason, error) {
	return detectIn(dir, detect.Options{Installed: f.installed})
}
