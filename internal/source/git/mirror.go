package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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

// maxPacks is how many packs a mirror may have before small ones are joined.
const maxPacks = 20

// errMissing says that the mirror does not exist, or lacks a commit that it
// should have.
var errMissing = errors.New("not in the mirror")

// clone is the local copy of one location. Its methods want the lock held,
// but for locked and use.
type clone struct {
	*Mirrors
	src weir.Source
	dir string
	log io.Writer // may be nil
	ref string    // where commits may be that are on no branch; may be empty
}

// mirrorName names a location's mirror: for people first, then for certain.
func mirrorName(src weir.Source) string {
	sum := sha256.Sum256([]byte(src.Location))
	return source.DirName(src) + "-" + hex.EncodeToString(sum[:8]) + ".git"
}

// locked runs f under the mirror's lock.
func (m *clone) locked(ctx context.Context, exclusive bool, f func() error) error {
	if err := m.mkdir(); err != nil {
		return err
	}
	unlock, err := mirror.Lock(ctx, strings.TrimSuffix(m.dir, ".git")+".lock", exclusive)
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}

// use runs f under the exclusive lock on a mirror that exists. If f finds the
// mirror damaged, the mirror is made anew and f run once more.
func (m *clone) use(ctx context.Context, branch, format string, f func() error) error {
	return m.locked(ctx, true, func() error {
		fresh := !m.exists()
		if fresh {
			if err := m.rebuild(ctx, branch, format); err != nil {
				return err
			}
		}
		err := f()
		if fresh || ctx.Err() != nil || !damaged(err) {
			return err
		}
		if err := m.rebuild(ctx, branch, format); err != nil {
			return err
		}
		return f()
	})
}

// damaged reports whether err may come from a broken mirror. Everything may
// that git says for itself, but for the network's troubles: a needless rebuild
// costs a clone, a broken mirror that is kept costs a person.
func damaged(err error) bool {
	if errors.Is(err, errMissing) {
		return true
	}
	var f *command.Failure
	return errors.As(err, &f) && !f.Has("Could not resolve", "onnection ", "timed out", "early EOF", "RPC failed",
		"hung up", "No space left", "unable to access", "Authentication failed", "could not read Username")
}

func (m *clone) exists() bool {
	_, err := os.Stat(filepath.Join(m.dir, "HEAD"))
	return err == nil
}

// rebuild clones the location into a new mirror, which then takes the place of
// the old one. If that does not work, the old one stays.
func (m *clone) rebuild(ctx context.Context, branch, format string) error {
	fresh := *m
	fresh.dir = m.dir + ".new"
	if err := os.RemoveAll(fresh.dir); err != nil { // left behind by a process that died
		return err
	}
	defer os.RemoveAll(fresh.dir)
	init := m.cmd(m.shut, m.Mirrors.dir, "init", "--quiet", "--bare", "--template=", "--object-format="+format, "--", fresh.dir)
	init.Env = append(init.Env[:len(init.Env):len(init.Env)], "GIT_DEFAULT_REF_FORMAT=files")
	if _, err := command.Output(ctx, init); err != nil {
		return err
	}
	if branch != "" {
		if err := fresh.fetchBranch(ctx, branch); err != nil {
			return err
		}
	}
	return mirror.Replace(fresh.dir, m.dir)
}

// fetchBranch brings a branch up to date, and the tags on it.
func (m *clone) fetchBranch(ctx context.Context, branch string) error {
	err := m.fetch(ctx, "+refs/heads/"+branch+":refs/heads/"+branch)
	var f *command.Failure
	if errors.As(err, &f) && ctx.Err() == nil && f.Has(".lock'") {
		// A git that was killed left its lock; ours says that it is gone.
		m.sweep()
		err = m.fetch(ctx, "+refs/heads/"+branch+":refs/heads/"+branch)
	}
	if err != nil {
		return unreachable(ctx, m.src, err)
	}
	return m.tidy(ctx)
}

// fetch talks to the remote. Each fetch leaves at most one pack: loose objects
// make copies slow.
func (m *clone) fetch(ctx context.Context, refspec string) error {
	env, err := m.userEnv(ctx, m.src)
	if err != nil {
		return err
	}
	c := m.cmd(env, m.dir, "-c", "fetch.unpackLimit=1", "-c", "transfer.unpackLimit=1", "--git-dir=.",
		"fetch", "--quiet", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance",
		"--", m.src.Location, refspec)
	c.Log = m.log
	_, err = command.Output(ctx, c)
	return err
}

// fetchRef brings one ref, under a name of our own, and returns that name.
func (m *clone) fetchRef(ctx context.Context, ref string) (string, error) {
	own := "refs/weir/ref/" + strings.TrimPrefix(ref, "refs/")
	err := m.fetch(ctx, "+"+ref+":"+own)
	var f *command.Failure
	if errors.As(err, &f) && ctx.Err() == nil && f.Has("couldn't find remote ref", "no such remote ref") {
		return "", weir.Errorf(weir.NotFound, "%s has no %s", m.src.Location, ref).
			WithHint("git ls-remote %s lists the refs", m.src.Location)
	}
	if err != nil {
		return "", unreachable(ctx, m.src, err)
	}
	return own, nil
}

// tidy joins small packs once there are many. Nothing is ever pruned: commits
// that the branch left may still be asked for.
func (m *clone) tidy(ctx context.Context) error {
	packs, err := filepath.Glob(filepath.Join(m.dir, "objects", "pack", "*.pack"))
	if err != nil || len(packs) <= maxPacks {
		return nil
	}
	m.sweep()
	_, err = command.Output(ctx, m.cmd(m.shut, m.dir, "--git-dir=.", "repack", "-d", "-q", "--geometric=2"))
	if ctx.Err() != nil {
		return err
	}
	return nil // an old git cannot do it; the mirror works all the same
}

// sweep removes what a killed git left behind: lock files and half packs.
func (m *clone) sweep() {
	tmp, _ := filepath.Glob(filepath.Join(m.dir, "objects", "pack", "tmp_*"))
	top, _ := filepath.Glob(filepath.Join(m.dir, "*.lock"))
	for _, path := range append(tmp, top...) {
		_ = os.Remove(path)
	}
	_ = filepath.WalkDir(filepath.Join(m.dir, "refs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".lock") {
			_ = os.Remove(path)
		}
		return nil
	})
}

// resolve turns names into commit hashes, in one process; what is unknown
// stays empty.
func (m *clone) resolve(ctx context.Context, names ...string) ([]string, error) {
	var in strings.Builder
	for _, n := range names {
		in.WriteString(n + "^{commit}\n")
	}
	c := m.cmd(m.shut, m.dir, "--git-dir=.", "cat-file", "--batch-check=%(objectname)")
	c.Stdin = in.String()
	out, err := command.Output(ctx, c)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(names) {
		return nil, errMissing
	}
	for i, line := range lines {
		if !hashHex.MatchString(line) {
			lines[i] = ""
		}
	}
	return lines, nil
}

// objectFormat is the hash function that a commit's hash was made with.
func objectFormat(hash string) string {
	if len(hash) == 2*sha256.Size {
		return "sha256"
	}
	return "sha1"
}
