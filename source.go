package weir

import (
	"strings"
	"time"
)

// SourceKind says which tool reads a source.
type SourceKind string

// The kinds of sources. The first three are repositories, whose revisions are
// commits on a branch; Archive and the registries have releases, in the order of
// their versions.
const (
	Git     SourceKind = "git"     // anything that git can clone
	Hg      SourceKind = "hg"      // anything that Mercurial can clone
	Svn     SourceKind = "svn"     // a path in a Subversion repository, without its branch
	Archive SourceKind = "archive" // tar or zip files behind a URL that holds {version}
	Go      SourceKind = "go"      // a module of the Go module registry, through the user's GOPROXY
	NPM     SourceKind = "npm"     // a package of the npm registry
	PyPI    SourceKind = "pypi"    // a project of the Python package index
	// None is the kind of a project that has nothing to check out: jobs that
	// people start. Its one revision is NoRevision.
	None SourceKind = "none"
)

// NoRevision is the one revision of a source of kind None.
const NoRevision = "none"

// SourceKinds lists every kind.
func SourceKinds() []SourceKind { return []SourceKind{Git, Hg, Svn, Archive, Go, NPM, PyPI, None} }

// Repository reports whether the revisions of such a source are commits on a
// branch, made by people and with messages.
func (k SourceKind) Repository() bool { return k == Git || k == Hg || k == Svn }

// Registry reports whether the revisions of such a source are released
// versions, so that it has no branch.
func (k SourceKind) Registry() bool { return k == Archive || k == Go || k == NPM || k == PyPI }

// Source is where a project's revisions come from.
type Source struct {
	Kind SourceKind `json:"kind"`
	// Location is a URL or path that git, hg or svn can read, a URL with
	// {version} in it (Archive), or the name of a module or package.
	// It may hold no credentials.
	Location string `json:"location"`
	// Branch is a branch of git or hg, or the path of one below an svn location,
	// such as trunk or branches/1.x. Empty means the remote's default branch, or
	// the location itself (svn). Registries have none.
	Branch string `json:"branch,omitempty"`
	// Index is the URL of the registry, where it is not the public one (NPM,
	// PyPI), or of a page that links to the archives (Archive).
	Index string `json:"index,omitempty"`
	// Credentials names the secret with which the source is read, as USER:PASSWORD
	// or a token alone. Empty: what the tool finds by itself.
	Credentials string   `json:"credentials,omitempty"`
	Checkout    Checkout `json:"checkout,omitzero"`
	Watch       Watch    `json:"watch,omitzero"`
	// Poll is how often to look for new revisions. Zero means the farm's default.
	Poll time.Duration `json:"poll,omitempty"`
	// From is the revision at which the project's history on this farm starts:
	// it is built first, as the baseline. Empty means the newest one seen first.
	From string `json:"from,omitempty"`
	// To is the last revision to look at; later ones are ignored. Empty means no end.
	To string `json:"to,omitempty"`
	// Versions names released versions that exist whatever the registry's list
	// says, because such lists have gaps. Registries only.
	Versions []string `json:"versions,omitempty"`
	// Closed says that Versions is the whole list: the registry is not asked for more.
	Closed bool `json:"closed,omitempty"`
}

// Checkout says how a revision is put into a build's directory.
type Checkout struct {
	Clean Clean `json:"clean,omitempty"` // empty: CleanFull
	// Depth is how many commits of history git leaves in the checkout; 0: all.
	Depth      int  `json:"depth,omitempty"`
	Submodules bool `json:"submodules,omitempty"` // with its submodules (git), subrepositories (hg) or externals (svn), recursively
	LFS        bool `json:"lfs,omitempty"`        // git: large files are fetched, for which git-lfs must be installed
}

// Clean says how clean a checkout is when its first step begins.
type Clean string

// The ways of cleaning up.
const (
	CleanFull        Clean = "full"        // an empty directory each time
	CleanFresh       Clean = "fresh"       // the builder's last one on this worker, without anything that the revision does not hold
	CleanIncremental Clean = "incremental" // the builder's last one on this worker, with all that builds left there
)

// Cleans lists every way of cleaning up.
func Cleans() []Clean { return []Clean{CleanFull, CleanFresh, CleanIncremental} }

