package inquiry

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
)

// route is a path with its revisions: it tells which pins stand at a position,
// and where pins stand.
type route struct {
	base weir.Pins
	legs []routeLeg
	// back says that it is walked from the end of its legs to their beginning.
	back bool
}

type routeLeg struct {
	weir.Leg
	revisions []weir.Revision // From ... To
}

// newRoute reads the revisions of a regression's path.
func (q *Inquiry) newRoute(ctx context.Context, r weir.Regression) (route, error) {
	// Projects that take no step stand where the bad build has them: one that
	// has joined the upstreams, or has changed its branch, is part of the
	// surroundings.
	out := route{base: r.Bad.Pins, back: r.Aim == weir.AimFix}
	for _, l := range r.Path {
		revs, err := q.store.RevisionRange(ctx, l.Project, l.Branch, l.From, l.To)
		if err != nil {
			return out, err
		}
		if int64(len(revs)) != l.To-l.From+1 {
			return out, weir.Errorf(weir.NotFound, "regression %d: revisions %d to %d of %s are not all known any more",
				r.ID, l.From, l.To, l.Project)
		}
		out.legs = append(out.legs, routeLeg{l, revs})
	}
	return out, nil
}

// len is the position of the bad end.
func (r route) len() int {
	n := 0
	for _, l := range r.legs {
		n += len(l.revisions) - 1
	}
	return n
}

// pins tells the revisions at a position, 0 <= position <= len.
func (r route) pins(position int) weir.Pins {
	if r.back {
		position = r.len() - position
	}
	out := make(weir.Pins, len(r.base))
	for name, rev := range r.base {
		out[name] = rev
	}
	for _, l := range r.legs {
		at := min(position, len(l.revisions)-1)
		out[l.Project] = l.revisions[at].ID
		position -= at
	}
	return out
}

// step tells which revision of which project the step to a position takes,
// 1 <= position <= len. On the way back it is the one that the step leaves.
func (r route) step(position int) (project string, rev weir.Revision) {
	if r.back {
		position = r.len() - position + 1
	}
	for _, l := range r.legs {
		if n := len(l.revisions) - 1; position > n {
			position -= n
			continue
		}
		return l.Project, l.revisions[position]
	}
	return "", weir.Revision{}
}

// position finds where pins stand on the route; false if they do not.
func (r route) position(pins weir.Pins) (int, bool) {
	position, whole := 0, true // whole: every leg so far stands at its end
	for _, l := range r.legs {
		at := -1
		for i, rev := range l.revisions {
			if rev.ID == pins[l.Project] {
				at = i
			}
		}
		if at < 0 || at > 0 && !whole {
			return 0, false
		}
		position += at
		whole = whole && at == len(l.revisions)-1
	}
	for name, rev := range r.base {
		if !r.moves(name) && pins[name] != rev {
			return 0, false
		}
	}
	if r.back {
		position = r.len() - position
	}
	return position, true
}

// built lists the positions at which only the project itself moves: the
// products of its upstreams are those of the bad end, and exist.
func (r route) built(project string) []int {
	position := 0
	for i, l := range r.legs {
		n := len(l.revisions) - 1
		if i == len(r.legs)-1 && l.Project == project {
			var out []int
			for at := range n + 1 {
				if r.back {
					at = r.len() - position - at
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

// beyond lists the projects that have moved since the good build of a regression
// and take no step on the route: there is no way from one revision to the other, so
// its first position is not where the tests were good.
func (r route) beyond(of weir.Regression) (projects []string) {
	if of.Aim != weir.AimBreak {
		return nil
	}
	for name, rev := range r.base {
		if !r.moves(name) && of.Good.Pins[name] != rev {
			projects = append(projects, name)
		}
	}
	slices.Sort(projects)
	return projects
}

func (r route) moves(project string) bool {
	for _, l := range r.legs {
		if l.Project == project {
			return true
		}
	}
	return false
}
