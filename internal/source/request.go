package source

import (
	"context"
	"io"
	"strings"

	"github.com/weir-ci/weir"
)

// Request asks for a checkout, with all that one may want of it.
type Request struct {
	// Source is where the revision comes from. Its Checkout says with what.
	Source weir.Source
	// Revision is what a Lister, a MergeLister or a Resolver named, or what
	// weir.Without or weir.Patched derived from that.
	Revision string
	// Ref is what has to be fetched for the revision to be there, if that is not
	// the branch: for git the full name of a ref, such as refs/pull/7/head; for
	// svn a path below the location, such as tags/v1 or refs/tags/v1. hg has the
	// whole repository anyway.
	Ref string
	// Untrusted says that the revision is a stranger's. What it names beside the
	// source, such as submodules, is fetched without anybody's credentials: it
	// would reach whatever else they open.
	Untrusted bool
	// Patch is the text of the patch that a weir.Patched revision names, at most
	// MaxPatch bytes. It is not read for other revisions.
	Patch io.Reader
	// Dir gets the files. It must be empty or absent, unless Keep is set.
	Dir string
	// Keep says that Dir may hold an earlier checkout of the same source, and
	// whatever builds left there; Source.Checkout.Clean then says what of it stays:
	//
	//	weir.CleanFresh        nothing that the revision does not hold
	//	weir.CleanIncremental  all that is not a file of a revision
	//
	// Files of the revision that are there and right keep their times. Nothing
	// in Dir is trusted: what a build wrote into the data of the tool (.git, .hg,
	// .svn) is thrown away. With any other Clean, with submodules, and for
	// adapters that cannot do it, Dir is emptied first.
	Keep bool
	// Log gets what the tool says, without credentials; it may be nil.
	Log io.Writer
}

// MaxPatch limits a patch, in bytes.
const MaxPatch = 32 << 20

// Preparer does what a Checkouter does, and more, on the worker.
type Preparer interface {
	// Prepare writes the files of a revision into a directory. Errors are those
	// of Checkout; Invalid: also, the patch does not apply; Unsupported: also,
	// the kind of source knows no patches. After an error with Keep set, Dir may
	// hold anything.
	Prepare(ctx context.Context, r Request) error
}

// Resolver tells what a revision is about, on the server.
type Resolver interface {
	// Resolve reads one revision of src, which need not be on the line of its
	// branch. ref is that of a Request, or empty. revision is the id of a revision,
	// or what people write for one: an abbreviated hash, a tag, "r17" or "17" for svn.
	// If revision is empty, it is the newest of ref, or of the branch. NotFound:
	// there is no such thing.
	Resolve(ctx context.Context, src weir.Source, ref, revision string) (weir.Revision, error)
}

// MaxRefs limits the branches, and the tags, of one answer.
const MaxRefs = 10_000

// Tag is a tag of a repository.
type Tag struct {
	Name     string
	Revision string // the id of the revision that it stands for
	Ref      string // for a Request
}

// Refs are the branches and tags of a source.
type Refs struct {
	Branches []string // as Source.Branch takes them, sorted
	Tags     []Tag    // sorted by name
	// More says that there are more than MaxRefs of either.
	More bool
}

// RefLister lists branches and tags, on the server.
type RefLister interface {
	// Refs asks the remote for the branches and tags of src, whatever its Branch.
	// Names that Weir could not use, since the tool itself refuses them, are left out.
	Refs(ctx context.Context, src weir.Source) (Refs, error)
}

// Limits of a FileReader.
const (
	MaxFile  = 4 << 20 // bytes of one file, whatever the caller allows
	MaxFiles = 50_000  // paths of one answer
)

// FileReader reads single files of a revision, on the server, without a
// checkout where the tool can do that.
type FileReader interface {
	// ReadFile reads a file of a revision. path is relative to the root, with
	// slashes, without dots. NotFound: there is no such revision, or no regular
	// file of that name in it, and symbolic links are none; TooLarge: it is over
	// limit bytes; Invalid: the path is none.
	ReadFile(ctx context.Context, src weir.Source, revision, path string, limit int64) ([]byte, error)
	// Files lists the files of a revision as ReadFile takes them, sorted by
	// bytes; names that are no valid UTF-8 are left out. TooLarge: there are more
	// than MaxFiles.
	Files(ctx context.Context, src weir.Source, revision string) ([]string, error)
}

// CheckPath insists that path is one that FileReader.ReadFile takes.
func CheckPath(path string) error {
	bad := path == "" || len(path) > MaxPath || strings.ContainsAny(path, "\x00\r\n\\")
	for part := range strings.SplitSeq(path, "/") {
		bad = bad || part == "" || part == "." || part == ".."
	}
	if bad {
		return weir.Errorf(weir.Invalid, "%.80q is not the path of a file in a source", path).
			WithHint("write it from the source's root, with slashes, such as docs/build.yaml")
	}
	return nil
}

// ReadPatch reads r.Patch, whole.
func (r *Request) ReadPatch() ([]byte, error) {
	if r.Patch == nil {
		return nil, weir.Errorf(weir.Invalid, "%s comes without its patch", weir.ShortRevision(r.Revision))
	}
	text, err := io.ReadAll(io.LimitReader(r.Patch, MaxPatch+1))
	switch {
	case err != nil:
		return nil, weir.Errorf(weir.Unavailable, "the patch of %s cannot be read", weir.ShortRevision(r.Revision)).WithCause(err)
	case len(text) > MaxPatch:
		return nil, weir.Errorf(weir.TooLarge, "the patch of %s is over %d bytes", weir.ShortRevision(r.Revision), MaxPatch)
	}
	return text, nil
}

// BadPatch is the error for a patch that does not apply. The tool's own words
// go to the log.
func BadPatch(base string, cause error) error {
	return weir.Errorf(weir.Invalid, "the patch does not apply to %s", weir.ShortRevision(base)).
		WithHint("the checkout's log names the files; make the patch again, against that revision").WithCause(cause)
}
