package inquiry

import (
	"maps"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm/route"
	"github.com/weir-ci/weir/internal/verdict"
)

// A path goes through the upstreams and then through the project, so the corner
// with the old upstreams and the new project is not on it. Before anybody is
// told who did it, builds at that corner say whether the side that the culprit
// is on did it alone.

// sides is what is known of the corners of a regression.
type sides struct {
	name string // of the project
	// project and upstreams tell which of the two have moved.
	project, upstreams bool
	border             int       // the position at which all upstreams have moved, and the project has not
	beside             weir.Pins // of the corner that is not on the path; nil if both ends are on it
	builds             []weir.Build
	said               [][]weir.Observed // per build, per victim
	unbuilt            [][]bool          // likewise: whether the project did not get to the test
	pending, lost      int               // builds that run, and that ended without a word
}

// newSides looks where a path has its corners.
func newSides(project string, way route.Route) sides {
	s := sides{name: project, border: way.Len()}
	for _, l := range way.Legs {
		if l.Project == project {
			s.project = true
			s.border -= len(l.Revisions) - 1
		} else {
			s.upstreams = true
		}
	}
	if s.project && s.upstreams {
		s.beside = way.Pins(way.Len())
		for _, l := range way.Legs {
			if l.Project != project {
				s.beside[l.Project] = l.Revisions[0].ID
			}
		}
	}
	return s
}

// has reports whether a build stands at the corner beside the path.
func (s *sides) has(b weir.Build) bool { return s.beside != nil && maps.Equal(b.Pins, s.beside) }

// hear takes in what a finished build at the corner said.
func (s *sides) hear(victims []weir.Victim, b weir.Build, said []weir.Observed, set weir.ResultSet) {
	unbuilt := make([]bool, len(victims))
	for i, v := range victims {
		unbuilt[i] = said[i] == weir.ObservedNone && verdict.CannotBuild(b, set, v.Test.Suite)
	}
	s.builds, s.said, s.unbuilt = append(s.builds, b), append(s.said, said), append(s.unbuilt, unbuilt)
}

// told is a blame as the end of a note, if it was looked for.
func (s *sides) told(b weir.Blame) string {
	switch {
	case s.beside == nil:
		return ""
	case b == weir.BlameNone:
		return "; whether its side alone did it cannot be told"
	}
	return "; " + blame.Phrase(b)
}

// ask puts what is known of the victims that somebody is accused for.
func (e *evidence) ask(findings []bisect.Finding, width int) blame.Question {
	q := blame.Question{Width: width}
	q.Pending[blame.NewDownstream] = e.sides.pending
	if len(e.sides.builds)+e.sides.pending == 0 {
		q.Cost[blame.NewDownstream] = buildCost
	}
	for i, f := range findings {
		if f.Kind == bisect.Found || f.Kind == bisect.Range {
			q.Subjects = append(q.Subjects, blame.Subject{Cells: e.cells(i, f), FlakeRate: e.rates[i]})
		}
	}
	return q
}

// cells is what is known of one victim at each corner. The search has settled
// what is on its path: good in front of its suspects, and bad behind them.
func (e *evidence) cells(victim int, f bisect.Finding) (cells [4]blame.Cell) {
	at := func(position int) weir.Observed {
		switch {
		case position < f.First:
			return weir.ObservedGood
		case position >= f.Last:
			return weir.ObservedBad
		}
		return weir.ObservedNone
	}
	cells[blame.Old].Known = weir.ObservedGood
	cells[blame.New].Known = at(e.route.Len())
	cells[blame.NewUpstream].Known = at(e.sides.border)
	cells[blame.NewDownstream] = e.sides.cell(victim)
	return cells
}

// cell is what builds at the corner beside the path said about one victim.
func (s *sides) cell(victim int) (c blame.Cell) {
	c.Closed = s.lost >= maxSilent
	for b := range s.builds {
		switch s.said[b][victim] {
		case weir.ObservedGood:
			c.Good++
		case weir.ObservedBad:
			c.Bad++
		default:
			c.None++
			if s.unbuilt[b][victim] {
				c.Unbuilt++
			}
		}
	}
	return c
}

// awaits, misses, asks and tell are those of a check.
func (s *sides) awaits(weir.Build) { s.pending++ }

func (s *sides) misses(weir.Build) { s.lost++ }

func (s *sides) tell(e *evidence, r *weir.Regression, victims []int, f bisect.Finding) {
	r.Blame, r.Corners = e.corners(victims, f)
}

func (s *sides) asks(e *evidence, findings []bisect.Finding, width int) (missing []ask, settled bool) {
	if s.beside == nil {
		return nil, true
	}
	answer := blame.Next(e.ask(findings, width))
	if answer.Done || answer.Place != blame.NewDownstream {
		return nil, true // no other corner is open that could be asked
	}
	return slices.Repeat([]ask{{pins: s.beside, what: s.name + " with the old upstreams"}}, answer.Count), false
}

// corners sums up what is known of the corners for the victims of one finding,
// and says who is to blame.
func (e *evidence) corners(victims []int, f bisect.Finding) (weir.Blame, []weir.Corner) {
	s := e.sides
	if f.Kind == bisect.Environment {
		at := max(f.First-1, 0) // what was good once
		return weir.BlameEnvironment, []weir.Corner{{Pins: e.route.Pins(at), Build: e.newest(at), Said: weir.ObservedBad}}
	}
	if f.Kind != bisect.Found && f.Kind != bisect.Range {
		return weir.BlameNone, nil
	}
	corner := func(p blame.Place, at weir.Pins, build weir.BuildID) weir.Corner {
		c := weir.Corner{NewUpstream: p&blame.NewUpstream != 0, NewDownstream: p&blame.NewDownstream != 0, Pins: at, Build: build}
		return e.join(c, victims, func(i int) blame.Cell { return e.cells(i, f)[p] })
	}
	end := e.route.Len()
	out := []weir.Corner{corner(blame.Old, e.route.Pins(0), e.newest(0))}
	if s.beside == nil {
		last := corner(blame.New, e.route.Pins(end), e.newest(end))
		last.NewUpstream, last.NewDownstream = s.upstreams, s.project
		return blame.Of(s.upstreams, s.project), append(out, last)
	}
	out = append(out, corner(blame.NewUpstream, e.route.Pins(s.border), e.newest(s.border)),
		corner(blame.NewDownstream, s.beside, s.newest()), corner(blame.New, e.route.Pins(end), e.newest(end)))
	return blame.Verdict(out...), out
}

// join completes a corner with what its cells say about victims.
func (e *evidence) join(c weir.Corner, victims []int, of func(victim int) blame.Cell) weir.Corner {
	var said []weir.Observed
	for _, i := range victims {
		cell := of(i)
		said = append(said, cell.Said(e.rates[i]))
		c.Unbuilt = c.Unbuilt || cell.Unbuilt > 0
	}
	c.Said = blame.Join(said...)
	c.Unbuilt = c.Unbuilt && c.Said == weir.ObservedNone
	return c
}

// newest is the newest build at the corner beside the path; 0 if there is none.
func (s *sides) newest() (id weir.BuildID) {
	for _, b := range s.builds {
		id = max(id, b.ID)
	}
	return id
}

// newest is the newest build that ran at a position; 0 if there is none.
func (e *evidence) newest(position int) (id weir.BuildID) {
	for i, t := range e.trials {
		if t.Position == position {
			id = max(id, e.builds[i].ID)
		}
	}
	return id
}
