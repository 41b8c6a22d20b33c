package judgement

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// elsewhere has the first repetition of a build avoid the worker that ran the
// build, if another one is ready that could run it: what is wrong with one machine
// must not accuse anybody. Later repetitions go to any, because by then it may
// be the other machine with which something is wrong. It is a wish, so that
// what cannot be known now is no error.
func (q *Bench) elsewhere(ctx context.Context, b weir.Build, again []store.NewBuild) {
	if b.Worker == "" {
		return
	}
	workers, err := q.store.Workers(ctx)
	if err != nil {
		q.log.Warn("a build may be run again where it ran", "build", b.ID, "err", err)
		return
	}
	for i, n := range again {
		if n.RetryOf == b.ID && slices.ContainsFunc(workers, func(w weir.Worker) bool {
			return w.Name != b.Worker && w.State(q.now()) == weir.WorkerReady && schedule.Fits(w, b.Builder.Platform, n.Spec.Job.Labels)
		}) {
			again[i].Avoid = b.Worker
		}
	}
}
