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
	"github.com/weir-ci/weir/internal/worker/notes"
	"github.com/weir-ci/weir/internal/worker/shell"
)

// careTime is how long the steps may take together that run although the
// build's time is up: those that clean up, or say what went wrong.
const careTime = 10 * time.Minute

// runSteps runs the job's steps in order, each if its turn comes. limited is ctx
// with the build's time limit.
func (a *attempt) runSteps(ctx, limited context.Context) {
	var care context.Context
	for i, step := range a.job.Spec.Job.Steps {
		if why, stopped := a.interrupted(limited, -1); stopped {
			a.stop(why)
		}
		if a.facts.fault.Code != weir.ReasonNone {
			return
		}
		index := a.first + i
		if note, skip := a.passedOver(step); skip {
			a.skip(index, note)
			continue
		}
		turn := limited
		if limited.Err() != nil {
			if care == nil {
				var cancel context.CancelFunc
				care, cancel = context.WithTimeoutCause(ctx, careTime, shell.Limit{Code: weir.ReasonTimeout, After: careTime})
				defer cancel()
			}
			turn = care
		}
		a.runStep(turn, index, step)
	}
}

// passedOver reports whether a step's turn does not come, and says why not.
func (a *attempt) passedOver(step weir.Step) (note string, skip bool) {
	bad := a.facts.bad()
	switch {
	case step.When == weir.WhenAlways:
	case step.When == weir.WhenFailed && !bad:
		return "no step before it failed", true
	case step.When != weir.WhenFailed && bad:
		return "a step before it failed", true
	}
	ok, err := a.condition(step)
	return "the condition is not true: " + step.If, err == nil && !ok
}

// skip marks a step whose turn did not come.
func (a *attempt) skip(index int, note string) {
	a.steps[index].State, a.steps[index].Note = weir.StepSkipped, clip(a.mask.String(note), weir.MaxReason)
	a.obs.Step(a.steps[index])
}

// stop notes that the build ends for a reason other than a step's own failure.
// Of several time limits the first one counts.
func (a *attempt) stop(why weir.Reason) {
	if why.Code.Outcome() != weir.TimedOut {
		a.facts.fault = why
	} else if a.facts.limit.Code == weir.ReasonNone {
		a.facts.limit = why
	}
}

// ending is how one try of a step ended.
type ending struct {
	state weir.StepState
	note  string
	exit  shell.Exit
	// stop is a reason that ends the build, whatever the step may do.
	stop weir.Reason
	// limit is the step's own time limit, if that was reached.
	limit weir.Reason
	// ran is what was run; nil if it did not come to that.
	ran *shell.Command
}

// again reports whether another try may help.
func (e ending) again() bool {
	return e.stop.Code == weir.ReasonNone && e.state != weir.StepPassed
}

// runStep runs one step, as often as it may be tried, and notes what follows.
func (a *attempt) runStep(ctx context.Context, index int, step weir.Step) {
	log := a.begin(index)
	if _, err := a.condition(step); err != nil {
		log.say("%v", err)
		a.conclude(index, step, log, ending{state: weir.StepFailed, note: err.Error()})
		return
	}
	tries := 1 + min(max(step.Retry, 0), weir.MaxStepRetry)
	var e ending
	for try := 1; ; try++ {
		e = a.tryStep(ctx, step, log)
		if !e.again() || try == tries || ctx.Err() != nil {
			if e.state == weir.StepPassed && try > 1 {
				e.note = fmt.Sprintf("passed at try %d of %d", try, tries)
			}
			break
		}
		log.say("%s; this was try %d of %d", e.note, try, tries)
	}
	rec := &a.steps[index]
	rec.ExitCode, rec.Signal = e.exit.Code, e.exit.Signal
	a.conclude(index, step, log, e)
	if a.r.Failed != nil && e.ran != nil && e.again() && !step.AllowFailure && ctx.Err() == nil {
		a.r.Failed(ctx, Failure{Step: step, Note: e.note, Dir: e.ran.Dir, Env: e.ran.Env})
	}
}

// conclude notes what follows from a step's end.
func (a *attempt) conclude(index int, step weir.Step, log *stepLog, e ending) {
	switch {
	case e.stop.Code != weir.ReasonNone:
		a.tails[index] = log.lines()
		a.end(index, e.state, e.note)
		a.stop(e.stop)
	case e.state == weir.StepPassed:
		a.end(index, e.state, e.note)
	case step.AllowFailure:
		a.allowed[index] = true
		a.end(index, e.state, e.note+", which is allowed")
		a.blameDisk()
	case e.limit.Code != weir.ReasonNone:
		a.tails[index] = log.lines()
		a.end(index, e.state, e.note)
		a.stop(e.limit)
	default:
		a.fail(index, log, e.note)
	}
}

