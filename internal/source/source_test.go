package source_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

type fake struct{ checkedOut string }

func (f *fake) Revisions(context.Context, weir.Source, string) (source.Listing, error) {
	return source.Listing{Branch: "b"}, nil
}

func (f *fake) Checkout(_ context.Context, _ weir.Source, revision, _ string, _ io.Writer) error {
	f.checkedOut = revision
	return nil
}

func TestSourcesAskTheAdapterOfTheKind(t *testing.T) {
	t.Parallel()
	f := &fake{}
	s := source.New(source.Adapters{weir.Git: f})
	git, other := weir.Source{Kind: weir.Git}, weir.Source{Kind: "cvs"}
	if l, err := s.Revisions(t.Context(), git, ""); err != nil || l.Branch != "b" {
		t.Errorf("got %v, %v", l, err)
	}
	if err := s.Checkout(t.Context(), git, "r", "", io.Discard); err != nil || f.checkedOut != "r" {
		t.Errorf("got %q, %v", f.checkedOut, err)
	}
	if _, err := s.Revisions(t.Context(), other, ""); weir.CodeOf(err) != weir.Unsupported {
		t.Errorf("got %v", err)
	}
	if err := s.Checkout(t.Context(), other, "r", "", io.Discard); weir.CodeOf(err) != weir.Unsupported {
		t.Errorf("got %v", err)
	}
}

func TestNothingToCheckOut(t *testing.T) {
	t.Parallel()
	s, src := source.New(nil), weir.Source{Kind: weir.None}
	first, err := s.Revisions(t.Context(), src, "")
	if err != nil || len(first.Revisions) != 1 || first.Revisions[0].ID != weir.NoRevision || first.More {
		t.Errorf("at first: %+v, %v", first, err)
	}
	if later, err := s.Revisions(t.Context(), src, weir.NoRevision); err != nil || len(later.Revisions) != 0 {
		t.Errorf("later: %+v, %v", later, err)
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		if err := s.Checkout(t.Context(), src, weir.NoRevision, dir, nil); err != nil {
			t.Error(err)
		}
	}
	if err := s.Checkout(t.Context(), src, "v1", dir, nil); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("another revision: %v", err)
	}
	if err := s.Checkout(t.Context(), src, weir.NoRevision, filepath.Dir(dir), nil); weir.CodeOf(err) != weir.Conflict {
		t.Errorf("a directory with something in it: %v", err)
	}
}

// aware is a fake that knows merges and paths.
type aware struct{ fake }

func (aware) Merged(_ context.Context, _ weir.Source, revision string) ([]source.Side, error) {
	return []source.Side{{Parent: 2, Revisions: []weir.Revision{{ID: "base"}, {ID: revision}}}}, nil
}

func (aware) Touched(_ context.Context, _ weir.Source, revision string) (source.Paths, error) {
	return source.Paths{Names: []string{revision}}, nil
}

func TestWhatAnAdapterDoesNotKnowIsNothing(t *testing.T) {
	t.Parallel()
	var _ interface {
		source.Adapter
		source.MergeLister
		source.PathLister
	} = source.New(nil)
	s := source.New(source.Adapters{weir.Git: &aware{}, weir.Go: &fake{}})
	for _, c := range []struct {
		kind   weir.SourceKind
		answer int
		code   weir.Code
	}{{weir.Git, 1, ""}, {weir.Go, 0, ""}, {weir.None, 0, ""}, {"cvs", 0, weir.Unsupported}} {
		src := weir.Source{Kind: c.kind}
		if sides, err := s.Merged(t.Context(), src, "r"); len(sides) != c.answer || weir.CodeOf(err) != c.code {
			t.Errorf("%s: got %v, %v", c.kind, sides, err)
		}
		if paths, err := s.Touched(t.Context(), src, "r"); len(paths.Names) != c.answer || weir.CodeOf(err) != c.code {
			t.Errorf("%s: got %v, %v", c.kind, paths, err)
		}
	}
}

func TestDirName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind           weir.SourceKind
		location, want string
	}{
		{weir.Git, "https://github.com/python/cpython", "cpython"},
		{weir.Git, "https://github.com/twisted/twisted.git", "twisted"},
		{weir.Git, "https://example.com/a/b.git/", "b"},
		{weir.Git, "git@example.com:thing.git", "thing"},
		{weir.Git, "/srv/work/thing/.git", "thing"},
		{weir.Git, `C:\work\thing`, "thing"},
		{weir.Git, "https://example.com/v2", "v2"},
		{weir.Git, "/srv/..", "source"},
		{weir.Git, "/", "source"},
		{weir.Git, "", "source"},
		{weir.Git, "/srv/-rf $(x)", "rf___x_"},
		{weir.Go, "gopkg.in/yaml.v3", "yaml"},
		{weir.Go, "github.com/jackc/pgx/v5", "pgx"},
		{weir.Go, "golang.org/x/mod", "mod"},
		{weir.Go, "golang.org/toolchain", "toolchain"},
	} {
		if got := source.DirName(weir.Source{Kind: c.kind, Location: c.location}); got != c.want {
			t.Errorf("%s: got %q, want %q", c.location, got, c.want)
		}
	}
}

func FuzzDirName(f *testing.F) {
	f.Add("https://example.com/a.git", true)
	f.Add("../..\x00", false)
	f.Fuzz(func(t *testing.T, location string, git bool) {
		kind := weir.Go
		if git {
			kind = weir.Git
		}
		name := source.DirName(weir.Source{Kind: kind, Location: location})
		if !filepath.IsLocal(name) || name != filepath.Base(name) || name == "." || len(name) > 100 {
			t.Errorf("%q is not one path element", name)
		}
	})
}
