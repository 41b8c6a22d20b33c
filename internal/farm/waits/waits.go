// Package waits says why builds wait: it gathers what schedule.Why has to know from
// the store, for one build or for the head of the queue.
package waits

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what is read of the store.
type Store interface {
	Build(ctx context.Context, id weir.BuildID) (weir.Build, error)
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
	Needs(ctx context.Context, id weir.BuildID) ([]weir.BuildID, error)
	After(ctx context.Context, id weir.BuildID) ([]weir.BuildID, error)
	Attempts(ctx context.Context, id weir.BuildID) ([]weir.Attempt, error)
	Workers(ctx context.Context) ([]weir.Worker, error)
	RefusalsOf(ctx context.Context, builder weir.BuilderID, now time.Time) ([]weir.Refusal, error)
}

// Options is what it takes to say why builds wait.
type Options struct {
	Store Store
	Table func() (*planner.Table, map[string]weir.Lock) // what is configured now, and its locks
	Now   func() time.Time
	// Scaled is a pause in a farm whose leases are shorter or longer than usual.
	Scaled func(time.Duration) time.Duration
}

// Waits says why builds wait.
type Waits struct{ Options }

// Build is a build that waits, and why.
type Build struct {
	weir.Build
	Waits schedule.Wait `json:"waits"`
}

const (
	// queueLook is how much of the queue is read to say how many have waited longer.
	queueLook = 1000
	// behindLook is how many of the builds are read that another one waits for.
	behindLook = 20
)

// Of says why a build waits; nil if it does not.
func (w Waits) Of(ctx context.Context, b weir.Build) (*schedule.Wait, error) {
	if b.State != weir.Blocked && b.State != weir.Queued {
		return nil, nil
	}
	v, err := w.view(ctx)
	if err != nil {
		return nil, err
	}
	why, err := v.why(ctx, b)
	return &why, err
}

// Queue says why those builds wait that have waited longest, at most limit of the
// newest queueLook ones.
func (w Waits) Queue(ctx context.Context, limit int) (all []Build, err error) {
	v, err := w.view(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range slices.Backward(v.queue) {
		if len(all) == limit {
			break
		}
		why, err := v.why(ctx, b)
		if err != nil {
			return all, err
		}
		all = append(all, Build{b, why})
	}
	return all, nil
}

// view is how the farm stands at one moment.
type view struct {
	Waits
	now   time.Time
	queue []weir.Build // newest first
	fleet schedule.Fleet
	table *planner.Table
	older map[weir.BuildID]int        // how many have waited longer than each; nil: they are counted for one
	known map[weir.BuildID]weir.Build // builds that were read; nil: they are not kept
	// refused is who refuses a builder, as far as it was read.
	refused map[weir.BuilderID][]weir.Refusal
}

func (w Waits) view(ctx context.Context) (v view, err error) {
	v = view{Waits: w, now: w.Now(), refused: map[weir.BuilderID][]weir.Refusal{}}
	v.table, v.fleet.Locks = w.Table()
	if v.queue, err = w.Store.ListBuilds(ctx, store.BuildFilter{States: []weir.State{weir.Blocked, weir.Queued}, Limit: queueLook}); err != nil {
		return v, err
	}
	if v.fleet.Workers, err = w.Store.Workers(ctx); err != nil {
		return v, err
	}
	if len(v.fleet.Locks) == 0 {
		return v, nil
	}
	running, err := w.Store.ListBuilds(ctx, store.BuildFilter{States: []weir.State{weir.Leased, weir.Running}, Limit: queueLook})
	for _, b := range running {
		if plan, ok := v.table.Plan(b.Builder.ID); ok && len(plan.Job.Locks) > 0 {
			v.fleet.Held = append(v.fleet.Held, schedule.Held{Build: b.ID, Worker: b.Worker, Locks: plan.Job.Locks})
		}
	}
	return v, err
}

func (v view) why(ctx context.Context, b weir.Build) (schedule.Wait, error) {
	waiting := schedule.Waiting{Candidate: schedule.Candidate{Build: b.ID, Builder: b.Builder, Cause: b.Cause, Queued: b.Created, Attempts: b.Attempts}}
	if plan, ok := v.table.Plan(b.Builder.ID); ok {
		waiting.Labels, waiting.Locks = protocol.Labels(plan.Spec(b.Pins)), plan.Job.Locks
	}
	var err error
	if b.State == weir.Blocked {
		waiting.Behind, err = v.behind(ctx, b.ID)
	}
	if err == nil && b.Attempts > 0 {
		waiting.Retry, waiting.Reason, err = v.retry(ctx, b.ID)
	}
	if err == nil && b.State == weir.Queued {
		waiting.Refused, err = v.refusals(ctx, b.Builder)
	}
	waiting.Older = v.older[b.ID]
	for i := 0; i < len(v.queue) && v.older == nil; i++ {
		o := &v.queue[i]
		if o.State == weir.Queued && o.Builder.Platform == b.Builder.Platform && o.ID < b.ID {
			waiting.Older++
		}
	}
	return schedule.Why(waiting, v.fleet, v.now), err
}

// refusals says which workers refuse a builder. Nothing is read for it where no worker
// of its platform has a policy, and once for all of its builds.
func (v view) refusals(ctx context.Context, b weir.Builder) ([]weir.Refusal, error) {
	if !slices.ContainsFunc(v.fleet.Workers, func(w weir.Worker) bool { return w.Platform == b.Platform && len(w.Policy) > 0 }) {
		return nil, nil
	}
	list, ok := v.refused[b.ID]
	if ok {
		return list, nil
	}
	list, err := v.Store.RefusalsOf(ctx, b.ID, v.now)
	if err == nil {
		v.refused[b.ID] = list
	}
	return list, err
}

// behind lists what a build waits for.
func (v view) behind(ctx context.Context, id weir.BuildID) (all []schedule.Behind, err error) {
	for _, list := range []struct {
		product bool
		read    func(context.Context, weir.BuildID) ([]weir.BuildID, error)
	}{{true, v.Store.Needs}, {false, v.Store.After}} {
		ids, err := list.read(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, id := range ids[:min(len(ids), behindLook)] {
			b, ok := v.known[id]
			if !ok {
				if b, err = v.Store.Build(ctx, id); err != nil {
					return nil, err
				}
				if v.known != nil {
					v.known[id] = b
				}
			}
			all = append(all, schedule.Behind{Build: b, Product: list.product})
		}
	}
	return all, nil
}

// retry says when a build is tried again whose attempts ended by the farm's own fault.
func (v view) retry(ctx context.Context, id weir.BuildID) (at time.Time, why weir.Reason, err error) {
	attempts, err := v.Store.Attempts(ctx, id)
	if err != nil || len(attempts) == 0 {
		return at, why, err
	}
	last, failures := attempts[len(attempts)-1], 0
	for _, a := range attempts {
		if a.Outcome == weir.Infra && a.Reason.Code != weir.ReasonRefused && (a.Reason.Code != weir.ReasonUndelivered || last.Reason.Code == weir.ReasonUndelivered) {
			failures++
		}
	}
	if last.Outcome != weir.Infra || last.Live() {
		return at, why, nil
	}
	return last.Ended.Add(v.Scaled(schedule.RetryPause(last.Reason.Code, failures))), last.Reason, nil
}
