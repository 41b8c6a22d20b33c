package worker

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/policy"
)

// owner is what the worker minds of its owner's policy. Only the goroutine that asks
// for work uses it. Without Options.Policy everything is allowed, and none of this
// happens.
type owner struct {
	now        func() time.Time
	tick       func() (ticks <-chan time.Time, stop func())
	conditions func() policy.Conditions // without Resting

	told   []string             // what the newest hello said of the policy
	rest   weir.Rest            // what the server has heard since
	restAt time.Time            // when
	strays bool                 // something was passed over that the server may believe to be here
	rule   weir.Rule            // why it rests, across hellos
	logged map[string]time.Time // when a builder's refusal was last logged
}

const (
	// oldestVersion is the first one that a worker of this version still speaks.
	oldestVersion = 2
	// policyPoll is how often a worker that may not ask looks whether it may.
	policyPoll = 2 * time.Second
	// restPause is how often the server hears that the worker rests, so that it does
	// not count as away.
	restPause = 15 * time.Second
	// refusalPause is how often the refusal of a builder is worth a line in the log.
	refusalPause = time.Hour
	maxLogged    = 1000 // builders whose refusals are told apart there
)

// errNewPolicy says that the server has not heard of the policy as it is now.
var errNewPolicy = errors.New("the policy has changed")

func (w *Worker) newOwner() owner {
	return owner{now: time.Now, logged: map[string]time.Time{}, conditions: func() policy.Conditions { return Conditions(w.opts.Dir) },
		tick: func() (<-chan time.Time, func()) {
			t := time.NewTicker(policyPoll)
			return t.C, t.Stop
		}}
}

// Conditions are how the machine is now, for a worker in dir or in what is to become
// that.
func Conditions(dir string) policy.Conditions {
	for {
		space, err := disk.Free(dir)
		up := filepath.Dir(dir)
		if err == nil || up == dir {
			return policy.Conditions{Load: load(), Disk: max(space.Free, 0)}
		}
		dir = up
	}
}

// load is the load average of the last minute, per processor; negative if it is not known.
func load() float64 {
	if average, known := execute.LoadAverage(); known {
		return average / float64(runtime.NumCPU())
	}
	return -1
}

// word is what the owner allows at present: the policy, what is said of it, and why
// nothing may begin, if that is so. If the policy cannot be read nothing may.
func (w *Worker) word() (p policy.Policy, said []string, rest weir.Rest) {
	if w.opts.Policy == nil {
		return p, nil, rest
	}
	now := w.owner.now()
	p, err := w.opts.Policy.Current(now)
	if err != nil {
		text := policy.Clip(err.Error())
		return p, []string{text}, weir.Rest{Rule: weir.RulePolicy, Text: text}
	}
	is := w.owner.conditions()
	is.Resting = w.owner.rule
	rest, _ = p.Rest(now, is)
	return p, p.Sentences(), rest
}

// known notes what a hello has told the server, which has forgotten the rest by that.
func (o *owner) known(said []string) { o.told, o.rest = said, weir.Rest{} }

// ready waits until a slot is free and the owner lets builds begin, and says for how
// many there is room. The server is told why nothing is asked for meanwhile.
// errNewPolicy: it has to be told of the policy first.
func (w *Worker) ready(ctx context.Context) (free int, err error) {
	var ticks <-chan time.Time
	if w.opts.Policy != nil {
		var stop func()
		ticks, stop = w.owner.tick()
		defer stop()
	}
	for {
		_, said, rest := w.word()
		if !slices.Equal(said, w.owner.told) {
			return 0, errNewPolicy
		}
		if free = w.free(); free > 0 {
			if err := w.tellRest(ctx, rest); err != nil {
				return 0, err
			}
			if rest.Rule == "" {
				return free, nil
			}
			if err := w.giveBack(ctx); err != nil {
				return 0, err
			}
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-w.freed:
		case <-ticks:
		}
	}
}

