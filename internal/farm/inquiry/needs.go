package inquiry

import (
	"maps"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm/route"
)

// Where several projects have moved, a path takes them one after the other: the
// culprit is the step that made the tests bad, given that all in front of it had
// moved. Whether they had to is asked by leaving them out, which is delta
// debugging with the projects that moved as the changes (package blame, Minimal).

// mostCombinations is how many combinations beside the path are asked.
const mostCombinations = 12

// again is how many builds of one that was bad are asked for at a time.
const again = 2

// needs is the check for which of the moved projects are needed.
type needs struct {
	legs   []route.Leg
	border []int                   // position at which each leg ends
	heard  map[string]*combination // by Pins.Key
	order  []string                // keys, as they were first asked
}

// combination is what is known of some projects at their new revisions and the others
// at their old ones.
type combination struct {
	moved         []string
	newest        weir.BuildID
	builds        int
	pending, lost int
	said          [][]weir.Observed // per build, per victim
}

// newNeeds looks where a path has its ends. It is nil where one project has moved.
func newNeeds(way route.Route) *needs {
	if len(way.Legs) < 2 || way.Back {
		return nil
	}
	n := &needs{legs: way.Legs, heard: map[string]*combination{}}
	at := 0
	for _, l := range way.Legs {
		at += len(l.Revisions) - 1
		n.border = append(n.border, at)
	}
	return n
}

// moved lists which projects of pins stand at their new revisions; false if one
// stands in between.
func (n *needs) moved(way route.Route, pins weir.Pins) (moved []string, ok bool) {
	for _, l := range n.legs {
		switch pins[l.Project] {
		case l.Revisions[len(l.Revisions)-1].ID:
			moved = append(moved, l.Project)
		case l.Revisions[0].ID:
		default:
			return nil, false
		}
	}
	for name, rev := range way.Base {
		if !way.Moves(name) && pins[name] != rev {
			return nil, false
		}
	}
	return moved, true
}

// pins are those of a combination.
func (n *needs) pins(way route.Route, moved []string) weir.Pins {
	out := maps.Clone(way.Base)
	for _, l := range n.legs {
		out[l.Project] = l.Revisions[0].ID
		if slices.Contains(moved, l.Project) {
			out[l.Project] = l.Revisions[len(l.Revisions)-1].ID
		}
	}
	return out
}

func (n *needs) at(way route.Route, pins weir.Pins) *combination {
	key := pins.Key()
	c, ok := n.heard[key]
	if !ok {
		moved, _ := n.moved(way, pins)
		c = &combination{moved: moved}
		n.heard[key], n.order = c, append(n.order, key)
	}
	return c
}

// needsOf makes a check of needs for one search.
type needsOf struct {
	*needs
	way route.Route
}

// has leaves what stands on the path to the search, which knows better.
func (n needsOf) has(b weir.Build) bool {
	_, ok := n.moved(n.way, b.Pins)
	_, on := n.way.Position(b.Pins)
	return ok && !on
}

func (n needsOf) awaits(b weir.Build) { n.at(n.way, b.Pins).pending++ }

func (n needsOf) misses(b weir.Build) { n.at(n.way, b.Pins).lost++ }

func (n needsOf) hear(_ []weir.Victim, b weir.Build, said []weir.Observed, _ weir.ResultSet) {
	c := n.at(n.way, b.Pins)
	c.newest, c.builds, c.said = max(c.newest, b.ID), c.builds+1, append(c.said, said)
}

// tried lists the combinations that are settled for victims with one finding:
// those that the path and the corner beside it have shown, and those that were asked.
func (n needsOf) tried(e *evidence, victims []int, f bisect.Finding) []blame.Tried {
	var moved []string
	out := []blame.Tried{{Said: weir.ObservedGood}}
	for i, l := range n.legs {
		moved = append(slices.Clone(moved), l.Project)
		said := weir.ObservedNone
		switch {
		case n.border[i] < f.First:
			said = weir.ObservedGood
		case n.border[i] >= f.Last:
			said = weir.ObservedBad
		}
		out = append(out, blame.Tried{Moved: moved, Said: said})
	}
	if e.sides.beside != nil {
		own, _ := n.moved(n.way, e.sides.beside)
		if said := join(e, victims, e.sides.cell); said != "" {
			out = append(out, blame.Tried{Moved: own, Said: said})
		}
	}
	for _, key := range n.order {
		c := n.heard[key]
		if said := join(e, victims, c.cell); said != "" {
			out = append(out, blame.Tried{Moved: c.moved, Said: said})
		}
	}
	return out
}

