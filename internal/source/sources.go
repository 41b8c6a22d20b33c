package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// Adapters says which adapter reads which kind.
type Adapters map[weir.SourceKind]Adapter

// Sources reads every kind of source it has an adapter for. It implements every
// port of this package itself, and is safe for concurrent use.
type Sources struct {
	adapters Adapters
	waits    []time.Duration
}

// New makes Sources. It keeps adapters, which must not change afterwards.
func New(adapters Adapters) *Sources { return &Sources{adapters: adapters} }

// Patience is how long to wait before each further try of a checkout whose
// remote does not answer.
func Patience() []time.Duration { return []time.Duration{time.Second, 4 * time.Second} }

// Patient returns Sources that try a checkout again, after each of waits, while
// its error says Unavailable. Polls are not repeated: the next one comes anyway.
func (s *Sources) Patient(waits ...time.Duration) *Sources {
	return &Sources{adapters: s.adapters, waits: waits}
}

// Revisions asks the adapter for src's kind. See Lister.
func (s *Sources) Revisions(ctx context.Context, src weir.Source, known string) (Listing, error) {
	a, err := s.adapter(src.Kind)
	if err != nil {
		return Listing{}, err
	}
	return a.Revisions(ctx, src, known)
}

// Checkout asks the adapter for src's kind. See Checkouter.
func (s *Sources) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	return s.Prepare(ctx, Request{Source: src, Revision: revision, Dir: dir, Log: log})
}

// Prepare asks the adapter for the kind of source. See Preparer.
func (s *Sources) Prepare(ctx context.Context, r Request) error {
	a, err := s.adapter(r.Source.Kind)
	if err != nil {
		return err
	}
	if _, _, patched := weir.CutPatched(r.Revision); patched && len(s.waits) > 0 {
		text, err := r.ReadPatch() // it can be read once only
		if err != nil {
			return err
		}
		r.Patch = strings.NewReader(string(text))
	}
	err = prepare(ctx, a, r)
	for _, wait := range s.waits {
		if weir.CodeOf(err) != weir.Unavailable || ctx.Err() != nil {
			return err
		}
		if r.Log != nil {
			_, _ = io.WriteString(r.Log, err.Error()+"; trying again in "+wait.String()+"\n")
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
		if again, ok := r.Patch.(io.Seeker); ok {
			_, _ = again.Seek(0, io.SeekStart)
		}
		err = prepare(ctx, a, r)
	}
	return err
}

// prepare does what a Request wants with what an adapter can do.
func prepare(ctx context.Context, a Adapter, r Request) error {
	if p, ok := a.(Preparer); ok {
		return p.Prepare(ctx, r)
	}
	if _, _, patched := weir.CutPatched(r.Revision); patched {
		return weir.Errorf(weir.Unsupported, "sources of kind %s take no patches", r.Source.Kind).
			WithHint("only git, hg and svn do")
	}
	if r.Keep {
		if err := empty(r.Dir); err != nil {
			return err
		}
	}
	return a.Checkout(ctx, r.Source, r.Revision, r.Dir, r.Log)
}

// empty removes what is in dir.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	if err != nil {
		return weir.Errorf(weir.Internal, "the directory %s of an earlier checkout cannot be emptied", filepath.Base(dir)).WithCause(err)
	}
	return nil
}

// Merged asks the adapter for src's kind; if that knows no merges there are
// none. See MergeLister.
func (s *Sources) Merged(ctx context.Context, src weir.Source, revision string) ([]Side, error) {
	a, err := s.adapter(src.Kind)
	if err != nil {
		return nil, err
	}
	if m, ok := a.(MergeLister); ok {
		return m.Merged(ctx, src, revision)
	}
	return nil, nil
}

// Touched asks the adapter for src's kind; if that knows no paths there are
// none. See PathLister.
func (s *Sources) Touched(ctx context.Context, src weir.Source, revision string) (Paths, error) {
	a, err := s.adapter(src.Kind)
	if err != nil {
		return Paths{}, err
	}
	if p, ok := a.(PathLister); ok {
		return p.Touched(ctx, src, revision)
	}
	return Paths{}, nil
}

// Refs asks the adapter for src's kind; if that knows no refs there are none.
// See RefLister.
func (s *Sources) Refs(ctx context.Context, src weir.Source) (Refs, error) {
	a, err := s.adapter(src.Kind)
	if err != nil {
		return Refs{}, err
	}
	if l, ok := a.(RefLister); ok {
		return l.Refs(ctx, src)
	}
	return Refs{}, nil
}

