package weir

// Blame says which side made tests bad: the upstreams, the downstream project
// itself, or the way in which the two meet. It stands beside the culprit, which
// is one revision of one project: a revision may be where tests turn bad and
// still not be bad by itself.
type Blame string

// The closed set of blames. Old and new are the sides of a regression's good
// and bad end; a corner is a combination of them.
const (
	BlameNone        Blame = ""            // not known, or nobody
	BlameUpstream    Blame = "upstream"    // the new upstreams alone make them bad, and the new project alone does not
	BlameDownstream  Blame = "downstream"  // the new project alone makes them bad, and the new upstreams alone do not
	BlameBoth        Blame = "both"        // each side alone makes them bad, and they are bad together: two faults
	BlameEither      Blame = "either"      // each side alone makes them bad; how they do together cannot be told
	BlameInteraction Blame = "interaction" // each side alone is good, and they are bad together
	BlameLockStep    Blame = "lock_step"   // each side alone is bad or cannot be built, and together they are good
	BlameEnvironment Blame = "environment" // what was good is bad now, at the same revisions: neither side
)

// Blames lists every blame but BlameNone.
func Blames() []Blame {
	return []Blame{BlameUpstream, BlameDownstream, BlameBoth, BlameEither, BlameInteraction, BlameLockStep, BlameEnvironment}
}

// Corner is a combination of the old or the new upstreams with the old or the
// new revision of the project, and what is known of a regression's tests there.
type Corner struct {
	NewUpstream   bool `json:"new_upstream,omitempty"`
	NewDownstream bool `json:"new_downstream,omitempty"`
	Pins          Pins `json:"pins"`
	// Build is the newest build that says so; 0: it follows from the search.
	Build BuildID `json:"build,omitempty"`
	// Said is bad if any of the tests is bad here, good if those that can be
	// told are good, and none if none can be told.
	Said Observed `json:"said"`
	// Unbuilt says why Said is none: at these revisions the project does not
	// get as far as its tests.
	Unbuilt bool `json:"unbuilt,omitempty"`
}
