package page

import (
	"strings"
	"testing"

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
	for _, m := range []Mark{BuildMark(weir.Build{}), AttemptMark(weir.Attempt{}), StepMark(""), StatusMark(""), VerdictMark(""), RegressionMark("")} {
		check("unknown", m, true)
	}
}