// Resolve asks the adapter for src's kind. For one that cannot tell, the revision
// is what its id says. See Resolver.
func (s *Sources) Resolve(ctx context.Context, src weir.Source, ref, revision string) (weir.Revision, error) {
	a, err := s.adapter(src.Kind)
	if err != nil {
		return weir.Revision{}, err
	}
	if l, ok := a.(Resolver); ok {
		return l.Resolve(ctx, src, ref, revision)
	}
	if revision == "" || ref != "" {
		return weir.Revision{}, weir.Errorf(weir.Unsupported, "sources of kind %s have no refs", src.Kind).
			WithHint("name one of the versions of %s", src.Location)
	}
	return weir.Revision{ID: revision}, nil
}

// ReadFile asks the adapter for src's kind. If that cannot read single files,
// the revision is checked out into a temporary directory. See FileReader.
func (s *Sources) ReadFile(ctx context.Context, src weir.Source, revision, path string, limit int64) ([]byte, error) {
	a, err := s.adapter(src.Kind)
	if err != nil {
		return nil, err
	}
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	limit = min(limit, MaxFile)
	if f, ok := a.(FileReader); ok {
		return f.ReadFile(ctx, src, revision, path, limit)
	}
	var text []byte
	err = temporary(ctx, a, src, revision, func(root *os.Root) error {
		info, err := root.Lstat(path)
		if err != nil || !info.Mode().IsRegular() {
			return NoFile(src, revision, path).WithCause(err)
		}
		f, err := root.Open(path)
		if err != nil {
			return NoFile(src, revision, path).WithCause(err)
		}
		defer f.Close()
		if text, err = io.ReadAll(io.LimitReader(f, limit+1)); err != nil {
			return weir.Errorf(weir.Internal, "the file %.80q of %s cannot be read", path, src.Location).WithCause(err)
		}
		return CheckSize(path, int64(len(text)), limit)
	})
	return text, err
}

// Files asks the adapter for src's kind. If that cannot list files, the revision
// is checked out into a temporary directory. See FileReader.
func (s *Sources) Files(ctx context.Context, src weir.Source, revision string) ([]string, error) {
	a, err := s.adapter(src.Kind)
	if err != nil {
		return nil, err
	}
	if f, ok := a.(FileReader); ok {
		return f.Files(ctx, src, revision)
	}
	var names []string
	err = temporary(ctx, a, src, revision, func(root *os.Root) error {
		err := fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && utf8.ValidString(path) {
				names = append(names, path)
			}
			return errors.Join(err, TooManyFiles(src, len(names)))
		})
		slices.Sort(names)
		return err
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// temporary runs f on a checkout that is gone afterwards.
func temporary(ctx context.Context, a Adapter, src weir.Source, revision string, f func(*os.Root) error) error {
	dir, err := os.MkdirTemp("", "weir-source-")
	if err != nil {
		return weir.Errorf(weir.Exhausted, "no directory for a look at %s", src.Location).WithCause(err)
	}
	defer os.RemoveAll(dir)
	if err := a.Checkout(ctx, src, revision, dir, nil); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return weir.Errorf(weir.Internal, "the checkout of %s cannot be read", src.Location).WithCause(err)
	}
	defer root.Close()
	return f(root)
}

// NoFile is the error for a file that a revision does not have.
func NoFile(src weir.Source, revision, path string) *weir.Error {
	return weir.Errorf(weir.NotFound, "%s has no file %.80q at %s", src.Location, path, weir.ShortRevision(revision))
}

// CheckSize is the error for a file of size bytes over limit, or nil.
func CheckSize(path string, size, limit int64) error {
	if size <= limit {
		return nil
	}
	return weir.Errorf(weir.TooLarge, "the file %.80q is over %d bytes", path, limit)
}

// TooManyFiles is the error for a revision with n files, or nil.
func TooManyFiles(src weir.Source, n int) error {
	if n <= MaxFiles {
		return nil
	}
	return weir.Errorf(weir.TooLarge, "%s has more than %d files", src.Location, MaxFiles)
}

func (s *Sources) adapter(kind weir.SourceKind) (Adapter, error) {
	if a, ok := s.adapters[kind]; ok {
		return a, nil
	}
	if kind == weir.None {
		return nothing{}, nil
	}
	return nil, weir.Errorf(weir.Unsupported, "no reader for sources of kind %.20q", string(kind)).
		WithHint("the kinds are %v", weir.SourceKinds())
}
