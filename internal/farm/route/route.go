// Package route walks the path of a regression: which revisions stand together at a
// position, where revisions stand, and which one a step takes. A path takes the projects
// that have moved one after the other, upstreams first.
package route

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
)

// Route is a path with its revisions: it tells which pins stand at a position,
// and where pins stand.
type Route struct {
	Base weir.Pins // those of the bad end
	Legs []Leg
	// Back says that it is walked from the end of its legs to their beginning.
	Back bool
}

// Leg is the way of one project.
type Leg struct {
	weir.Leg
	Revisions []weir.Revision // From ... To
}

// Revisions is what a route is read from.
type Revisions interface {
	RevisionRange(ctx context.Context, project, branch string, first, last int64) ([]weir.Revision, error)
}

// Of reads the revisions of a regression's path. NotFound if not all of them are
// known any more.
func Of(ctx context.Context, from Revisions, r weir.Regression) (Route, error) {
	// Projects that take no step stand where the bad build has them: one that
	// has joined the upstreams, or has changed its branch, is part of the
	// surroundings.
	out := Route{Base: r.Bad.Pins, Back: r.Aim == weir.AimFix}
	for _, l := range r.Path {
		revs, err := from.RevisionRange(ctx, l.Project, l.Branch, l.From, l.To)
		if err != nil {
			return out, err
		}
		if int64(len(revs)) != l.To-l.From+1 {
			return out, weir.Errorf(weir.NotFound, "regression %d: revisions %d to %d of %s are not all known any more",
				r.ID, l.From, l.To, l.Project)
		}
		out.Legs = append(out.Legs, Leg{l, revs})
	}
	return out, nil
}

// Len is the position of the bad end.
func (r Route) Len() int {
	n := 0
	for _, l := range r.Legs {
		n += len(l.Revisions) - 1
	}
	return n
}

// Pins tells the revisions at a position, 0 <= position <= len.
func (r Route) Pins(position int) weir.Pins {
	if r.Back {
		position = r.Len() - position
	}
	out := make(weir.Pins, len(r.Base))
	for name, rev := range r.Base {
		out[name] = rev
	}
	for _, l := range r.Legs {
		at := min(position, len(l.Revisions)-1)
		out[l.Project] = l.Revisions[at].ID
		position -= at
	}
	return out
}

// Step tells which revision of which project the step to a position takes,
// 1 <= position <= len. On the way back it is the one that the step leaves.
func (r Route) Step(position int) (project string, rev weir.Revision) {
	if r.Back {
		position = r.Len() - position + 1
	}
	for _, l := range r.Legs {
		if n := len(l.Revisions) - 1; position > n {
			position -= n
			continue
		}
		return l.Project, l.Revisions[position]
	}
	return "", weir.Revision{}
}

// Position finds where pins stand on the route; false if they do not.
func (r Route) Position(pins weir.Pins) (int, bool) {
	position, whole := 0, true // whole: every leg so far stands at its end
	for _, l := range r.Legs {
		at := -1
		for i, rev := range l.Revisions {
			if rev.ID == pins[l.Project] {
				at = i
			}
		}
		if at < 0 || at > 0 && !whole {
			return 0, false
		}
		position += at
		whole = whole && at == len(l.Revisions)-1
	}
	for name, rev := range r.Base {
		if !r.Moves(name) && pins[name] != rev {
			return 0, false
		}
	}
	if r.Back {
		position = r.Len() - position
	}
	return position, true
}

// Built lists the positions at which only the project itself moves: the
// products of its upstreams are those of the bad end, and exist.
func (r Route) Built(project string) []int {
	position := 0
	for i, l := range r.Legs {
		n := len(l.Revisions) - 1
		if i == len(r.Legs)-1 && l.Project == project {
			var out []int
			for at := range n + 1 {
				if r.Back {
					at = r.Len() - position - at
				} else {
					at += position
				}
				out = append(out, at)
			}
			return out
		}
		position += n
	}
	return nil
}

// Beyond lists the projects that have moved since the good build of a regression
// and take no step on the route: there is no way from one revision to the other, so
// its first position is not where the tests were good.
func (r Route) Beyond(of weir.Regression) (projects []string) {
	if of.Aim != weir.AimBreak {
		return nil
	}
	for name, rev := range r.Base {
		if !r.Moves(name) && of.Good.Pins[name] != rev {
			projects = append(projects, name)
		}
	}
	slices.Sort(projects)
	return projects
}

func (r Route) Moves(project string) bool {
	for _, l := range r.Legs {
		if l.Project == project {
			return true
		}
	}
	return false
}
