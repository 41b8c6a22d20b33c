package svn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
)

// linkMark is what Subversion has as the content of a symbolic link, before the target.
const linkMark = "link "

// item is an entry of svn list.
type item struct {
	Kind   string `xml:"kind,attr"`
	Name   string `xml:"name"`
	Size   int64  `xml:"size"`
	Commit struct {
		Revision int64 `xml:"revision,attr"`
	} `xml:"commit"`
}

// list lists a directory, or the one file that the target is.
func (m *Repositories) list(ctx context.Context, src weir.Source, args ...string) ([]item, error) {
	out, err := m.output(ctx, src, append([]string{"list", "--xml"}, args...)...)
	if err != nil {
		return nil, unreachable(ctx, src, err)
	}
	var answer struct {
		Items []item `xml:"list>entry"`
	}
	if err := decode(out, &answer); err != nil {
		return nil, weir.Errorf(weir.Internal, "svn's list of %s makes no sense", src.Location).WithCause(err)
	}
	return answer.Items, nil
}

// ReadFile implements source.FileReader.
func (m *Repositories) ReadFile(ctx context.Context, src weir.Source, revision, path string, limit int64) ([]byte, error) {
	if err := errors.Join(checkSource(src), checkID(revision), source.CheckPath(path)); err != nil {
		return nil, explain(ctx, src, err)
	}
	limit = min(limit, source.MaxFile)
	n := number(revision)
	at, u := fmt.Sprintf("--revision=%d", n), target(src, path, n)
	items, err := m.list(ctx, src, at, "--depth=empty", "--", u)
	switch {
	case weir.CodeOf(err) == weir.NotFound:
		return nil, source.NoFile(src, revision, path).WithCause(err)
	case err != nil:
		return nil, explain(ctx, src, err)
	case len(items) != 1 || items[0].Kind != "file":
		return nil, source.NoFile(src, revision, path)
	}
	if err := source.CheckSize(path, items[0].Size, limit); err != nil {
		return nil, err
	}
	text, err := m.output(ctx, src, "cat", at, "--", u)
	if err == nil && bytes.HasPrefix(text, []byte(linkMark)) {
		var special []byte
		if special, err = m.output(ctx, src, "propget", "svn:special", at, "--", u); err == nil && len(special) > 0 {
			return nil, source.NoFile(src, revision, path)
		} else if f := new(command.Failure); errors.As(err, &f) && f.Has("E200017") { // there is no such property
			err = nil
		}
	}
	if err != nil {
		return nil, explain(ctx, src, unreachable(ctx, src, err))
	}
	return text, source.CheckSize(path, int64(len(text)), limit)
}

// Files implements source.FileReader. Symbolic links are among the files, since
// Subversion does not list them as anything else; ReadFile knows them.
func (m *Repositories) Files(ctx context.Context, src weir.Source, revision string) ([]string, error) {
	if err := errors.Join(checkSource(src), checkID(revision)); err != nil {
		return nil, explain(ctx, src, err)
	}
	n := number(revision)
	c, err := m.remote(ctx, src, "list", "--recursive", fmt.Sprintf("--revision=%d", n), "--", target(src, "", n))
	if err != nil {
		return nil, explain(ctx, src, err)
	}
	var names []string
	err = command.Stream(ctx, c, func(r *bufio.Reader) error {
		for {
			line, err := r.ReadString('\n')
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if name := strings.TrimSuffix(line, "\n"); !strings.HasSuffix(name, "/") && utf8.ValidString(name) {
				names = append(names, name)
			}
			if err := source.TooManyFiles(src, len(names)); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return nil, explain(ctx, src, unreachable(ctx, src, err))
	}
	slices.Sort(names)
	return names, nil
}

// Refs implements source.RefLister, for locations that have the usual layout:
// the branches are trunk and what is in branches, the tags what is in tags.
func (m *Repositories) Refs(ctx context.Context, src weir.Source) (source.Refs, error) {
	src.Branch = ""
	if err := checkSource(src); err != nil {
		return source.Refs{}, err
	}
	var refs source.Refs
	top, err := m.list(ctx, src, "--", target(src, "", 0))
	if err != nil {
		return refs, explain(ctx, src, err)
	}
	for _, dir := range top {
		if dir.Kind != "dir" || dir.Name != "trunk" && dir.Name != "branches" && dir.Name != "tags" {
			continue
		}
		if dir.Name == "trunk" {
			refs.Branches = append(refs.Branches, dir.Name)
			continue
		}
		items, err := m.list(ctx, src, "--", target(src, dir.Name, 0))
		if err != nil {
			return source.Refs{}, explain(ctx, src, err)
		}
		for _, it := range items {
			path := dir.Name + "/" + it.Name
			switch {
			case it.Kind != "dir" || checkBranch(path) != nil || it.Commit.Revision < 1:
			case dir.Name == "branches" && len(refs.Branches) < source.MaxRefs:
				refs.Branches = append(refs.Branches, path)
			case dir.Name == "tags" && len(refs.Tags) < source.MaxRefs:
				refs.Tags = append(refs.Tags, source.Tag{Name: it.Name, Revision: id(it.Commit.Revision), Ref: path})
			default:
				refs.More = true
			}
		}
	}
	slices.Sort(refs.Branches)
	slices.SortFunc(refs.Tags, func(a, b source.Tag) int { return strings.Compare(a.Name, b.Name) })
	return refs, nil
}
