package svn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// stamp is the file below .svn that says which revision a checkout was of.
const stamp = "weir-revision"

// Checkout implements source.Checkouter. The checkout is a working copy.
func (m *Repositories) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	return m.Prepare(ctx, source.Request{Source: src, Revision: revision, Dir: dir, Log: log})
}

// Prepare implements source.Preparer. Ref is a path below the location, which
// takes the place of the branch.
func (m *Repositories) Prepare(ctx context.Context, r source.Request) error {
	if r.Log == nil {
		r.Log = io.Discard
	}
	src, err := withRef(r.Source, r.Ref)
	if err != nil {
		return err
	}
	revision, _, patched := weir.CutPatched(r.Revision)
	if !patched {
		revision = r.Revision
	}
	if err := checkID(revision); err != nil {
		return err
	}
	var patch []byte
	if patched {
		if patch, err = r.ReadPatch(); err != nil {
			return err
		}
	}
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return explain(ctx, src, err)
	}
	c := &checkout{Repositories: m, src: src, revision: number(revision), dir: dir, log: r.Log, left: maxExternals}
	err = c.prepare(ctx, r.Keep)
	switch {
	case err != nil:
	case patched:
		err = c.apply(ctx, patch)
	default:
		err = os.WriteFile(filepath.Join(dir, ".svn", stamp), []byte(revision+"\n"), 0o644)
	}
	if err != nil {
		if weir.CodeOf(err) != weir.Conflict {
			_ = mirror.Clear(dir)
		}
		return explain(ctx, src, unreachable(ctx, src, err))
	}
	_, _ = fmt.Fprintf(r.Log, "checked out %s of %s\n", weir.ShortRevision(r.Revision), src.Location)
	return nil
}

// checkout is one directory that is being filled.
type checkout struct {
	*Repositories
	src      weir.Source
	revision int64
	dir      string
	log      io.Writer
	left     int // externals that may still come
}

// prepare fills the directory, or brings an earlier checkout there up to date.
func (c *checkout) prepare(ctx context.Context, keep bool) error {
	if keep {
		done, err := c.renew(ctx)
		if done || ctx.Err() != nil {
			return err
		}
		if err := mirror.Clear(c.dir); err != nil { // whatever the trouble is, it was in there
			return err
		}
	}
	if err := mirror.CheckEmpty(c.dir); err != nil {
		return err
	}
	err := c.run(ctx, c.src, "checkout", "--quiet", "--ignore-externals", c.at(c.revision), "--", target(c.src, "", c.revision), c.dir)
	if err != nil || !c.src.Checkout.Submodules {
		return err
	}
	return c.externals(ctx, c.src, c.dir, 0)
}

func (c *checkout) at(n int64) string { return fmt.Sprintf("--revision=%d", n) }

// run runs svn, perhaps with src's credential.
func (c *checkout) run(ctx context.Context, src weir.Source, args ...string) error {
	cmd, err := c.remote(ctx, src, args...)
	if err != nil {
		return err
	}
	cmd.Log = c.log
	_, err = command.Output(ctx, cmd)
	return err
}

// renew brings an earlier checkout up to date, if there is one that can be. What
// is in its .svn may be a build's work, so svn never sees it: nothing is read from
// it but the number of a revision, and it is fetched anew. Files that are right stay.
func (c *checkout) renew(ctx context.Context) (done bool, err error) {
	clean := c.src.Checkout.Clean
	meta := filepath.Join(c.dir, ".svn")
	if clean != weir.CleanFresh && clean != weir.CleanIncremental || c.src.Checkout.Submodules || !mirror.IsDir(c.dir) || !mirror.IsDir(meta) {
		return false, nil
	}
	before := mirror.ReadStamp(filepath.Join(meta, stamp))
	if !revisionID.MatchString(before) {
		return false, nil
	}
	if err := disarm(c.dir); err != nil {
		return false, err
	}
	revert := []string{"revert", "--quiet", "--recursive", "--", c.dir + "@"}
	steps := [][]string{ // what was there before is there again; then svn knows what to remove
		{"checkout", "--quiet", "--force", "--ignore-externals", c.at(number(before)), "--", target(c.src, "", number(before)), c.dir},
		revert,
		{"update", "--quiet", "--force", "--ignore-externals", "--accept=theirs-full", c.at(c.revision), "--", c.dir + "@"},
		revert,
	}
	if clean == weir.CleanFresh {
		steps = append(steps, []string{"cleanup", "--quiet", "--remove-unversioned", "--remove-ignored", "--", c.dir})
	}
	for _, args := range steps {
		if err := c.run(ctx, c.src, args...); err != nil {
			return false, err
		}
	}
	return true, nil
}

// disarm removes from an old checkout what could lead svn elsewhere: its data,
// those of working copies below, and links.
func disarm(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.Name() == ".svn":
			if err := root.RemoveAll(path); err != nil || !d.IsDir() {
				return err
			}
			return fs.SkipDir
		case !d.IsDir() && !d.Type().IsRegular():
			return root.Remove(path)
		}
		return nil
	})
}

// rejected is what svn patch prints of a change that it did not make, or made
// somewhere else than it was meant.
var rejected = regexp.MustCompile(`^(C|.C|..C|Skipped|Summary of conflicts|> +rejected|> +applied .* fuzz)`)

// apply puts a patch on the files. It stays uncommitted.
func (c *checkout) apply(ctx context.Context, patch []byte) error {
	f, err := os.CreateTemp(c.Repositories.dir, "patch-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(patch)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	applied, bad := 0, false
	strip, err := c.strip(ctx, string(patch))
	if err != nil {
		return err
	}
	cmd := c.local("patch", "--strip", strip, "--", f.Name(), c.dir+"@")
	cmd.Log = c.log
	err = command.Stream(ctx, cmd, func(r *bufio.Reader) error {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return nil
			}
			applied++
			if rejected.MatchString(line) {
				bad = true
				_, _ = fmt.Fprintf(c.log, "%.300q\n", strings.TrimSpace(line))
			}
		}
	})
	var failure *command.Failure
	if ctx.Err() == nil && (errors.As(err, &failure) && !failure.Has("No space left") || err == nil && (bad || applied == 0)) {
		return source.BadPatch(id(c.revision), err)
	}
	return err
}

// strip says how many directories to cut from the names in a patch: svn diff
// --git writes them from the root of the repository.
func (c *checkout) strip(ctx context.Context, patch string) (string, error) {
	const start = "diff --git a/"
	at, err := c.lookup(ctx, c.src, c.dir+"@") // asks the working copy
	if err != nil {
		return "", err
	}
	path, err := below(at)
	if err != nil {
		return "", err
	}
	found := false
	for line := range strings.Lines(patch) {
		if name, ok := strings.CutPrefix(line, start); ok {
			if !strings.HasPrefix("/"+name, path) {
				return "0", nil
			}
			found = true
		}
	}
	if !found {
		return "0", nil
	}
	return strconv.Itoa(strings.Count(path, "/") - 1), nil
}
