package starts

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/planner"
	"github.com/weir-ci/weir/internal/store"
)

// Try is a person's wish to know what a change would break that nobody has pushed.
type Try struct {
	Project   string
	Base      string // a full hash that the project's source has, or svn's rNUMBER
	Patch     []byte // as git diff --binary writes it
	Jobs      []string
	Platforms []weir.Platform
	Reason    string // one line; may be empty
	By        string
}

// MaxPatch limits Try.Patch, in bytes.
const MaxPatch = 16 << 20

var baseForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64}|r[1-9][0-9]{0,17})$`)

// Try builds a project with a patch on it. Invalid if there is no patch, or the
// base cannot be the name of a revision; NotFound if nothing of the project is
// built on the platforms, or has one of the jobs.
func (s *Starter) Try(ctx context.Context, ask Try) (Started, error) {
	t := s.Table()
	switch p := t.Project(ask.Project); {
	case p == nil:
		return Started{}, weir.Errorf(weir.NotFound, "there is no project %.80q in this farm", ask.Project)
	case !p.Source.Kind.Repository():
		return Started{}, weir.Errorf(weir.Unsupported, "%s comes from a %s source, of which releases are built and nothing can be tried", ask.Project, p.Source.Kind)
	case len(ask.Patch) == 0:
		return Started{}, weir.Errorf(weir.Invalid, "there is nothing to try: the change is empty")
	case len(ask.Patch) > MaxPatch:
		return Started{}, weir.Errorf(weir.TooLarge, "the change is larger than %d MiB", MaxPatch>>20)
	case !baseForm.MatchString(ask.Base):
		return Started{}, weir.Errorf(weir.Invalid, "%.80q is not the full name of a revision", ask.Base)
	}
	if err := s.has(t, ask); err != nil {
		return Started{}, err
	}
	digest := weir.DigestOf(ask.Patch)
	if err := s.Blobs.Put(ctx, digest, bytes.NewReader(ask.Patch), MaxPatch); err != nil {
		return Started{}, err
	}
	tips, err := planner.ReadTips(ctx, s.Store)
	if err != nil {
		return Started{}, err
	}
	run, asked, err := s.assemble(t, tips, store.NewRun{Cause: weir.CauseTry, Project: ask.Project, By: ask.By, Now: s.Now(),
		Reason: said(ask.Reason, "a change that is tried", ask.By)},
		guest{project: ask.Project, revision: weir.Patched(ask.Base, digest), jobs: ask.Jobs, platforms: ask.Platforms})
	if err != nil {
		return Started{}, err
	}
	if len(asked) == 0 {
		return Started{}, weir.Errorf(weir.NotFound, "no job of %s is for changes that are tried", ask.Project).
			WithHint("name one, or add try to its key on")
	}
	return s.created(ctx, run, asked)
}

// has checks that what somebody asks for is there.
func (s *Starter) has(t *planner.Table, ask Try) error {
	var jobs []string
	var platforms []weir.Platform
	for _, p := range t.Plans {
		if p.Key.Project == ask.Project {
			jobs, platforms = append(jobs, p.Key.Job), append(platforms, p.Key.Platform)
		}
	}
	for _, j := range ask.Jobs {
		if !slices.Contains(jobs, j) {
			return weir.Errorf(weir.NotFound, "project %s has no job %.80q", ask.Project, j).WithHint("it has: %s", list(jobs))
		}
	}
	for _, p := range ask.Platforms {
		if !slices.Contains(platforms, p) {
			return weir.Errorf(weir.NotFound, "project %s is not built on %.40s", ask.Project, p).WithHint("it is built on: %s", list(platforms))
		}
	}
	return nil
}

func list[T ~string](names []T) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	parts := make([]string, 0, len(names))
	for _, n := range names {
		parts = append(parts, string(n))
	}
	return strings.Join(parts, ", ")
}

// created makes a run for a person, and tells everybody.
func (s *Starter) created(ctx context.Context, run store.NewRun, asked []int) (Started, error) {
	out, err := s.create(ctx, run, asked)
	if err == nil {
		s.Stir()
	}
	return out, err
}

// Rerun is a person's wish to see a run again, at the same revisions and with the
// same recipe as then.
type Rerun struct {
	Run weir.RunID
	// Failed leaves out the builds that passed. Builds, if there are any, are the
	// only ones.
	Failed bool
	Builds []weir.BuildID
	Reason string // one line; may be empty
	By     string
}

// Rerun repeats builds of a run. Each is told what the one before it was told, so
// that nothing differs but the time and perhaps the machine. It answers questions
// and moves no baseline. NotFound if there is no such run, or no such build in it;
// Conflict if there is nothing to repeat.
func (s *Starter) Rerun(ctx context.Context, ask Rerun) (Started, error) {
	t := s.Table()
	of, err := s.Store.Run(ctx, ask.Run)
	if err != nil {
		return Started{}, err
	}
	builds, err := s.repeatable(ctx, ask)
	if err != nil {
		return Started{}, err
	}
	a := planner.NewAssembly(t, store.NewRun{Cause: weir.CauseRerun, Project: of.Project, Of: of.ID, By: ask.By, Params: of.Params, Now: s.Now(),
		Reason: said(ask.Reason, fmt.Sprintf("run %d again", of.ID), ask.By)})
	var asked []int
	var told []weir.Spec
	for _, b := range builds {
		spec, err := s.Store.BuildSpec(ctx, b.ID)
		if err != nil {
			return Started{}, err
		}
		at, err := a.Add(b.Builder.ID, b.Pins, priorityForce, func(n *store.NewBuild) {
			n.Spec, n.Share = spec, store.ShareNone
		})
		if err != nil {
			return Started{}, err
		}
		asked, told = append(asked, at), append(told, spec)
	}
	origins(a.Run.Builds, told)
	return s.created(ctx, a.Run, asked)
}

// origins tells the builds that stand before those repeated where their revision
// is from. What is a stranger's stays a stranger's.
func origins(builds []store.NewBuild, told []weir.Spec) {
	for i := range builds {
		b := &builds[i].Spec
		for _, spec := range told {
			if b.Project == spec.Project && b.Revision == spec.Revision {
				b.Ref, b.Untrusted = cmp.Or(b.Ref, spec.Ref), b.Untrusted || spec.Untrusted
				if spec.Cause.Guest() {
					b.Cause = spec.Cause
				}
			}
		}
	}
}

// maxRerun limits the builds of one run that are repeated.
const maxRerun = 1000

// repeatable lists the builds of a run that are to be repeated, oldest first.
func (s *Starter) repeatable(ctx context.Context, ask Rerun) ([]weir.Build, error) {
	all, err := s.Store.ListBuilds(ctx, store.BuildFilter{Run: ask.Run, Limit: maxRerun})
	if err != nil {
		return nil, err
	}
	for _, id := range ask.Builds {
		if !slices.ContainsFunc(all, func(b weir.Build) bool { return b.ID == id }) {
			return nil, weir.Errorf(weir.NotFound, "build %d is not one of run %d", id, ask.Run)
		}
	}
	var out []weir.Build
	for _, b := range slices.Backward(all) {
		switch named := slices.Contains(ask.Builds, b.ID); {
		case len(ask.Builds) > 0 && !named, len(ask.Builds) == 0 && b.Cause == weir.CauseProduct:
		case ask.Failed && (!b.State.Final() || b.Outcome == weir.Passed || b.Outcome == weir.Skipped && b.Reason.Code != weir.ReasonNeeds):
		default:
			out = append(out, b)
		}
	}
	if len(out) == 0 {
		return nil, weir.Errorf(weir.Conflict, "nothing of run %d failed", ask.Run).WithHint("leave out --failed to repeat all of it")
	}
	return out, nil
}

// said puts together why something was done and by whom.
func said(reason, done, by string) string {
	if reason = strings.TrimSpace(reason); reason == "" {
		reason = done
	}
	if by == "" {
		return reason
	}
	return reason + ", by " + by
}
