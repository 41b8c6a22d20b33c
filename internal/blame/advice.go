package blame

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Advice is what the people on each side can do, one line each; the first
// line is the most useful one. A side without lines has nothing to do.
type Advice struct {
	Upstream   []string `json:"upstream,omitempty"`
	Downstream []string `json:"downstream,omitempty"`
}

// Advise says what follows from a regression's blame, culprit and corners for
// both sides. It names only pairs that were seen good, or that the search has
// found to be.
func Advise(r weir.Regression) Advice {
	c := newCase(r)
	var a Advice
	switch r.Blame {
	case weir.BlameUpstream:
		a.Upstream = []string{
			fmt.Sprintf("%s breaks %s, %s: mend it, or tell %s what to change", c.upstream, c.project, c.innocence(), c.project),
		}
		a.Downstream = append([]string{c.keep() + " until that is mended"}, c.copes()...)
	case weir.BlameDownstream:
		a.Downstream = []string{fmt.Sprintf("%s breaks it with the old upstreams too: mend it here", c.downstream)}
		switch {
		case len(c.moved) == 0:
			a.Downstream[0] = c.downstream + " breaks it: mend it here"
		case c.outgrown():
			a.Downstream[0] = fmt.Sprintf("%s needs the new upstreams: require %s or newer", c.downstream, c.ups(New))
		}
	case weir.BlameBoth:
		a.Upstream = []string{fmt.Sprintf("%s breaks %s by itself", c.upstream, c.project)}
		a.Downstream = []string{
			fmt.Sprintf("%s breaks it by itself, with the old upstreams too: mend that first, it is yours alone", c.downstream),
			c.keep() + " until that is mended as well",
		}
	case weir.BlameEither:
		a.Upstream = []string{fmt.Sprintf("%s breaks %s by itself; whether the two are good together cannot be told", c.upstream, c.project)}
		a.Downstream = []string{fmt.Sprintf("%s breaks it by itself: stay with the old of both", c.downstream), c.keep()}
	case weir.BlameInteraction:
		a.Upstream = []string{fmt.Sprintf("%s is good with %s as it was, and bad with %s: see what it uses that has changed", c.ups(New), c.project, c.downstream)}
		a.Downstream = []string{
			fmt.Sprintf("%s is bad only with the new upstreams: %s", c.downstream, c.keep()),
			fmt.Sprintf("or stay below %s, which is good with both", c.downstream),
		}
	case weir.BlameLockStep:
		a.Upstream = []string{fmt.Sprintf("%s breaks %s below %s, which is made for it: say in the release notes that they have to move together", c.upstream, c.project, c.downstream)}
		a.Downstream = []string{
			fmt.Sprintf("%s, or take %s or newer", c.keep(), c.downstream),
			fmt.Sprintf("%s is not good with less than the new upstreams: require %s", c.downstream, c.ups(New)),
		}
	case weir.BlameEnvironment:
		a.Downstream = []string{"no revision did it: " + lookAt(r.Checks.Screen)}
	case weir.BlameNone:
		return a
	}
	pairs := c.pairs()
	a.Downstream = append(a.Downstream, pairs...)
	if len(a.Upstream) > 0 {
		a.Upstream = append(a.Upstream, pairs...)
	}
	return a
}

// Remedy says in one line what ends a regression soonest, for somebody who reads of many;
// Advise says more, to each side. It is empty if nothing follows.
func Remedy(r weir.Regression) string {
	a, c := Advise(r), newCase(r)
	switch {
	case len(a.Downstream) == 0:
		return ""
	case r.Blame == weir.BlameUpstream && c.first.Project != "":
		return "mend or revert it in " + c.first.Project + ", or " + a.Downstream[0]
	case r.Blame == weir.BlameDownstream && !c.outgrown():
		return "mend or revert it in " + c.project
	}
	return a.Downstream[0]
}

// outgrown reports whether what the downstream changed is good with the new upstreams.
func (c situation) outgrown() bool { return len(c.moved) > 0 && c.said(New) == weir.ObservedGood }

