// Package worktree says what somebody has changed in a working tree and not
// pushed: the newest commit that others have, and one patch on top of it with
// everything since, committed or not, new files and binary ones included. What
// the repository is told to ignore is left out.
//
// Nothing in the tree, its index or its repository is changed: the patch is made
// with an index of its own.
package worktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
)

// MaxPatch limits a patch, in bytes.
const MaxPatch = 16 << 20

// Change is what is in a working tree beyond what others have.
type Change struct {
	Kind  weir.SourceKind // weir.Git or weir.Hg
	Root  string          // of the working tree, absolute
	Base  string          // full hash of the newest commit that others have
	Patch []byte          // as git diff --binary writes it; empty if there is nothing
	Files []string        // that it touches, relative to Root, with slashes
}

// Look finds the change in the working tree that dir is in. base names the commit
// to start from, if it is not to be the newest one that the remote has. Its
// errors are Invalid if dir is in no working tree or nothing is known of a remote,
// TooLarge, or Unsupported if git or hg is not installed.
func Look(ctx context.Context, dir, base string) (Change, error) {
	root, kind, err := find(dir)
	if err != nil {
		return Change{}, err
	}
	t := tree{ctx, root}
	if kind == weir.Hg {
		return t.hg(base)
	}
	return t.git(base)
}

// find looks for a repository from dir upwards.
func find(dir string) (root string, kind weir.SourceKind, err error) {
	if root, err = filepath.Abs(dir); err != nil {
		return "", "", err
	}
	for at := root; ; at = filepath.Dir(at) {
		for name, kind := range map[string]weir.SourceKind{".git": weir.Git, ".hg": weir.Hg} {
			if _, err := os.Stat(filepath.Join(at, name)); err == nil {
				return at, kind, nil
			} else if !errors.Is(err, fs.ErrNotExist) {
				return "", "", err
			}
		}
		if at == filepath.Dir(at) {
			return "", "", weir.Errorf(weir.Invalid, "%s is in no working tree of git or Mercurial", root).
				WithHint("go to the directory that you have changed, or name it with --dir")
		}
	}
}

type tree struct {
	ctx  context.Context
	root string
}

// run runs a tool in the tree. Its output may have MaxPatch bytes.
func (t tree) run(env []string, tool string, args ...string) (string, error) {
	c := exec.CommandContext(t.ctx, tool, args...)
	c.Dir, c.Env = t.root, append(os.Environ(), env...)
	out := limited{}
	var errText limited
	c.Stdout, c.Stderr = &out, &errText
	err := c.Run()
	switch {
	case t.ctx.Err() != nil:
		return "", t.ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return "", weir.Errorf(weir.Unsupported, "%s is not installed", tool)
	case out.over:
		return "", weir.Errorf(weir.TooLarge, "the change is larger than %d MiB", MaxPatch>>20).
			WithHint("leave out what is generated: add it to the ignore file")
	case err != nil:
		text := strings.TrimSpace(errText.buf.String())
		return "", weir.Errorf(weir.Invalid, "%s %s: %.500s", tool, args[0], text).WithCause(err)
	}
	return out.buf.String(), nil
}

// limited keeps the first MaxPatch bytes.
type limited struct {
	buf  bytes.Buffer
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.buf.Len()+len(p) > MaxPatch {
		l.over = true
		return 0, errors.New("too much output")
	}
	return l.buf.Write(p)
}