// tellRest tells the server that the worker rests, or does no more, unless it has just
// heard that.
func (w *Worker) tellRest(ctx context.Context, rest weir.Rest) error {
	o := &w.owner
	if rest.Rule != o.rule {
		if rest.Rule == "" {
			w.log.Info("builds may begin again", "rule", o.rule)
		} else {
			w.log.Info("no builds may begin", "rule", rest.Rule, "because", rest.Text, "until", rest.Until)
		}
		o.rule = rest.Rule
	}
	now := o.now()
	if same := rest.Rule == o.rest.Rule && rest.Text == o.rest.Text && rest.Until.Equal(o.rest.Until); same &&
		(rest.Rule == "" || now.Sub(o.restAt) < restPause) {
		return nil
	}
	var answer protocol.RestAnswer
	if err := w.client.call(ctx, "rest", messageTime, protocol.Rest{Epoch: w.epoch(), Rest: rest}, &answer); err != nil {
		return err
	}
	o.rest, o.restAt = rest, now
	return nil
}

// giveBack lets the server know that what was passed over when the rest began is not
// here: it compares what a lease lists. A worker that rests is given nothing by it;
// should it be, that is passed over as well.
func (w *Worker) giveBack(ctx context.Context) error {
	if !w.owner.strays {
		return nil
	}
	given, err := w.lease(ctx, 1, 0)
	w.owner.strays = err != nil || len(given) > 0
	return err
}

// take begins what a lease gave, as far as the owner allows it. What is not allowed
// here is refused at once, what may not begin now is passed over.
func (w *Worker) take(ctx context.Context, given []protocol.Assignment, begin func(protocol.Assignment) weir.Refusal) error {
	var refusals []protocol.Refusal
	for _, assignment := range given {
		switch refusal := begin(assignment); {
		case refusal.Rule == "":
		case refusal.Rule.Lasts() > 0:
			refusals = append(refusals, protocol.Refusal{Attempt: assignment.Attempt, Rule: refusal.Rule, Text: refusal.Text})
		default:
			w.owner.strays = true
		}
	}
	for len(refusals) > 0 {
		some := refusals[:min(len(refusals), protocol.MaxRefusals)]
		var answer protocol.RefuseAnswer
		if err := w.client.call(ctx, "refuse", messageTime, protocol.Refuse{Epoch: w.epoch(), Refusals: some}, &answer); err != nil {
			return err
		}
		refusals = refusals[len(some):]
	}
	return nil
}

// judge says whether the owner lets an assignment begin: the zero Refusal, or under
// which rule not, and why.
func (w *Worker) judge(assignment protocol.Assignment) weir.Refusal {
	p, _, rest := w.word()
	if rest.Rule == weir.RulePolicy { // and there is no policy to ask
		return weir.Refusal{Rule: rest.Rule, Text: rest.Text}
	}
	if rule, text, refused := p.Refuses(assignment.Spec); refused {
		w.logRefusal(assignment, rule, text)
		return weir.Refusal{Rule: rule, Text: text}
	}
	return weir.Refusal{Rule: rest.Rule, Text: rest.Text}
}

// stillAllowed is why a build may not begin that an earlier program took, perhaps under
// another policy; nil if it may. Any goroutine may ask.
func (w *Worker) stillAllowed(spec weir.Spec) error {
	if w.opts.Policy == nil {
		return nil
	}
	p, err := w.opts.Policy.Current(time.Now())
	if err != nil {
		return weir.Errorf(weir.Forbidden, "%v", err)
	}
	if _, text, refused := p.Refuses(spec); refused {
		return weir.Errorf(weir.Forbidden, "%s", text)
	}
	return nil
}

// logRefusal tells the owner, once an hour for each builder.
func (w *Worker) logRefusal(assignment protocol.Assignment, rule weir.Rule, text string) {
	s, now := assignment.Spec, w.owner.now()
	builder := weir.BuilderKey{Project: s.Project, Job: s.Job.Name, Cell: s.Job.Cell, Platform: s.Platform, Branch: s.Branch}.Name()
	logged := w.owner.logged
	for name, at := range logged {
		if now.Sub(at) >= refusalPause {
			delete(logged, name)
		}
	}
	if _, known := logged[builder]; known || len(logged) >= maxLogged {
		return
	}
	logged[builder] = now
	w.log.Info("a build is refused", "builder", builder, "attempt", assignment.Attempt.String(), "rule", rule, "because", text)
}

// epoch is that of the newest hello; 0 if the server speaks version 1.
func (w *Worker) epoch() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settings.Epoch
}
