package hg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// Checkout implements source.Checkouter. The checkout is a repository of its
// own, whose default path is the source's location. Any commit will do that the
// remote has, on the source's branch or not.
func (m *Mirrors) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	return m.Prepare(ctx, source.Request{Source: src, Revision: revision, Dir: dir, Log: log})
}

// Prepare implements source.Preparer. Ref means nothing: a mirror has all.
func (m *Mirrors) Prepare(ctx context.Context, r source.Request) error {
	if r.Log == nil {
		r.Log = io.Discard
	}
	if err := checkSource(r.Source); err != nil {
		return err
	}
	base, _, patched := weir.CutPatched(r.Revision)
	if !patched {
		base = r.Revision
	}
	if err := checkHash(base); err != nil {
		return err
	}
	var patch []byte
	if patched {
		var err error
		if patch, err = r.ReadPatch(); err != nil {
			return err
		}
	}
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return explain(ctx, r.Source, err)
	}
	c := &checkout{Mirrors: m, dir: dir, log: r.Log, left: maxSubrepos}
	err = c.prepare(ctx, r, base)
	switch {
	case err != nil:
	case patched:
		err = c.apply(ctx, base, patch)
	default:
		err = os.WriteFile(filepath.Join(dir, ".hg", stamp), []byte(base+"\n"), 0o644)
	}
	if err != nil {
		return c.undo(ctx, r.Source, err)
	}
	_, _ = fmt.Fprintf(r.Log, "checked out %s of %s\n", weir.ShortRevision(r.Revision), r.Source.Location)
	return nil
}

// checkout is one directory that is being filled.
type checkout struct {
	*Mirrors
	dir  string
	log  io.Writer
	left int // subrepositories that may still come
}

// undo leaves an empty directory behind, unless err is about what it held.
func (c *checkout) undo(ctx context.Context, src weir.Source, err error) error {
	if weir.CodeOf(err) != weir.Conflict {
		_ = mirror.Clear(c.dir)
	}
	return explain(ctx, src, err)
}

// prepare fills the directory, or brings an earlier checkout there up to date.
func (c *checkout) prepare(ctx context.Context, r source.Request, revision string) error {
	if r.Keep && !r.Source.Checkout.Submodules {
		done, err := c.renew(ctx, r, revision)
		if done || err != nil {
			return err
		}
	}
	if r.Keep {
		if err := mirror.Clear(c.dir); err != nil {
			return err
		}
	}
	if err := mirror.CheckEmpty(c.dir); err != nil {
		return err
	}
	return c.fill(ctx, r.Source, revision, c.dir, 0)
}

// fill checks a revision out into the empty directory dir.
func (c *checkout) fill(ctx context.Context, src weir.Source, revision, dir string, depth int) error {
	var subs []subrepo
	mir := c.cloneOf(src)
	mir.log = c.log
	err := mir.having(ctx, revision, func() error {
		if err := mirror.Clear(dir); err != nil { // of what an earlier try left
			return err
		}
		if !mir.subs {
			if err := mir.copyTo(dir); err != nil {
				return err
			}
			return c.run(ctx, dir, "update", "--hidden", "--clean", "--quiet", "--rev=id("+revision+")")
		}
		// hg update would insist on all subrepositories, whatever their kind.
		if err := mir.export(ctx, revision, dir); err != nil {
			return err
		}
		var err error
		if src.Checkout.Submodules {
			subs, err = mir.subrepos(ctx, revision)
		}
		return err
	})
	if err != nil {
		return explain(ctx, src, err)
	}
	return c.subrepos(ctx, src, subs, dir, depth)
}

// run runs hg in the checkout.
func (c *checkout) run(ctx context.Context, dir string, args ...string) error {
	cmd := c.cmd(dir, args...)
	cmd.Log = c.log
	_, err := command.Output(ctx, cmd)
	return err
}

// export writes the files of a revision, without subrepositories, and makes a
// repository of them.
func (m *clone) export(ctx context.Context, revision, dir string) error {
	c := m.cmd(m.dir, "archive", "--hidden", "--config", "ui.archivemeta=false", "--type=files", "--rev=id("+revision+")", "--", dir)
	c.Log = m.log
	if _, err := command.Output(ctx, c); err != nil {
		return err
	}
	if err := m.copyTo(dir); err != nil {
		return err
	}
	_, err := command.Output(ctx, m.cmd(dir, "debugrebuilddirstate", "--hidden", "--rev=id("+revision+")"))
	return err
}

// copyTo makes dir a repository with all that the mirror has, without files. The
// store is copied and not linked, as hg clone would: a step may write to its own
// checkout, and a link would lead it into the mirror.
func (m *clone) copyTo(dir string) error {
	from, to := filepath.Join(m.dir, ".hg"), filepath.Join(dir, ".hg")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch top := filepath.ToSlash(name); {
		case d.IsDir() && (top == "." || top == "store" || strings.HasPrefix(top, "store/")):
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case d.IsDir():
			return filepath.SkipDir // caches
		case top == "requires", top == "00changelog.i", top == "bookmarks", strings.HasPrefix(top, "store/") && !passing(d.Name()):
			if !d.Type().IsRegular() {
				return nil // a lock
			}
			return copyFile(path, filepath.Join(to, name))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "hgrc"), []byte("[paths]\ndefault = "+m.src.Location+"\n"), 0o644)
}

// passing reports whether a file of the store is there for a transaction only.
func passing(name string) bool {
	return name == "lock" || strings.HasPrefix(name, "undo") || strings.HasPrefix(name, "journal")
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// apply puts a patch on the files. It stays uncommitted.
func (c *checkout) apply(ctx context.Context, base string, patch []byte) error {
	cmd := c.cmd(c.dir, "import", "--no-commit", "--config", "patch.fuzz=0", "--config", "ui.patch=", "-")
	cmd.Log, cmd.Stdin = c.log, string(patch)
	_, err := command.Output(ctx, cmd)
	var f *command.Failure
	if errors.As(err, &f) && ctx.Err() == nil && !f.Has("No space left") {
		return source.BadPatch(base, err)
	}
	return err
}
