package blame

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// hcl and go-cty are in lock step: each new version alone breaks the other.
var (
	oldPins = weir.Pins{"hcl": "v2.16.2", "go-cty": "v1.12.1", "go": "go1.26.8"}
	newPins = weir.Pins{"hcl": "v2.18.1", "go-cty": "v1.13.0", "go": "go1.26.8"}
)

func pair(hcl, cty string) weir.Pins { return weir.Pins{"hcl": hcl, "go-cty": cty, "go": "go1.26.8"} }

// TestMendedInLockStep plays the real case: go-cty moves, hcl breaks, hcl
// follows, and the missing corner does not build.
func TestMendedInLockStep(t *testing.T) {
	t.Parallel()
	broke := pair("v2.16.2", "v1.13.0")
	m := Mended{Project: "hcl", Good: oldPins, Bad: broke, Last: broke, Fixed: newPins}
	corners, ok := m.Corners()
	if !ok || len(corners) != 4 {
		t.Fatalf("%v, %v", corners, ok)
	}
	for i, want := range []weir.Pins{oldPins, broke, pair("v2.18.1", "v1.12.1"), newPins} {
		if !maps.Equal(corners[i].Pins, want) || PlaceOf(corners[i]) != Place(i) {
			t.Errorf("corner %d is %v, want %v", i, corners[i], want)
		}
	}
	if corners[NewDownstream].Said != "" {
		t.Error("the missing corner is taken for known")
	}
	for want, c := range map[weir.Blame]weir.Corner{
		weir.BlameLockStep: {Said: weir.ObservedNone, Unbuilt: true},
		weir.BlameUpstream: {Said: weir.ObservedGood},
		weir.BlameNone:     {Said: weir.ObservedNone},
	} {
		asked := slices.Clone(corners)
		asked[NewDownstream].Said, asked[NewDownstream].Unbuilt = c.Said, c.Unbuilt
		if got := Verdict(asked...); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}

// TestMendedByOthers: only the downstream's move puts a blame in doubt.
func TestMendedByOthers(t *testing.T) {
	t.Parallel()
	broke := pair("v2.16.2", "v1.13.0")
	for name, m := range map[string]Mended{
		"the upstream mended it":  {Good: oldPins, Bad: broke, Last: broke, Fixed: pair("v2.16.2", "v1.13.1")},
		"both moved":              {Good: oldPins, Bad: broke, Last: broke, Fixed: pair("v2.18.1", "v1.13.1")},
		"nothing moved":           {Good: oldPins, Bad: broke, Last: broke, Fixed: broke},
		"the project broke it":    {Good: oldPins, Bad: newPins, Last: newPins, Fixed: pair("v2.19.0", "v1.13.0")},
		"the upstream went back":  {Good: oldPins, Bad: broke, Last: pair("v2.16.2", "v1.12.1"), Fixed: pair("v2.18.1", "v1.12.1")},
		"an upstream has joined":  {Good: oldPins, Bad: broke, Last: broke, Fixed: weir.Pins{"hcl": "v2.18.1", "go-cty": "v1.13.0", "go": "go1.26.8", "new": "1"}},
		"nothing is known of it":  {},
		"the toolchain moved too": {Good: oldPins, Bad: broke, Last: broke, Fixed: weir.Pins{"hcl": "v2.18.1", "go-cty": "v1.13.0", "go": "go1.27.0"}},
	} {
		m.Project = "hcl"
		if c, ok := m.Corners(); ok {
			t.Errorf("%s: %v", name, c)
		}
	}
	// Later moves of the upstream that mended nothing are part of the new one.
	later := Mended{Project: "hcl", Good: oldPins, Bad: broke, Last: pair("v2.17.0", "v1.14.0"), Fixed: pair("v2.18.1", "v1.14.0")}
	c, ok := later.Corners()
	if !ok || c[NewUpstream].Pins["go-cty"] != "v1.14.0" || c[NewUpstream].Pins["hcl"] != "v2.16.2" || c[NewDownstream].Pins["go-cty"] != "v1.12.1" {
		t.Errorf("%v, %v", c, ok)
	}
}

func regression(letters string, culprit string) weir.Regression {
	r := weir.Regression{Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "hcl"}},
		Good: weir.Evidence{Pins: oldPins}, Bad: weir.Evidence{Pins: newPins}, Corners: cornersOf(letters)}
	for i, p := range []weir.Pins{oldPins, pair("v2.16.2", "v1.13.0"), pair("v2.18.1", "v1.12.1"), newPins} {
		r.Corners[i].Pins = p
	}
	r.Blame = Verdict(r.Corners...)
	if name, rev, ok := strings.Cut(culprit, " "); ok {
		r.Culprit = weir.Culprit{Project: name, Revision: weir.Revision{ID: rev}}
	}
	return r
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	works := func(hcl, cty string) string { return "this works: hcl " + hcl + " and go-cty " + cty }
	for _, c := range []struct {
		letters, culprit     string
		upstream, downstream []string // each in one of the lines, in order
	}{
		{"gbxg", "go-cty v1.13.0",
			[]string{"go-cty v1.13.0 breaks hcl below hcl v2.18.1", works("v2.16.2", "v1.12.1"), works("v2.18.1", "v1.13.0")},
			[]string{"pin go-cty below v1.13.0, or take hcl v2.18.1 or newer", "require go-cty v1.13.0", works("v2.16.2", "v1.12.1")}},
		{"gbgb", "go-cty v1.12.5",
			[]string{"go-cty v1.12.5 breaks hcl, whose own move does not: mend it", works("v2.16.2", "v1.12.1"), works("v2.18.1", "v1.12.1")},
			[]string{"pin go-cty below v1.12.5 until", works("v2.16.2", "v1.12.1"), works("v2.18.1", "v1.12.1")}},
		{"gbgg", "go-cty v1.13.0", []string{"go-cty v1.13.0 breaks hcl"}, []string{"pin go-cty", "or take hcl v2.18.1 or newer, which is good with the old and the new"}},
		{"ggbb", "hcl v2.17.0", nil, []string{"hcl v2.17.0 breaks it with the old upstreams too", works("v2.16.2", "v1.13.0")}},
		{"ggbg", "hcl v2.17.0", nil, []string{"hcl v2.17.0 needs the new upstreams: require go-cty v1.13.0"}},
		{"gbbb", "go-cty v1.13.0", []string{"breaks hcl by itself"}, []string{"hcl v2.18.1 breaks it by itself", "pin go-cty below v1.13.0"}},
		{"gbb-", "go-cty v1.13.0", []string{"cannot be told"}, []string{"stay with the old of both", "pin go-cty below v1.13.0"}},
		{"gggb", "hcl v2.17.0", []string{"go-cty v1.13.0 is good with hcl as it was, and bad with hcl v2.17.0"},
			[]string{"bad only with the new upstreams: stay with go-cty v1.12.1", "or stay below hcl v2.17.0", works("v2.16.2", "v1.12.1"), works("v2.16.2", "v1.13.0"), works("v2.18.1", "v1.12.1")}},
		{"bbbb", "", nil, []string{"no revision did it"}},
		{"gg-b", "hcl v2.17.0", nil, nil},
	} {
		got := Advise(regression(c.letters, c.culprit))
		for _, side := range []struct {
			name      string
			got, want []string
		}{{"upstream", got.Upstream, c.upstream}, {"downstream", got.Downstream, c.downstream}} {
			rest := side.got
			for _, want := range side.want {
				i := slices.IndexFunc(rest, func(line string) bool { return strings.Contains(line, want) })
				if i < 0 {
					t.Errorf("%s: the %s is not told %q:\n%s", c.letters, side.name, want, strings.Join(side.got, "\n"))
					break
				}
				rest = rest[i+1:]
			}
			if len(side.want) == 0 && len(side.got) > 0 {
				t.Errorf("%s: the %s is told %q", c.letters, side.name, side.got)
			}
		}
	}
}

