package web

import (
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
)

// TestEveryWordHasAMark makes sure that no state, outcome or verdict reaches a
// page without a symbol, a colour and a word.
func TestEveryWordHasAMark(t *testing.T) {
	t.Parallel()
	var symbolSheet strings.Builder
	if err := symbols().Render(t.Context(), &symbolSheet); err != nil {
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
	for _, v := range weir.WorkerStates() {
		m, ok := workerMarks[v]
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
	for _, v := range blame.Standings() {
		m, ok := standingMarks[v]
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
	for _, v := range weir.ReasonCodes() {
		if reasonWords[v] == "" && v != weir.ReasonNone {
			t.Errorf("reason %q has no words", v)
		}
	}
	for _, m := range []Mark{buildMark(weir.Build{}), attemptMark(weir.Attempt{}), stepMark(""), statusMark(""), verdictMark(""), regressionMark("")} {
		check("unknown", m, true)
	}
}

// TestWorkersThatGetNothing says why, in words.
func TestWorkersThatGetNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		worker weir.Worker
		word   string
		why    string
	}{
		{weir.Worker{Seen: now}, "here", ""},
		{weir.Worker{Seen: now, Running: 1}, "at work", ""},
		{weir.Worker{Seen: now.Add(-time.Hour), Paused: "x"}, "away", ""},
		{weir.Worker{Seen: now, Running: 1, Paused: "new\u202edisk\n"}, "paused", "gets no work: new"},
		{weir.Worker{Seen: now, Draining: true}, "leaving", "leaves"},
		{weir.Worker{Seen: now, Strikes: 4, Barred: now.Add(time.Minute)}, "in quarantine", "4 infrastructure errors in a row; gets work again in 1 min"},
		{weir.Worker{Seen: now, Strikes: 4, Barred: now}, "here", ""},
	} {
		line := workerLine(c.worker, now)
		if line.Mark.Word != c.word || !strings.Contains(line.Why, c.why) || (c.why == "") != (line.Why == "") || strings.ContainsAny(line.Why, "\n\u202e") {
			t.Errorf("%+v: %q, %q", c.worker, line.Mark.Word, line.Why)
		}
	}
}
