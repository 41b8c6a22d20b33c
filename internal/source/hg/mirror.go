package hg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// errMissing says that the mirror does not exist, or lacks a commit that it
// should have.
var errMissing = errors.New("not in the mirror")

// clone is the mirror of one location. Its methods want the lock held, but for
// locked, use and having.
type clone struct {
	*Mirrors
	src weir.Source
	dir string
	log io.Writer // may be nil
	// subs says whether the commit that having was asked for has subrepositories.
	subs bool
}

// mirrorName names a location's mirror: for people first, then for certain.
func mirrorName(src weir.Source) string {
	sum := sha256.Sum256([]byte(src.Location))
	return source.DirName(src) + "-" + hex.EncodeToString(sum[:8]) + ".hg"
}

// locked runs f under the mirror's lock.
func (m *clone) locked(ctx context.Context, exclusive bool, f func() error) error {
	if err := m.mkdir(); err != nil {
		return err
	}
	unlock, err := mirror.Lock(ctx, strings.TrimSuffix(m.dir, ".hg")+".lock", exclusive)
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}

// use runs f under the exclusive lock on a mirror that exists. If f finds the
// mirror damaged, the mirror is made anew and f run once more.
func (m *clone) use(ctx context.Context, f func() error) error {
	return m.locked(ctx, true, func() error {
		fresh := !m.exists()
		if fresh {
			if err := m.rebuild(ctx); err != nil {
				return err
			}
		}
		err := f()
		if fresh || ctx.Err() != nil || !damaged(err) {
			return err
		}
		if err := m.rebuild(ctx); err != nil {
			return err
		}
		return f()
	})
}

// having runs f with the mirror locked for reading and the commit in it. It tries
// with what is there, then with what the remote has new, and at last with a new
// mirror.
func (m *clone) having(ctx context.Context, revision string, f func() error) error {
	var err error
	for range 3 {
		err = m.locked(ctx, false, func() error {
			if !m.exists() {
				return errMissing
			}
			if err := m.look(ctx, revision); err != nil {
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

// provide brings a commit into the mirror. broken asks for a new mirror.
func (m *clone) provide(ctx context.Context, revision string, broken bool) error {
	rebuilt := false
	return m.use(ctx, func() error {
		if broken && !rebuilt {
			rebuilt = true
			if err := m.rebuild(ctx); err != nil {
				return err
			}
		}
		found, err := m.have(ctx, revision)
		if err == nil && len(found) == 0 {
			if err = m.pull(ctx); err == nil {
				found, err = m.have(ctx, revision)
			}
		}
		if err != nil || len(found) > 0 {
			return err
		}
		return weir.Errorf(weir.NotFound, "%s has no commit %s", m.src.Location, revision).
			WithHint("it may have been stripped; hg identify -r %s %s shows what the remote says", revision, m.src.Location)
	})
}

// damaged reports whether err may come from a broken mirror. Everything may that
// hg says for itself about it: what it says about the remote is a *weir.Error.
func damaged(err error) bool {
	var f *command.Failure
	return errors.Is(err, errMissing) || errors.As(err, &f) && !f.Has("No space left")
}

func (m *clone) exists() bool {
	_, err := os.Stat(filepath.Join(m.dir, ".hg", "requires"))
	return err == nil
}

// rebuild clones the location into a new mirror, which then takes the place of
// the old one. If that does not work, the old one stays.
func (m *clone) rebuild(ctx context.Context) error {
	fresh := m.dir + ".new"
	if err := os.RemoveAll(fresh); err != nil { // left behind by a process that died
		return err
	}
	defer os.RemoveAll(fresh)
	c := m.cmd(m.Mirrors.dir, "clone", "--noupdate", "--pull", "--", m.src.Location, fresh)
	c.Log = m.log
	if _, err := m.remote(ctx, m.src, c); err != nil {
		return unreachable(ctx, m.src, err)
	}
	return mirror.Replace(fresh, m.dir)
}

// pull brings the mirror up to date. What the remote has dropped stays in it.
func (m *clone) pull(ctx context.Context) error {
	c := m.cmd(m.dir, "pull", "--quiet", "--", m.src.Location)
	c.Log = m.log
	_, err := m.remote(ctx, m.src, c)
	var f *command.Failure
	if ctx.Err() == nil && errors.As(err, &f) && f.Has("abandoned transaction") {
		// An hg that was killed left it; our lock says that it is gone.
		if _, err := command.Output(ctx, m.cmd(m.dir, "recover", "--no-verify")); err != nil {
			return err
		}
		_, err = m.remote(ctx, m.src, c)
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f) && f.Has("unrelated repository", "repository is unrelated", "abandoned transaction", "integrity check", "index "+m.dir):
		return err // the mirror's trouble: it is made anew
	}
	return unreachable(ctx, m.src, err)
}

// have lists those of some commits that are in the mirror.
func (m *clone) have(ctx context.Context, hashes ...string) ([]string, error) {
	return m.nodes(ctx, "id("+strings.Join(hashes, ") + id(")+")")
}

// look sees whether a commit is in the mirror, and whether it has subrepositories.
func (m *clone) look(ctx context.Context, revision string) error {
	out, err := command.Output(ctx, m.cmd(m.dir, "log", "--hidden", "--rev=id("+revision+")",
		"--template={node} {if(files('path:"+subFile+"'), 'sub')}\n"))
	if err != nil {
		return err
	}
	hash, sub, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if hash != revision {
		return errMissing
	}
	m.subs = sub != ""
	return nil
}

// branches tells the branches of those of some commits that are in the mirror.
func (m *clone) branches(ctx context.Context, hashes ...string) (map[string]string, error) {
	out, err := command.Output(ctx, m.cmd(m.dir, "log", "--hidden", "--rev=id("+strings.Join(hashes, ") + id(")+")", "--template={node} {branch}\n"))
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		hash, branch, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		found[hash] = branch
	}
	return found, err
}

// nodes lists the hashes of a set of revisions.
func (m *clone) nodes(ctx context.Context, revset string) ([]string, error) {
	out, err := command.Output(ctx, m.cmd(m.dir, "log", "--hidden", "--rev="+revset, "--template={node}\n"))
	return strings.Fields(string(out)), err
}

// find looks for the commit that people mean by a name: a hash, perhaps
// abbreviated, or a tag. It is empty if there is none.
func (m *clone) find(ctx context.Context, name string) (string, error) {
	found, err := m.nodes(ctx, "first(present(id("+quote(name)+")) + present(tag("+quote("literal:"+name)+")))")
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}

// quote writes a name for a revset. checkName has seen it: it has neither quotes
// nor backslashes.
func quote(name string) string { return "'" + name + "'" }
