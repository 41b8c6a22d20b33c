package page

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

// TestEveryWordHasAMark makes sure that no state, outcome or verdict reaches a
// page without a symbol, a colour and a word.
func TestEveryWordHasAMark(t *testing.T) {
	t.Parallel()
	var symbolSheet strings.Builder
	if err := Symbols().Render(t.Context(), &symbolSheet); err != nil {
		t.Fatal(err)
	}
	check := func(value string, m Mark, ok bool) {
		t.Helper()
		if !ok || m.Word == "" || !strings.Contains(symbolSheet.String(), `id="i-`+m.Kind+`"`) {
			t.Errorf("%q has the mark %+v", value, m)
		}
	}
	for _, v := range weir.States() {
		m, ok := stateMarks[v]
		check(string(v), m, ok)
	}
	for _, v := range weir.Outcomes() {
		m, ok := outcomeMarks[v]
		check(string(v), m, ok)
	}
	for _, v := range weir.StepStates() {
		m, ok := stepMarks[v]
		check(string(v), m, ok)
	}
	for _, v := range weir.Statuses() {
		m, ok := statusMarks[v]
		check(string(v), m, ok)
	}
	for _, v := range weir.Verdicts() {
		m, ok := verdictMarks[v]
		check(string(v), m, ok)
	}
	for _, v := range weir.RegressionStates() {
		m, ok := regressionMarks[v]
		check(string(v), m, ok)
	}
	for _, v := range weir.WorkerStates() {
		m, ok := workerMarks[v]
		check(string(v), m, ok)
	}
	for _, k := range Kinds() {
		check(k.Kind, Mark{k.Kind, k.Means}, k.Shape != "")
	}
	for _, v := range weir.Causes() {
		if causeWords[v] == "" {
			t.Errorf("cause %q has no word", v)
		}
	}
	for _, v := range weir.IncidentKinds() {
		if incidentWords[v] == "" {
			t.Errorf("incident %q has no word", v)
		}
	}
	if m := BuildMark(weir.Build{State: weir.Finished, Outcome: weir.Passed, Counts: weir.Counts{Skip: 3}}); m != HollowMark() {
		t.Errorf("a build without tests that ran is marked %+v", m)
	}
	for _, m := range []Mark{BuildMark(weir.Build{}), AttemptMark(weir.Attempt{}), StepMark(""), StatusMark(""), VerdictMark(""), RegressionMark(""), WorkerMark("")} {
		check("unknown", m, true)
	}
}

// TestNews tells good news from bad ones.
// TestQuietLines: what answers a question about what is known to be bad is no news.
func TestQuietLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		b    weir.Build
		want bool
	}{
		{weir.Build{State: weir.Finished, Outcome: weir.Failed, Cause: weir.CauseProbe, Judgement: weir.Answering}, true},
		{weir.Build{State: weir.Finished, Outcome: weir.Failed, Cause: weir.CauseChange, Judgement: weir.Settled}, true},
		{weir.Build{State: weir.Finished, Outcome: weir.Failed, Cause: weir.CauseChange, Judgement: weir.Settled, Changes: weir.VerdictCounts{NewlyFailing: 1}}, false},
		{weir.Build{State: weir.Finished, Outcome: weir.Failed, Cause: weir.CauseChange, Judgement: weir.Doubted}, false},
		{weir.Build{State: weir.Finished, Outcome: weir.Failed, Cause: weir.CauseChange}, false},
		{weir.Build{State: weir.Running, Cause: weir.CauseProbe}, false},
	} {
		if got := NewBuildLine(c.b, time.Now()).Quiet; got != c.want {
			t.Errorf("%s, %q, %d worse: quiet %v", c.b.State, c.b.Judgement, c.b.Changes.Worse(), got)
		}
	}
}

func TestNews(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		counts weir.VerdictCounts
		want   NewsView
	}{
		{weir.VerdictCounts{}, NewsView{}},
		{weir.VerdictCounts{New: 3}, NewsView{}},
		{weir.VerdictCounts{Fixed: 2}, NewsView{"2 fixed", true}},
		{weir.VerdictCounts{Fixed: 2, Flaky: 1}, NewsView{"1 flaky, 2 fixed", false}},
	} {
		if got := NewNews(c.counts); got != c.want {
			t.Errorf("%+v are %+v", c.counts, got)
		}
	}
}

// TestKindsAreExplained makes sure that docs/design-language.md explains the kinds
// of marks as they are, in their order.
func TestKindsAreExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../docs/design-language.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, k := range Kinds() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", k.Kind, k.Shape, k.Means)
	}
	if !strings.Contains(string(text), "|---|---|---|\n"+want.String()+"\n") {
		t.Errorf("docs/design-language.md should have the rows\n%s", &want)
	}
}