// situation is a regression, in words.
type situation struct {
	corners              []weir.Corner
	good, bad            weir.Evidence
	moved                []string // upstreams that moved, by name
	project              string
	upstream, downstream string       // what is told of each side: its culprit, or where it stands now
	first                weir.Culprit // if it is an upstream's
}

func newCase(r weir.Regression) situation {
	c := situation{project: r.Builder.Project, corners: slices.Clone(r.Corners), good: r.Good, bad: r.Bad}
	slices.SortStableFunc(c.corners, func(a, b weir.Corner) int { return int(PlaceOf(a) - PlaceOf(b)) })
	old, end := c.pins(Old), c.pins(New)
	for name, rev := range end {
		if name != c.project && old[name] != "" && old[name] != rev {
			c.moved = append(c.moved, name)
		}
	}
	slices.Sort(c.moved)
	c.upstream, c.downstream = c.ups(New), revisions([]string{c.project}, end)
	culprit := r.Culprit
	if culprit.Merge != "" { // who follows the branch gets it with the merge
		culprit.Revision = weir.Revision{ID: culprit.Merge}
	}
	if culprit.Project == c.project {
		c.downstream = culprit.Project + " " + culprit.Revision.Short()
	} else if culprit.Project != "" {
		c.upstream, c.first = culprit.Project+" "+culprit.Revision.Short(), culprit
	}
	return c
}

// pins are those of the old or the new corner: the ends of the regression, if
// it is not known.
func (c situation) pins(p Place) weir.Pins {
	for _, k := range c.corners {
		if PlaceOf(k) == p && len(k.Pins) > 0 {
			return k.Pins
		}
	}
	if p == Old {
		return c.good.Pins
	}
	return c.bad.Pins
}

func (c situation) said(p Place) weir.Observed {
	for _, k := range c.corners {
		if PlaceOf(k) == p {
			return k.Said
		}
	}
	return weir.ObservedNone
}

// ups names the upstreams that moved, at a corner.
func (c situation) ups(p Place) string {
	if names := revisions(c.moved, c.pins(p)); names != "" {
		return names
	}
	return "the upstreams"
}

// keep says how to stay away from the new upstreams.
func (c situation) keep() string {
	if c.first.Revision.ID != "" {
		return fmt.Sprintf("pin %s below %s", c.first.Project, c.first.Revision.Short())
	}
	if old := revisions(c.moved, c.pins(Old)); old != "" {
		return "stay with " + old
	}
	return "stay with the old upstreams"
}

// innocence says why the project is not to blame.
func (c situation) innocence() string {
	switch {
	case !c.projectMoved():
		return "which has not moved"
	case c.said(NewDownstream) == weir.ObservedGood:
		return "whose own move does not"
	}
	return "whatever its own move does"
}

// copes names the project's revision that is good with the new upstreams.
func (c situation) copes() []string {
	if c.said(New) != weir.ObservedGood {
		return nil
	}
	return []string{fmt.Sprintf("or take %s or newer, which is good with the old and the new upstreams", c.downstream)}
}

// pairs lists the corners that were seen good.
func (c situation) pairs() []string {
	var out []string
	for _, k := range c.corners {
		if k.Said == weir.ObservedGood && len(k.Pins) > 0 {
			out = append(out, "this works: "+revisions(append([]string{c.project}, c.moved...), k.Pins))
		}
	}
	return out
}

// revisions names projects and where they stand.
func revisions(names []string, pins weir.Pins) string {
	var out []string
	for _, name := range names {
		if rev := pins[name]; rev != "" {
			out = append(out, name+" "+weir.ShortRevision(rev))
		}
	}
	return strings.Join(out, " and ")
}

// lookAt says where to look for what is no revision. What people can put right
// themselves comes first: the recipe, and then what bad runs have in common.
func lookAt(clues []weir.Clue) string {
	for _, c := range clues {
		if c.Facet == "recipe" {
			return "undo first what the farm file has changed, and see whether that was it"
		}
	}
	if len(clues) > 0 {
		return "look first at what the bad runs have in common: " + clues[0].Value
	}
	return "look at what the machines, the network or the clock have changed"
}
