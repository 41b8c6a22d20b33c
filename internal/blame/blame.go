// Package blame decides which side made tests bad, when both moved: the
// upstreams, the downstream project, or the way in which the two meet. It is
// pure: what builds said goes in, a blame or the next question comes out.
//
// There are four corners, the old or the new upstreams with the old or the new
// project. The bad end of a regression is the corner where both are new. What
// is bad at which corner names the side (an experiment with two factors, of
// which each has two levels):
//
//	old, old   new up   new down   both new
//	bad        .        .          .          environment: it was good here once
//	good       bad      good       .          upstream
//	good       good     bad        .          downstream
//	good       bad      bad        bad        both
//	good       good     good       bad        interaction
//	good       bad      bad        good       lock step
//
// Corners that cannot be tested leave what the others allow, which may be
// nothing: then the blame is not known (blame.go). A pass is believed at once
// and a failure when it has been repeated often enough not to be a flake; the
// corner that is asked next is the one that is expected to settle the question
// in the fewest runs (next.go). Where more than two projects moved, delta
// debugging finds the smallest set that has to move for the tests to be bad
// (minimal.go). What it means for the people on both sides is said in advice.go.
package blame

import (
	"slices"

	"github.com/weir-ci/weir"
)

// Place is a corner, as a number.
type Place int

// The four corners.
const (
	Old           Place = iota // nothing has moved
	NewUpstream                // only the upstreams have moved
	NewDownstream              // only the project has moved
	New                        // both have
	places        = 4
)

// PlaceOf is where a corner lies.
func PlaceOf(c weir.Corner) Place {
	p := Old
	if c.NewUpstream {
		p |= NewUpstream
	}
	if c.NewDownstream {
		p |= NewDownstream
	}
	return p
}

// seen is what is known of one corner.
type seen int

const (
	unknown seen = iota // not asked yet, or not sure
	good
	bad
	untold  // asked, and it cannot be told
	unbuilt // untold, because the project does not get to its tests here
)

func seenOf(c weir.Corner) seen {
	switch {
	case c.Said == weir.ObservedGood:
		return good
	case c.Said == weir.ObservedBad:
		return bad
	case c.Unbuilt:
		return unbuilt
	}
	return untold
}

// Verdict names the side from what is known of the corners; those that are not
// given, or none, are not known. If one is given twice, the last one counts.
func Verdict(corners ...weir.Corner) weir.Blame {
	var at [places]seen
	for _, c := range corners {
		at[PlaceOf(c)] = seenOf(c)
	}
	return name(at)
}

// world is one way in which things may be: whether each corner is bad.
type world struct {
	bad    [places]bool
	blame  weir.Blame
	weight float64 // how likely it is before anything is known; only ratios matter
}

// worlds lists all of them. What is bad at the old corner is taken to be bad
// everywhere: that the environment breaks only some corners is not looked for.
func worlds() []world {
	of := func(blame weir.Blame, weight float64, where ...Place) world {
		w := world{blame: blame, weight: weight}
		for _, p := range where {
			w.bad[p] = true
		}
		return w
	}
	return []world{
		of(weir.BlameEnvironment, 2, Old, NewUpstream, NewDownstream, New),
		of(weir.BlameUpstream, 40, NewUpstream, New),
		of(weir.BlameDownstream, 30, NewDownstream, New),
		of(weir.BlameBoth, 4, NewUpstream, NewDownstream, New),
		of(weir.BlameInteraction, 8, New),
		of(weir.BlameLockStep, 4, NewUpstream, NewDownstream),
		of(weir.BlameUpstream, 2, NewUpstream),     // and the new project copes with it
		of(weir.BlameDownstream, 2, NewDownstream), // it needs the new upstreams
		of(weir.BlameNone, 1),
	}
}

// possible lists the worlds that agree with what was seen.
func possible(at [places]seen) []world {
	return slices.DeleteFunc(worlds(), func(w world) bool {
		for p, s := range at {
			if s == good && w.bad[p] || s == bad && !w.bad[p] {
				return true
			}
		}
		return false
	})
}

// effective takes a corner that cannot be built for bad if the two new sides
// are good together: what moves alone there breaks. Otherwise it says nothing,
// for a test that is not reached may well be good.
func effective(at [places]seen) [places]seen {
	for _, p := range []Place{NewUpstream, NewDownstream} {
		if at[p] == unbuilt && at[New] == good {
			at[p] = bad
		}
	}
	return at
}

// name is what all worlds agree upon that what was seen allows, if anything.
func name(at [places]seen) weir.Blame {
	if at[Old] == bad {
		return weir.BlameEnvironment
	}
	at = effective(at)
	var names []weir.Blame
	for _, w := range possible(at) {
		if !slices.Contains(names, w.blame) {
			names = append(names, w.blame)
		}
	}
	either := func(a, b weir.Blame) bool {
		return len(names) == 2 && slices.Contains(names, a) && slices.Contains(names, b)
	}
	switch {
	case len(names) == 1:
		return names[0]
	case at[NewUpstream] == bad && at[NewDownstream] == bad && either(weir.BlameBoth, weir.BlameLockStep):
		return weir.BlameEither
	// One side is guilty, whatever the other is.
	case at[New] == bad && either(weir.BlameUpstream, weir.BlameBoth):
		return weir.BlameUpstream
	case at[New] == bad && either(weir.BlameDownstream, weir.BlameBoth):
		return weir.BlameDownstream
	}
	return weir.BlameNone
}

// Of is the side that is to blame if only one of the two has moved.
func Of(upstreams, downstream bool) weir.Blame {
	switch {
	case upstreams && !downstream:
		return weir.BlameUpstream
	case downstream && !upstreams:
		return weir.BlameDownstream
	}
	return weir.BlameNone
}

// Join sums up what is known of one corner about several tests: it is bad if
// any is, and good if those that can be told are.
func Join(said ...weir.Observed) weir.Observed {
	switch {
	case slices.Contains(said, weir.ObservedBad):
		return weir.ObservedBad
	case slices.Contains(said, weir.ObservedGood):
		return weir.ObservedGood
	}
	return weir.ObservedNone
}

// Phrase says a blame in a few words that may follow a semicolon; empty for BlameNone.
func Phrase(b weir.Blame) string {
	switch b {
	case weir.BlameUpstream:
		return "the new upstreams alone break it"
	case weir.BlameDownstream:
		return "the new project alone breaks it"
	case weir.BlameBoth:
		return "each side breaks it by itself, and together they are bad too"
	case weir.BlameEither:
		return "each side breaks it by itself"
	case weir.BlameInteraction:
		return "each side alone is good, only the two together are bad"
	case weir.BlameLockStep:
		return "each side alone breaks it, and together they are good: both have to move"
	case weir.BlameEnvironment:
		return "the old revisions are bad now too"
	}
	return ""
}
