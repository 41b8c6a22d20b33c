package inquiry

import (
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
)

// A search looks at few of its revisions and takes what lies behind the culprit for
// bad. Mostly it is. But what an upstream broke it may have mended again before
// the next project moved, and then it is innocent of what is bad at the end. So the
// places at which one project has moved and the next one has not are looked at
// before anybody is named: one that is good there sends the search on.

// borders is the check for them.
type borders struct{}

func (borders) has(weir.Build) bool { return false } // they are on the path
func (borders) awaits(weir.Build)   {}
func (borders) misses(weir.Build)   {}
func (borders) hear([]weir.Victim, weir.Build, []weir.Observed, weir.ResultSet) {
}
func (borders) tell(*evidence, *weir.Regression, []int, bisect.Finding) {}

// unheard is after how many builds that do not get to a test one gives up.
const unheard = 2

func (borders) asks(e *evidence, findings []bisect.Finding, _ int) (missing []ask, settled bool) {
	settled = true
	position := 0
	for _, l := range e.route.Legs {
		position += len(l.Revisions) - 1
		if position == e.route.Len() || slices.Contains(e.silent, position) {
			continue
		}
		for i, f := range findings {
			guilty := f.Kind == bisect.Found || f.Kind == bisect.Range
			if !guilty || position < f.Last && position != e.sides.border || e.heard(i, position) {
				continue
			}
			if settled = false; !slices.Contains(e.pending, position) {
				project, rev := e.route.Step(position)
				missing = append(missing, ask{pins: e.route.Pins(position), what: project + " " + rev.Short()})
			}
			break
		}
	}
	return missing, settled
}

// heard reports whether it is known what a victim does at a position, or that it
// cannot be known.
func (e *evidence) heard(victim, position int) bool {
	silent := 0
	for b, t := range e.trials {
		if t.Position != position {
			continue
		}
		if silent++; e.said[b][victim] != weir.ObservedNone || silent >= unheard {
			return true
		}
	}
	return false
}
