package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// Checkout implements source.Checkouter. The checkout is a repository of its
// own with a detached HEAD, the tags of the branch, and origin set to the
// source's location. Any commit will do that is reachable from the branch or
// that the remote gives away by its hash, on the first-parent line or not. HEAD
// of a derived revision (weir.Without) is a commit made here, on top of its
// head; see revert.
func (m *Mirrors) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	if log == nil {
		log = io.Discard
	}
	if err := checkSource(src); err != nil {
		return err
	}
	head, culprit, derived := weir.CutWithout(revision)
	if !derived {
		head = revision
	}
	if err := checkHash(head); err != nil {
		return err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return explain(ctx, src, err)
	}
	if err := mirror.CheckEmpty(dir); err != nil {
		return err
	}
	mir := m.mirrorOf(src)
	mir.log = log
	err = mir.having(ctx, head, func() error {
		if err := mirror.Clear(dir); err != nil { // of what an earlier try left
			return err
		}
		return mir.checkOut(ctx, head, culprit, dir)
	})
	if err != nil {
		_ = mirror.Clear(dir)
		return explain(ctx, src, err)
	}
	_, _ = fmt.Fprintf(log, "checked out %s of %s\n", weir.ShortRevision(revision), src.Location)
	return nil
}

// having runs f with the mirror locked for reading and the commit in it. It tries
// with what is there, then with the commit fetched, and at last with a new mirror.
func (m *clone) having(ctx context.Context, revision string, f func() error) error {
	var err error
	for range 3 {
		err = m.locked(ctx, false, func() error {
			if !m.exists() {
				return errMissing
			}
			found, err := m.resolve(ctx, revision)
			if err == nil && found[0] == "" {
				err = errMissing
			}
			if err != nil {
				return err
			}
			return f()
		})
		if err == nil || ctx.Err() != nil || !damaged(err) {
			return err
		}
		if err := m.provide(ctx, revision, !errors.Is(err, errMissing)); err != nil {
			return err
		}
	}
	return err
}

// provide brings a commit into the mirror: with its branch if it is on it,
// else by its hash, which most servers allow. broken asks for a new mirror.
func (m *clone) provide(ctx context.Context, revision string, broken bool) error {
	at, err := m.lookup(ctx, m.src)
	if weir.CodeOf(err) == weir.NotFound {
		at.branch = "" // a branch that is gone may have left the commit behind
	} else if err != nil {
		return err
	}
	rebuilt := false
	return m.use(ctx, at.branch, objectFormat(revision), func() error {
		if broken && !rebuilt {
			rebuilt = true
			if err := m.rebuild(ctx, at.branch, objectFormat(revision)); err != nil {
				return err
			}
		}
		have, err := m.resolve(ctx, revision)
		if err == nil && have[0] == "" && at.branch != "" {
			if err = m.fetchBranch(ctx, at.branch); err == nil {
				have, err = m.resolve(ctx, revision)
			}
		}
		if err != nil || have[0] != "" {
			return err
		}
		return m.fetchCommit(ctx, revision)
	})
}

// fetchCommit asks the remote for one commit by its hash.
func (m *clone) fetchCommit(ctx context.Context, revision string) error {
	err := m.fetch(ctx, "+"+revision+":refs/weir/"+revision)
	var f *command.Failure
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, !errors.As(err, &f), !f.Has("not our ref", "remote ref", "unadvertised object", "no such remote"):
		return unreachable(ctx, m.src, err)
	}
	return weir.Errorf(weir.NotFound, "%s has no commit %s", m.src.Location, revision).
		WithHint("it may have been pushed away; git fetch %s %s shows what the remote says", m.src.Location, revision)
}

// checkOut makes the checkout from the mirror, without what culprit changed unless
// it is empty. The objects are copied and not linked: a step may write to its own
// checkout, and a link would lead it into the mirror.
func (m *clone) checkOut(ctx context.Context, head, culprit, dir string) error {
	if culprit != "" {
		if err := m.ancestor(ctx, culprit, head); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"clone", "--quiet", "--no-hardlinks", "--no-checkout", "--template=", "--", m.dir, dir},
		{"remote", "set-url", "origin", m.src.Location},
	} {
		if _, err := command.Output(ctx, m.cmd(m.shut, dir, args...)); err != nil {
			return err
		}
	}
	if culprit != "" {
		var err error
		if head, err = m.revert(ctx, head, culprit, dir); err != nil {
			return err
		}
	}
	c := m.cmd(m.shut, dir, "-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", "--detach", head, "--")
	c.Log = m.log
	_, err := command.Output(ctx, c)
	return err
}

var _ source.Checkouter = (*Mirrors)(nil)