// Watch says which changes of a source set off builds. A revision that it passes
// over stays on its line, so that a search may still probe it.
type Watch struct {
	// Branches and Tags are patterns of further branches, each with builders of
	// its own, and of tags that are built once each. Patterns are those of
	// path.Match, and ** stands for any depth. Repositories only.
	Branches []string `json:"branches,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	// Settle is how long a branch must have been quiet before it is built.
	Settle time.Duration `json:"settle,omitempty"`
	// Files are patterns of paths: a revision that touches none of them sets
	// nothing off. Ignore are patterns of paths that do not count. Empty: all
	// paths count.
	Files  []string `json:"files,omitempty"`
	Ignore []string `json:"ignore,omitempty"`
	// NoSkip says that markers in messages, such as [skip ci], mean nothing.
	NoSkip bool       `json:"no_skip,omitempty"`
	Pulls  PullPolicy `json:"pulls,omitzero"`
}

// SkipMarkers lists what in a commit's message keeps it from setting off builds,
// in lower case; upper and lower case are the same there.
func SkipMarkers() []string {
	return []string{"[skip ci]", "[ci skip]", "[no ci]", "[skip weir]", "[weir skip]"}
}

// PullPolicy says which pull requests are built.
type PullPolicy struct {
	// Build says whose are built without being asked for; empty: nobody's, and
	// pull requests are not looked at.
	Build Pulls `json:"build,omitempty"`
	// Trusted lists forge users, by their number or other id that never changes,
	// never by a name that somebody else can take: theirs need no approval.
	Trusted []string `json:"trusted,omitempty"`
}

// Pulls says which pull requests are built without approval.
type Pulls string

// The policies.
const (
	PullsNone    Pulls = ""        // pull requests are not built at all
	PullsHeld    Pulls = "held"    // each waits for approval, but for those of trusted users
	PullsOwn     Pulls = "own"     // those from forks wait for approval
	PullsAllowed Pulls = "allowed" // none waits; for workers that may run anything
)

// PullPolicies lists every policy.
func PullPolicies() []Pulls { return []Pulls{PullsNone, PullsHeld, PullsOwn, PullsAllowed} }

// Revision is one version of a source: a commit on the first-parent line of
// its branch, or a release.
type Revision struct {
	// ID is a full commit hash or a version. It is unique within a project's branch.
	ID string `json:"id"`
	// Position orders the revisions of a branch; it starts at 1 and has no gaps.
	// Order never comes from Time, which may lie years before the merge.
	Position int64     `json:"position"`
	Author   string    `json:"author,omitempty"` // "Name <mail>", or empty
	Time     time.Time `json:"time,omitzero"`
	Message  string    `json:"message,omitempty"` // at most MaxMessage bytes
	// Skipped says why the revision by itself sets nothing off; empty if it does.
	Skipped string `json:"skipped,omitempty"`
}

// AuthorName leaves the address out of a Revision's author; of an address alone it is
// what is before its @.
func AuthorName(author string) string {
	name, mail, _ := strings.Cut(author, "<")
	name, _, _ = strings.Cut(strings.TrimSpace(name), "@")
	if name == "" {
		name, _, _ = strings.Cut(mail, "@")
	}
	return strings.Trim(name, " <>")
}

// MaxMessage limits, in bytes, what is kept of a commit message.
const MaxMessage = 8 << 10

// Short abbreviates the id as ShortRevision does.
func (r Revision) Short() string { return ShortRevision(r.ID) }

// shortHash is how many digits of a commit hash people get to see.
const shortHash = 10

// ShortRevision abbreviates id to 10 digits if it looks like a commit hash, and
// to "abcdef0123 without 0123456789" if it is one that Without made. Other ids
// stay whole.
func ShortRevision(id string) string {
	if head, culprit, ok := CutWithout(id); ok {
		return head[:shortHash] + " without " + culprit[:shortHash]
	}
	if base, patch, ok := CutPatched(id); ok {
		return ShortRevision(base) + " with patch " + patch.Short()
	}
	if !isHash(id) {
		return id
	}
	return id[:shortHash]
}

// Without names a derived revision: the commit head with what the commit
// culprit changed taken back. Both are full commit hashes of one git
// repository, 40 or 64 lower-case hex digits, and culprit is head itself or one
// of its ancestors. Nobody pushed such a revision and no Tip names it, but a
// build may be pinned to it: sources of kind Git check it out, if the change can
// be taken back at head at all.
func Without(head, culprit string) string { return head + "-" + culprit }

// CutWithout takes apart what Without made. ok is false for any other id.
func CutWithout(id string) (head, culprit string, ok bool) {
	head, culprit, ok = strings.Cut(id, "-")
	if !ok || len(head) != len(culprit) || !isHash(head) || !isHash(culprit) {
		return "", "", false
	}
	return head, culprit, true
}

// Patched names a derived revision: base with a patch on top, which lies in the
// blob with that digest. Nobody pushed it; somebody tries it.
func Patched(base string, patch Digest) string { return base + "+" + string(patch) }

// CutPatched takes apart what Patched made. ok is false for any other id.
func CutPatched(id string) (base string, patch Digest, ok bool) {
	i := strings.LastIndexByte(id, '+')
	if i < 1 {
		return "", "", false
	}
	patch, err := ParseDigest(id[i+1:])
	return id[:i], patch, err == nil
}

// isHash reports whether id looks like a full commit hash.
func isHash(id string) bool {
	if len(id) != 40 && len(id) != 64 {
		return false
	}
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Subject is the first line of the message.
func (r Revision) Subject() string {
	for i, c := range r.Message {
		if c == '\n' || c == '\r' {
			return r.Message[:i]
		}
	}
	return r.Message
}

// Tip is the newest known revision of a project.
type Tip struct {
	Project  string   `json:"project"`
	Branch   string   `json:"branch,omitempty"`
	First    Revision `json:"first"` // the oldest one recorded: the start of history
	Revision Revision `json:"revision"`
	// Due is the newest revision that is to be built: Revision itself, unless that
	// is passed over or the branch has not been quiet for long enough.
	Due Revision `json:"due"`
}
