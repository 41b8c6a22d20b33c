package weir

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Aim is what a search looks for.
type Aim string

// The closed set of aims.
const (
	AimBreak Aim = ""      // who made the tests bad: an open episode
	AimAsked Aim = "asked" // the same, because a person asked; nobody has to do anything
	AimFix   Aim = "fix"   // which revision made the tests of another regression good again: its path leads from bad to good and is searched from its end
	AimSide  Aim = "side"  // which commit of the merged side, when the culprit of another regression is a merge: its path is the side
)

// Aims lists every aim.
func Aims() []Aim { return []Aim{AimBreak, AimAsked, AimFix, AimSide} }

// Word is what a person said of a regression.
type Word struct {
	By  string    `json:"by"`
	Why string    `json:"why,omitempty"` // at most MaxReason bytes
	At  time.Time `json:"at"`
}

// Acknowledgement says that somebody knows of a regression and has it in hand.
// It ends by itself: what nobody looks after speaks again.
type Acknowledgement struct {
	Word
	Until time.Time `json:"until"`
}

// In reports whether the acknowledgement holds at a time.
func (a Acknowledgement) In(now time.Time) bool { return a.By != "" && now.Before(a.Until) }

// Assignment says whose business a regression is, until somebody says otherwise.
type Assignment struct {
	Word
	To string `json:"to"` // a person's name, at most MaxAssignee bytes; empty: nobody's
}

// MaxAssignee limits the name of the person to whom a regression is assigned, in bytes.
const MaxAssignee = 100

// MaxAcknowledged is how long an acknowledgement may hold.
const MaxAcknowledged = 90 * 24 * time.Hour

// Fix is what made the tests of a regression good again.
type Fix struct {
	Build BuildID `json:"build"`           // the first good build
	After BuildID `json:"after,omitempty"` // the last bad build of the line in front of it; 0: not known
	// Project and Revision are the revision that did it, if it is known.
	Project  string   `json:"project,omitempty"`
	Revision Revision `json:"revision,omitzero"`
	// Candidates is how many revisions lie between the two builds; 1: there is
	// no doubt. Search is the regression that looks for the one, 0 if none does.
	Candidates int          `json:"candidates,omitempty"`
	Search     RegressionID `json:"search,omitempty"`
}

// Checks are what was looked at beside the path: all of it before somebody was
// named, but Reverted, which is asked once somebody is.
type Checks struct {
	// Screen lists what the bad runs have in common and the good ones do not,
	// beside their revisions; the clearest first.
	Screen []Clue `json:"screen,omitempty"`
	// Workers lists workers on which the culprit was bad and its parent good.
	Workers []string `json:"workers,omitempty"`
	// Moved lists which of the projects that have moved are needed for the tests to
	// be bad, if several upstreams moved and it was asked; Tried is what says so.
	Moved []string      `json:"moved,omitempty"`
	Tried []Combination `json:"tried,omitempty"`
	// Reverted is the bad end without the culprit.
	Reverted Reversal `json:"reverted,omitzero"`
}

// Clue is a fact about the surroundings of runs that separates bad ones from good ones.
type Clue struct {
	Facet string `json:"facet"` // for example "worker", "user", "directory"
	Value string `json:"value"` // what is special, for people: "directory hclog"
	// Bad of Runs are bad with it, and OtherBad of OtherRuns without.
	Bad       int `json:"bad"`
	Runs      int `json:"runs"`
	OtherBad  int `json:"other_bad"`
	OtherRuns int `json:"other_runs"`
	// Chance is how likely chance alone would show such a clue, 0 to 1.
	Chance float64 `json:"chance"`
}

// Combination is what was said where some projects stood at their new
// revisions and the others at their old ones.
type Combination struct {
	Moved []string `json:"moved"`
	Build BuildID  `json:"build"`
	Said  Observed `json:"said"`
}

// Reversal is what was said at the bad end with the culprit reverted.
type Reversal struct {
	Build BuildID  `json:"build,omitempty"` // 0: it was not tried
	Said  Observed `json:"said,omitempty"`  // good: the revert mends it; none: it does not apply, or does not build
	Note  string   `json:"note,omitempty"`
}

// Belief is what a search holds likely after what it has seen: how probable it is,
// from 0 to 1, that each step of the path made the tests bad, or none did.
type Belief struct {
	// Steps are the likeliest positions on the path, those above LeastBelief, by
	// position, at most MaxBelief.
	Steps []StepBelief `json:"steps,omitempty"`
	// Nobody is that the tests are flaky, Environment that something outside of
	// the revisions changed.
	Nobody      float64 `json:"nobody,omitempty"`
	Environment float64 `json:"environment,omitempty"`
}

