package store

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
)

// Occasion is what a run is made for. At most one of its parts is set.
type Occasion struct {
	// Tick must be due as it says, and is moved on; Conflict if it is not.
	Tick *Tick
	// Proposal must be approved, with this head, and becomes built; Conflict otherwise.
	Proposal     weir.ProposalID
	ProposalHead string
	// Tag must be known and not built yet, and becomes built; Conflict otherwise.
	Tag *Tag
}

// Tick is a time at which a job starts by itself.
type Tick struct {
	Project string    `json:"project"`
	Job     string    `json:"job"`
	Cron    string    `json:"cron"`          // its text and zone, as the farm file has them
	At      time.Time `json:"at"`            // when it is due
	Next    time.Time `json:"-"`             // when it will be due after that
	Last    time.Time `json:"last,omitzero"` // when it last made a run; set by the store
}

// Timetable keeps when jobs start by themselves.
type Timetable interface {
	// Ticks lists all, by time.
	Ticks(ctx context.Context) ([]Tick, error)
	// SetTicks makes these the only ones. One that is there already keeps its
	// time if that is not past, and At of the new one otherwise is left alone too:
	// what was missed while nobody ran the farm is due once.
	SetTicks(ctx context.Context, ticks []Tick) error
	// SkipTick moves a tick on that makes no run; Conflict if it is not at At.
	SkipTick(ctx context.Context, t Tick) error
}

// Tag is a named revision.
type Tag struct {
	Project  string `json:"project"`
	Name     string `json:"name"`
	Revision string `json:"revision"`
}

// Refs keeps branches and tags that a source has beside the one it is polled for.
type Refs interface {
	// RecordBranches says which further branches of a project there are now.
	// Those that are not among them any more are gone: they keep their history,
	// and Branches lists them no longer.
	RecordBranches(ctx context.Context, project string, branches []string, now time.Time) error
	// Branches lists the further branches that are not gone, of every project.
	Branches(ctx context.Context) (map[string][]string, error)
	// RecordTags keeps the tags of a project and lists those that were not known,
	// or stood elsewhere, and are to be built. The first time nothing is to be.
	RecordTags(ctx context.Context, project string, tags []Tag, now time.Time) ([]Tag, error)
	// DueTags lists tags that are to be built, oldest first, at most limit.
	DueTags(ctx context.Context, limit int) ([]Tag, error)
}

// Proposals keeps pull requests.
type Proposals interface {
	// Propose records what a forge says of a pull request, by project, forge and
	// number. A new head takes back what was decided of an older one; state is what
	// the head is to be then: held or approved. One that is closed keeps its run.
	Propose(ctx context.Context, p weir.Proposal) (weir.Proposal, error)
	// Proposals lists them, those that changed last first.
	Proposals(ctx context.Context, f ProposalFilter) ([]weir.Proposal, error)
	// Proposal finds one; NotFound if there is none.
	Proposal(ctx context.Context, id weir.ProposalID) (weir.Proposal, error)
	// Decide approves or refuses the head of a proposal. Conflict if it has
	// another head by now, or is neither held nor refused.
	Decide(ctx context.Context, id weir.ProposalID, head string, state weir.ProposalState, by string, now time.Time) error
	// SeenDelivery records that a webhook's delivery has come, and says whether it
	// had before. Those of more than DeliveryTime ago are forgotten.
	SeenDelivery(ctx context.Context, id string, now time.Time) (bool, error)
}

// DeliveryTime is how long the names of webhook deliveries are kept.
const DeliveryTime = 7 * 24 * time.Hour

// ProposalFilter narrows a list of proposals.
type ProposalFilter struct {
	Project string               // empty: all
	States  []weir.ProposalState // empty: all
	Limit   int                  // 0: 100; at most 1,000
}
