package findings

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestBisectionDrawn: bars and words say what the search holds likely.
func TestBisectionDrawn(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	v := NewRegressionView(f.Cases[servertest.Search], "", f.Now).Path
	if !v.Bars || len(v.Others) != 2 || v.Others[0] != (OtherBelief{"Nobody: the tests are flaky", "7 %"}) {
		t.Errorf("%v, %+v", v.Bars, v.Others)
	}
	if d := v.Dots[2]; d.Likely != "16 %" || d.Bar != 9 || d.Title != "brook 99d2000000: not asked, 16 % likely" || v.Dots[0].Bar != 0 {
		t.Errorf("%+v", d)
	}
	if d := v.Dots[4]; d.Count != "1×" || !strings.Contains(d.Title, "being asked in 1 build") {
		t.Errorf("%+v", d)
	}
	var page bytes.Buffer
	if err := RegressionPage(NewRegressionView(f.Cases[servertest.Search], "", f.Now)).Render(t.Context(), &page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`role="img" aria-label="Path of 9 revisions from good to bad, 3 builds asked, 7 suspects"`, `<caption class="away">Path of 9`, "16 %", "Nobody: the tests are flaky"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	plain := f.Cases[servertest.Search]
	plain.Regression.Belief = weir.Belief{}
	if old := NewRegressionView(plain, "", f.Now).Path; old.Bars || old.height() >= v.height() {
		t.Errorf("without a belief: %+v", old)
	}
}

// TestBeliefsOfAFix: a way that is walked back shows a step at the place before it.
func TestBeliefsOfAFix(t *testing.T) {
	t.Parallel()
	r := weir.Regression{Belief: weir.Belief{Steps: []weir.StepBelief{{Position: 3, Probability: .5}}}}
	if b := beliefs(r); b[3] != .5 {
		t.Errorf("%v", b)
	}
	r.Aim = weir.AimFix
	if b := beliefs(r); b[2] != .5 {
		t.Errorf("%v", b)
	}
}

// TestLongPath draws the stops of a path that is too long to draw, and lists no
// more than is worth reading.
func TestLongPath(t *testing.T) {
	t.Parallel()
	r := weir.Regression{ID: 1, State: weir.Searching, Path: []weir.Leg{{Project: "p", From: 1, To: 1001}}, Suspects: weir.Span{First: 1, Last: 1000}}
	d := farm.RegressionDetail{Regression: r}
	for i := range 1001 {
		d.Points = append(d.Points, farm.PathPoint{Position: i, Project: "p", Revision: weir.Revision{ID: fmt.Sprintf("%040d", i)}, Suspect: i > 0})
	}
	for i := range 60 {
		d.Probes = append(d.Probes, weir.Probe{Build: weir.BuildID(i + 1), Position: 500, State: weir.Finished, Good: 1})
	}
	v := NewRegressionView(d, "", time.Now()).Path
	if len(v.Stops) > maxSuspects+8 || len(v.Dots) == 0 || len(v.Dots) > 2*maxDots || v.Width < leastSpace*len(v.Dots) {
		t.Fatalf("%d stops, %d dots, %d wide", len(v.Stops), len(v.Dots), v.Width)
	}
	gaps, stop := 0, -1
	for i, d := range v.Dots {
		if d.Gap != "" {
			gaps++
		}
		if d.Count == "60×" {
			stop = i
		}
	}
	if gaps != 2 || stop < 0 || len(v.Stops[stop].Probes) != maxRepeated || v.Stops[stop].MoreProbes != 20 {
		t.Errorf("%d gaps, the builds stand at %d", gaps, stop)
	}
}

// TestVictimGroups: by project, by what they say, and not without end.
func TestVictimGroups(t *testing.T) {
	t.Parallel()
	var victims []weir.Victim
	for i := range 300 {
		project, message := "mill", "want 1"
		if i >= 150 {
			project = "marsh"
		}
		if i%2 == 1 {
			message = "want 2"
		}
		v := weir.Victim{Builder: weir.Builder{BuilderKey: weir.BuilderKey{Project: project, Job: "test", Platform: "linux/amd64"}},
			Test: weir.TestID{Name: fmt.Sprint("T", i)}, Verdict: weir.NewlyFailing, Message: message}
		if i < 10 {
			v.FixedIn = 7
		}
		victims = append(victims, v)
	}
	g := victimGroups(victims)
	if len(g) != 2 || g[0].Project != "mill" || g[0].Count != 150 || g[0].Fixed != 10 || len(g[0].Says) != 2 || len(g[0].Says[0].Tests) != 75 || !g[0].Open {
		t.Fatalf("%d groups, %+v", len(g), g[0].Count)
	}
	if g[1].Count != 150 || g[1].Omitted != 100 || g[1].Open || g[0].Says[0].Tests[0].Builder != "test linux/amd64" {
		t.Errorf("marsh: %d, %d omitted; %q", g[1].Count, g[1].Omitted, g[0].Says[0].Tests[0].Builder)
	}
}
