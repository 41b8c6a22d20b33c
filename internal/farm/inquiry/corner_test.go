package inquiry

import (
	"maps"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm/route"
)

// leg is one project's way over so many steps.
func leg(project string, steps int) route.Leg {
	l := route.Leg{Leg: weir.Leg{Project: project, From: 1, To: int64(1 + steps)}}
	for i := range steps + 1 {
		l.Revisions = append(l.Revisions, weir.Revision{ID: project + string(rune('0'+i))})
	}
	return l
}

func routeOf(legs ...route.Leg) route.Route {
	r := route.Route{Base: weir.Pins{"go": "g"}, Legs: legs}
	for _, l := range legs {
		r.Base[l.Project] = l.Revisions[len(l.Revisions)-1].ID
	}
	return r
}

func TestSidesOfAPath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		way                route.Route
		project, upstreams bool
		border             int
		beside             weir.Pins
	}{
		"upstream only": {routeOf(leg("up", 4)), false, true, 4, nil},
		"project only":  {routeOf(leg("d", 3)), true, false, 0, nil},
		"both":          {routeOf(leg("up", 4), leg("d", 3)), true, true, 4, weir.Pins{"up": "up0", "d": "d3", "go": "g"}},
		"two upstreams": {routeOf(leg("up", 4), leg("lib", 2), leg("d", 3)), true, true, 6, weir.Pins{"up": "up0", "lib": "lib0", "d": "d3", "go": "g"}},
	} {
		s := newSides("d", c.way)
		if s.project != c.project || s.upstreams != c.upstreams || s.border != c.border || !maps.Equal(s.beside, c.beside) {
			t.Errorf("%s: %+v", name, s)
		}
		if s.beside == nil {
			continue
		}
		if _, on := c.way.Position(s.beside); on {
			t.Errorf("%s: the corner is on the path", name)
		}
		if !s.has(weir.Build{Pins: maps.Clone(s.beside)}) || s.has(weir.Build{Pins: c.way.Pins(s.border)}) {
			t.Errorf("%s: the corner is not found by its pins", name)
		}
	}
}

