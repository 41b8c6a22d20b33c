// Package starts makes the runs that no change on a branch sets off: those whose
// time has come, those that a person asks for again or tries, those of pull requests
// and of tags.
//
// What a run is made for (a tick of the clock, an approved head, a new tag) is kept
// in the store until the run is there, and both change in one transaction
// (store.Occasion): nothing is forgotten by a crash, and nothing is made twice by
// two servers.
//
// What is tried, proposed or tagged is on no line of the farm. Its builds are held
// against the line and leave it; weir.Cause.Guest tells which they are.
package starts

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/recipe/condition"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what starts need of the store.
type Store interface {
	store.Timetable
	store.Refs
	Proposals
	Runs
}

// Proposals is the part of store.Proposals that starts need.
type Proposals interface {
	Propose(ctx context.Context, p weir.Proposal) (weir.Proposal, error)
	Proposals(ctx context.Context, f store.ProposalFilter) ([]weir.Proposal, error)
	Proposal(ctx context.Context, id weir.ProposalID) (weir.Proposal, error)
	Decide(ctx context.Context, id weir.ProposalID, head string, state weir.ProposalState, by string, now time.Time) error
}

// Runs is what starts need to read and make runs.
type Runs interface {
	Tips(ctx context.Context) ([]weir.Tip, error)
	LineHeads(ctx context.Context, builders []weir.BuilderID) (map[weir.BuilderID]weir.Build, error)
	Run(ctx context.Context, id weir.RunID) (weir.Run, error)
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
	BuildSpec(ctx context.Context, id weir.BuildID) (weir.Spec, error)
	CreateRun(ctx context.Context, run store.NewRun) (weir.Run, []weir.BuildID, error)
}

// Options is what a Starter is made of.
type Options struct {
	Store Store
	Blobs blob.Store
	Table func() *planner.Table // what is configured now
	Stir  func()                // called when a run was made
	Now   func() time.Time
	Log   *slog.Logger
}

// Starter makes such runs.
type Starter struct {
	Options
	ticking *planner.Table // whose times the store has; only Look uses it
}

// New makes a starter.
func New(o Options) *Starter { return &Starter{Options: o} }

// Look makes the runs whose time has come, and those of approved heads and new
// tags. It returns whether it made any.
func (s *Starter) Look(ctx context.Context) (made bool, err error) {
	t := s.Table()
	if t.Empty() {
		return false, nil
	}
	var trouble errorList
	for _, look := range []func(context.Context, *planner.Table) (bool, error){s.tick, s.pulls, s.tags} {
		some, err := look(ctx, t)
		made = made || some
		trouble.add(err)
	}
	if made {
		s.Stir()
	}
	return made, trouble.err()
}

// Started is what came of a wish for builds.
type Started struct {
	Run    weir.RunID     `json:"run"`
	Builds []weir.BuildID `json:"builds"` // those asked for; what had to be built first is not among them
}

// guest is a revision of a project that is on no line.
type guest struct {
	project   string
	revision  string
	ref       string
	branch    string // whose builders it is held against; empty, or unknown: the project's own
	untrusted bool
	jobs      []string // empty: all that its cause sets off
	platforms []weir.Platform
	facts     func(*condition.JobFacts)
}

// assemble makes the run of a guest's builds, and tells which of them were asked
// for: those that only stand before them are not among these. Conflict if a
// revision of something upstream is not known yet.
func (s *Starter) assemble(t *planner.Table, tips planner.Tips, run store.NewRun, g guest) (store.NewRun, []int, error) {
	project := t.Project(g.project)
	if project == nil {
		return run, nil, weir.Errorf(weir.NotFound, "there is no project %.80q in this farm", g.project)
	}
	branch := project.Source.Branch
	if slices.ContainsFunc(t.Builders, func(b weir.Builder) bool { return b.Project == g.project && b.Branch == g.branch }) {
		branch = g.branch
	}
	a := planner.NewAssembly(t, run)
	var asked []int
	for i, p := range t.Plans {
		if p.Key.Project != g.project || p.Key.Branch != branch ||
			len(g.platforms) > 0 && !slices.Contains(g.platforms, p.Key.Platform) {
			continue
		}
		named := slices.Contains(g.jobs, p.Key.Job)
		if len(g.jobs) > 0 && !named || !named && !p.Job.Start.Begins(run.Cause) {
			continue
		}
		facts := t.Facts(p, run.Cause, run.Params)
		if g.facts != nil {
			g.facts(&facts)
		}
		if wanted, err := condition.Job(p.Job.If, facts); err != nil || !wanted {
			if err != nil {
				return run, nil, err
			}
			continue
		}
		_, pins := t.Ends(p, tips)
		if pins == nil {
			return run, nil, weir.Errorf(weir.Conflict, "no revision of %s, or of a project upstream of it, is known yet", g.project).
				WithHint("weir status says which sources do not answer")
		}
		pins[g.project] = g.revision
		at, err := a.Add(t.Builders[i].ID, pins, schedule.PriorityForce, func(b *store.NewBuild) { b.Share = store.SharePending })
		if err != nil {
			return run, nil, err
		}
		asked = append(asked, at)
	}
	for i := range a.Run.Builds {
		if b := &a.Run.Builds[i]; b.Spec.Project == g.project && b.Spec.Revision == g.revision {
			b.Spec.Ref, b.Spec.Untrusted = g.ref, g.untrusted
		}
	}
	return a.Run, asked, nil
}

// create makes a run, and returns the numbers of the builds at some places in it.
func (s *Starter) create(ctx context.Context, run store.NewRun, asked []int) (Started, error) {
	created, ids, err := s.Store.CreateRun(ctx, run)
	if err != nil {
		return Started{}, err
	}
	out := Started{Run: created.ID}
	for _, at := range asked {
		if !slices.Contains(out.Builds, ids[at]) {
			out.Builds = append(out.Builds, ids[at])
		}
	}
	return out, nil
}
