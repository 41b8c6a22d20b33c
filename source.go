package weir

import (
	"strings"
	"time"
)

// SourceKind says which tool reads a source.
type SourceKind string

// The kinds of sources.
const (
	Git SourceKind = "git" // anything that git can clone
	Go  SourceKind = "go"  // a module of the Go module registry, through the user's GOPROXY
	// None is the kind of a project that has nothing to check out: jobs that
	// people start. Its one revision is NoRevision.
	None SourceKind = "none"
)

// NoRevision is the one revision of a source of kind None.
const NoRevision = "none"

// SourceKinds lists every kind.
func SourceKinds() []SourceKind { return []SourceKind{Git, Go, None} }

// Source is where a project's revisions come from.
type Source struct {
	Kind SourceKind `json:"kind"`
	// Location is a URL or path that git can clone, or a Go module path.
	// It may hold no credentials.
	Location string `json:"location"`
	// Branch is a git branch. Empty means the remote's default branch.
	// Registries have none.
	Branch string `json:"branch,omitempty"`
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
}
