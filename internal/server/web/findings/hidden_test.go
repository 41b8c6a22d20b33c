package findings

import (
	"reflect"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/web/page"
)

func TestHiddenView(t *testing.T) {
	t.Parallel()
	state := func(name string, status weir.Status, cause weir.IncidentKind) weir.TestState {
		return weir.TestState{Test: weir.TestID{Suite: "s", Name: name}, Status: status, Masked: 12, Cause: cause}
	}
	b := weir.Build{ID: 14, Ledger: weir.Ledger{Expected: 10_000, Reported: 9960, Executed: 9950, Hidden: 50, Masked: 40,
		Cause: weir.Panicked, ByCause: 50, Message: "in TestX: <b>boom"}}
	v := NewHiddenView(b, []weir.TestState{state("old", weir.Absent, ""), state("z", weir.Fail, weir.Panicked),
		state("a", weir.Absent, weir.DidNotBuild), state("y", weir.Skip, weir.Panicked),
		state("k", weir.Skip, weir.SkippedTest)})
	want := HiddenView{Text: "9,950 of 10,000 expected tests ran, 50 hidden by a panic in TestX: <b>boom; 40 failed before, which this does not fix",
		Groups: []HiddenGroup{
			{"the suite did not build", []HiddenLine{{"s a", "/tests?job=&name=a&project=&suite=s", page.Mark{Kind: page.KindGone, Word: "passed"}, "build 12", "/builds/12"}}},
			{"another test took the suite down", []HiddenLine{{"s z", "/tests?job=&name=z&project=&suite=s", page.Mark{Kind: page.KindGone, Word: "failed"}, "build 12", "/builds/12"},
				{"s y", "/tests?job=&name=y&project=&suite=s", page.Mark{Kind: page.KindGone, Word: "passed"}, "build 12", "/builds/12"}}},
			{page.IncidentWord(weir.SkippedTest), []HiddenLine{{"s k", "/tests?job=&name=k&project=&suite=s", page.Mark{Kind: page.KindSkip, Word: "passed"}, "build 12", "/builds/12"}}},
			{"nothing says why", []HiddenLine{{"s old", "/tests?job=&name=old&project=&suite=s", page.Mark{Kind: page.KindGone, Word: "passed"}, "build 12", "/builds/12"}}},
		}, Rest: "45 more are not listed"}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("view is\n%+v, want\n%+v", v, want)
	}
	var html strings.Builder
	for _, part := range []templ.Component{HiddenSummary(v), HiddenSection(v)} {
		if err := part.Render(t.Context(), &html); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"9,950 of 10,000 expected tests ran", "&lt;b&gt;boom", "Did not report", `<a href="/builds/12">build 12</a>`, "45 more"} {
		if !strings.Contains(html.String(), text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	if v := NewHiddenView(weir.Build{}, nil); !reflect.DeepEqual(v, HiddenView{}) {
		t.Errorf("view of a build in which all ran: %+v", v)
	}
}
