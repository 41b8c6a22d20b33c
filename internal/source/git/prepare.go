package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// stamp is the file below .git that says which revision a checkout was of.
const stamp = "weir-revision"

// Checkout implements source.Checkouter. The checkout is a repository of its
// own with a detached HEAD, the tags of the branch, and origin set to the
// source's location. Any commit will do that is reachable from the branch or
// that the remote gives away by its hash, on the first-parent line or not. HEAD
// of a derived revision (weir.Without) is a commit made here, on top of its
// head; see revert.
func (m *Mirrors) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	return m.Prepare(ctx, source.Request{Source: src, Revision: revision, Dir: dir, Log: log})
}

// Prepare implements source.Preparer. HEAD of a weir.Patched revision is its base:
// the patch is in the index and in the files.
func (m *Mirrors) Prepare(ctx context.Context, r source.Request) error {
	if r.Log == nil {
		r.Log = io.Discard
	}
	j := &job{src: r.Source, stranger: r.Untrusted}
	var err error
	if err = j.read(r); err != nil {
		return err
	}
	if j.dir, err = filepath.Abs(r.Dir); err != nil {
		return explain(ctx, r.Source, err)
	}
	if !r.Keep {
		if err := mirror.CheckEmpty(j.dir); err != nil {
			return err
		}
	}
	mir := m.mirrorOf(r.Source)
	mir.log, mir.ref = r.Log, r.Ref
	err = mir.having(ctx, j.head, func() error { return mir.checkOut(ctx, j, r.Keep) })
	if err == nil {
		err = mir.furnish(ctx, j)
	}
	if err != nil {
		_ = mirror.Clear(j.dir)
		return explain(ctx, r.Source, err)
	}
	_, _ = fmt.Fprintf(r.Log, "checked out %s of %s\n", weir.ShortRevision(r.Revision), r.Source.Location)
	return nil
}

// job is what a checkout is to be.
type job struct {
	src     weir.Source
	head    string // a commit
	culprit string // a commit to take back; empty: none
	patch   []byte
	patched bool
	dir     string
	// stranger says whose words the files are.
	stranger bool
}

// read takes a request apart and checks all words of it that git will see.
func (j *job) read(r source.Request) error {
	if err := checkSource(r.Source); err != nil {
		return err
	}
	if r.Ref != "" {
		if err := checkRef(r.Ref); err != nil {
			return err
		}
	}
	base, _, patched := weir.CutPatched(r.Revision)
	if !patched {
		base = r.Revision
	}
	j.head, j.culprit, _ = weir.CutWithout(base)
	if j.head == "" {
		j.head = base
	}
	if err := checkHash(j.head); err != nil {
		return err
	}
	var err error
	if j.patched = patched; patched {
		j.patch, err = r.ReadPatch()
	}
	return err
}

