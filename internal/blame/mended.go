package blame

import (
	"maps"

	"github.com/weir-ci/weir"
)

// Mended is what is known when a regression that an upstream's revision was
// blamed for is good again.
type Mended struct {
	Project string    // the downstream
	Good    weir.Pins // before it broke
	Bad     weir.Pins // when it broke
	Last    weir.Pins // the last build in which it was bad
	Fixed   weir.Pins // the build in which it is good again
}

// Corners are the four corners of what was mended, if it was mended by the
// downstream's move: the old project is the one that broke, the new one the one
// that is good again, and the new upstreams are those it is good with. Corner
// NewDownstream, whose Said is empty, is not known yet: the old upstreams with
// the new project. If the tests are bad there, or cannot be built, the two have
// to move in lock step; if they are good, the new project copes with either.
// It returns false if something else moved too, or nothing on one of the sides.
func (m Mended) Corners() ([]weir.Corner, bool) {
	before, after := m.upstreams(m.Last), m.upstreams(m.Fixed)
	if !maps.Equal(before, after) || m.Last[m.Project] == m.Fixed[m.Project] {
		return nil, false // the upstreams mended it, or it mended itself
	}
	if m.Good[m.Project] != m.Bad[m.Project] || maps.Equal(m.upstreams(m.Good), after) {
		return nil, false // the project moved when it broke, or the upstreams went back
	}
	old := m.Bad[m.Project]
	at := func(upstreams weir.Pins, project string) weir.Pins {
		p := maps.Clone(upstreams)
		p[m.Project] = project
		return p
	}
	// Upstreams that joined since stand where they are now.
	was := maps.Clone(after)
	for name := range after {
		if rev := m.Good[name]; rev != "" {
			was[name] = rev
		}
	}
	return []weir.Corner{
		{Pins: m.Good, Said: weir.ObservedGood},
		{NewUpstream: true, Pins: at(after, old), Said: weir.ObservedBad},
		{NewDownstream: true, Pins: at(was, m.Fixed[m.Project])},
		{NewUpstream: true, NewDownstream: true, Pins: m.Fixed, Said: weir.ObservedGood},
	}, true
}

func (m Mended) upstreams(p weir.Pins) weir.Pins {
	out := maps.Clone(p)
	if out == nil {
		out = weir.Pins{}
	}
	delete(out, m.Project)
	return out
}