// tryStep runs the step's command once and reads what it wrote for others.
func (a *attempt) tryStep(ctx context.Context, step weir.Step, log *stepLog) ending {
	files, err := notes.New(a.job.Dir)
	if err != nil {
		return ending{state: weir.StepKilled, note: "its files cannot be made", stop: a.machine(err, "the step's files cannot be made")}
	}
	c, e := a.command(step, log, files)
	if c == nil {
		return e
	}
	memory := shell.OutOfMemory()
	exit := c.Execute(ctx)
	log.flush()
	e = ending{state: weir.StepFailed, exit: exit, note: exit.Note(), ran: c}
	switch limit, isLimit := errors.AsType[shell.Limit](exit.Why); {
	case log.tail.err != nil:
		e.state, e.note = weir.StepKilled, "its output could not be kept"
		e.stop = a.machine(log.tail.err, fmt.Sprintf("the output of step %q cannot be kept", step.Name))
	case exit.Passed():
		e.state, e.note = weir.StepPassed, ""
	case isLimit:
		e.state, e.note = weir.StepKilled, limit.Error()
		e.limit = reason(limit.Code, "step %q: %v", step.Name, limit)
		if context.Cause(ctx) == exit.Why {
			e.stop = reason(limit.Code, "the build %v, in step %q", limit, step.Name)
		}
	case exit.Why != nil:
		e.state, e.note = weir.StepKilled, "cancelled"
		e.stop = weir.Reason{Code: weir.ReasonRequested, Text: "the build was cancelled"}
	case exit.Start != nil && errors.Is(exit.Start, fs.ErrNotExist) && step.Script == "":
		e.note, e.stop = "there is no shell on this machine", reason(weir.ReasonWorker, "step %q cannot be started: %v", step.Name, exit.Start)
	case a.endedOutside(exit, memory):
		e.state, e.note = weir.StepKilled, exit.Note()+", from outside"
		e.stop = reason(weir.ReasonWorker, "step %q: %s: the machine is going down, or somebody ended it", step.Name, e.note)
	}
	if e.stop.Code.Outcome() != weir.Infra && e.stop.Code != weir.ReasonRequested {
		a.takeNotes(step, log, files.Read())
	}
	return e
}

// command makes what a step runs; nil if it cannot be run, and why.
func (a *attempt) command(step weir.Step, log io.Writer, files notes.Files) (*shell.Command, ending) {
	bad := func(err error) (*shell.Command, ending) {
		fmt.Fprintf(log, "%v\n", err)
		e := ending{state: weir.StepFailed, note: err.Error()}
		switch weir.CodeOf(err) {
		case weir.Unsupported:
			e.stop = reason(weir.ReasonWorker, "step %q cannot be run: %v", step.Name, err)
		case weir.Internal:
			e.stop = a.machine(err, fmt.Sprintf("step %q cannot be run", step.Name))
		}
		return nil, e
	}
	dir, err := a.stepDir(step.Dir)
	if err != nil {
		return bad(err)
	}
	env := a.environment(step, files.Vars())
	program := shell.Program{Shell: step.Shell, Run: step.Run, Path: env["PATH"], Scratch: a.tmp()}
	if program.Shell == weir.ShellDefault {
		program.Shell = a.job.Spec.Job.Shell
	}
	if step.Script != "" {
		if program.Script, err = shell.InCheckout(a.checkout, step.Script); err != nil {
			return bad(err)
		}
	}
	line, err := program.Line()
	if err != nil {
		return bad(err)
	}
	return &shell.Command{
		Line: line, Dir: dir, Env: list(env), Out: log,
		Timeout: step.Timeout, Quiet: orDefault(step.Quiet, orDefault(a.job.Spec.Job.Quiet, weir.DefaultQuiet)),
		Grace: orDefault(a.r.Grace, DefaultGrace), Linger: orDefault(a.r.Linger, DefaultLinger),
	}, ending{}
}

// fail ends a step as failed. If the disk is full it is the disk's fault.
func (a *attempt) fail(index int, log *stepLog, note string) {
	a.tails[index] = log.lines()
	a.end(index, weir.StepFailed, note)
	if a.facts.failed == nil {
		a.facts.failed = &a.steps[index]
	}
	a.blameDisk()
}

// blameDisk ends the build if a disk is so full that nothing else may be said.
func (a *attempt) blameDisk() {
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