// checkOut makes the checkout from the mirror. The objects are copied and not
// linked: a step may write to its own checkout, and a link would lead it into the
// mirror.
func (m *clone) checkOut(ctx context.Context, j *job, keep bool) error {
	if keep {
		done, err := m.renew(ctx, j)
		if done || err != nil {
			return err
		}
	}
	if err := mirror.Clear(j.dir); err != nil { // of what an earlier try left
		return err
	}
	if j.culprit != "" {
		if err := m.ancestor(ctx, j.culprit, j.head); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(j.dir, 0o755); err != nil {
		return err
	}
	var err error
	if depth := j.src.Checkout.Depth; depth > 0 && j.culprit == "" {
		err = m.found(ctx, j, "--depth="+strconv.Itoa(depth), "--no-tags", "--", m.dir, j.head)
	} else {
		err = m.runAll(ctx, j.dir, []string{"clone", "--quiet", "--no-hardlinks", "--no-checkout", "--template=", "--", m.dir, j.dir},
			[]string{"remote", "set-url", "origin", m.src.Location})
	}
	if err != nil {
		return err
	}
	head := j.head
	if j.culprit != "" {
		if head, err = m.revert(ctx, j.head, j.culprit, j.dir); err != nil {
			return err
		}
	}
	return m.files(ctx, j.dir, head)
}

// found makes an empty repository in the directory and fetches from the mirror.
func (m *clone) found(ctx context.Context, j *job, what ...string) error {
	fetch := []string{"fetch", "--quiet", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance"}
	return m.runAll(ctx, j.dir, []string{"init", "--quiet", "--template=", "--object-format=" + objectFormat(j.head), "--", j.dir},
		[]string{"remote", "add", "origin", m.src.Location}, append(fetch, what...))
}

// files makes the files those of a commit.
func (m *clone) files(ctx context.Context, dir, head string) error {
	return m.runAll(ctx, dir, []string{"-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", "--detach", head, "--"})
}

// runAll runs git commands in a checkout that see no configuration but its own.
func (m *clone) runAll(ctx context.Context, dir string, all ...[]string) error {
	for _, args := range all {
		c := m.cmd(m.shut, dir, args...)
		c.Log = m.log
		if _, err := command.Output(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// renew brings an earlier checkout up to date, if there is one that can be. What
// is in its .git may be a build's work, filters and hooks included, so git never
// sees it: nothing is read from it but one hash.
//
// The new repository gets the index of what was there before. So git knows which
// files are right and leaves them alone, and which are to go.
func (m *clone) renew(ctx context.Context, j *job) (done bool, err error) {
	clean, meta := j.src.Checkout.Clean, filepath.Join(j.dir, ".git")
	if clean != weir.CleanFresh && clean != weir.CleanIncremental || j.src.Checkout.Submodules || j.culprit != "" ||
		!mirror.IsDir(j.dir) || !mirror.IsDir(meta) {
		return false, nil
	}
	before := mirror.ReadStamp(filepath.Join(meta, stamp))
	if !hashHex.MatchString(before) || objectFormat(before) != objectFormat(j.head) {
		return false, nil
	}
	if found, err := m.resolve(ctx, before); err != nil || found[0] != before {
		return false, err
	}
	if err := os.RemoveAll(meta); err != nil {
		return false, err
	}
	what := []string{"--", m.dir, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", j.head, before}
	if depth := j.src.Checkout.Depth; depth > 0 {
		what = []string{"--depth=" + strconv.Itoa(depth), "--no-tags", "--", m.dir, j.head, before}
	}
	if err := m.found(ctx, j, what...); err != nil {
		return false, err
	}
	if err := m.runAll(ctx, j.dir, []string{"read-tree", before}); err != nil {
		return false, err
	}
	if clean == weir.CleanFresh {
		if err := m.runAll(ctx, j.dir, []string{"clean", "-ffdx", "--quiet"}); err != nil {
			return false, err
		}
	}
	// It ends with 1 if files differ, which is no trouble.
	_, err = command.Output(ctx, m.cmd(m.shut, j.dir, "update-index", "-q", "--really-refresh"))
	if err != nil && command.Status(err) != exitNo {
		return false, err
	}
	return true, m.files(ctx, j.dir, j.head)
}

// furnish adds to the files of a commit what is not in the mirror. The mirror's
// lock is not held: this may take long.
func (m *clone) furnish(ctx context.Context, j *job) error {
	if j.src.Checkout.Submodules {
		if err := m.submodules(ctx, j); err != nil {
			return err
		}
	}
	if j.src.Checkout.LFS {
		if err := m.largeFiles(ctx, j); err != nil {
			return err
		}
	}
	if j.patched {
		return m.apply(ctx, j)
	}
	if j.culprit != "" {
		return nil
	}
	return os.WriteFile(filepath.Join(j.dir, ".git", stamp), []byte(j.head+"\n"), 0o644)
}

// apply puts the patch on the files and into the index.
func (m *clone) apply(ctx context.Context, j *job) error {
	if len(j.patch) == 0 {
		return source.BadPatch(j.head, nil)
	}
	c := m.cmd(m.shut, j.dir, "apply", "--index", "--binary", "--whitespace=nowarn", "-")
	c.Log, c.Stdin = m.log, string(j.patch)
	_, err := command.Output(ctx, c)
	var f *command.Failure
	if errors.As(err, &f) && ctx.Err() == nil && !f.Has("No space left") {
		return source.BadPatch(j.head, err)
	}
	return err
}

// submodules fetches the submodules of the checkout, and theirs.
func (m *clone) submodules(ctx context.Context, j *job) error {
	env, err := m.wordsEnv(ctx, j)
	if err != nil {
		return err
	}
	c := m.cmd(env, j.dir, "-c", "core.autocrlf=false", "-c", "submodule.recurse=false", "submodule", "--quiet",
		"update", "--init", "--recursive", "--checkout", "--force", "--jobs=1")
	c.Log = m.log
	_, err = command.Output(ctx, c)
	var f *command.Failure
	switch {
	case err == nil, ctx.Err() != nil, !errors.As(err, &f):
		return err
	case f.Has("not allowed", "refusing to work", "Refusing", "ignoring suspicious", "No url found", "bad config"):
		return weir.Errorf(weir.Invalid, "a submodule of %s is refused: %s", j.src.Location, f.LastLine()).
			WithHint("submodules need https, ssh, or a relative path as their url, in .gitmodules").WithCause(err)
	case f.Has("did not contain", "not our ref", "Unable to find current revision", "upload-pack: not our"):
		return weir.Errorf(weir.NotFound, "a submodule of %s lacks its commit: %s", j.src.Location, f.LastLine()).
			WithHint("push the submodule's commit, or commit another one").WithCause(err)
	}
	return weir.Errorf(weir.Unavailable, "git cannot fetch the submodules of %s: %s", j.src.Location, f.LastLine()).WithCause(err)
}

// maxLFSConfig limits the settings that a repository has for LFS, in bytes.
const maxLFSConfig = 64 << 10

// largeFiles fetches the contents of files that are kept with LFS.
func (m *clone) largeFiles(ctx context.Context, j *job) error {
	if !local(j.src.Location) {
		path := filepath.Join(j.dir, ".lfsconfig")
		info, err := os.Lstat(path)
		if err == nil {
			text, err := os.ReadFile(path)
			if err != nil || !info.Mode().IsRegular() || len(text) > maxLFSConfig || strings.Contains(strings.ToLower(string(text)), "file:") {
				return weir.Errorf(weir.Invalid, "the .lfsconfig of %s is refused", j.src.Location).
					WithHint("a repository from elsewhere may not name places in this machine's file system").WithCause(err)
			}
		}
	}
	env, err := m.userEnv(ctx, j.src)
	if _, none := os.Lstat(filepath.Join(j.dir, ".lfsconfig")); none == nil && j.stranger { // it says where they are
		env, err = m.wordsEnv(ctx, j)
	}
	if err != nil {
		return err
	}
	env = append(env, "GIT_LFS_SKIP_SMUDGE=0")
	for _, args := range [][]string{{"lfs", "install", "--local", "--skip-repo"}, {"lfs", "pull"}} {
		c := m.cmd(env, j.dir, args...)
		c.Log = m.log
		_, err := command.Output(ctx, c)
		var f *command.Failure
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil, !errors.As(err, &f):
			return err
		case f.Has("is not a git command"):
			return weir.Errorf(weir.Unsupported, "git-lfs is not installed on this machine, and %s needs it", j.src.Location).
				WithHint("install git-lfs, or take lfs out of the source's checkout").WithCause(err)
		}
		return weir.Errorf(weir.Unavailable, "git cannot fetch the large files of %s: %s", j.src.Location, f.LastLine()).WithCause(err)
	}
	return nil
}