// TestAdviceIsHonest: a pair that is said to work was seen good, whatever the
// corners are.
func TestAdviceIsHonest(t *testing.T) {
	t.Parallel()
	every(func(letters string) {
		a := Advise(regression(letters, "go-cty v1.13.0"))
		r := regression(letters, "")
		for _, line := range slices.Concat(a.Upstream, a.Downstream) {
			rest, ok := strings.CutPrefix(line, "this works: ")
			if !ok {
				continue
			}
			if !slices.ContainsFunc(r.Corners, func(c weir.Corner) bool {
				return c.Said == weir.ObservedGood && rest == "hcl "+c.Pins["hcl"]+" and go-cty "+c.Pins["go-cty"]
			}) {
				t.Errorf("%s: %s", letters, line)
			}
		}
	})
}

// TestAdviceOnTheEnvironment: what somebody can put right is told first.
func TestAdviceOnTheEnvironment(t *testing.T) {
	t.Parallel()
	root := weir.Clue{Facet: "user", Value: "root"}
	for _, c := range []struct {
		clues []weir.Clue
		want  string
	}{
		{nil, "no revision did it: look at what the machines, the network or the clock have changed"},
		{[]weir.Clue{root}, "no revision did it: look first at what the bad runs have in common: root"},
		{[]weir.Clue{root, {Facet: "recipe", Value: "the recipe has changed since build 3: dir changed"}},
			"no revision did it: undo first what the farm file has changed, and see whether that was it"},
	} {
		r := regression("bbbb", "")
		r.Checks.Screen = c.clues
		if got := Advise(r).Downstream; len(got) != 1 || got[0] != c.want {
			t.Errorf("%v: %q, want %q", c.clues, got, c.want)
		}
	}
}

// TestAdviceOfAMerge: a commit that a merge brought in is not on the branch, so
// who pins something is told of the merge.
func TestAdviceOfAMerge(t *testing.T) {
	t.Parallel()
	r := weir.Regression{Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "d"}}, Blame: weir.BlameUpstream,
		Good: weir.Evidence{Pins: weir.Pins{"up": "u1", "d": "d1"}}, Bad: weir.Evidence{Pins: weir.Pins{"up": "u9", "d": "d1"}},
		Culprit: weir.Culprit{Project: "up", Revision: weir.Revision{ID: "side"}, Merge: "merge"}}
	if a := strings.Join(Advise(r).Downstream, "\n"); !strings.Contains(a, "below merge") || strings.Contains(a, "side") {
		t.Errorf("the advice is %q", a)
	}
}
