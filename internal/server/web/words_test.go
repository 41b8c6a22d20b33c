package web

import (
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// TestEveryWorkerHasAMark makes sure that no state of a worker reaches a page
// without a symbol, a colour and a word.
func TestEveryWorkerHasAMark(t *testing.T) {
	t.Parallel()
	var symbolSheet strings.Builder
	if err := page.Symbols().Render(t.Context(), &symbolSheet); err != nil {
		t.Fatal(err)
	}
	for _, v := range weir.WorkerStates() {
		m, ok := workerMarks[v]
		if !ok || m.Word == "" || !strings.Contains(symbolSheet.String(), `id="i-`+m.Kind+`"`) {
			t.Errorf("%q has the mark %+v", v, m)
		}
	}
}

func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, v := range weir.ReasonCodes() {
		if reasonWords[v] == "" && v != weir.ReasonNone {
			t.Errorf("reason %q has no words", v)
		}
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
