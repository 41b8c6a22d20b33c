// Package source is the port through which the farm sees the outside world's
// revisions, and the registry of the adapters behind it.
//
// The server asks a [Lister] which revisions are new; a worker asks a
// [Checkouter] for the files of one. Both are verbs over a [weir.Source], and
// its kind says which adapter answers:
//
//	git  internal/source/git    anything that git can clone, by the git command
//	hg   internal/source/hg     anything that Mercurial can clone, by the hg command
//	svn  internal/source/svn    a path in a Subversion repository, by the svn command
//	go   internal/source/gomod  Go modules through the user's GOPROXY, by the go command
//	npm  internal/source/npm    packages of an npm registry, over HTTP
//	pypi internal/source/pypi   projects of a Python package index, over HTTP
//	archive internal/source/archive tar and zip files behind a URL with a version in it
//	none this package           nothing to check out: one revision, an empty directory
//
// The real tools do the work because they know what the user has set up:
// credentials, proxies, certificates. The composition root puts it together:
//
//	sources := source.New(source.Adapters{
//		weir.Git: git.New(filepath.Join(cache, "git"), nil),
//		weir.Hg:  hg.New(filepath.Join(cache, "hg"), nil),
//		weir.Svn: svn.New(filepath.Join(cache, "svn"), nil),
//		weir.Go:  gomod.New(nil),
//	})
//
// A search for a culprit wants more of a source than its line: which commits a
// merge brought in, and which paths a revision changed. That is what a
// [MergeLister] and a [PathLister] know. Both are optional for adapters: for a
// source whose adapter has no such thing, as registries have none, [Sources]
// answers that there is nothing. Optional as well:
//
//	Preparer    a checkout with a ref of its own, a patch, or in a used directory
//	RefLister   the branches and tags there are
//	Resolver    what one revision is about, and which one a name stands for
//	FileReader  single files, without a checkout
//
// Private sources name a secret. Whoever calls puts the secrets that the call
// may use into the context, with [WithSecrets]; adapters look there with
// [CredentialOf], and nothing keeps what they find.
//
// A search also builds what nobody pushed: a revision with the culprit's change
// taken back, named by [weir.Without]. Only git can check that out; the other
// kinds know no such revision. If the change cannot be taken back, because
// later ones built on it, the error's code is Invalid: that is the project's
// history and no trouble of the machine's, and a second try ends the same.
//
// Every error of the port is a *weir.Error. Its code tells whose fault it is:
//
//	Unavailable  the remote cannot be reached: infrastructure, try again later
//	NotFound     the branch or the revision does not exist, or the culprit of a
//	             derived revision is no part of its history: the project's fault
//	Invalid      the source itself is refused, or a derived revision's change
//	             conflicts with later ones; trying again will not help
//	Conflict     the directory of a checkout is not empty
//	Exhausted    this machine's disk is full
//	TooLarge     an answer is over a limit
//	Unsupported  the tool is not installed or too old, or no adapter knows the kind
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
	// Checkout writes the files of a revision into dir, which must be empty or
	// absent. The revision is one that a Lister or a MergeLister named, or, for
	// git, one that weir.Without derived from such ones. What the tool says goes to log, without
	// credentials; log may be nil. After an error dir is empty or absent again, unless the
	// error is about dir itself.
	Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error
}

// MaxSides limits the sides of one merge: what further parents brought in is
// not listed.
const MaxSides = 8

// Side is a line of commits that a merge brought in.
type Side struct {
	// Parent says which parent of the merge the line leads to: 2 as a rule, 3 and
	// more if the merge had more than two parents.
	Parent int
	// Revisions start with the commit at which the line forked off: it was
	// there before the merge. Behind it come the commits of the line, oldest
	// first, each with the one before as its first parent, up to the merge's
	// parent. There are at least two, without positions. Commits that the line
	// itself merged are not among them: ask again, with the merge among these
	// that matters.
	//
	// A state in the middle has what its own line has, and lacks what the main
	// line got since the fork.
	Revisions []weir.Revision
	// More says that the line goes on behind the last one, over the limit.
	More bool
}

// MergeLister looks behind merges, on the server.
type MergeLister interface {
	// Merged lists what the merge commit revision of src brought in, a side for
	// each parent behind the first, in their order. No commit is on two sides: a
	// later side forks off where the first parent or an earlier side ends that
	// history. The sides are none if the revision is no merge, and a side is left
	// out if its parent brought nothing new, or has no commit in common with the
	// line that it was merged into: then no state of it comes before the merge.
	// All sides together hold at most MaxRevisions revisions; sides over MaxSides
	// and those that begin behind that limit are left out. NotFound: there is no
	// such revision.
	Merged(ctx context.Context, src weir.Source, revision string) ([]Side, error)
}

// Limits of what a PathLister says.
const (
	MaxPaths = 1000    // paths of one revision
	MaxPath  = 4 << 10 // bytes of one path
)

// Paths are what a revision touched.
type Paths struct {
	// Names are the paths of files that the revision added, changed or removed,
	// from the root of the source, with slashes, sorted by bytes, valid UTF-8. A
	// file that it moved is there under both names. At most MaxPaths; a path over
	// MaxPath is cut. They are the words of whoever wrote the commit: for reading
	// and comparing, never for opening.
	Names []string
	// More says that there are more paths than MaxPaths.
	More bool
}

// PathLister tells which files a revision is about, on the server.
type PathLister interface {
	// Touched lists the paths that differ between a revision of src and its first
	// parent; of a revision without parents, all that it holds. NotFound: there
	// is no such revision.
	Touched(ctx context.Context, src weir.Source, revision string) (Paths, error)
}

// Adapter reads one kind of source. It is safe for concurrent use. It may be a
// MergeLister, a PathLister, a Preparer, a RefLister, a Resolver and a
// FileReader as well.
type Adapter interface {
	Lister
	Checkouter
}
