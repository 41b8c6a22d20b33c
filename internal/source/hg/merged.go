package hg

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// null is the hash that hg has for no commit.
const null = "0000000000000000000000000000000000000000"

// Merged implements source.MergeLister. Merges of Mercurial have two parents.
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
	mir := m.cloneOf(src)
	return explain(ctx, src, mir.having(ctx, revision, func() error { return f(mir) }))
}

// sides lists what the second parent of a merge brought.
func (m *clone) sides(ctx context.Context, merge string) ([]source.Side, error) {
	parents, err := m.parents(ctx, merge)
	if err != nil || parents[1] == null || parents[0] == null {
		return nil, err
	}
	l, fork, err := m.read(ctx, source.MaxRevisions-1, behind(parents[1], parents[0]))
	if err != nil || len(l.Revisions) == 0 || fork == null {
		return nil, err
	}
	base, err := m.history(ctx, "id("+fork+")")
	if err != nil {
		return nil, err
	}
	if len(base.Revisions) != 1 {
		return nil, errMissing
	}
	return []source.Side{{Parent: 2, Revisions: append(base.Revisions, l.Revisions...), More: l.More}}, nil
}

// parents are the two parents of a commit, null for none.
func (m *clone) parents(ctx context.Context, commit string) (p [2]string, err error) {
	out, err := command.Output(ctx, m.cmd(m.dir, "log", "--hidden", "--rev=id("+commit+")", "--template={p1node} {p2node}"))
	if err != nil {
		return p, err
	}
	hashes := strings.Fields(string(out))
	if len(hashes) != 2 {
		return p, errMissing
	}
	return [2]string(hashes), nil
}

// maxTouched limits the paths that are looked at to find the first ones.
const maxTouched = 200_000

// touched compares a commit with its first parent, or with nothing.
func (m *clone) touched(ctx context.Context, commit string) (source.Paths, error) {
	parents, err := m.parents(ctx, commit)
	if err != nil {
		return source.Paths{}, err
	}
	var paths source.Paths
	c := m.cmd(m.dir, "status", "--hidden", "--rev=id("+parents[0]+")", "--rev=id("+commit+")",
		"--modified", "--added", "--removed", "--no-status", "--print0")
	err = command.Stream(ctx, c, func(r *bufio.Reader) error {
		for {
			if _, err := r.Peek(1); errors.Is(err, io.EOF) {
				return nil
			}
			if len(paths.Names) == maxTouched {
				paths.More = true
				return command.ErrStop
			}
			name, err := mirror.Field(r, source.MaxPath)
			if err != nil {
				return errMissing
			}
			paths.Names = append(paths.Names, name)
		}
	})
	slices.Sort(paths.Names) // hg has those that it changed before those that it added
	if len(paths.Names) > source.MaxPaths {
		paths.Names, paths.More = paths.Names[:source.MaxPaths], true
	}
	return paths, err
}
