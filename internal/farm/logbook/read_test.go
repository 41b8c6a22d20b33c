package logbook

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// TestLineLongerThanARead checks that a line of several megabytes hides
// nothing behind it: the whole log is copied, and reading by lines goes on.
func TestLineLongerThanARead(t *testing.T) {
	t.Parallel()
	l := newDesk(t)
	ctx := t.Context()
	log := []byte("before\n" + strings.Repeat("x", 5<<20) + "\nbehind\n")
	l.print(log, weir.MaxFrame)
	if got := l.whole(); got != string(log) {
		t.Errorf("copied %d of %d bytes", len(got), len(log))
	}
	var seen []string
	for next := int64(0); next < 3; {
		p, err := l.Read(ctx, l.at.Attempt, 0, LogAsk{Line: next, Bytes: 64 << 10})
		if err != nil || p.NextLine <= next {
			t.Fatalf("reading from line %d leads to line %d, %v", next, p.NextLine, err)
		}
		seen = append(seen, p.Text[:min(len(p.Text), 7)])
		next = p.NextLine
	}
	if got := strings.Join(seen, "|"); got != "before\n|xxxxxxx|behind\n" {
		t.Errorf("the lines begin with %q", got)
	}
}
