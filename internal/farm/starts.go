package farm

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/farm/starts"
)

func (f *Farm) newStarter() *starts.Starter {
	return starts.New(starts.Options{Store: f.store, Blobs: f.blobs, Now: f.now, Log: f.log,
		Stir: func() {
			f.stir()
			f.due.ring()
		},
		Table: func() *planner.Table { return f.config.Load().Table }})
}

// Try builds a project with a patch that nobody has pushed. See starts.Starter.Try.
func (f *Farm) Try(ctx context.Context, ask starts.Try) (starts.Started, error) {
	if err := checkLine("the reason", ask.Reason); err != nil {
		return starts.Started{}, err
	}
	return f.starter.Try(ctx, ask)
}

// Rerun repeats builds of a run. See starts.Starter.Rerun.
func (f *Farm) Rerun(ctx context.Context, ask starts.Rerun) (starts.Started, error) {
	if err := checkLine("the reason", ask.Reason); err != nil {
		return starts.Started{}, err
	}
	return f.starter.Rerun(ctx, ask)
}

// Upcoming lists when jobs start by themselves, by time.
func (f *Farm) Upcoming(ctx context.Context) ([]starts.Tick, error) { return f.starter.Upcoming(ctx) }

// Pulls lists pull requests. See starts.Starter.Pulls.
func (f *Farm) Pulls(ctx context.Context, project string, state weir.ProposalState) ([]weir.Proposal, error) {
	return f.starter.Pulls(ctx, project, state)
}

// Propose takes in what a forge says of a pull request. See starts.Starter.Propose.
func (f *Farm) Propose(ctx context.Context, p weir.Proposal) (out weir.Proposal, ok bool, err error) {
	return f.starter.Propose(ctx, p)
}

// DecidePull approves or refuses the head of a pull request for a person; Conflict
// if it has another one by now.
func (f *Farm) DecidePull(ctx context.Context, id weir.ProposalID, head string, approve bool, by string) error {
	return f.starter.Decide(ctx, id, head, approve, by)
}
