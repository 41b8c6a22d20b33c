package execute

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/shell"
)

// How often it is looked whether a service is ready.
const (
	readyFirst = 100 * time.Millisecond
	readyLast  = 2 * time.Second
)

// maxReady is how much of the output of a command that waits for a service is
// kept, in bytes.
const maxReady = 4 << 10

// errSteps is why services end as they should.
var errSteps = errors.New("the steps have ended")

// service is a command that runs beside the steps.
type service struct {
	weir.Service
	index int
	log   *stepLog
	stop  context.CancelCauseFunc
	done  chan struct{}
	exit  shell.Exit // once done is closed
}

// startServices starts the job's services one after the other, each once the one
// before it is ready.
func (a *attempt) startServices(ctx context.Context) (weir.Reason, bool) {
	for i, spec := range a.job.Spec.Job.Services {
		s := &service{Service: spec, index: a.services + i, done: make(chan struct{})}
		s.log = a.begin(s.index)
		if why, ok := a.startService(ctx, s); !ok {
			return why, false
		}
		if why, ok := a.awaitService(ctx, s); !ok {
			return why, false
		}
	}
	return weir.Reason{}, true
}

func (a *attempt) startService(ctx context.Context, s *service) (weir.Reason, bool) {
	c, err := a.beside(s, s.Run)
	if err != nil {
		s.log.say("%v", err)
		a.end(s.index, weir.StepFailed, err.Error())
		if weir.CodeOf(err) == weir.Internal || weir.CodeOf(err) == weir.Unsupported {
			return reason(weir.ReasonWorker, "the service %q cannot be started: %v", s.Name, err), false
		}
		return reason(weir.ReasonService, "the service %q cannot be started: %v", s.Name, err), false
	}
	c.Out = s.log
	// It outlives the build's time limit, since steps that clean up may need it.
	ctx, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	a.running = append(a.running, s)
	go func() {
		defer close(s.done)
		s.exit = c.Execute(ctx)
		if !errors.Is(s.exit.Why, errSteps) {
			s.log.say("the service has ended by itself: %s", ended(s.exit))
		}
	}()
	return weir.Reason{}, true
}

// beside makes a command in a service's environment.
func (a *attempt) beside(s *service, run string) (*shell.Command, error) {
	env := a.environment(weir.Step{Env: s.Env}, nil)
	line, err := shell.Program{Shell: a.job.Spec.Job.Shell, Run: run, Path: env["PATH"], Scratch: a.tmp()}.Line()
	return &shell.Command{Line: line, Dir: a.checkout, Env: list(env),
		Grace: orDefault(a.r.Grace, DefaultGrace), Linger: orDefault(a.r.Linger, DefaultLinger)}, err
}

func ended(e shell.Exit) string {
	if e.Why != nil {
		return e.Why.Error()
	}
	return e.Note()
}

// awaitService waits until a service says that it is ready.
func (a *attempt) awaitService(ctx context.Context, s *service) (weir.Reason, bool) {
	if strings.TrimSpace(s.Ready) == "" {
		return weir.Reason{}, true
	}
	limit := orDefault(s.Timeout, weir.DefaultReady)
	waiting, cancel := context.WithTimeoutCause(ctx, limit, shell.Limit{Code: weir.ReasonTimeout, After: limit})
	defer cancel()
	go func() { // what asks must not go on when nobody can answer
		select {
		case <-s.done:
			cancel()
		case <-waiting.Done():
		}
	}()
	var said, note string
	for pause := readyFirst; waiting.Err() == nil; pause = min(2*pause, readyLast) {
		c, err := a.beside(s, s.Ready)
		if err != nil {
			note = err.Error()
			break
		}
		var out ring
		c.Out = &out
		exit := c.Execute(waiting)
		if exit.Passed() {
			return weir.Reason{}, true
		}
		if exit.Why == nil {
			said, note = out.String(), exit.Note()
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-waiting.Done():
		}
		timer.Stop()
	}
	return a.unready(ctx, s, limit, said, note)
}

// unready says why a build ends whose service did not become ready.
func (a *attempt) unready(ctx context.Context, s *service, limit time.Duration, said, note string) (weir.Reason, bool) {
	if why, stopped := a.interrupted(ctx, -1); stopped {
		return why, false
	}
	why := reason(weir.ReasonService, "the service %q did not become ready within %v: %s: %s", s.Name, limit, s.Ready, note)
	select {
	case <-s.done:
		why = reason(weir.ReasonService, "the service %q ended before it was ready: %s", s.Name, ended(s.exit))
	default:
	}
	s.stop(errSteps)
	<-s.done
	if said != "" {
		s.log.say("the last words of %s: %s", s.Ready, strings.TrimSpace(said))
	}
	a.end(s.index, weir.StepFailed, why.Text)
	return why, false
}

// stopServices ends what still runs beside the steps, the newest first.
func (a *attempt) stopServices() {
	for i := len(a.running) - 1; i >= 0; i-- {
		s := a.running[i]
		s.stop(errSteps)
		<-s.done
		switch {
		case a.steps[s.index].State != weir.StepRunning: // it never became ready
		case errors.Is(s.exit.Why, errSteps):
			a.end(s.index, weir.StepPassed, "")
		default:
			a.end(s.index, weir.StepFailed, "ended while the steps were running: "+ended(s.exit))
		}
	}
	a.running = nil
}

// serviceStep is the name of the step that stands for a service.
func serviceStep(s weir.Service) string { return fmt.Sprintf("service %s", s.Name) }

// ring keeps the end of what is written to it.
type ring struct{ buf bytes.Buffer }

// Write never fails.
func (r *ring) Write(p []byte) (int, error) {
	r.buf.Write(p)
	if over := r.buf.Len() - maxReady; over > 0 {
		r.buf.Next(over)
	}
	return len(p), nil
}

// String is what is kept.
func (r *ring) String() string { return strings.ToValidUTF8(r.buf.String(), "\uFFFD") }
