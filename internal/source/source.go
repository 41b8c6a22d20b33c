// Package source is the port through which the farm sees the outside world's
// revisions, and the registry of the adapters behind it.
//
// The server asks a [Lister] which revisions are new; a worker asks a
// [Checkouter] for the files of one. Both are verbs over a [weir.Source], and
// its kind says which adapter answers:
//
//	git  internal/source/git    anything that git can clone, by the git command
//	go   internal/source/gomod  Go modules through the user's GOPROXY, by the go command
//	none this package           nothing to check out: one revision, an empty directory
//
// The real tools do the work because they know what the user has set up:
// credentials, proxies, certificates. The composition root puts it together:
//
//	sources := source.New(source.Adapters{
//		weir.Git: git.New(filepath.Join(cache, "git"), nil),
//		weir.Go:  gomod.New(nil),
//	})
//
// Every error of the port is a *weir.Error. Its code tells whose fault it is:
//
//	Unavailable  the remote cannot be reached: infrastructure, try again later
//	NotFound     the branch or the revision does not exist: the project's fault
//	Invalid      the source itself is refused; trying again will not help
//	Conflict     the directory of a checkout is not empty
//	Exhausted    this machine's disk is full
//	TooLarge     an answer is over a limit
//	Unsupported  the tool is not installed, or no adapter knows the kind
//	Internal     the tool failed in a way that nobody foresaw
//
// Messages and hints are safe to show; they hold no credentials. An error that
// comes from the context's end has code Unavailable and the context's error
// in its chain.
package source

import (
	"context"
	"io"

	"github.com/weir-ci/weir"
)

// MaxRevisions limits the revisions of one Listing. More says that there are
// further ones.
const MaxRevisions = 2000

// Listing is the answer of a Lister.
type Listing struct {
	// Branch is the branch that was read: the source's, or the remote's
	// default branch by name. Empty for registries.
	Branch string
	// Revisions are the new ones, oldest first, without positions: the store
	// gives those. At most MaxRevisions.
	Revisions []weir.Revision
	// Rewritten says that `known` is no longer on the line of the branch:
	// history was rewritten, or the branch was reset. Revisions are then those
	// of the new line that follow the last revision both lines share, and none
	// if the branch was set back to an older one. If the lines share nothing,
	// or the old one cannot be had any more, it is the new tip alone.
	Rewritten bool
	// More says that the listing is cut at MaxRevisions: ask again, with the
	// last one as known.
	More bool
}

// Lister finds revisions, on the server.
type Lister interface {
	// Revisions lists the revisions of src behind known up to the tip, or up
	// to src.To. known is the newest id already recorded; empty means that
	// there is none yet: then the list starts with src.From, or is the tip
	// alone if From is empty. The order is that of the line (git: first
	// parents; registries: versions), never that of dates.
	Revisions(ctx context.Context, src weir.Source, known string) (Listing, error)
}

// Checkouter puts a revision into a directory, on the worker.
type Checkouter interface {
	// Checkout writes the files of a revision, as a Lister named it, into dir,
	// which must be empty or absent. What the tool says goes to log, without
	// credentials; log may be nil. After an error dir is empty or absent again, unless the
	// error is about dir itself.
	Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error
}

// Adapter reads one kind of source. It is safe for concurrent use.
type Adapter interface {
	Lister
	Checkouter
}

// Adapters says which adapter reads which kind.
type Adapters map[weir.SourceKind]Adapter

// Sources reads every kind of source it has an adapter for. It is an Adapter
// itself, and safe for concurrent use.
type Sources struct{ adapters Adapters }

// New makes Sources. It keeps adapters, which must not change afterwards.
func New(adapters Adapters) *Sources { return &Sources{adapters} }

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
	a, err := s.adapter(src.Kind)
	if err != nil {
		return err
	}
	return a.Checkout(ctx, src, revision, dir, log)
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
