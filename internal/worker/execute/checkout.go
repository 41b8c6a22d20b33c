package execute

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/worker/trees"
)

// checkoutName is the name of the checkout's directory.
func checkoutName(s weir.Spec) (string, error) {
	if s.Job.Dir == "" {
		return source.DirName(s.Source), nil
	}
	if !weir.ValidName(s.Job.Dir) {
		return "", weir.Errorf(weir.Invalid, "the job's dir %.80q is not a plain name", s.Job.Dir)
	}
	return s.Job.Dir, nil
}

// settleIn finds the place of the checkout: in the build's own directory, or,
// if the recipe wants what earlier builds left, in the builder's.
func (a *attempt) settleIn(name string) error {
	a.checkout = filepath.Join(a.job.Dir, "src", name)
	if !a.keepsTree() {
		return nil
	}
	spec := a.job.Spec
	key := strings.Join([]string{spec.Project, spec.Job.Name, spec.Job.Cell, string(spec.Platform), spec.Branch,
		string(spec.Source.Kind), spec.Source.Location, string(spec.Source.Checkout.Clean)}, "\x00")
	tree, err := a.trees().Take(spec.Project+"-"+spec.Job.Name, key)
	if err != nil || tree == nil { // another slot builds the same: this build does without
		return err
	}
	a.tree, a.checkout = tree, filepath.Join(tree.Dir, name)
	return nil
}

// keepsTree reports whether the checkout is one that later builds find. Those
// of strangers, and those of what is on no branch, leave nothing behind.
func (a *attempt) keepsTree() bool {
	spec := a.job.Spec
	clean := spec.Source.Checkout.Clean
	return (clean == weir.CleanFresh || clean == weir.CleanIncremental) && spec.Source.Kind != weir.None &&
		!spec.Untrusted && !spec.Cause.Guest()
}

func (a *attempt) trees() trees.Store {
	return trees.Store{Root: filepath.Join(a.r.CacheDir, "trees"), Count: a.r.Trees}
}

// leaveTree lets later builds find the checkout as it is, if this one ended well
// enough to say anything.
func (a *attempt) leaveTree(why weir.Reason) {
	if a.tree == nil || !why.Code.Outcome().SaysSomething() {
		return
	}
	// If it cannot be noted the next build begins with an empty directory.
	_ = a.tree.Settle()
	_ = a.trees().Prune()
}

func (a *attempt) checkOut(ctx context.Context) (weir.Reason, bool) {
	spec := a.job.Spec
	log := a.begin(0)
	fmt.Fprintf(log, "checking out %s %s at %s into %s\n", spec.Source.Kind, spec.Source.Location, spec.Revision, a.checkout)
	err := a.fetchSource(ctx, log)
	if err == nil {
		fmt.Fprintf(log, "checked out in %s\n", a.elapsed(0))
		a.end(0, weir.StepPassed, "")
		return weir.Reason{}, true
	}
	if why, stopped := a.interrupted(ctx, 0); stopped {
		return why, false
	}
	fmt.Fprintf(log, "%v\n", err)
	a.end(0, weir.StepFailed, err.Error())
	if why, full := a.full(err); full {
		return why, false
	}
	text := fmt.Sprintf("%s cannot be checked out: %v", weir.ShortRevision(spec.Revision), err)
	switch weir.CodeOf(err) {
	case weir.NotFound, weir.Invalid, weir.TooLarge:
		return reason(weir.ReasonCheckout, "%s", text), false
	case weir.Unavailable, weir.Unauthenticated, weir.Forbidden:
		return reason(weir.ReasonSourceDown, "%s", text), false
	}
	return reason(weir.ReasonWorker, "%s", text), false
}

// fetchSource puts the revision into the checkout.
func (a *attempt) fetchSource(ctx context.Context, log io.Writer) error {
	spec := a.job.Spec
	ctx = source.WithSecrets(ctx, func(name string) (string, error) {
		if value, ok := a.secret(name); ok {
			return value, nil
		}
		return "", weir.Errorf(weir.NotFound, "the secret %.100s did not come with the build", name)
	})
	_, digest, patched := weir.CutPatched(spec.Revision)
	p, ok := a.r.Checkout.(source.Preparer)
	if !ok {
		if patched || spec.Ref != "" {
			return weir.Errorf(weir.Unsupported, "this worker checks out neither patches nor refs")
		}
		if a.tree != nil && a.tree.Reused {
			if err := a.tree.Empty(); err != nil {
				return err
			}
		}
		return a.r.Checkout.Checkout(ctx, spec.Source, spec.Revision, a.checkout, log)
	}
	request := source.Request{Source: spec.Source, Revision: spec.Revision, Ref: spec.Ref, Dir: a.checkout, Log: log,
		Untrusted: spec.Untrusted, Keep: a.tree != nil && a.tree.Reused}
	if patched {
		text, err := a.patch(ctx, digest)
		if err != nil {
			return err
		}
		request.Patch = bytes.NewReader(text)
	}
	if !request.Keep {
		return p.Prepare(ctx, request)
	}
	fmt.Fprintf(log, "the last build of this builder left a checkout here; cleaning up: %s\n", spec.Source.Checkout.Clean)
	err := p.Prepare(ctx, request)
	switch weir.CodeOf(err) {
	case weir.Unavailable, weir.Unauthenticated, weir.Forbidden, weir.NotFound, weir.Exhausted:
		return err
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	fmt.Fprintf(log, "%v\nstarting again with an empty directory\n", err)
	if err := a.tree.Empty(); err != nil {
		return err
	}
	request.Keep = false
	return p.Prepare(ctx, request)
}

// patch fetches the patch that a derived revision names.
func (a *attempt) patch(ctx context.Context, d weir.Digest) ([]byte, error) {
	if a.r.Fetch == nil {
		return nil, weir.Errorf(weir.Unsupported, "patches cannot be fetched here")
	}
	content, err := a.r.Fetch(ctx, d)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	text, err := io.ReadAll(io.LimitReader(content, source.MaxPatch+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > source.MaxPatch:
		return nil, weir.Errorf(weir.TooLarge, "the patch %s has more than %d MiB", d.Short(), source.MaxPatch>>20)
	case weir.DigestOf(text) != d:
		return nil, weir.Errorf(weir.Unavailable, "the patch %s did not arrive as it was sent", d.Short())
	}
	return text, nil
}
