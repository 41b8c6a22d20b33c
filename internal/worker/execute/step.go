package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/weir-ci/weir"
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
	memory := outOfMemory()
	e := command{
		run: step.Run, dir: dir, env: a.environment(step), out: log,
		timeout: step.Timeout, quiet: orDefault(step.Quiet, orDefault(a.job.Spec.Job.Quiet, weir.DefaultQuiet)),
		grace: orDefault(a.r.Grace, DefaultGrace), linger: orDefault(a.r.Linger, DefaultLinger),
	}.execute(ctx)
	rec.ExitCode, rec.Signal = e.code, e.signal
	switch limit, isLimit := errors.AsType[limitError](e.why); {
	case log.err != nil:
		a.end(index, weir.StepKilled, "its output could not be kept")
		a.stop(a.machine(log.err, fmt.Sprintf("the output of step %q cannot be kept", step.Name)))
	case e.passed():
		a.end(index, weir.StepPassed, "")
		return true
	case isLimit:
		a.tails[index] = log.lines()
		a.end(index, weir.StepKilled, limit.Error())
		a.stop(reason(limit.code, "step %q: %v", step.Name, limit))
		if context.Cause(ctx) == e.why {
			a.stop(reason(limit.code, "the build %v, in step %q", limit, step.Name))
		}
	case e.why != nil:
		a.end(index, weir.StepKilled, "cancelled")
		a.stop(weir.Reason{Code: weir.ReasonRequested, Text: "the build was cancelled"})
	case e.start != nil && errors.Is(e.start, fs.ErrNotExist):
		a.end(index, weir.StepFailed, "there is no shell on this machine")
		a.stop(reason(weir.ReasonWorker, "step %q cannot be started: %v", step.Name, e.start))
	case a.endedOutside(e, memory):
		note := e.note() + ", from outside"
		a.tails[index] = log.lines()
		a.end(index, weir.StepKilled, note)
		a.stop(reason(weir.ReasonWorker, "step %q: %s: the machine is going down, or somebody ended it", step.Name, note))
	default:
		a.fail(index, log, e.note())
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

// command is a shell command to run.
type command struct {
	run, dir       string
	env            []string
	out            io.Writer // an error from it ends the command
	timeout, quiet time.Duration
	grace, linger  time.Duration
}

// exit is how a command ended.
type exit struct {
	code   int
	signal string
	number int   // of the signal; 0 if there was none
	why    error // why it was ended; nil if it ended by itself
	start  error // why it could not be started
}

func (e exit) passed() bool {
	return e.why == nil && e.start == nil && e.code == 0 && e.signal == ""
}

// note says in one line what happened.
func (e exit) note() string {
	switch {
	case e.start != nil:
		return fmt.Sprintf("cannot be started: %v", e.start)
	case e.signal != "":
		return "killed by signal: " + e.signal
	}
	note := fmt.Sprintf("exit status %d", e.code)
	if hint := exitHint(e.code); hint != "" {
		note += " (" + hint + ")"
	}
	return note
}
