package weir

import "time"

// Proposal is a change that somebody asks a project to take: a pull request or
// merge request of a forge. Its head is on no branch of the project.
type Proposal struct {
	ID      ProposalID `json:"id"`
	Project string     `json:"project"`
	Forge   string     `json:"forge"`  // the dialect that told of it: github, gitlab, gitea, bitbucket
	Number  string     `json:"number"` // the forge's own
	Title   string     `json:"title"`  // at most MaxTitle bytes
	URL     string     `json:"url,omitempty"`
	// Author is a name to show; AuthorID is the forge's own id of the user, which
	// nobody else can take. If somebody else gave it its head it is the ids of both,
	// with AuthorAnd between them.
	Author   string        `json:"author"`
	AuthorID string        `json:"author_id"`
	Head     string        `json:"head"`           // the revision proposed
	Ref      string        `json:"ref"`            // what must be fetched for it
	Base     string        `json:"base,omitempty"` // the branch that it is for
	Fork     bool          `json:"fork,omitempty"` // it comes from another repository, so from anybody
	State    ProposalState `json:"state"`
	Run      RunID         `json:"run,omitempty"` // of the newest head that was built
	By       string        `json:"by,omitempty"`  // who approved or refused it
	Created  time.Time     `json:"created"`
	Updated  time.Time     `json:"updated"`
}

// AuthorAnd stands between ids in Proposal.AuthorID. No forge has it in one.
const AuthorAnd = "+"

// MaxTitle limits a proposal's title, in bytes.
const MaxTitle = 500

// ProposalState is how far a proposal is.
type ProposalState string

// The closed set of states.
const (
	ProposalHeld     ProposalState = "held"     // its head waits for approval; a new head waits again
	ProposalApproved ProposalState = "approved" // its head may be built, and is to be
	ProposalBuilt    ProposalState = "built"    // there is a run of its head
	ProposalRefused  ProposalState = "refused"  // its head will not be built
	ProposalClosed   ProposalState = "closed"   // the forge says that it is over
)

// ProposalStates lists every state.
func ProposalStates() []ProposalState {
	return []ProposalState{ProposalHeld, ProposalApproved, ProposalBuilt, ProposalRefused, ProposalClosed}
}
