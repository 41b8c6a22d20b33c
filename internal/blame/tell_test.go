package blame

import (
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// broke is a regression of hcl with tests of its own, and the corners of regression.
func broke(letters, culprit string) weir.Regression {
	r := regression((letters + "----")[:4], culprit)
	r.Corners = r.Corners[:len(letters)]
	r.State, r.Checks.Workers = weir.Located, []string{"w"}
	r.Suspects = weir.Span{First: 2, Last: 2}
	r.Good.Build, r.Bad.Build = 10, 13
	r.Path = []weir.Leg{{Project: "go-cty", From: 1, To: 3}, {Project: "hcl", From: 4, To: 5}}
	for _, name := range []string{"A", "B", "C"} {
		r.Victims = append(r.Victims, weir.Victim{Builder: r.Builder, Test: weir.TestID{Suite: "s", Name: name}})
	}
	return r
}

// oneSided is one in which only the upstream, or only the project, has moved.
func oneSided(upstream bool) weir.Regression {
	r := broke("gb", "go-cty v1.13.0")
	r.Blame = Of(upstream, !upstream)
	r.Bad.Pins = pair("v2.16.2", "v1.13.0")
	if !upstream {
		r.Bad.Pins = pair("v2.18.1", "v1.12.1")
		r.Culprit = weir.Culprit{Project: "hcl", Revision: weir.Revision{ID: "v2.18.1"}}
	}
	r.Corners[1] = weir.Corner{NewUpstream: upstream, NewDownstream: !upstream, Pins: r.Bad.Pins, Said: weir.ObservedBad}
	return r
}

func TestSentence(t *testing.T) {
	t.Parallel()
	cty, hcl := "go-cty v1.13.0", "hcl v2.18.1"
	searching, narrowed, flaky, step := broke("", ""), broke("", ""), broke("", ""), oneSided(true)
	searching.State, narrowed.State, flaky.State = weir.Searching, weir.Narrowed, weir.Dismissed
	narrowed.Suspects.Last = 3
	for i := range step.Victims {
		step.Victims[i].Test.Suite = weir.StepSuite
	}
	merged := oneSided(true)
	merged.Victims = []weir.Victim{{Builder: merged.Builder}, {Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "zclconf"}}}, {Builder: merged.Builder, FixedIn: 3}}
	seen := map[weir.Blame]bool{}
	for _, c := range []struct {
		r    weir.Regression
		want string
	}{
		{oneSided(true), "go-cty v1.13.0 broke 3 tests of hcl; hcl itself had not moved"},
		{oneSided(false), "hcl v2.18.1 broke 3 tests of hcl; its upstreams had not moved"},
		{step, "go-cty v1.13.0 broke the build of hcl; hcl itself had not moved"},
		{merged, "go-cty v1.13.0 broke 2 tests of hcl and zclconf; hcl itself had not moved"},
		{broke("gbgb", cty), "go-cty v1.13.0 broke 3 tests of hcl; hcl v2.18.1 is good with the old upstreams too"},
		{broke("gbgg", cty), "go-cty v1.13.0 broke 3 tests of hcl; hcl v2.18.1 is good with the old and the new upstreams"},
		{broke("gb-b", ""), "go-cty v1.13.0 broke 3 tests of hcl; whether hcl v2.18.1 with go-cty v1.12.1 is good is not known"},
		{broke("ggbb", hcl), "hcl v2.18.1 broke 3 tests of hcl; go-cty v1.13.0 by itself is good"},
		{broke("ggbg", ""), "hcl v2.18.1 broke 3 tests of hcl; go-cty v1.13.0 by itself is good, and so are the two together"},
		{broke("g-bb", hcl), "hcl v2.18.1 broke 3 tests of hcl; whether hcl v2.16.2 with go-cty v1.13.0 is good is not known"},
		{broke("gbbb", cty), "both sides: go-cty v1.13.0 and hcl v2.18.1 break 3 tests of hcl, each by itself"},
		{broke("gbb-", cty), "each side: go-cty v1.13.0 and hcl v2.18.1 break 3 tests of hcl, each by itself; how they do together cannot be told"},
		{broke("gggb", hcl), "interaction: go-cty v1.13.0 and hcl v2.18.1 break 3 tests of hcl only together; each by itself is good"},
		{broke("gbxg", cty), "lock step: go-cty v1.13.0 and hcl v2.18.1 have to move together; each without the other breaks 3 tests of hcl"},
		{broke("b", ""), "environment: no revision broke 3 tests of hcl; the revisions that were good are bad now too"},
		{broke("gg-b", cty), "go-cty v1.13.0 broke 3 tests of hcl; which side is to blame cannot be told"},
		{searching, "3 tests of hcl broke, and the culprit is being looked for"},
		{narrowed, "one of 2 revisions broke 3 tests of hcl; which side is to blame cannot be told"},
		{flaky, "3 tests of hcl broke, and nobody is blamed for it"},
	} {
		if got := Sentence(c.r); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
		if other := OtherSide(c.r); (other == "") != (c.r.Blame == weir.BlameNone) || !strings.HasSuffix(c.want, other) {
			t.Errorf("%q does not end with %q", c.want, other)
		}
		seen[c.r.Blame] = true
	}
	for _, b := range append(weir.Blames(), weir.BlameNone) {
		if !seen[b] {
			t.Errorf("no sentence has the blame %q", b)
		}
		if (Word(b) == "") != (b == weir.BlameNone) || strings.Contains(Word(b), "_") {
			t.Errorf("%q is called %q", b, Word(b))
		}
	}
}

