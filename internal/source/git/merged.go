package git

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// Merged implements source.MergeLister.
func (m *Mirrors) Merged(ctx context.Context, src weir.Source, revision string) ([]source.Side, error) {
	var sides []source.Side
	err := m.inspect(ctx, src, revision, func(mir *clone) (err error) {
		sides, err = mir.sides(ctx, revision)
		return err
	})
	return sides, err
}

// Touched implements source.PathLister.
func (m *Mirrors) Touched(ctx context.Context, src weir.Source, revision string) (source.Paths, error) {
	var paths source.Paths
	err := m.inspect(ctx, src, revision, func(mir *clone) (err error) {
		paths, err = mir.touched(ctx, revision)
		return err
	})
	return paths, err
}

// inspect runs f on a mirror that has the commit.
func (m *Mirrors) inspect(ctx context.Context, src weir.Source, revision string, f func(*clone) error) error {
	if err := checkSource(src); err != nil {
		return err
	}
	if err := checkHash(revision); err != nil {
		return err
	}
	mir := m.mirrorOf(src)
	return explain(ctx, src, mir.having(ctx, revision, func() error { return f(mir) }))
}

// sides lists what each parent of a merge but the first brought.
func (m *clone) sides(ctx context.Context, merge string) ([]source.Side, error) {
	parents, err := m.parents(ctx, merge)
	if err != nil || len(parents) < 2 {
		return nil, err
	}
	var sides []source.Side
	room := source.MaxRevisions
	for i := 1; i < min(len(parents), source.MaxSides+1) && room >= 2; i++ {
		side := source.Side{Parent: i + 1}
		if side.Revisions, side.More, err = m.side(ctx, room, parents[i], parents[:i]); err != nil {
			return nil, err
		}
		if len(side.Revisions) > 0 {
			sides, room = append(sides, side), room-len(side.Revisions)
		}
	}
	return sides, nil
}

// side lists the first-parent line that leads to tip, from the commit on at which
// it left what leads to the parents before it; nothing if there is no such commit.
//
// That is not always git's merge base: if the side merged the main line in
// between, the base is the commit that it merged last, and the line forked off
// earlier. Only from there on is each one the parent of the next.
func (m *clone) side(ctx context.Context, room int, tip string, before []string) ([]weir.Revision, bool, error) {
	var fork string
	l, err := m.read(ctx, room-1, &fork, append([]string{tip, "--not"}, before...)...)
	if err != nil || fork == "" {
		return nil, false, err
	}
	base, err := m.history(ctx, "--max-count=1", fork)
	if err != nil {
		return nil, false, err
	}
	if len(base.Revisions) != 1 || len(l.Revisions) == 0 {
		return nil, false, errMissing
	}
	return append(base.Revisions, l.Revisions...), l.More, nil
}

// parents lists the parents of a commit.
func (m *clone) parents(ctx context.Context, commit string) ([]string, error) {
	out, err := command.Output(ctx, m.cmd(m.shut, m.dir, "--git-dir=.", "rev-list", "--parents", "--max-count=1", commit, "--"))
	if err != nil {
		return nil, err
	}
	hashes := strings.Fields(string(out))
	if len(hashes) == 0 || hashes[0] != commit {
		return nil, errMissing
	}
	return hashes[1:], nil
}

// touched compares a commit with its first parent, or with nothing.
func (m *clone) touched(ctx context.Context, commit string) (source.Paths, error) {
	parents, err := m.parents(ctx, commit)
	if err != nil {
		return source.Paths{}, err
	}
	args := []string{"--git-dir=.", "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-commit-id", "--root"}
	if len(parents) > 0 {
		args = append(args, parents[0])
	}
	var paths source.Paths
	err = command.Stream(ctx, m.cmd(m.shut, m.dir, append(args, commit, "--")...), func(r *bufio.Reader) error {
		for {
			if _, err := r.Peek(1); errors.Is(err, io.EOF) {
				return nil
			}
			if len(paths.Names) == source.MaxPaths {
				paths.More = true
				return command.ErrStop
			}
			name, err := mirror.Field(r, source.MaxPath)
			if err != nil {
				return errMissing // cut short: git was stopped, or says so at its end
			}
			paths.Names = append(paths.Names, name)
		}
	})
	return paths, err
}
