package blame

import (
	"fmt"
	"maps"
	"slices"

	"github.com/weir-ci/weir"
)

// Ground is a build that what is said of a regression rests on.
type Ground struct {
	weir.Probe
	// Where is empty for builds on the path, which have a Position. Otherwise it
	// names the corner that the build stands at, and Position is 0.
	Where string
	// Unbuilt says that the project does not get as far as its tests there.
	Unbuilt bool
	// Against says that the build contradicts what is said.
	Against bool
}

// Grounds lists what is said of a regression rests on: its probes and ends by
// position, then the builds at corners beside the path. beside are builds at
// its ends and corners that are no probes. What those at a corner said is known
// of the tests together, not one by one: a pass, or a failure where the corner
// is bad.
func Grounds(r weir.Regression, probes []weir.Probe, beside []weir.Build) []Ground {
	ended := make(map[weir.BuildID]weir.Build, len(beside))
	for _, b := range beside {
		ended[b.ID] = b
	}
	var out []Ground
	listed := map[weir.BuildID]bool{}
	add := func(g Ground) {
		if g.Build != 0 && !listed[g.Build] {
			listed[g.Build] = true
			g.Outcome = ended[g.Build].Outcome
			out = append(out, g)
		}
	}
	for _, p := range probes {
		listed[p.Build] = true // none of them is an end
		out = append(out, Ground{Probe: p})
	}
	said := func(e weir.Evidence, position int, o weir.Observed) Ground {
		p := weir.Probe{Build: e.Build, Position: position, State: weir.Finished, Pins: e.Pins}
		return Ground{Probe: p.Says(slices.Repeat([]weir.Observed{o}, heard(r, probes)))}
	}
	add(said(r.Good, 0, weir.ObservedGood))
	add(said(r.Bad, weir.Steps(r.Path), weir.ObservedBad))
	slices.SortStableFunc(out, func(a, b Ground) int { return a.Position - b.Position })
	for i, g := range out {
		out[i].Against = contradicts(r, g.Probe)
	}
	c := newCase(r)
	for _, k := range c.corners {
		where := c.place(PlaceOf(k))
		for _, b := range beside {
			if b.ID != k.Build && maps.Equal(b.Pins, k.Pins) {
				add(atCorner(k, b, where))
			}
		}
		newest := ended[k.Build]
		newest.ID = k.Build
		add(atCorner(k, newest, where))
	}
	return out
}

// heard is how many tests the ends speak of: those on the builder that has
// them. Where another regression has taken all tests, the probes still tell.
func heard(r weir.Regression, probes []weir.Probe) int {
	n := 0
	for _, v := range r.Victims {
		if v.Builder.ID == r.Builder.ID {
			n++
		}
	}
	if n > 0 {
		return n
	}
	for _, p := range probes {
		n = max(n, p.Good+p.Bad+p.None)
	}
	return max(n, 1)
}

// atCorner is one build at a corner that is not on the path.
func atCorner(k weir.Corner, b weir.Build, where string) Ground {
	g := Ground{Probe: weir.Probe{Build: b.ID, State: weir.Finished, Pins: k.Pins}, Where: where}
	switch newest := b.ID == k.Build; {
	case b.Outcome == weir.Passed, newest && k.Said == weir.ObservedGood:
		g.Good = 1
	case k.Said == weir.ObservedBad && (newest || b.Outcome == weir.Failed):
		g.Bad = 1
	default:
		g.None, g.Unbuilt = 1, StandingOf(k) == StandsUnbuilt
	}
	return g
}

// Unheard reports whether a build ended when the search had ended before, so
// that nobody has asked it.
func (g Ground) Unheard() bool { return g.State.Final() && g.Good+g.Bad+g.None == 0 }

// claims reports whether anything is said of where tests turn bad.
func claims(r weir.Regression) bool {
	return r.Suspects.Last > 0 && r.State != weir.Searching && r.State != weir.Dismissed
}

// contradicts reports whether a build is bad in front of the suspects, or good
// behind them.
func contradicts(r weir.Regression, p weir.Probe) bool {
	return claims(r) && p.State.Final() && (p.Position < r.Suspects.First && p.Bad > 0 || p.Position >= r.Suspects.Last && p.Good > 0)
}

// mostObjections is how many builds are told one by one.
const mostObjections = 10

// Against lists what is known that speaks against what is said of a regression,
// and what is not known, one line each; none if nothing is claimed.
func Against(r weir.Regression, grounds []Ground) []string {
	if !claims(r) && r.Blame == weir.BlameNone {
		return nil
	}
	var out []string
	var mute []string
	more := 0
	for _, g := range grounds {
		switch {
		case g.Against && len(out) == mostObjections:
			more++
		case g.Against && g.Position < r.Suspects.First:
			out = append(out, fmt.Sprintf("build %d is bad in front of it, at step %d: %s", g.Build, g.Position, share(g.Bad, g.Probe)))
		case g.Against:
			out = append(out, fmt.Sprintf("build %d is good with it, at step %d: %s", g.Build, g.Position, share(g.Good, g.Probe)))
		case g.Where == "" && g.Good+g.Bad == 0 && g.None > 0 && g.State == weir.Finished:
			mute = append(mute, fmt.Sprintf("%d", g.Build))
		}
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more builds like that", more))
	}
	if n := len(mute); n == 1 {
		out = append(out, "build "+mute[0]+" says nothing of these tests")
	} else if n > 0 {
		if n > mostObjections {
			mute = append(mute[:mostObjections], fmt.Sprintf("%d more", n-mostObjections))
		}
		out = append(out, "builds "+enumerate(mute)+" say nothing of these tests")
	}
	if r.State == weir.Located && r.Aim == weir.AimBreak && len(r.Checks.Workers) == 0 {
		out = append(out, "no one worker has seen both sides of it, so it may be the machine")
	}
	return append(out, newCase(r).gaps(r)...)
}

// share says how many of the tests of a build did something.
func share(n int, p weir.Probe) string {
	if all := p.Good + p.Bad + p.None; n < all {
		return fmt.Sprintf("%d of %d tests", n, all)
	} else if n > 1 {
		return fmt.Sprintf("all %d tests", n)
	}
	return "the test"
}

// gaps lists what the corners leave open.
func (c situation) gaps(r weir.Regression) []string {
	var out []string
	if r.Blame == weir.BlameEnvironment {
		return nil
	}
	if len(c.corners) > 0 && len(c.moved) > 0 && c.projectMoved() {
		for p := Old; p <= New; p++ {
			switch StandingOf(c.corner(p)) {
			case StandsUnasked:
				out = append(out, "nobody has built "+c.place(p))
			case StandsUntold:
				out = append(out, c.place(p)+" was built, and that says nothing of these tests")
			case StandsUnbuilt:
				if r.Blame != weir.BlameLockStep {
					out = append(out, c.place(p)+" does not build")
				}
			case StandsGood, StandsBad:
			}
		}
	}
	if n := len(c.moved); n > 1 && len(r.Checks.Moved) == 0 && r.Culprit.Project == "" && r.Blame != weir.BlameDownstream {
		out = append(out, fmt.Sprintf("%d upstreams have moved, and they are taken for one side: which of them it takes is not known", n))
	}
	return out
}
