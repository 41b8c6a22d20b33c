package blame

import (
	"maps"

	"github.com/weir-ci/weir"
)

// Standing is how the tests of a regression stand at a corner, in words.
type Standing string

// The closed set of standings.
const (
	StandsGood    Standing = "good"
	StandsBad     Standing = "bad"
	StandsUnbuilt Standing = "does not build" // the project does not get as far as its tests
	StandsUntold  Standing = "cannot be told" // it was built, and that says nothing
	StandsUnasked Standing = "not asked"      // nobody has built it
)

// Standings lists all of them.
func Standings() []Standing {
	return []Standing{StandsGood, StandsBad, StandsUnbuilt, StandsUntold, StandsUnasked}
}

// StandingOf is how the tests stand at c.
func StandingOf(c weir.Corner) Standing {
	switch {
	case c.Said == weir.ObservedGood:
		return StandsGood
	case c.Said == weir.ObservedBad:
		return StandsBad
	case c.Unbuilt:
		return StandsUnbuilt
	case c.Build != 0:
		return StandsUntold
	}
	return StandsUnasked
}

// Grid is the corners of a regression as a table: a row for the old and for the
// new upstreams, a column for the old and for the new project. A side that has
// not moved has one row, or one column.
type Grid struct {
	Upstreams []string        // what the rows stand for, the old one first
	Projects  []string        // what the columns stand for, likewise
	Cells     [][]weir.Corner // by row, then column
}

// GridOf lays out the corners of r; it has no cells if none is known. Where the
// search has settled a corner that an end of the regression lies on, the cell
// has the build of that end.
func GridOf(r weir.Regression) Grid {
	var g Grid
	if len(r.Corners) == 0 {
		return g
	}
	c := newCase(r)
	rows, columns := []Place{Old}, []Place{Old}
	if len(c.moved) > 0 {
		rows = append(rows, NewUpstream)
	}
	if c.projectMoved() {
		columns = append(columns, NewDownstream)
	}
	old, end := c.pins(Old), c.pins(New)
	for i, row := range rows {
		pins := []weir.Pins{old, end}[i]
		name := revisions(c.moved, pins)
		if len(c.moved) == 0 {
			name = "the upstreams"
		}
		if len(end) == 1 {
			name = "no upstreams"
		}
		g.Upstreams = append(g.Upstreams, name)
		var cells []weir.Corner
		for _, column := range columns {
			cells = append(cells, c.corner(row|column))
		}
		g.Cells = append(g.Cells, cells)
	}
	for i := range columns {
		g.Projects = append(g.Projects, revisions([]string{c.project}, []weir.Pins{old, end}[i]))
	}
	return g
}

// projectMoved reports whether the project stands elsewhere at the bad end.
func (c situation) projectMoved() bool {
	old, end := c.pins(Old)[c.project], c.pins(New)[c.project]
	return old != "" && end != "" && old != end
}

// corner is what is known of a place, with the build of the end that lies on it
// if the search did not have to ask again.
func (c situation) corner(p Place) weir.Corner {
	out := weir.Corner{NewUpstream: p&NewUpstream != 0, NewDownstream: p&NewDownstream != 0, Pins: c.at(p)}
	known := false
	for _, k := range c.corners {
		if PlaceOf(k) == p {
			out, known = k, true
		}
	}
	switch {
	case out.Build != 0 || len(out.Pins) == 0:
	case (!known || out.Said == weir.ObservedBad) && maps.Equal(out.Pins, c.bad.Pins):
		out.Build, out.Said = c.bad.Build, weir.ObservedBad
	case out.Said == weir.ObservedGood && maps.Equal(out.Pins, c.good.Pins):
		out.Build = c.good.Build
	}
	return out
}

// at are the pins of a place that no corner is given for.
func (c situation) at(p Place) weir.Pins {
	pins, end := maps.Clone(c.pins(Old)), c.pins(New)
	if pins == nil {
		return nil
	}
	if p&NewUpstream != 0 {
		for _, name := range c.moved {
			pins[name] = end[name]
		}
	}
	if p&NewDownstream != 0 {
		pins[c.project] = end[c.project]
	}
	return pins
}

// place names a corner by the two that meet there: "hcl v2.18.1 with go-cty v1.12.1".
func (c situation) place(p Place) string {
	pins := c.corner(p).Pins
	name := revisions([]string{c.project}, pins)
	if name == "" {
		name = c.project
	}
	if ups := revisions(c.moved, pins); ups != "" {
		name += " with " + ups
	}
	return name
}
