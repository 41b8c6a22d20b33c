package local

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/recipe"
)

// workingRevision stands for the revision of what is copied.
const workingRevision = "working-copy"

// pin decides the revision of everything that takes part.
func (r *localRun) pin(ctx context.Context, chosen []recipe.Plan, wanted map[string]string, workingCopy bool) error {
	r.pins = weir.Pins{}
	plan := chosen[len(chosen)-1] // all are of one project
	involved := append(slices.Clone(plan.Upstreams), plan.Key.Project)
	for name := range wanted {
		if !slices.Contains(involved, name) {
			return console.Usage(fmt.Errorf("--pin %s: %s takes no part in %s; these do: %s",
				name, name, plan.Key.Name(), strings.Join(involved, ", ")))
		}
	}
	for _, name := range involved {
		p, _ := r.src.farm.Project(name)
		if rev := wanted[name]; rev != "" {
			var err error
			if r.pins[name], err = r.resolve(ctx, p, rev); err != nil {
				return err
			}
			continue
		}
		if workingCopy && name == plan.Key.Project {
			r.pins[name] = workingRevision
			continue
		}
		if p.Source.Kind == weir.None {
			r.pins[name] = weir.NoRevision
			continue
		}
		listing, err := r.lister.Revisions(ctx, p.Source, "")
		if err != nil {
			return err
		}
		if len(listing.Revisions) == 0 {
			return weir.Errorf(weir.NotFound, "%s has no revisions", name)
		}
		r.pins[name] = listing.Revisions[len(listing.Revisions)-1].ID
	}
	return nil
}

// fullHash is how git names a commit for good.
var fullHash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// resolve finds the revision that a person means: a tag, a version, the
// beginning of a hash. A full hash is taken even if the branch does not have it,
// and so is a derived revision (weir.Without), as builds on a farm name them.
func (r *localRun) resolve(ctx context.Context, p *weir.Project, name string) (string, error) {
	src := p.Source
	src.From, src.To = name, name
	if _, _, derived := weir.CutWithout(name); derived && src.Kind == weir.Git {
		return name, nil
	}
	listing, err := r.lister.Revisions(ctx, src, "")
	switch code := weir.CodeOf(err); {
	case err == nil && len(listing.Revisions) > 0:
		return listing.Revisions[0].ID, nil
	case src.Kind == weir.Git && fullHash.MatchString(name) && (err == nil || code == weir.NotFound):
		return name, nil
	case err == nil, code == weir.NotFound:
		return "", weir.Errorf(weir.NotFound, "%s has no revision %.80q", p.Name, name).
			WithHint("name a tag, a version, or a commit by its hash")
	}
	return "", err
}
