package starts

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/condition"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

const priorityForce = schedule.PriorityForce

// Held says whether the head of a proposal waits for somebody to approve it. Who
// is trusted is told by the forge's own id of a user: a name can be taken by
// somebody else.
func Held(policy weir.PullPolicy, p weir.Proposal) bool {
	trusted := true
	for id := range strings.SplitSeq(p.AuthorID, weir.AuthorAnd) {
		trusted = trusted && id != "" && slices.Contains(policy.Trusted, id)
	}
	switch policy.Build {
	case weir.PullsAllowed:
		return false
	case weir.PullsOwn:
		return p.Fork && !trusted
	}
	return !trusted
}

// Propose takes in what a forge says of a pull request: it has a new head, or is
// over. Projects that do not look at pull requests pass it over, and ok is false.
func (s *Starter) Propose(ctx context.Context, p weir.Proposal) (out weir.Proposal, ok bool, err error) {
	project := s.Table().Project(p.Project)
	if project == nil || project.Source.Watch.Pulls.Build == weir.PullsNone {
		return out, false, nil
	}
	switch {
	case p.State == weir.ProposalClosed:
	case Held(project.Source.Watch.Pulls, p):
		p.State = weir.ProposalHeld
	default:
		p.State = weir.ProposalApproved
	}
	p.Updated = s.Now()
	if p.Created.IsZero() {
		p.Created = p.Updated
	}
	out, err = s.Store.Propose(ctx, p)
	if err == nil {
		s.Stir()
	}
	return out, err == nil, err
}

// Decide approves or refuses the head of a pull request for a person. Conflict if
// it has another head by now: what somebody has read is what is built.
func (s *Starter) Decide(ctx context.Context, id weir.ProposalID, head string, approve bool, by string) error {
	state := weir.ProposalRefused
	if approve {
		state = weir.ProposalApproved
	}
	err := s.Store.Decide(ctx, id, head, state, by, s.Now())
	if err == nil {
		s.Stir()
	}
	return err
}

// Pulls lists pull requests, those that changed last first; of all projects and in
// all states if none is named. Invalid if there is no such state.
func (s *Starter) Pulls(ctx context.Context, project string, state weir.ProposalState) ([]weir.Proposal, error) {
	f := store.ProposalFilter{Project: project}
	if state != "" {
		if !slices.Contains(weir.ProposalStates(), state) {
			return nil, weir.Errorf(weir.Invalid, "%.40q is not a state of a pull request", string(state)).
				WithHint("the states are: %s", list(weir.ProposalStates()))
		}
		f.States = []weir.ProposalState{state}
	}
	return s.Store.Proposals(ctx, f)
}

// pulls builds the heads that are approved.
func (s *Starter) pulls(ctx context.Context, t *planner.Table) (made bool, err error) {
	approved, err := s.Store.Proposals(ctx, store.ProposalFilter{States: []weir.ProposalState{weir.ProposalApproved}})
	if err != nil || len(approved) == 0 {
		return false, err
	}
	tips, err := planner.ReadTips(ctx, s.Store)
	if err != nil {
		return false, err
	}
	var trouble errorList
	for _, p := range approved {
		if t.Project(p.Project) == nil {
			continue
		}
		reason := fmt.Sprintf("pull request %s: %s", p.Number, p.Title)
		run, asked, err := s.assemble(t, tips, store.NewRun{Cause: weir.CausePull, Project: p.Project, Reason: reason, By: p.Author, Now: s.Now(),
			Occasion: store.Occasion{Proposal: p.ID, ProposalHead: p.Head}},
			guest{project: p.Project, revision: p.Head, ref: p.Ref, branch: p.Base, untrusted: p.Fork, facts: func(f *condition.JobFacts) {
				f.Fork, f.Author = p.Fork, p.Author
				if p.Base != "" {
					f.Branch = p.Base
				}
			}})
		if err == nil && settled(t, run.Project, asked) {
			_, err = s.create(ctx, run, asked)
			made = made || err == nil && len(asked) > 0
		}
		if err != nil && weir.CodeOf(err) != weir.Conflict {
			trouble.add(fmt.Errorf("building pull request %s of %s: %w", p.Number, p.Project, err))
		}
	}
	return made, trouble.err()
}

// settled reports whether it is known what is to be built for an occasion. That may
// be nothing; the occasion is over then all the same, and not in the way of others.
// Of a project whose jobs are not known yet it waits for them.
func settled(t *planner.Table, project string, asked []int) bool {
	return len(asked) > 0 || slices.ContainsFunc(t.Plans, func(p recipe.Plan) bool { return p.Key.Project == project })
}

// maxTags is how many new tags one pass builds.
const maxTags = 50

// tags builds new tags.
func (s *Starter) tags(ctx context.Context, t *planner.Table) (made bool, err error) {
	due, err := s.Store.DueTags(ctx, maxTags)
	if err != nil || len(due) == 0 {
		return false, err
	}
	tips, err := planner.ReadTips(ctx, s.Store)
	if err != nil {
		return false, err
	}
	var trouble errorList
	for _, tag := range due {
		if t.Project(tag.Project) == nil {
			continue
		}
		run, asked, err := s.assemble(t, tips, store.NewRun{Cause: weir.CauseTag, Project: tag.Project, Reason: "tag " + tag.Name, Now: s.Now(),
			Occasion: store.Occasion{Tag: &tag}},
			guest{project: tag.Project, revision: tag.Revision, ref: "refs/tags/" + tag.Name,
				facts: func(f *condition.JobFacts) { f.Tag = tag.Name }})
		if err == nil && settled(t, run.Project, asked) {
			_, err = s.create(ctx, run, asked)
			made = made || err == nil && len(asked) > 0
		}
		if err != nil && weir.CodeOf(err) != weir.Conflict {
			trouble.add(fmt.Errorf("building tag %s of %s: %w", tag.Name, tag.Project, err))
		}
	}
	return made, trouble.err()
}
