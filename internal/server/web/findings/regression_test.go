package findings

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
)

func TestRegressionTitle(t *testing.T) {
	t.Parallel()
	step := weir.Victim{Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "mill"}}, Test: weir.TestID{Suite: weir.StepSuite, Name: "make"}}
	fixed := weir.Victim{Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "marsh"}}, Test: weir.TestID{Name: "TestA"}, FixedIn: 9}
	for _, c := range []struct {
		r    weir.Regression
		want string
	}{
		{weir.Regression{Victims: []weir.Victim{step}}, "The build of mill broke"},
		{weir.Regression{Victims: []weir.Victim{step, fixed}}, "The build of mill broke"},
		{weir.Regression{Victims: []weir.Victim{fixed}}, "1 test of marsh broke"},
		{weir.Regression{Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: "mill"}}}, "Tests of mill broke"},
	} {
		if got := regressionTitle(c.r); got != c.want {
			t.Errorf("title %q, want %q", got, c.want)
		}
	}
}

func TestRegressionView(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	v := NewRegressionView(f.Cases[servertest.Culprit], "", f.Now)
	if v.Culprit == nil || v.Culprit.Short != "4f2a91c3d0" || v.Culprit.Confidence != "97 %" || len(v.Victims) != 2 || len(v.Side.Grounds) != 9 {
		t.Fatalf("view: %+v", v)
	}
	var kinds []string
	for _, d := range v.Path.Dots {
		kinds = append(kinds, d.Kind)
	}
	if want := []string{"pass", "wait", "wait", "wait", "pass", "none", "pass", "pass", "fail"}; !slices.Equal(kinds, want) {
		t.Errorf("dots %v, want %v", kinds, want)
	}
	if v.Path.Stops[1].Gap != 3 || !v.Path.Stops[len(v.Path.Stops)-1].Culprit {
		t.Errorf("stops: %+v", v.Path.Stops)
	}
	if v.Path.Label != "Path of 9 revisions from good to bad, 7 builds asked, 1 suspect" {
		t.Errorf("label %q", v.Path.Label)
	}
	if p := v.Side.Grounds[7]; p.Says.Word != "bad" || p.Tally != "5 bad" || p.Revision != "brook 4f2a91c3d0" {
		t.Errorf("probe: %+v", p)
	}
	search := NewRegressionView(f.Cases[servertest.Search], "", f.Now)
	if search.Culprit != nil || search.Path.Dots[4].Kind != page.KindRun || !search.Path.Dots[4].Suspect || search.Path.Dots[1].Suspect {
		t.Errorf("search: %+v", search.Path)
	}
}

// TestReproVerb makes sure that the page says the one command that does it all.
func TestReproVerb(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	if v := NewRegressionView(f.Cases[servertest.Culprit], "", f.Now); v.ReproVerb != "weir repro r3" || v.Repro == "" {
		t.Errorf("a regression: %q", v.ReproVerb)
	}
	if v := NewRegressionView(f.Cases[servertest.Culprit], "https://farm.example.org", f.Now); v.ReproVerb != "weir repro https://farm.example.org/regressions/3" {
		t.Errorf("a regression of a farm that is known by its address: %q", v.ReproVerb)
	}
}

// TestCulpritLeads: where no forge shows a commit, the farm shows what it built of it.
func TestCulpritLeads(t *testing.T) {
	t.Parallel()
	r := weir.Regression{State: weir.Located, Culprit: weir.Culprit{Project: "brook", Revision: weir.Revision{ID: strings.Repeat("4f2a", 10), Position: 35}},
		Path: []weir.Leg{{Project: "mill", Branch: "trunk"}, {Project: "brook", Branch: "main"}}}
	for source, want := range map[string]string{"": "/console?branch=main&project=brook&until=35", "https://github.com/weir-ci/brook": ""} {
		d := farm.RegressionDetail{Regression: r, Source: weir.Source{Kind: weir.Git, Location: source}}
		if c := culpritView(d, time.Now()); c.Built != want || (c.URL == "") != (want != "") {
			t.Errorf("%q: built %q, commit %q", source, c.Built, c.URL)
		}
	}
}
