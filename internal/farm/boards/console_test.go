package boards

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
)

// drawConsole is a console as text: a line of each revision; a builder's cell is a
// letter, or the number of the build that covers it.
func drawConsole(c Console) string {
	var lines []string
	for _, r := range c.Rows {
		line := fmt.Sprint(r.Revision.Position)
		for _, cell := range r.Cells {
			if cell.In != 0 {
				line += fmt.Sprintf(" %d", cell.In)
			} else {
				line += " " + letter(cell.Grade)
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestConsole(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.revise("brook", 6)
	a, b := w.builder("brook", "build", "linux/amd64", ""), w.builder("brook", "build", "linux/arm64", "")
	down := w.builder("mill", "test", "linux/amd64", "brook")
	pin := func(n int) weir.Pins { return weir.Pins{"brook": at("brook", n)} }
	w.build(a, pin(1), weir.Passed, 0, 0)
	w.build(a, pin(4), weir.Failed, 1, 10)
	w.build(a, pin(5), "", 0, 20).State = weir.Running
	w.build(b, pin(3), weir.Passed, 0, 0)
	off := w.build(b, pin(4), weir.OutcomeCancelled, 0, 10)
	off.State = weir.Cancelled
	w.build(b, pin(5), weir.Infra, 0, 15)
	w.build(b, pin(6), weir.Passed, 0, 20)
	w.build(down, weir.Pins{"brook": at("brook", 6), "mill": "m"}, weir.Passed, 0, 30)
	probe := w.build(a, pin(2), weir.Passed, 0, 40)
	probe.Cause = weir.CauseProbe
	for _, c := range []struct {
		q    ConsoleQuery
		want string
	}{
		// What was cancelled counts as built with the next one; what ended in an
		// infrastructure error was looked at for itself, and the first build covers nothing.
		{ConsoleQuery{}, "6 - .\n5 r i\n4 N 7\n3 2 .\n2 . -\n1 . -"},
		{ConsoleQuery{Until: 3}, "3 2 .\n2 . -\n1 . -"},
		{ConsoleQuery{Project: "brook", Downstreams: true, Until: 9}, "6 - . .\n5 r i -\n4 N 7 -\n3 2 . -\n2 . - -\n1 . - -"},
		{ConsoleQuery{Until: 5, After: a.ID}, "5 i\n4 7\n3 .\n2 -\n1 -"},
	} {
		got := ok[Console](t)(w.boards(60).Console(t.Context(), c.q))
		if drawConsole(got) != c.want {
			t.Errorf("%+v:\n%s\nwant\n%s", c.q, drawConsole(got), c.want)
		}
		if got.Downstream != 1 || got.Tip != 6 {
			t.Errorf("%+v: %d downstream, tip %d", c.q, got.Downstream, got.Tip)
		}
	}
	if _, err := w.boards(0).Console(t.Context(), ConsoleQuery{Project: "no"}); weir.CodeOf(err) != weir.NotFound {
		t.Error(err)
	}
}

// TestConsolePast goes back to where memory does not reach, and finds what a
// memory without end has.
func TestConsolePast(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.revise("brook", 400)
	a, b := w.builder("brook", "build", "linux/amd64", ""), w.builder("brook", "build", "linux/arm64", "")
	for i := 1; i <= 400; i++ {
		pins := weir.Pins{"brook": at("brook", i)}
		if i%2 == 1 {
			w.build(a, pins, weir.Passed, 0, i*10)
		}
		if i%31 == 0 {
			w.build(b, pins, weir.Failed, 1, i*10)
		}
	}
	for until := int64(0); ; {
		w.kept = 1000
		want := ok[Console](t)(w.boards(9999).Console(t.Context(), ConsoleQuery{Until: until}))
		w.kept = recent.Per
		got := ok[Console](t)(w.boards(9999).Console(t.Context(), ConsoleQuery{Until: until}))
		if drawConsole(got) != drawConsole(want) {
			t.Errorf("until %d:\n%s\nwant\n%s", until, drawConsole(got), drawConsole(want))
		}
		if until = want.Older; until == 0 {
			break
		}
	}
	c := ok[Console](t)(w.boards(9999).Console(t.Context(), ConsoleQuery{}))
	if got := ok[Console](t)(w.boards(9999).Console(t.Context(), ConsoleQuery{Until: c.Older})); got.Newer != 400 {
		t.Errorf("behind the page before is %d", got.Newer)
	}
}
