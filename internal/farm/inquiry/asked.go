package inquiry

import (
	"fmt"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
)

// refuted says that an end of a search is not what the person said who asked
// for it, or that no build says anything of the tests; empty if it is, or if
// the builds there do not agree.
func (e *evidence) refuted(r weir.Regression, f bisect.Finding) string {
	if r.Aim != weir.AimAsked || len(r.Path) == 0 {
		return ""
	}
	project := r.Path[0].Project
	end := func(pins weir.Pins) string { return project + " " + weir.ShortRevision(pins[project]) }
	switch good, bad := e.unanimous(0), e.unanimous(e.route.Len()); {
	case f.Kind == bisect.Nobody && bad == weir.ObservedGood:
		return fmt.Sprintf("good at %s too, which was said to be bad", end(r.Bad.Pins))
	case f.Kind == bisect.Environment && good == weir.ObservedBad:
		return fmt.Sprintf("bad at %s too, which was said to be good", end(r.Good.Pins))
	case f.Kind == bisect.Range && !slices.ContainsFunc(e.said, func(said []weir.Observed) bool {
		return slices.Contains(said, weir.ObservedGood) || slices.Contains(said, weir.ObservedBad)
	}):
		return "no build at these revisions says anything of the tests"
	}
	return ""
}

// unanimous is what all builds at a position say of all victims; none if they
// contradict each other, or none says anything.
func (e *evidence) unanimous(position int) weir.Observed {
	all := weir.ObservedNone
	for i, t := range e.trials {
		for _, said := range e.said[i] {
			switch {
			case t.Position != position || said == weir.ObservedNone || said == all:
			case all == weir.ObservedNone:
				all = said
			default:
				return weir.ObservedNone
			}
		}
	}
	return all
}
