package blame

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weir-ci/weir"
)

// corner writes a corner as a letter: g good, b bad, - cannot be told, x cannot be built.
func corner(p Place, letter byte) weir.Corner {
	c := weir.Corner{NewUpstream: p&NewUpstream != 0, NewDownstream: p&NewDownstream != 0, Said: weir.ObservedNone}
	switch letter {
	case 'g':
		c.Said = weir.ObservedGood
	case 'b':
		c.Said = weir.ObservedBad
	case 'x':
		c.Unbuilt = true
	}
	return c
}

// cornersOf writes the four corners: old, new upstream, new downstream, new.
func cornersOf(letters string) (out []weir.Corner) {
	for i := range len(letters) {
		out = append(out, corner(Place(i), letters[i]))
	}
	return out
}

// TestVerdictTable is the table for everything that is known, and what is left
// of it when something is not.
func TestVerdictTable(t *testing.T) {
	t.Parallel()
	for letters, want := range map[string]weir.Blame{
		// All known.
		"gggg": weir.BlameNone,
		"gggb": weir.BlameInteraction,
		"ggbg": weir.BlameDownstream,
		"ggbb": weir.BlameDownstream,
		"gbgg": weir.BlameUpstream,
		"gbgb": weir.BlameUpstream,
		"gbbg": weir.BlameLockStep,
		"gbbb": weir.BlameBoth,
		"bggg": weir.BlameEnvironment, "bggb": weir.BlameEnvironment, "bgbg": weir.BlameEnvironment, "bgbb": weir.BlameEnvironment,
		"bbgg": weir.BlameEnvironment, "bbgb": weir.BlameEnvironment, "bbbg": weir.BlameEnvironment, "bbbb": weir.BlameEnvironment,
		// One side is guilty, whatever the corner that is missing.
		"gb-b": weir.BlameUpstream, "gbxb": weir.BlameUpstream,
		"g-bb": weir.BlameDownstream, "gxbb": weir.BlameDownstream,
		"gbb-": weir.BlameEither, "gbbx": weir.BlameEither,
		"gbg-": weir.BlameUpstream, "ggb-": weir.BlameDownstream,
		// That the old corner was not run again does not matter where something is good.
		"-bgb": weir.BlameUpstream, "-gbb": weir.BlameDownstream, "-ggb": weir.BlameInteraction, "-bbg": weir.BlameLockStep,
		"-bbb": weir.BlameNone,
		// What cannot be built alone and is good together has to move together.
		"gbxg": weir.BlameLockStep, "gxbg": weir.BlameLockStep, "gxxg": weir.BlameLockStep,
		"ggxg": weir.BlameDownstream, "gxgg": weir.BlameUpstream,
		// Too little.
		"gg-b": weir.BlameNone, "g-gb": weir.BlameNone, "g--b": weir.BlameNone, "ggxb": weir.BlameNone, "gxgb": weir.BlameNone,
		"gb--": weir.BlameNone, "g-b-": weir.BlameNone, "gb-g": weir.BlameNone, "g-bg": weir.BlameNone, "ggg-": weir.BlameNone, "gg--": weir.BlameNone,
		"----": weir.BlameNone, "xxxx": weir.BlameNone, "---b": weir.BlameNone, "b---": weir.BlameEnvironment,
	} {
		if got := Verdict(cornersOf(letters)...); got != want {
			t.Errorf("%s: %q, want %q", letters, got, want)
		}
	}
	if got := Verdict(); got != weir.BlameNone {
		t.Errorf("of nothing follows %q", got)
	}
}

// every calls f with all 256 combinations of what may be known.
func every(f func(letters string)) {
	const kinds = "gb-x"
	for i := range 256 {
		f(string([]byte{kinds[i&3], kinds[i>>2&3], kinds[i>>4&3], kinds[i>>6]}))
	}
}