func TestGrid(t *testing.T) {
	t.Parallel()
	words := func(r weir.Regression) (out []string) {
		for _, row := range GridOf(r).Cells {
			for _, c := range row {
				out = append(out, string(StandingOf(c)))
			}
		}
		return out
	}
	asked := broke("gb-g", "")
	asked.Corners[NewDownstream].Build = 19
	env := broke("b", "")
	for _, c := range []struct {
		r    weir.Regression
		want string // old upstreams with the old and the new project, then the new ones
	}{
		{broke("gbxg", ""), "good, does not build, bad, good"},
		{broke("gbgb", ""), "good, good, bad, bad"},
		{broke("gb-b", ""), "good, not asked, bad, bad"},
		{asked, "good, cannot be told, bad, good"},
		{env, "bad, not asked, not asked, bad"}, // it was bad at the bad end, or there were no regression
		{oneSided(true), "good, bad"},
		{broke("", ""), ""},
	} {
		if got := strings.Join(words(c.r), ", "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	g := GridOf(broke("gbgb", ""))
	if !slices.Equal(g.Upstreams, []string{"go-cty v1.12.1", "go-cty v1.13.0"}) || !slices.Equal(g.Projects, []string{"hcl v2.16.2", "hcl v2.18.1"}) {
		t.Errorf("%q, %q", g.Upstreams, g.Projects)
	}
	if old, end := g.Cells[0][0], g.Cells[1][1]; old.Build != 10 || end.Build != 13 || g.Cells[0][1].Build != 0 {
		t.Errorf("the ends of the regression are not in its corners: %+v", g.Cells)
	}
	up, down := GridOf(oneSided(true)), GridOf(oneSided(false))
	if len(up.Cells) != 2 || len(up.Projects) != 1 || len(down.Cells) != 1 || len(down.Projects) != 2 || down.Upstreams[0] != "the upstreams" {
		t.Errorf("what has not moved has one row or column: %+v, %+v", up, down)
	}
	lonely := oneSided(false)
	for _, e := range []*weir.Evidence{&lonely.Good, &lonely.Bad} {
		e.Pins = e.Pins.Only([]string{"hcl"})
	}
	for i, k := range lonely.Corners {
		lonely.Corners[i].Pins = k.Pins.Only([]string{"hcl"})
	}
	if g := GridOf(lonely); !slices.Equal(g.Upstreams, []string{"no upstreams"}) {
		t.Errorf("without upstreams: %q", g.Upstreams)
	}
	if StandingOf(weir.Corner{}) != StandsUnasked {
		t.Error("what is not known was asked")
	}
}

func TestGrounds(t *testing.T) {
	t.Parallel()
	r := broke("gbxg", "go-cty v1.13.0")
	r.Corners[Old].Build, r.Corners[NewUpstream].Build, r.Corners[NewDownstream].Build, r.Corners[New].Build = 10, 12, 19, 18
	probe := func(build weir.BuildID, position, good, bad, none int) weir.Probe {
		return weir.Probe{Build: build, Position: position, State: weir.Finished, Good: good, Bad: bad, None: none}
	}
	probes := []weir.Probe{probe(11, 1, 3, 0, 0), probe(14, 1, 2, 1, 0), probe(15, 1, 0, 0, 3), probe(12, 2, 0, 3, 0),
		probe(16, 2, 3, 0, 0), {Build: 17, Position: 2, State: weir.Running},
		{Build: 21, Position: 2, State: weir.Cancelled, None: 3}, {Build: 22, Position: 2, State: weir.Finished}}
	grounds := Grounds(r, probes, nil)
	var got []weir.BuildID
	var against []weir.BuildID
	for _, g := range grounds {
		got = append(got, g.Build)
		if g.Unheard() != (g.Build == 22) {
			t.Errorf("build %d was heard: %v", g.Build, !g.Unheard())
		}
		if g.Against {
			against = append(against, g.Build)
		}
	}
	if want := []weir.BuildID{10, 11, 14, 15, 12, 16, 17, 21, 22, 13, 19, 18}; !slices.Equal(got, want) {
		t.Errorf("builds %v, want %v", got, want)
	}
	if !slices.Equal(against, []weir.BuildID{14, 16}) {
		t.Errorf("builds %v contradict", against)
	}
	if end := grounds[9]; end.Position != 3 || end.Bad != 3 || end.Where != "" {
		t.Errorf("the bad end is %+v", end)
	}
	if c := grounds[10]; c.Where != "hcl v2.18.1 with go-cty v1.12.1" || c.Good+c.Bad != 0 || grounds[11].Good != 1 {
		t.Errorf("the corner is %+v", c)
	}
	want := []string{"build 14 is bad in front of it, at step 1: 1 of 3 tests", "build 16 is good with it, at step 2: all 3 tests",
		"build 15 says nothing of these tests"}
	if lines := Against(r, grounds); !slices.Equal(lines, want) {
		t.Errorf("against it: %q", lines)
	}
	r.State, r.Blame, r.Culprit = weir.Searching, weir.BlameNone, weir.Culprit{}
	if lines := Against(r, Grounds(r, probes, nil)); lines != nil {
		t.Errorf("nothing is claimed, and against it is %q", lines)
	}
}

// TestGroundsBeside: a corner that is bad was asked several times.
func TestGroundsBeside(t *testing.T) {
	t.Parallel()
	r := broke("gbbb", "go-cty v1.13.0")
	at := r.Corners[NewDownstream].Pins
	r.Corners[NewDownstream].Build = 22
	var beside []weir.Build
	for i, outcome := range []weir.Outcome{weir.Failed, weir.Passed, weir.Broken, weir.Failed} {
		beside = append(beside, weir.Build{ID: weir.BuildID(19 + i), State: weir.Finished, Outcome: outcome, Pins: at})
	}
	beside = append(beside, weir.Build{ID: 10, Outcome: weir.Passed, Pins: oldPins}, weir.Build{ID: 13, Outcome: weir.Failed, Pins: newPins})
	grounds := Grounds(r, nil, beside)
	if len(grounds) != 6 {
		t.Fatalf("%d builds: %+v", len(grounds), grounds)
	}
	for i, want := range []struct {
		build     weir.BuildID
		outcome   weir.Outcome
		good, bad int
	}{{10, weir.Passed, 3, 0}, {13, weir.Failed, 0, 3}, {19, weir.Failed, 0, 1}, {20, weir.Passed, 1, 0}, {21, weir.Broken, 0, 0}, {22, weir.Failed, 0, 1}} {
		if g := grounds[i]; g.Build != want.build || g.Outcome != want.outcome || g.Good != want.good || g.Bad != want.bad || (g.Where != "") != (i > 1) {
			t.Errorf("%d: %+v, want %+v", i, g, want)
		}
	}
}

// TestWhyTheProjectIsSpared: what is told the upstream of the project is what is known.
func TestWhyTheProjectIsSpared(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]weir.Regression{
		"breaks hcl, which has not moved: mend it":        oneSided(true),
		"breaks hcl, whose own move does not: mend it":    broke("gbgb", "go-cty v1.13.0"),
		"breaks hcl, whatever its own move does: mend it": broke("gb-b", "go-cty v1.13.0"),
	} {
		if a := Advise(r); len(a.Upstream) == 0 || !strings.Contains(a.Upstream[0], want) {
			t.Errorf("%q, want %q", a.Upstream, want)
		}
	}
}

// TestGaps: what the corners leave open is told.
func TestGaps(t *testing.T) {
	t.Parallel()
	untold := broke("gb-b", "go-cty v1.13.0")
	untold.Corners[NewDownstream].Build = 19
	unseen := broke("gbgb", "go-cty v1.13.0")
	unseen.Checks.Workers = nil
	two := broke("gbb-", "")
	two.Corners = nil
	two.Good.Pins, two.Bad.Pins = weir.Pins{"hcl": "1", "a": "1", "b": "1"}, weir.Pins{"hcl": "1", "a": "2", "b": "2"}
	for _, c := range []struct {
		r    weir.Regression
		want string
	}{
		{broke("gbgb", "go-cty v1.13.0"), ""},
		{unseen, "no one worker has seen both sides of it, so it may be the machine"},
		{broke("gb-b", "go-cty v1.13.0"), "nobody has built hcl v2.18.1 with go-cty v1.12.1"},
		{untold, "hcl v2.18.1 with go-cty v1.12.1 was built, and that says nothing of these tests"},
		{broke("gbxb", "go-cty v1.13.0"), "hcl v2.18.1 with go-cty v1.12.1 does not build"},
		{broke("b", ""), ""},
		{two, "2 upstreams have moved, and they are taken for one side: which of them it takes is not known"},
	} {
		if got := strings.Join(Against(c.r, nil), "; "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	many := make([]weir.Probe, 30)
	for i := range many {
		many[i] = weir.Probe{Build: weir.BuildID(100 + i), State: weir.Finished, None: 3, Position: 1}
		if i%2 == 0 {
			many[i].Bad = 1
		}
	}
	r := broke("gbgb", "go-cty v1.13.0")
	lines := Against(r, Grounds(r, many, nil))
	if len(lines) != mostObjections+2 || lines[mostObjections] != "and 5 more builds like that" || !strings.Contains(lines[mostObjections+1], "and 5 more say nothing") {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}

// TestTellingAnything: no combination of corners upsets it.
func TestTellingAnything(t *testing.T) {
	t.Parallel()
	every(func(letters string) {
		for n := range 5 {
			for _, r := range []weir.Regression{broke(letters[:min(n, 4)], "go-cty v1.13.0"), {Corners: cornersOf(letters[:min(n, 4)])}} {
				if Sentence(r) == "" {
					t.Errorf("%s: nothing is said", letters)
				}
				if g := GridOf(r); len(r.Corners) > 0 && (len(g.Cells) != len(g.Upstreams) || len(g.Cells[0]) != len(g.Projects)) {
					t.Errorf("%s: %+v", letters, g)
				}
				Against(r, Grounds(r, nil, nil))
			}
		}
	})
}
