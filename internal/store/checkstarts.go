package store

import (
	"slices"

	"github.com/weir-ci/weir"
)

// Limits on what sets runs off.
const (
	// MaxRefName is how long the name of a branch or tag may be, and the id of a
	// revision that it stands at, in bytes. Longer ones are passed over.
	MaxRefName = 500
	// MaxProposalText is how much is kept of each text of a proposal, in bytes; of
	// its title it is weir.MaxTitle.
	MaxProposalText = 1000

	maxRefs   = 50_000 // branches or tags of a project
	maxTicks  = 50_000
	maxCron   = 500 // bytes of Tick.Cron, and of the names of its project and job
	maxNumber = 100 // bytes of the number of a proposal, and of the name of its forge
	maxHead   = 200 // bytes of a proposal's head
	maxParams = 100 // of a run
	maxAfter  = 10_000
	maxLocks  = 100 // of a build
)

// Check is Invalid unless the tick names a job and a time, and goes on.
func (t Tick) Check() error {
	if err := t.check(); err != nil {
		return err
	}
	if !t.Next.After(t.At) {
		return weir.Errorf(weir.Invalid, "%.80q of %.80q is due at %s, and is to be due next at %s, which is not later", t.Job, t.Project, t.At, t.Next)
	}
	return nil
}

func (t Tick) check() error {
	if t.Project == "" || t.Job == "" || t.Cron == "" || max(len(t.Project), len(t.Job), len(t.Cron)) > maxCron || t.At.IsZero() {
		return weir.Errorf(weir.Invalid, "%.80q of project %.80q cannot start at the time %.80q", t.Job, t.Project, t.Cron)
	}
	return nil
}

// CheckTicks is Invalid if these cannot be a timetable.
func CheckTicks(ticks []Tick) error {
	if len(ticks) > maxTicks {
		return weir.Errorf(weir.Invalid, "%d times at which jobs start; %d are the most", len(ticks), maxTicks)
	}
	for _, t := range ticks {
		if err := t.check(); err != nil {
			return err
		}
	}
	return nil
}

// CheckRefs is Invalid if a project cannot have so many branches or tags.
func CheckRefs(project string, n int) error {
	if project == "" {
		return weir.Errorf(weir.Invalid, "branches or tags of no project")
	}
	if n > maxRefs {
		return weir.Errorf(weir.Invalid, "%.80q has %d branches or tags; %d are the most", project, n, maxRefs).
			WithHint("name fewer of them in the patterns of its source")
	}
	return nil
}

// CheckProposal is Invalid unless a forge can say this of a pull request.
func CheckProposal(p weir.Proposal) error {
	switch {
	case p.Project == "" || p.Forge == "" || p.Number == "" || max(len(p.Forge), len(p.Number)) > maxNumber || len(p.Project) > MaxRefName:
		return weir.Errorf(weir.Invalid, "%.80q of %.80q is no pull request of %.80q", p.Number, p.Forge, p.Project)
	case p.Head == "" || len(p.Head) > maxHead:
		return weir.Errorf(weir.Invalid, "pull request %.80q of %.80q has the head %.80q", p.Number, p.Project, p.Head)
	case len(p.Ref) > MaxProposalText:
		return weir.Errorf(weir.Invalid, "the ref of pull request %.80q of %.80q has %d bytes; %d are the most", p.Number, p.Project, len(p.Ref), MaxProposalText)
	case p.State != weir.ProposalHeld && p.State != weir.ProposalApproved && p.State != weir.ProposalClosed:
		return weir.Errorf(weir.Invalid, "a forge does not say that a pull request is %.40q", string(p.State))
	}
	return nil
}

// Check is Invalid if a run cannot be made for this.
func (o Occasion) Check() error {
	n := 0
	for _, set := range []bool{o.Tick != nil, o.Proposal != 0, o.Tag != nil} {
		if set {
			n++
		}
	}
	if n > 1 {
		return weir.Errorf(weir.Invalid, "a run is made for one occasion, not for %d", n)
	}
	if o.Tick != nil {
		return o.Tick.Check()
	}
	return nil
}

// checkAfter looks at what a build waits for, and at its locks.
func (b NewBuild) checkAfter(place int) error {
	if len(b.After) > maxAfter || len(b.Locks) > maxLocks {
		return weir.Errorf(weir.Invalid, "build %d of the run waits for %d builds and %d locks", place, len(b.After), len(b.Locks))
	}
	for _, n := range b.After {
		if n < 0 || n >= place {
			return weir.Errorf(weir.Invalid, "build %d of the run comes after build %d, which is not before it", place, n)
		}
	}
	if !slices.Contains(weir.Whens(), b.When) {
		return weir.Errorf(weir.Invalid, "%.40q does not say how builds end", string(b.When))
	}
	return nil
}