// TestVerdictIsFair: no side is blamed that was good by itself, and nothing
// is blamed that could still turn out to be wrong.
func TestVerdictIsFair(t *testing.T) {
	t.Parallel()
	every(func(letters string) {
		old, up, down, end := letters[0], letters[1], letters[2], letters[3]
		got := Verdict(cornersOf(letters)...)
		sides := map[weir.Blame][2]bool{ // whether the upstream, and the downstream, are bad by themselves
			weir.BlameUpstream: {true, false}, weir.BlameDownstream: {false, true},
			weir.BlameBoth: {true, true}, weir.BlameEither: {true, true}, weir.BlameLockStep: {true, true},
		}[got]
		switch {
		case sides[0] && up == 'g', sides[1] && down == 'g':
			t.Errorf("%s: %s blames a side that was good by itself", letters, got)
		case got == weir.BlameInteraction && (up != 'g' || down != 'g' || end != 'b'):
			t.Errorf("%s: an interaction was not seen", letters)
		case got == weir.BlameLockStep && end != 'g':
			t.Errorf("%s: in lock step, and not good together", letters)
		case (got == weir.BlameEnvironment) != (old == 'b'):
			t.Errorf("%s: %q, and the old corner is %c", letters, got, old)
		}
		// The two sides are treated alike.
		mirrored := Verdict(cornersOf(string([]byte{old, down, up, end}))...)
		if m := mirror(got); mirrored != m {
			t.Errorf("%s: %q, and %q with the sides exchanged", letters, got, mirrored)
		}
		// Learning more does not take an answer back, but for the weaker ones.
		for i := range letters {
			if letters[i] != '-' || got == weir.BlameNone {
				continue
			}
			for _, learnt := range []byte("gb") {
				more := []byte(letters)
				more[i] = learnt
				after := Verdict(cornersOf(string(more))...)
				allowed := []weir.Blame{got, weir.BlameEnvironment}
				if got == weir.BlameEither {
					allowed = append(allowed, weir.BlameBoth, weir.BlameLockStep)
				}
				if end == 'b' {
					allowed = append(allowed, weir.BlameBoth) // the other one is guilty as well
				}
				if !slices.Contains(allowed, after) {
					t.Errorf("%s is %q, and %s is %q", letters, got, more, after)
				}
			}
		}
	})
}

func mirror(b weir.Blame) weir.Blame {
	switch b {
	case weir.BlameUpstream:
		return weir.BlameDownstream
	case weir.BlameDownstream:
		return weir.BlameUpstream
	}
	return b
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, p := range []Place{Old, NewUpstream, NewDownstream, New} {
		if got := PlaceOf(corner(p, 'g')); got != p {
			t.Errorf("%d lies at %d", p, got)
		}
	}
	if Of(true, false) != weir.BlameUpstream || Of(false, true) != weir.BlameDownstream || Of(true, true) != "" || Of(false, false) != "" {
		t.Error("only who moved alone is to blame for that")
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	g, b, n := weir.ObservedGood, weir.ObservedBad, weir.ObservedNone
	for _, c := range []struct {
		said []weir.Observed
		want weir.Observed
	}{{nil, n}, {[]weir.Observed{n, ""}, n}, {[]weir.Observed{n, g}, g}, {[]weir.Observed{g, n, b}, b}} {
		if got := Join(c.said...); got != c.want {
			t.Errorf("%v: %s, want %s", c.said, got, c.want)
		}
	}
}

// TestEveryBlameHasWords: a new one must be added to the texts.
func TestEveryBlameHasWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, b := range append(weir.Blames(), weir.BlameNone) {
		p := Phrase(b)
		if (p == "") != (b == weir.BlameNone) || seen[p] {
			t.Errorf("%q is said %q", b, p)
		}
		seen[p] = true
		r := weir.Regression{Blame: b, Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "d"}}}
		if a := Advise(r); (len(a.Downstream) == 0) != (b == weir.BlameNone) {
			t.Errorf("%q: the downstream is told %q", b, a.Downstream)
		}
	}
}

func ExampleVerdict() {
	fmt.Println(Verdict(
		weir.Corner{Said: weir.ObservedGood},
		weir.Corner{NewUpstream: true, Said: weir.ObservedGood},
		weir.Corner{NewDownstream: true, Said: weir.ObservedGood},
		weir.Corner{NewUpstream: true, NewDownstream: true, Said: weir.ObservedBad}))
	// Output: interaction
}
