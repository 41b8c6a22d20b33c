package weir

import (
	"slices"
	"strings"
	"time"
)

// RegressionState is where a regression is in its life.
type RegressionState string

// The closed set of regression states.
const (
	Searching RegressionState = "searching" // open; the culprit is being looked for
	Located   RegressionState = "located"   // open; the culprit is known
	Narrowed  RegressionState = "narrowed"  // open; a range is known, and its revisions cannot be told apart
	Recovered RegressionState = "fixed"     // every test is good again
	Dismissed RegressionState = "dismissed" // the evidence says that nobody did it (flaky tests, environment), or a person closed it
	Merged    RegressionState = "merged"    // the same culprit as another regression, which has the tests now
)

// RegressionStates lists every state.
func RegressionStates() []RegressionState {
	return []RegressionState{Searching, Located, Narrowed, Recovered, Dismissed, Merged}
}

var regressionTransitions = map[RegressionState][]RegressionState{
	Searching: {Located, Narrowed, Recovered, Dismissed, Merged},
	Located:   {Recovered, Dismissed, Merged},
	Narrowed:  {Recovered, Dismissed, Merged},
	Recovered: {Searching},
	Dismissed: {Searching},
}

// CanBecome reports whether a regression may go from s to next.
func (s RegressionState) CanBecome(next RegressionState) bool {
	for _, n := range regressionTransitions[s] {
		if n == next {
			return true
		}
	}
	return false
}

// Next lists the states that may follow s; none may follow Merged. What is
// closed otherwise may be reopened, and is searched again.
func (s RegressionState) Next() []RegressionState {
	return append([]RegressionState(nil), regressionTransitions[s]...)
}

// Open reports whether somebody still has to do something.
func (s RegressionState) Open() bool { return s == Searching || s == Located || s == Narrowed }

// Regression is an open episode: these tests were good at Good and bad at Bad.
type Regression struct {
	ID      RegressionID    `json:"id"`
	State   RegressionState `json:"state"`
	Builder Builder         `json:"builder"` // on which it was first seen
	Good    Evidence        `json:"good"`    // the last good build
	Bad     Evidence        `json:"bad"`     // the first bad build
	// Path leads from Good to Bad one revision at a time.
	Path    []Leg     `json:"path"`
	Victims []Victim  `json:"victims"`
	Opened  time.Time `json:"opened"`
	Updated time.Time `json:"updated"`
	Closed  time.Time `json:"closed,omitzero"`
	// Culprit is set when State is located, and stays when it is fixed.
	Culprit Culprit `json:"culprit,omitzero"`
	// Blame says which side did it, as far as the Corners tell; empty: not known.
	Blame   Blame    `json:"blame,omitempty"`
	Corners []Corner `json:"corners,omitempty"`
	// Suspects bounds the search: positions on the path that may still be
	// the culprit, both included.
	Suspects Span `json:"suspects"`
	// Note says in one line how the search stands, or why it ended.
	Note string `json:"note,omitempty"`
	// MergedInto is set when State is merged.
	MergedInto RegressionID `json:"merged_into,omitempty"`
	// Confirmed is the first build that repeated what Bad said; 0 while none has.
	Confirmed BuildID `json:"confirmed,omitempty"`
	// Follows is an older open regression with the same failure in the same
	// range of an upstream, probably the same one: this one waits for its end
	// and then asks first about its culprit. 0: none.
	Follows RegressionID `json:"follows,omitempty"`
	// Aim is what is looked for, Of the regression it is looked for, and Asked
	// who wanted to know, if that was a person.
	Aim   Aim          `json:"aim,omitempty"`
	Of    RegressionID `json:"of,omitempty"`
	Asked Word         `json:"asked,omitzero"`
	// Checks are what was looked at beside the path.
	Checks Checks `json:"checks,omitzero"`
	// Acknowledged is set while somebody has it in hand; see its In.
	Acknowledged Acknowledgement `json:"acknowledged,omitzero"`
	// Assigned says whose business it is; without a To nobody's.
	Assigned Assignment `json:"assigned,omitzero"`
	// Belief is what the search holds likely; zero if it has not weighed anything.
	Belief Belief `json:"belief,omitzero"`
	// FixedBy says what made the tests good again.
	FixedBy Fix `json:"fixed_by,omitzero"`
}

