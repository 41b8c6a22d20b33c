package git

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
)

// ReadFile implements source.FileReader.
func (m *Mirrors) ReadFile(ctx context.Context, src weir.Source, revision, path string, limit int64) ([]byte, error) {
	if err := source.CheckPath(path); err != nil {
		return nil, err
	}
	var text []byte
	err := m.inspect(ctx, src, revision, func(mir *clone) (err error) {
		text, err = mir.readFile(ctx, revision, path, min(limit, source.MaxFile))
		return err
	})
	return text, err
}

// Files implements source.FileReader.
func (m *Mirrors) Files(ctx context.Context, src weir.Source, revision string) ([]string, error) {
	var names []string
	err := m.inspect(ctx, src, revision, func(mir *clone) (err error) {
		names, err = mir.manifest(ctx, revision)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}

// regular reports whether a mode is one of files, as git writes it.
func regular(mode string) bool { return strings.HasPrefix(mode, "100") }

// readFile reads a regular file of a revision.
func (m *clone) readFile(ctx context.Context, revision, path string, limit int64) ([]byte, error) {
	out, err := command.Output(ctx, m.cmd(m.shut, m.dir, "--git-dir=.", "--literal-pathspecs",
		"ls-tree", "-z", "--long", "--full-tree", revision, "--", path))
	if err != nil {
		return nil, err
	}
	head, name, _ := strings.Cut(strings.TrimSuffix(string(out), "\x00"), "\t")
	words := strings.Fields(head) // mode, type, hash, size
	if name != path || len(words) != 4 || !regular(words[0]) {
		return nil, source.NoFile(m.src, revision, path)
	}
	size, err := strconv.ParseInt(words[3], 10, 64)
	if err != nil {
		return nil, errMissing
	}
	if err := source.CheckSize(path, size, limit); err != nil {
		return nil, err
	}
	return command.Output(ctx, m.cmd(m.shut, m.dir, "--git-dir=.", "cat-file", "blob", words[2]))
}

// manifest lists the regular files of a revision.
func (m *clone) manifest(ctx context.Context, revision string) ([]string, error) {
	var names []string
	c := m.cmd(m.shut, m.dir, "--git-dir=.", "ls-tree", "-r", "-z", "--full-tree", revision)
	err := command.Stream(ctx, c, func(r *bufio.Reader) error {
		for {
			line, err := r.ReadString(0)
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			mode, name, _ := strings.Cut(strings.TrimSuffix(line, "\x00"), "\t")
			if regular(mode) && utf8.ValidString(name) {
				names = append(names, name)
			}
			if err := source.TooManyFiles(m.src, len(names)); err != nil {
				return err
			}
		}
	})
	return names, err
}

// The places of branches and tags.
const (
	heads = "refs/heads/"
	tags  = "refs/tags/"
)

// Refs implements source.RefLister. One process.
func (m *Mirrors) Refs(ctx context.Context, src weir.Source) (source.Refs, error) {
	if err := checkSource(src); err != nil {
		return source.Refs{}, err
	}
	if err := m.mkdir(); err != nil {
		return source.Refs{}, explain(ctx, src, err)
	}
	env, err := m.userEnv(ctx, src)
	if err != nil {
		return source.Refs{}, err
	}
	var refs source.Refs
	c := m.cmd(env, m.dir, "ls-remote", "--heads", "--tags", "--", src.Location)
	err = command.Stream(ctx, c, func(r *bufio.Reader) error {
		for {
			line, err := r.ReadString('\n')
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			hash, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			if hashHex.MatchString(hash) {
				addRef(&refs, hash, name)
			}
		}
	})
	if err != nil {
		return source.Refs{}, unreachable(ctx, src, err)
	}
	slices.Sort(refs.Branches)
	slices.SortFunc(refs.Tags, func(a, b source.Tag) int { return strings.Compare(a.Name, b.Name) })
	return refs, nil
}

// addRef files one line of ls-remote. A tag that is an object of its own comes
// twice: the second time with ^{}, and the hash of its commit.
func addRef(refs *source.Refs, hash, name string) {
	if branch, ok := strings.CutPrefix(name, heads); ok && checkRefName("branch", branch) == nil {
		if refs.More = refs.More || len(refs.Branches) == source.MaxRefs; len(refs.Branches) < source.MaxRefs {
			refs.Branches = append(refs.Branches, branch)
		}
		return
	}
	tag, ok := strings.CutPrefix(name, tags)
	tag, peeled := strings.CutSuffix(tag, "^{}")
	n := len(refs.Tags)
	switch {
	case !ok || checkRefName("tag", tag) != nil:
	case peeled && n > 0 && refs.Tags[n-1].Name == tag:
		refs.Tags[n-1].Revision = hash
	case peeled:
	case n == source.MaxRefs:
		refs.More = true
	default:
		refs.Tags = append(refs.Tags, source.Tag{Name: tag, Revision: hash, Ref: tags + tag})
	}
}

// Resolve implements source.Resolver. What it fetches stays in the mirror, so
// that the other ports find it there.
func (m *Mirrors) Resolve(ctx context.Context, src weir.Source, ref, revision string) (weir.Revision, error) {
	if err := checkSource(src); err != nil {
		return weir.Revision{}, err
	}
	if ref != "" {
		if err := checkRef(ref); err != nil {
			return weir.Revision{}, err
		}
	}
	if revision != "" {
		if err := checkRefName("revision", revision); err != nil {
			return weir.Revision{}, err
		}
	}
	at, err := m.lookup(ctx, src)
	if err != nil {
		return weir.Revision{}, err
	}
	var l source.Listing
	mir := m.mirrorOf(src)
	err = mir.use(ctx, at.branch, objectFormat(at.tip), func() error {
		hash, err := mir.named(ctx, at, ref, revision)
		if err != nil {
			return err
		}
		if hash == "" {
			return weir.Errorf(weir.NotFound, "%s has no commit %.80s", src.Location, orElse(revision, ref)).
				WithHint("write a full hash, a tag, or the start of the hash of a commit on branch %s", at.branch)
		}
		l, err = mir.history(ctx, "--max-count=1", hash)
		return err
	})
	if err == nil && len(l.Revisions) != 1 {
		err = errMissing
	}
	if err != nil {
		return weir.Revision{}, explain(ctx, src, err)
	}
	return l.Revisions[0], nil
}

// named finds the commit that people mean; empty if there is none.
func (m *clone) named(ctx context.Context, at remote, ref, revision string) (string, error) {
	if ref != "" {
		own, err := m.fetchRef(ctx, ref)
		if err != nil {
			return "", err
		}
		found, err := m.resolve(ctx, orElse(revision, own))
		if err != nil || found[0] != "" {
			return found[0], err
		}
	}
	name := orElse(revision, at.tip)
	if !hashHex.MatchString(name) { // a tag may have been moved
		if _, err := m.fetchRef(ctx, tags+name); err == nil {
			found, err := m.resolve(ctx, "refs/weir/ref/tags/"+name)
			return found[0], err
		} else if weir.CodeOf(err) != weir.NotFound {
			return "", err
		}
	}
	found, err := m.resolve(ctx, name)
	if err == nil && found[0] == "" {
		if err = m.fetchBranch(ctx, at.branch); err == nil {
			found, err = m.resolve(ctx, name)
		}
	}
	if err != nil || found[0] != "" || !hashHex.MatchString(name) {
		return found[0], err
	}
	return name, m.fetchCommit(ctx, name)
}