// cell is what the builds of a combination said of one victim.
func (c *combination) cell(victim int) blame.Cell {
	cell := blame.Cell{Closed: c.lost >= maxSilent}
	for _, said := range c.said {
		switch said[victim] {
		case weir.ObservedGood:
			cell.Good++
		case weir.ObservedBad:
			cell.Bad++
		default:
			cell.None++
		}
	}
	return cell
}

// join sums up what cells say of victims; empty while one is not sure.
func join(e *evidence, victims []int, of func(victim int) blame.Cell) weir.Observed {
	var said []weir.Observed
	for _, i := range victims {
		o := of(i).Said(e.rates[i])
		if o == "" {
			return ""
		}
		said = append(said, o)
	}
	return blame.Join(said...)
}

// minimal says which combination is to be asked next, or which projects are needed.
// Only what moved up to the culprit can be: what moves behind it finds them bad.
func (n needsOf) minimal(e *evidence, victims []int, f bisect.Finding) (next, minimal []string) {
	var moved []string
	for i, l := range n.legs {
		if moved = append(moved, l.Project); n.border[i] >= f.Last {
			break
		}
	}
	return blame.Minimal(moved, n.tried(e, victims, f))
}

func (n needsOf) asks(e *evidence, findings []bisect.Finding, width int) (missing []ask, settled bool) {
	settled = true
	for _, g := range grouped(findings) {
		next, _ := n.minimal(e, g.victims, g.finding)
		if next == nil {
			continue
		}
		pins := n.pins(n.way, next)
		if e.sides.has(weir.Build{Pins: pins}) { // is asked there
			settled = settled && !e.sides.unsettled(e, findings, width)
			continue
		}
		if len(n.order) >= mostCombinations && n.heard[pins.Key()] == nil {
			continue
		}
		settled = false
		c := n.at(n.way, pins)
		if c.pending > 0 || slices.ContainsFunc(missing, func(a ask) bool { return a.pins.Key() == pins.Key() }) {
			continue
		}
		count := 1 // one that is good is enough
		if c.builds > 0 {
			count = min(width, again)
		}
		missing = append(missing, slices.Repeat([]ask{{pins: pins, what: "the new " + strings.Join(next, " and ") + " alone"}}, count)...)
	}
	return missing, settled
}

// unsettled reports whether the corner beside the path still waits for builds.
func (s *sides) unsettled(e *evidence, findings []bisect.Finding, width int) bool {
	_, settled := s.asks(e, findings, width)
	return !settled
}

func (n needsOf) tell(e *evidence, r *weir.Regression, victims []int, f bisect.Finding) {
	if f.Kind != bisect.Found && f.Kind != bisect.Range {
		return
	}
	if next, minimal := n.minimal(e, victims, f); next == nil && len(minimal) > 0 && blame.Shown(minimal, n.tried(e, victims, f)) {
		r.Checks.Moved = minimal
	}
	for _, key := range n.order {
		c := n.heard[key]
		said := join(e, victims, c.cell)
		if c.newest != 0 && said != "" {
			r.Checks.Tried = append(r.Checks.Tried, weir.Combination{Moved: c.moved, Build: c.newest, Said: said})
		}
	}
}

// together says which projects it takes, if it takes several, as the end of a note.
func together(r weir.Regression) string {
	if len(r.Checks.Moved) < 2 {
		return ""
	}
	return "; it takes the new " + strings.Join(r.Checks.Moved, " and ")
}

// group is the victims with one finding.
type group struct {
	finding bisect.Finding
	victims []int
}

// grouped puts together the victims for which somebody is accused at one place.
func grouped(findings []bisect.Finding) []group {
	var out []group
	for i, f := range findings {
		if f.Kind != bisect.Found && f.Kind != bisect.Range {
			continue
		}
		k := slices.IndexFunc(out, func(g group) bool { return g.finding.First == f.First && g.finding.Last == f.Last })
		if k < 0 {
			out, k = append(out, group{finding: f}), len(out)
		}
		out[k].victims = append(out[k].victims, i)
	}
	return out
}