func (t tree) git(base string) (Change, error) {
	c := Change{Kind: weir.Git, Root: t.root}
	var err error
	if c.Base, err = t.gitBase(base); err != nil {
		return c, err
	}
	scratch, err := os.MkdirTemp("", "weir-try-")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(scratch)
	// The index of the tree says which files are unchanged, so that not all are read.
	index := filepath.Join(scratch, "index")
	if at, err := t.run(nil, "git", "rev-parse", "--git-path", "index"); err == nil {
		own := strings.TrimSpace(at)
		if !filepath.IsAbs(own) {
			own = filepath.Join(t.root, own)
		}
		if data, err := os.ReadFile(own); err == nil {
			if err := os.WriteFile(index, data, 0o600); err != nil {
				return c, err
			}
		}
	}
	env := []string{"GIT_INDEX_FILE=" + index, "GIT_OPTIONAL_LOCKS=0"}
	objects, err := t.run(nil, "git", "rev-parse", "--git-path", "objects")
	if err != nil {
		return c, err
	}
	own := strings.TrimSpace(objects)
	if !filepath.IsAbs(own) {
		own = filepath.Join(t.root, own)
	}
	// What is added goes into a store that is thrown away.
	alternates := own
	if more := os.Getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES"); more != "" {
		alternates += string(os.PathListSeparator) + more
	}
	env = append(env, "GIT_OBJECT_DIRECTORY="+scratch, "GIT_ALTERNATE_OBJECT_DIRECTORIES="+alternates)
	if _, err := t.run(env, "git", "add", "--all", "--", "."); err != nil {
		return c, err
	}
	patch, err := t.run(env, "git", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "-c", "core.quotePath=true", "diff", "--cached", "--binary", "--full-index", "--no-color", "--no-ext-diff",
		"--no-textconv", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/", c.Base, "--")
	if err != nil {
		return c, err
	}
	names, err := t.run(env, "git", "diff", "--cached", "--name-only", "--no-renames", "-z", c.Base, "--")
	if err != nil {
		return c, err
	}
	c.Patch, c.Files = []byte(patch), fields(names)
	return c, nil
}

// gitBase finds the newest commit on HEAD's line that a remote has.
func (t tree) gitBase(wanted string) (string, error) {
	if wanted != "" {
		out, err := t.run(nil, "git", "rev-parse", "--verify", "--quiet", "--end-of-options", wanted+"^{commit}")
		if err != nil {
			return "", weir.Errorf(weir.NotFound, "there is no commit %.80q here", wanted)
		}
		return strings.TrimSpace(out), nil
	}
	if _, err := t.run(nil, "git", "rev-parse", "--verify", "--quiet", "HEAD"); err != nil {
		return "", weir.Errorf(weir.Invalid, "%s has no commit yet", t.root).WithHint("commit something and push it, so that there is something to start from")
	}
	out, err := t.run(nil, "git", "rev-list", "--max-count=1", "HEAD", "--not", "--remotes")
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(out) == "" { // a remote has HEAD
		out, err := t.run(nil, "git", "rev-parse", "HEAD")
		return strings.TrimSpace(out), err
	}
	// The oldest commit that no remote has; the one before it is the base.
	out, err = t.run(nil, "git", "rev-list", "--first-parent", "--boundary", "HEAD", "--not", "--remotes")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if hash, ok := strings.CutPrefix(strings.TrimSpace(line), "-"); ok {
			return hash, nil
		}
	}
	return "", weir.Errorf(weir.Invalid, "nothing of HEAD is on any remote that %s knows", t.root).
		WithHint("fetch from the remote, or name a commit that the farm can get with --base")
}

func (t tree) hg(base string) (Change, error) {
	c := Change{Kind: weir.Hg, Root: t.root}
	env := []string{"HGPLAIN=1"}
	rev := "last(public() and ::.)"
	if base != "" {
		rev = "last(" + hgString(base) + ")"
	}
	out, err := t.run(env, "hg", "log", "-r", rev, "-T", "{node}")
	if err != nil {
		return c, err
	}
	if c.Base = strings.TrimSpace(out); c.Base == "" {
		return c, weir.Errorf(weir.Invalid, "nothing here is known to be on a remote").
			WithHint("push or pull first, or name a commit that the farm can get with --base")
	}
	patch, err := t.run(env, "hg", "diff", "--git", "-r", c.Base)
	if err != nil {
		return c, err
	}
	names, err := t.run(env, "hg", "status", "-mard", "-n", "-0", "--rev", c.Base)
	if err != nil {
		return c, err
	}
	unknown, err := t.run(env, "hg", "status", "-u", "-n", "-0")
	if err != nil {
		return c, err
	}
	if more := fields(unknown); len(more) > 0 {
		return c, weir.Errorf(weir.Invalid, "%d files are not known to Mercurial, such as %s", len(more), more[0]).
			WithHint("hg add them, or put them into .hgignore")
	}
	c.Patch, c.Files = []byte(patch), fields(names)
	return c, nil
}

// hgString quotes a text for a revision set.
func hgString(s string) string { return fmt.Sprintf("%q", s) }

func fields(zeros string) (out []string) {
	for name := range strings.SplitSeq(zeros, "\x00") {
		if name != "" {
			out = append(out, filepath.ToSlash(name))
		}
	}
	return out
}