// Evidence is a build and its pins.
type Evidence struct {
	Build BuildID `json:"build"`
	Pins  Pins    `json:"pins"`
}

// Leg is a stretch of a path on which one project moves and the others stand
// still. A path goes through its upstreams first and ends with the project
// itself, so the borders between legs are the corners that tell the sides apart.
type Leg struct {
	Project string `json:"project"`
	Branch  string `json:"branch,omitempty"`
	From    int64  `json:"from"` // position of the revision it starts at
	To      int64  `json:"to"`   // position of the revision it ends at; more than From
}

// Steps counts the steps of a path: the position of its end.
func Steps(path []Leg) int {
	n := int64(0)
	for _, l := range path {
		n += l.To - l.From
	}
	return int(n)
}

// Span is a range of positions on a path. Position 0 is the good end; position
// n is the state after n steps.
type Span struct {
	First int `json:"first"`
	Last  int `json:"last"`
}

// Culprit is the revision that made the tests bad.
type Culprit struct {
	Project  string   `json:"project"`
	Revision Revision `json:"revision"`
	// Confidence is the probability, 0 to 1, that this revision is the one.
	Confidence float64 `json:"confidence"`
	// Merge is the merge commit on the branch that brought Revision in, if
	// that is a commit of a merged side. It has no position then.
	Merge string `json:"merge,omitempty"`
}

// ProjectVictims is how many tests of one project a regression made bad.
type ProjectVictims struct {
	Project string
	Tests   int
}

// VictimsByProject counts victims by project, sorted by name.
func VictimsByProject(victims []Victim) []ProjectVictims {
	var out []ProjectVictims
	for _, v := range victims {
		i, found := slices.BinarySearchFunc(out, v.Builder.Project, func(p ProjectVictims, name string) int {
			return strings.Compare(p.Project, name)
		})
		if !found {
			out = slices.Insert(out, i, ProjectVictims{Project: v.Builder.Project})
		}
		out[i].Tests++
	}
	return out
}

// Victim is a test on a builder that a regression made bad.
type Victim struct {
	Builder Builder      `json:"builder"`
	Test    TestID       `json:"test"`
	Verdict Verdict      `json:"verdict"` // one for which Worse holds
	Cause   IncidentKind `json:"cause,omitempty"`
	Message string       `json:"message,omitempty"`
	// Signature is what its failure says (see TestChange). A test that is
	// FailingDifferently is bad only while it fails with this one.
	Signature string `json:"signature,omitempty"`
	// Was is the name of the test on the path of the regression, if it was
	// renamed since; zero if not.
	Was   TestID  `json:"was,omitzero"`
	Build BuildID `json:"build"` // in which it was first seen
	// FixedIn is the build in which it was good again; 0 while it is not.
	FixedIn BuildID `json:"fixed_in,omitempty"`
}

// Observed is what one build says about one victim of a regression.
type Observed string

// The closed set of observations.
const (
	ObservedGood Observed = "good"
	ObservedBad  Observed = "bad"
	ObservedNone Observed = "none" // the build did not get to the test
)

// Probe is a build on a regression's path, and what it said.
type Probe struct {
	Build    BuildID    `json:"build"`
	Position int        `json:"position"` // on the path
	State    State      `json:"state"`
	Outcome  Outcome    `json:"outcome,omitempty"`
	Pins     Pins       `json:"pins"`
	Good     int        `json:"good"`              // victims that were good
	Bad      int        `json:"bad"`               // victims that were bad
	None     int        `json:"none"`              // victims it says nothing about
	Victims  []Observed `json:"victims,omitempty"` // one per victim, in order; empty until the build is finished
}

// Says returns the probe with what it said about each victim, in their order,
// and the counts that follow.
func (p Probe) Says(victims []Observed) Probe {
	p.Victims, p.Good, p.Bad, p.None = victims, 0, 0, 0
	for _, o := range victims {
		switch o {
		case ObservedGood:
			p.Good++
		case ObservedBad:
			p.Bad++
		default:
			p.None++
		}
	}
	return p
}
