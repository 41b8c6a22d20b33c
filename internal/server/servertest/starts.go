package servertest

import (
	"context"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/starts"
)

// Try notes what is tried, and answers with one build.
func (f *Farm) Try(_ context.Context, ask starts.Try) (starts.Started, error) {
	return starts.Started{Run: 41, Builds: []weir.BuildID{812}}, f.did("try %s at %s, %d bytes, by %s", ask.Project, ask.Base, len(ask.Patch), ask.By)
}

// Rerun notes what is repeated, and answers with one build.
func (f *Farm) Rerun(_ context.Context, ask starts.Rerun) (starts.Started, error) {
	return starts.Started{Run: 42, Builds: []weir.BuildID{813}}, f.did("rerun %d, failed %v, builds %v, by %s", ask.Run, ask.Failed, ask.Builds, ask.By)
}

// Upcoming lists nothing.
func (f *Farm) Upcoming(context.Context) ([]starts.Tick, error) { return nil, f.Fail }

// Pulls lists nothing.
func (f *Farm) Pulls(context.Context, string, weir.ProposalState) ([]weir.Proposal, error) {
	return nil, f.Fail
}

// DecidePull notes what was decided.
func (f *Farm) DecidePull(_ context.Context, id weir.ProposalID, head string, approve bool, by string) error {
	return f.did("decide pull %d at %s: %v, by %s", id, head, approve, by)
}
