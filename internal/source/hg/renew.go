package hg

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// stamp is the file below .hg that says which revision a checkout was of.
const stamp = "weir-revision"

// maxPurge limits the files of a checkout that is purged; a bigger one is made anew.
const maxPurge = 500_000

// renew brings an earlier checkout up to date, if there is one that can be. What
// is in its .hg may be a build's work, hooks included, so hg never sees it: the
// mirror's takes its place, and nothing is read from it but one hash.
func (c *checkout) renew(ctx context.Context, r source.Request, revision string) (done bool, err error) {
	clean := r.Source.Checkout.Clean
	meta := filepath.Join(c.dir, ".hg")
	if clean != weir.CleanFresh && clean != weir.CleanIncremental || !mirror.IsDir(c.dir) || !mirror.IsDir(meta) {
		return false, nil
	}
	before := mirror.ReadStamp(filepath.Join(meta, stamp))
	if !hashHex.MatchString(before) {
		return false, nil
	}
	if err := os.RemoveAll(meta); err != nil {
		return false, err
	}
	mir := c.cloneOf(r.Source)
	mir.log = c.log
	err = mir.having(ctx, revision, func() error {
		if mir.subs {
			return nil
		}
		if err := mir.look(ctx, before); errors.Is(err, errMissing) || mir.subs {
			return nil
		} else if err != nil {
			return err
		}
		if err := os.RemoveAll(meta); err != nil { // of an earlier try
			return err
		}
		if err := mir.copyTo(c.dir); err != nil {
			return err
		}
		if err := c.run(ctx, c.dir, "debugrebuilddirstate", "--hidden", "--rev=id("+before+")"); err != nil {
			return err
		}
		if err := c.run(ctx, c.dir, "update", "--hidden", "--clean", "--quiet", "--rev=id("+revision+")"); err != nil {
			return err
		}
		if clean == weir.CleanIncremental {
			done = true
			return nil
		}
		names, err := mir.manifest(ctx, revision, maxPurge, true)
		if err != nil || len(names) > maxPurge {
			return err
		}
		done = true
		return purge(c.dir, names)
	})
	return done && err == nil, err
}

// purge removes everything from a checkout but the named files. hg purge would
// leave repositories that builds made.
func purge(dir string, names []string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	keep := map[string]bool{".": true}
	for _, n := range names {
		keep[n] = true
		for i := strings.LastIndexByte(n, '/'); i > 0; i = strings.LastIndexByte(n[:i], '/') {
			keep[n[:i]] = true
		}
	}
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && keep[path]:
			return nil
		case err != nil:
			return err
		case path == ".hg":
			return fs.SkipDir
		}
		if err := root.RemoveAll(filepath.FromSlash(path)); err != nil {
			return err
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}
