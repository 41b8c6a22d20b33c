package execute

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/shell"
)

// runSteps runs the job's steps in order, up to the first that fails.
func (a *attempt) runSteps(ctx context.Context) {
	for i, step := range a.job.Spec.Job.Steps {
		index := a.first + i
		if why, stopped := a.interrupted(ctx, -1); stopped {
			a.stop(why)
			return
		}
		if !a.runStep(ctx, index, step) {
			return
		}
	}
}

// stop notes that the build ends for a reason other than a step's own failure.
func (a *attempt) stop(why weir.Reason) {
	if why.Code.Outcome() == weir.TimedOut {
		a.facts.limit = why
		return
	}
	a.facts.fault = why
}

// runStep runs one step and reports whether the next one may run.
func (a *attempt) runStep(ctx context.Context, index int, step weir.Step) bool {
	rec := &a.steps[index]
	log := &tail{w: a.begin(index)}
	dir, err := a.stepDir(step.Dir)
	if err != nil {
		fmt.Fprintf(log, "%v\n", err)
		a.fail(index, log, err.Error())
		return false
	}
	memory := shell.OutOfMemory()
	line, _ := shell.Program{Run: step.Run}.Line()
	e := shell.Command{
		Line: line, Dir: dir, Env: a.environment(step), Out: log,
		Timeout: step.Timeout, Quiet: orDefault(step.Quiet, orDefault(a.job.Spec.Job.Quiet, weir.DefaultQuiet)),
		Grace: orDefault(a.r.Grace, DefaultGrace), Linger: orDefault(a.r.Linger, DefaultLinger),
	}.Execute(ctx)
	rec.ExitCode, rec.Signal = e.Code, e.Signal
	switch limit, isLimit := errors.AsType[shell.Limit](e.Why); {
	case log.err != nil:
		a.end(index, weir.StepKilled, "its output could not be kept")
		a.stop(a.machine(log.err, fmt.Sprintf("the output of step %q cannot be kept", step.Name)))
	case e.Passed():
		a.end(index, weir.StepPassed, "")
		return true
	case isLimit:
		a.tails[index] = log.lines()
		a.end(index, weir.StepKilled, limit.Error())
		a.stop(reason(limit.Code, "step %q: %v", step.Name, limit))
		if context.Cause(ctx) == e.Why {
			a.stop(reason(limit.Code, "the build %v, in step %q", limit, step.Name))
		}
	case e.Why != nil:
		a.end(index, weir.StepKilled, "cancelled")
		a.stop(weir.Reason{Code: weir.ReasonRequested, Text: "the build was cancelled"})
	case e.Start != nil && errors.Is(e.Start, fs.ErrNotExist):
		a.end(index, weir.StepFailed, "there is no shell on this machine")
		a.stop(reason(weir.ReasonWorker, "step %q cannot be started: %v", step.Name, e.Start))
	case a.endedOutside(e, memory):
		note := e.Note() + ", from outside"
		a.tails[index] = log.lines()
		a.end(index, weir.StepKilled, note)
		a.stop(reason(weir.ReasonWorker, "step %q: %s: the machine is going down, or somebody ended it", step.Name, note))
	default:
		a.fail(index, log, e.Note())
	}
	return false
}

// fail ends a step as failed. If the disk is full it is the disk's fault.
func (a *attempt) fail(index int, log *tail, note string) {
	a.tails[index] = log.lines()
	a.end(index, weir.StepFailed, note)
	a.facts.failed = &a.steps[index]
	if why, full := a.full(nil); full {
		a.stop(why)
	}
}

// stepDir finds the directory that a step runs in. Links that leave the
// checkout are refused, because what they lead to differs between machines.
func (a *attempt) stepDir(dir string) (string, error) {
	if dir == "" {
		return a.checkout, nil
	}
	name := filepath.FromSlash(dir)
	if !filepath.IsLocal(name) {
		return "", weir.Errorf(weir.Invalid, "the directory %.200q is not below the checkout", dir)
	}
	root, err := os.OpenRoot(a.checkout)
	if err != nil {
		return "", err
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err != nil || !info.IsDir() {
		return "", weir.Errorf(weir.NotFound, "the directory %.200s is not in the checkout", dir).WithCause(err)
	}
	return filepath.Join(a.checkout, name), nil
}