// StepBelief is how probable one step of a path is.
type StepBelief struct {
	Position    int     `json:"position"`
	Probability float64 `json:"probability"` // 0 to 1
}

// Limits of a Belief.
const (
	LeastBelief = 0.0005
	MaxBelief   = 200
)

// TransitionKind says what became of a regression.
type TransitionKind string

// The closed set of transitions.
const (
	WasOpened         TransitionKind = "opened"
	WasConfirmed      TransitionKind = "confirmed"      // the same again, in another build
	WasLocated        TransitionKind = "located"        // the culprit is known
	WasNarrowed       TransitionKind = "narrowed"       // a range is known
	WasDismissed      TransitionKind = "dismissed"      // nobody did it, or a person closed it
	WasFixed          TransitionKind = "fixed"          // every test is good again
	WasReopened       TransitionKind = "reopened"       // bad again, or a person said so
	WasMerged         TransitionKind = "merged"         // another regression has its tests now
	WasJoined         TransitionKind = "joined"         // it took the tests of another one
	WasSplit          TransitionKind = "split"          // some of its tests went to another one
	WasAcknowledged   TransitionKind = "acknowledged"   // somebody has it in hand
	WasUnacknowledged TransitionKind = "unacknowledged" // nobody has any more
	WasAssigned       TransitionKind = "assigned"       // it is somebody's business now, or nobody's any more
	WasJudged         TransitionKind = "judged"         // more became known of who is to blame, or what mended it
)

// TransitionKinds lists every kind.
func TransitionKinds() []TransitionKind {
	return []TransitionKind{WasOpened, WasConfirmed, WasLocated, WasNarrowed, WasDismissed, WasFixed, WasReopened,
		WasMerged, WasJoined, WasSplit, WasAcknowledged, WasUnacknowledged, WasAssigned, WasJudged}
}

// TransitionTo is the kind of a transition into a state.
func TransitionTo(s RegressionState) TransitionKind {
	switch s {
	case Located:
		return WasLocated
	case Narrowed:
		return WasNarrowed
	case Recovered:
		return WasFixed
	case Dismissed:
		return WasDismissed
	case Merged:
		return WasMerged
	}
	return WasReopened
}

// Transition is one step in the life of a regression, with what shows it.
type Transition struct {
	At   time.Time       `json:"at"`
	Kind TransitionKind  `json:"kind"`
	To   RegressionState `json:"to"`           // its state from then on
	By   string          `json:"by,omitempty"` // a person; empty: the farm
	// Builds show it.
	Builds []BuildID    `json:"builds,omitempty"`
	Other  RegressionID `json:"other,omitempty"` // the other one, of two
	Note   string       `json:"note,omitempty"`
}

// Surroundings is what is known of the machine and the place in which an
// attempt ran. What is not known is left zero.
type Surroundings struct {
	Root      *bool    `json:"root,omitempty"`      // whether the steps ran as the superuser
	Load      *float64 `json:"load,omitempty"`      // of the machine per processor, when the recipe's first step began
	Network   *bool    `json:"network,omitempty"`   // whether the machine had an address that others could reach
	Clock     *float64 `json:"clock,omitempty"`     // how far its clock was ahead of the server's, in seconds
	Directory string   `json:"directory,omitempty"` // last element of the checkout's directory
}

// String says what is known of them in one line, such as "not as root, load
// 0.25, with network, clock 90 s behind, in mill"; empty if that is nothing. A
// clock that is right is not mentioned.
func (s Surroundings) String() string {
	var parts []string
	if s.Root != nil {
		parts = append(parts, map[bool]string{true: "as root", false: "not as root"}[*s.Root])
	}
	if s.Load != nil {
		parts = append(parts, "load "+strconv.FormatFloat(*s.Load, 'f', 2, 64))
	}
	if s.Network != nil {
		parts = append(parts, map[bool]string{true: "with network", false: "without network"}[*s.Network])
	}
	if s.Clock != nil && *s.Clock > 0 {
		parts = append(parts, fmt.Sprintf("clock %.0f s ahead", *s.Clock))
	} else if s.Clock != nil && *s.Clock < 0 {
		parts = append(parts, fmt.Sprintf("clock %.0f s behind", -*s.Clock))
	}
	if s.Directory != "" {
		parts = append(parts, "in "+s.Directory)
	}
	return strings.Join(parts, ", ")
}
