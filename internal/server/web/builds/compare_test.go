package builds

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/farm/compare"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func comparison() compare.Comparison {
	f := servertest.Demo()
	one, two := f.Details[33].Build, f.Details[servertest.FailedBuild].Build
	number := func(v float64) *float64 { return &v }
	id := func(name string) weir.TestID { return weir.TestID{Suite: "mill/text", Name: name} }
	c := compare.Comparison{A: compare.Side{Build: one, Took: time.Minute}, B: compare.Side{Build: two, Took: 3 * time.Minute, Waited: time.Hour},
		Moves: []beside.Move{{Project: "mill", Own: true, From: servertest.Commit("aa"), To: servertest.Commit("bb"), Count: 2, Revision: weir.Revision{Message: "grind"},
			Between: []weir.Revision{{ID: servertest.Commit("bb"), Message: "grind"}, {ID: servertest.Commit("b0"), Message: "weigh"}}},
			{Project: "brook", From: "1.0", To: "1.0"}, {Project: "fresh", To: "1.0"}},
		Environment: []compare.Pair{{Name: "platform", A: "linux/amd64", B: "linux/arm64"}, {Name: "$LANG", A: "C", B: "C"}},
		Steps: []compare.StepPair{{Name: "test", A: time.Minute, B: 2 * time.Minute, StateA: weir.StepPassed, StateB: weir.StepFailed, Index: [2]int{2, 2}},
			{Name: "lint", B: time.Second, StateB: weir.StepPassed, Index: [2]int{-1, 3}}},
		Tests: compare.Tests{Known: true, Reached: true, Same: 1200, A: weir.Counts{Pass: 1203}, B: weir.Counts{Pass: 1200, Fail: 2}, More: 7,
			Changes: []weir.TestChange{{Test: id("breaks"), Verdict: weir.NewlyFailing, From: weir.Pass, To: weir.Fail, Message: "boom"},
				{Test: id("gone"), Verdict: weir.Vanished, From: weir.Pass, To: weir.Absent}, {Test: id("fresh"), Verdict: weir.New, To: weir.Pass}},
			Took: []compare.TestTime{{Test: id("slower"), A: int64(time.Second), B: int64(3 * time.Second)}}},
		Metrics:  []compare.MetricPair{{Name: "size", Unit: "MB", A: number(2), B: number(3)}, {Name: "new", B: number(1)}},
		Packages: compare.Packages{A: true, B: true, Same: 40, Moves: []compare.PackageMove{{Name: "attrs", From: "25.1", To: "25.3"}, {Name: "added", To: "1"}}},
	}
	return c
}

func TestCompareView(t *testing.T) {
	t.Parallel()
	var v CompareView
	v.comparison(comparison(), noon)
	if v.A.Letter != "A" || v.B.Waited != "1 h 0 min" || v.SwapURL != "/compare?a=41&b=33" || v.SameBuild {
		t.Errorf("sides: %+v %+v", v.A, v.B)
	}
	if len(v.Moved) != 2 || v.Moved[0].News != "2 new revisions" || v.Moved[1].News != "is only in B" || len(v.Unmoved) != 1 {
		t.Errorf("revisions: %+v, %+v", v.Moved, v.Unmoved)
	}
	if len(v.Different) != 1 || v.Different[0].B != "linux/arm64" || len(v.Alike) != 1 {
		t.Errorf("environment: %+v, %+v", v.Different, v.Alike)
	}
	if v.Steps[0].Change != "+1 min 0 s" || v.Steps[0].BarA.Share != .5 || v.Steps[1].HasA || v.Steps[0].URLB != "/builds/41?step=2#step-2" {
		t.Errorf("steps: %+v", v.Steps)
	}
	if len(v.Tests.Groups) != 3 || v.Tests.Groups[0].Title != "1 bad in B, and not in A" || v.Tests.Groups[0].Rows[0].What != "passed → failed" || !v.Tests.Groups[0].Open ||
		v.Tests.Groups[1].Title != "1 only in A" || v.Tests.Groups[2].Open || v.Tests.Summary != "1,200 tests did the same in both" {
		t.Errorf("tests: %+v", v.Tests)
	}
	if v.Metrics[0].Change != "50.0 %" || v.Metrics[1].A != "" || v.Packages.Same != "40 packages are the same" || v.Packages.Moves[0].A != "25.1" {
		t.Errorf("metrics %+v, packages %+v", v.Metrics, v.Packages)
	}
	none := compare.Comparison{}
	var empty CompareView
	empty.comparison(none, noon)
	if empty.Tests.Note == "" || empty.Packages.Known || !strings.HasPrefix(empty.Packages.Empty.Text, "Neither build") || !empty.SameBuild {
		t.Errorf("nothing: %+v", empty)
	}
	empty.propose(41, beside.Beside{LastGood: 33, Previous: 40, Siblings: []weir.Build{{ID: 42}}}, noon)
	if len(empty.Proposals) != 3 || empty.Proposals[2].URL != "/compare?a=42&b=41" {
		t.Errorf("proposals: %+v", empty.Proposals)
	}
}

// TestEveryVerdictIsCompared makes sure that no test that differs is left out.
func TestEveryVerdictIsCompared(t *testing.T) {
	t.Parallel()
	for _, verdict := range weir.Verdicts() {
		c := compare.Comparison{Tests: compare.Tests{Known: true, Reached: true, Changes: []weir.TestChange{{Verdict: verdict}}}}
		if v := testsDiff(c, weir.Builder{}); len(v.Groups) != 1 && verdict != weir.Same && verdict != weir.InfraError {
			t.Errorf("what is %s is not shown", verdict)
		}
	}
}

// TestHostileCompare puts foreign text wherever there may be some.
func TestHostileCompare(t *testing.T) {
	t.Parallel()
	c := comparison()
	spoil(reflect.ValueOf(&c).Elem())
	var v CompareView
	v.comparison(c, noon)
	v.propose(41, beside.Beside{Siblings: []weir.Build{c.A.Build}}, noon)
	var out strings.Builder
	if err := comparePage(v).Render(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "\x1b", "\x00", "\u202e", "javascript:"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%q is on the page", bad)
		}
	}
	if !strings.Contains(out.String(), "alert(1)") || out.Len() > 300_000 {
		t.Errorf("%d bytes", out.Len())
	}
}

// spoil puts servertest.Nasty, and much of it into messages, wherever text stands.
func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() && v.Type() == reflect.TypeFor[string]() {
			v.SetString(strings.Repeat(servertest.Nasty, 50))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				spoil(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	}
}