// TestCorners: what the search found, and what the builds beside its path
// said, is what the corners show.
func TestCorners(t *testing.T) {
	t.Parallel()
	g, b, n := weir.ObservedGood, weir.ObservedBad, weir.ObservedNone
	way := routeOf(leg("up", 4), leg("d", 3))
	found := func(first, last int) bisect.Finding {
		return bisect.Finding{Kind: bisect.Found, First: first, Last: last}
	}
	many := []weir.Observed{b, b, b, b, b, b}
	for name, c := range map[string]struct {
		finding bisect.Finding
		said    []weir.Observed
		unbuilt bool
		asks    int // how many more builds at the corner; -1: none, and it is settled
		blame   weir.Blame
		at      string // old, new upstream, new project, new
	}{
		"not asked yet":        {found(2, 2), nil, false, 1, weir.BlameUpstream, "gb-b"},
		"upstream":             {found(2, 2), []weir.Observed{g}, false, -1, weir.BlameUpstream, "gbgb"},
		"its last revision":    {found(4, 4), []weir.Observed{g}, false, -1, weir.BlameUpstream, "gbgb"},
		"once bad":             {found(2, 2), []weir.Observed{b}, false, 4, weir.BlameUpstream, "gb-b"},
		"both":                 {found(2, 2), many, false, -1, weir.BlameBoth, "gbbb"},
		"bad, then good":       {found(2, 2), []weir.Observed{b, g}, false, -1, weir.BlameUpstream, "gbgb"},
		"downstream":           {found(6, 6), many, false, -1, weir.BlameDownstream, "ggbb"},
		"its first revision":   {found(5, 5), many, false, -1, weir.BlameDownstream, "ggbb"},
		"interaction":          {found(6, 6), []weir.Observed{g}, false, -1, weir.BlameInteraction, "gggb"},
		"unbuilt":              {found(6, 6), []weir.Observed{n, n}, true, -1, weir.BlameNone, "ggxb"},
		"once unbuilt":         {found(6, 6), []weir.Observed{n}, true, 1, weir.BlameNone, "ggxb"},
		"nothing is told":      {found(6, 6), []weir.Observed{n, n}, false, -1, weir.BlameNone, "gg-b"},
		"a range, border in":   {bisect.Finding{Kind: bisect.Range, First: 3, Last: 6}, many, false, -1, weir.BlameDownstream, "g-bb"},
		"a range of upstreams": {bisect.Finding{Kind: bisect.Range, First: 2, Last: 4}, []weir.Observed{g}, false, -1, weir.BlameUpstream, "gbgb"},
		"nobody":               {bisect.Finding{Kind: bisect.Nobody}, nil, false, -1, weir.BlameNone, ""},
		"environment":          {bisect.Finding{Kind: bisect.Environment}, nil, false, -1, weir.BlameEnvironment, "b"},
	} {
		e := evidence{route: way, sides: newSides("d", way), rates: []float64{0.11}}
		for i, said := range c.said {
			e.sides.builds = append(e.sides.builds, weir.Build{ID: weir.BuildID(70 + i)})
			e.sides.said = append(e.sides.said, []weir.Observed{said})
			e.sides.unbuilt = append(e.sides.unbuilt, []bool{c.unbuilt})
		}
		at, settled := e.sides.asks(&e, []bisect.Finding{c.finding}, 4)
		if settled != (c.asks < 0) || len(at) != max(c.asks, 0) {
			// The number of repeats depends on the rate; that there are some does not.
			if settled || c.asks < 2 || len(at) < 2 {
				t.Errorf("%s: %d builds are asked for, settled %v; want %d", name, len(at), settled, c.asks)
			}
		}
		got, corners := e.corners([]int{0}, c.finding)
		letters := ""
		for _, k := range corners {
			letters += letter(k)
			if k.NewDownstream && !k.NewUpstream && len(c.said) > 0 && (k.Build != weir.BuildID(69+len(c.said)) || !maps.Equal(k.Pins, e.sides.beside)) {
				t.Errorf("%s: the corner is %+v", name, k)
			}
		}
		if got != c.blame || letters != c.at {
			t.Errorf("%s: %q at %q, want %q at %q", name, got, letters, c.blame, c.at)
		}
		if c.asks < 0 && len(corners) == 4 && blame.Verdict(corners...) != got {
			t.Errorf("%s: the corners do not say %q", name, got)
		}
	}
}

func letter(c weir.Corner) string {
	switch {
	case c.Unbuilt:
		return "x"
	case c.Said == weir.ObservedGood:
		return "g"
	case c.Said == weir.ObservedBad:
		return "b"
	}
	return "-"
}

// TestOneSideIsToBlame: where only one side has moved, there is nothing to ask.
func TestOneSideIsToBlame(t *testing.T) {
	t.Parallel()
	for want, way := range map[weir.Blame]route.Route{
		weir.BlameUpstream: routeOf(leg("up", 2), leg("lib", 3)), weir.BlameDownstream: routeOf(leg("d", 3)),
	} {
		e := evidence{route: way, sides: newSides("d", way), trials: []bisect.Trial{{Position: 0}, {Position: way.Len()}, {Position: 0}},
			builds: []weir.Build{{ID: 5}, {ID: 4}, {ID: 6}}, rates: []float64{0.11}}
		finding := bisect.Finding{Kind: bisect.Found, First: 1, Last: 1}
		if at, settled := e.sides.asks(&e, []bisect.Finding{finding}, 4); len(at) > 0 || !settled {
			t.Errorf("%s: %v is asked", want, at)
		}
		got, c := e.corners([]int{0}, finding)
		if got != want || len(c) != 2 || c[0].Build != 6 || c[1].Build != 4 || c[0].Said != weir.ObservedGood || c[1].Said != weir.ObservedBad ||
			c[1].NewDownstream != (want == weir.BlameDownstream) || c[1].NewUpstream != (want == weir.BlameUpstream) {
			t.Errorf("%s: %q, %+v", want, got, c)
		}
		if e.sides.told(got) != "" {
			t.Error("what was not looked for is told")
		}
	}
}
