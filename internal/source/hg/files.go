package hg

import (
	"bufio"
	"cmp"
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
	"github.com/weir-ci/weir/internal/source/mirror"
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
		names, err = mir.manifest(ctx, revision, source.MaxFiles, false)
		if err == nil {
			err = source.TooManyFiles(src, len(names))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !utf8.ValidString(n) })
	slices.Sort(names)
	return names, nil
}

// exitNone is the exit status of hg files that found none.
const exitNone = 1

// readFile reads a regular file of a revision.
func (m *clone) readFile(ctx context.Context, revision, path string, limit int64) ([]byte, error) {
	out, err := command.Output(ctx, m.cmd(m.dir, "files", "--hidden", "--rev=id("+revision+")",
		`--template={path}\0{flags}\0{size}\0`, "--", "path:"+path))
	if err != nil && command.Status(err) != exitNone {
		return nil, err
	}
	fields := strings.Split(string(out), "\x00")
	if len(fields) != 4 || fields[0] != path || strings.Contains(fields[1], "l") { // a directory, many files or a link
		return nil, source.NoFile(m.src, revision, path)
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return nil, errMissing
	}
	if err := source.CheckSize(path, size, limit); err != nil {
		return nil, err
	}
	return command.Output(ctx, m.cmd(m.dir, "cat", "--hidden", "--rev=id("+revision+")", "--", "path:"+path))
}

// manifest lists the files of a revision, at most one over limit, with or without
// symbolic links.
func (m *clone) manifest(ctx context.Context, revision string, limit int, links bool) ([]string, error) {
	var names []string
	c := m.cmd(m.dir, "files", "--hidden", "--rev=id("+revision+")", `--template={flags}\0{path}\0`)
	err := command.Stream(ctx, c, func(r *bufio.Reader) error {
		for len(names) <= limit {
			flags, err := r.ReadString(0)
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			name, err := r.ReadString(0)
			if err != nil {
				return errMissing
			}
			if links || !strings.Contains(flags, "l") {
				names = append(names, strings.TrimSuffix(name, "\x00"))
			}
		}
		return command.ErrStop
	})
	if command.Status(err) == exitNone {
		err = nil
	}
	return names, err
}

// Refs implements source.RefLister. Closed branches and local tags are left out.
func (m *Mirrors) Refs(ctx context.Context, src weir.Source) (source.Refs, error) {
	if err := checkSource(src); err != nil {
		return source.Refs{}, err
	}
	var refs source.Refs
	mir := m.cloneOf(src)
	err := mir.use(ctx, func() error {
		refs = source.Refs{}
		if err := mir.pull(ctx); err != nil {
			return err
		}
		err := mir.table(ctx, &refs.More, []string{"branches", `--template={branch}\0{node}\0`}, func(name, _ string) int {
			if checkName("branch", name) == nil {
				refs.Branches = append(refs.Branches, name)
			}
			return len(refs.Branches)
		})
		if err != nil {
			return err
		}
		return mir.table(ctx, &refs.More, []string{"tags", `--template={ifeq(type,"local","",tag)}\0{node}\0`}, func(name, node string) int {
			if name != "tip" && checkName("tag", name) == nil && hashHex.MatchString(node) {
				refs.Tags = append(refs.Tags, source.Tag{Name: name, Revision: node})
			}
			return len(refs.Tags)
		})
	})
	slices.Sort(refs.Branches)
	slices.SortFunc(refs.Tags, func(a, b source.Tag) int { return strings.Compare(a.Name, b.Name) })
	return refs, explain(ctx, src, err)
}

// table reads pairs of words until add says that there are too many.
func (m *clone) table(ctx context.Context, more *bool, args []string, add func(a, b string) int) error {
	return command.Stream(ctx, m.cmd(m.dir, args...), func(r *bufio.Reader) error {
		for {
			if _, err := r.Peek(1); errors.Is(err, io.EOF) {
				return nil
			}
			a, err := mirror.Field(r, source.MaxPath)
			if err != nil {
				return errMissing
			}
			b, err := mirror.Field(r, source.MaxPath)
			if err != nil {
				return errMissing
			}
			if add(a, b) == source.MaxRefs {
				*more = true
				return command.ErrStop
			}
		}
	})
}

// Resolve implements source.Resolver. Mercurial has no refs.
func (m *Mirrors) Resolve(ctx context.Context, src weir.Source, ref, revision string) (weir.Revision, error) {
	if err := checkSource(src); err != nil {
		return weir.Revision{}, err
	}
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok { // as git has it
		revision = cmp.Or(revision, tag)
	} else if ref != "" {
		return weir.Revision{}, weir.Errorf(weir.Invalid, "Mercurial has no refs such as %.80q", ref).WithHint("name a commit or a tag")
	}
	var err error
	if revision == "" {
		if revision, err = m.lookup(ctx, src); err != nil {
			return weir.Revision{}, explain(ctx, src, err)
		}
	} else if err := checkName("revision", revision); err != nil {
		return weir.Revision{}, err
	}
	var l source.Listing
	mir := m.cloneOf(src)
	err = mir.use(ctx, func() error {
		at, err := mir.find(ctx, revision)
		if err == nil && at != revision { // a tag may have been moved
			if err = mir.pull(ctx); err == nil {
				at, err = mir.find(ctx, revision)
			}
		}
		if err != nil {
			return err
		}
		if at == "" {
			return weir.Errorf(weir.NotFound, "%s has no commit %.80s", src.Location, revision).
				WithHint("write a full hash, the start of one, or a tag")
		}
		l, err = mir.history(ctx, "id("+at+")")
		return err
	})
	if err != nil || len(l.Revisions) != 1 {
		return weir.Revision{}, explain(ctx, src, errors.Join(err, errMissing))
	}
	return l.Revisions[0], nil
}
