package git

import (
	"context"
	"errors"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/command"
)

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
		if err == nil && have[0] == "" && m.ref != "" {
			_, err = m.fetchRef(ctx, m.ref)
			if weir.CodeOf(err) == weir.NotFound { // its commit may be elsewhere
				err = nil
			}
			if err == nil {
				have, err = m.resolve(ctx, revision)
			}
		}
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
