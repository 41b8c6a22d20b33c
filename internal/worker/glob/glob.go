// Package glob finds files of a checkout by a pattern. The checkout is not
// trusted: nothing outside of it is found, whatever its links say, and a tree
// that never ends is given up.
package glob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
)

// Find finds files below root that match a pattern: elements with the
// wildcards of path.Match, and ** for any number of directories. The names
// use slashes; their order is always the same. Directories that are links are not entered by
// wildcards, nor is .git. It looks at no more than limit entries.
func Find(ctx context.Context, root *os.Root, pattern string, limit int) ([]string, error) {
	pattern = strings.TrimPrefix(pattern, "./")
	if !fs.ValidPath(pattern) || !filepath.IsLocal(filepath.FromSlash(pattern)) {
		return nil, weir.Errorf(weir.Invalid, "%.200q is not a path below the checkout", pattern)
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, weir.Errorf(weir.Invalid, "%.200q is not a pattern", pattern)
	}
	g := globber{ctx: ctx, fsys: root.FS(), left: limit, seen: map[string]bool{}}
	if !strings.ContainsAny(pattern, `*?[\`) {
		if _, err := root.Stat(pattern); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			return nil, weir.Errorf(weir.Invalid, "%s cannot be read, or leads out of the checkout", pattern).WithCause(err)
		}
		return []string{pattern}, nil
	}
	err := g.match(".", strings.Split(pattern, "/"))
	return g.found, err
}

type globber struct {
	ctx   context.Context
	fsys  fs.FS
	left  int
	seen  map[string]bool
	found []string
}

// match looks in directory dir for the elements of the pattern that are left.
func (g *globber) match(dir string, elems []string) error {
	if elems[0] == "**" {
		rest := elems[1:]
		if len(rest) == 0 {
			rest = []string{"*"}
		}
		if rest[0] == "**" {
			return g.match(dir, rest)
		}
		if err := g.match(dir, rest); err != nil {
			return err
		}
	}
	entries, err := fs.ReadDir(g.fsys, dir)
	if err != nil {
		return nil // not a directory, unreadable, or gone: nothing matches there
	}
	if g.left -= len(entries) + 1; g.left < 0 {
		return weir.Errorf(weir.TooLarge, "there are too many files below the checkout to search")
	}
	if err := g.ctx.Err(); err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if elems[0] == "**" {
			if e.IsDir() && e.Name() != ".git" {
				if err := g.match(name, elems); err != nil {
					return err
				}
			}
			continue
		}
		ok, err := path.Match(elems[0], e.Name())
		switch {
		case err != nil || !ok:
		case len(elems) > 1:
			if e.IsDir() && (e.Name() != ".git" || elems[0] == ".git") {
				if err := g.match(name, elems[1:]); err != nil {
					return err
				}
			}
		case !e.IsDir() && !g.seen[name]:
			g.seen[name] = true
			g.found = append(g.found, name)
		}
	}
	return nil
}
