package farm

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/polling"
	"github.com/weir-ci/weir/internal/farm/trail"
)

// newPoller makes what asks the sources of the projects that are configured.
func (f *Farm) newPoller() *polling.Poller {
	return polling.New(polling.Options{Store: f.store, Sources: f.source, Now: f.now, Log: f.log, Secret: f.secret,
		Projects: func() []weir.Project { return f.config.Load().Projects },
		Changed:  f.configured.wait,
		Arrive:   f.recipes.Arrive,
		Known: func(ctx context.Context, project, branch string) (weir.Tip, bool, error) {
			tips, err := f.polled.get(ctx, f) // read once for all sources that are due together
			tip, ok := tips[trail.Branch{Project: project, Branch: branch}]
			return tip, ok, err
		},
		News: func() {
			f.known.forget()
			f.moved.ring()
			f.any.ring()
		},
		Refs: func() {
			if err := f.reconfigure(context.Background()); err != nil { // the next change of branches tries again
				f.log.Error("further branches are not built", "err", err)
			}
			f.due.ring()
		}})
}

// Nudge makes the source of a project due at once: the branch named, or all. A
// branch that is not followed is passed over. NotFound if there is no such project.
func (f *Farm) Nudge(ctx context.Context, project, branch string) error {
	return f.poller.Nudge(ctx, project, branch)
}
