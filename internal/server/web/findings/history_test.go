package findings

import (
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// TestStrip draws few and many segments: they fill the width, none is too
// narrow for its mark, and those left out are counted.
func TestStrip(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, maxSegments, maxSegments + 9} {
		var segments []history.Segment
		for i := range n {
			s := history.Segment{From: history.Point{Number: i + 1}, Status: weir.Pass, Counts: history.Counts{Builds: 1, Runs: 1}}
			if i == 0 {
				s.Counts = history.Counts{Builds: 100_000, Runs: 100_000}
			}
			segments = append(segments, s)
		}
		v := stripView(segments)
		x := 0
		for _, p := range v.Parts {
			if p.X != x || p.Width < stripLeast || p.MarkX < p.X || p.MarkX+14 > p.X+p.Width {
				t.Errorf("%d segments: one is at %d, %d wide, its mark at %d", n, p.X, p.Width, p.MarkX)
			}
			x += p.Width
		}
		if x != stripWidth || len(v.Parts) != min(n, maxSegments) || len(v.Lines) != len(v.Parts) ||
			strings.Contains(v.Label, "newest") != (n > maxSegments) {
			t.Errorf("%d segments: %d parts, %d wide, %q", n, len(v.Parts), x, v.Label)
		}
	}
}

func TestSegmentMarks(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range weir.Statuses() {
		m := segmentMark(history.Segment{Status: s})
		if m.Word == "unknown" || seen[m.Word] {
			t.Errorf("%s: %+v", s, m)
		}
		seen[m.Word] = true
	}
	if m := segmentMark(history.Segment{Status: weir.Pass, Counts: history.Counts{Runs: 9, Flakes: 1}}); m.Kind != page.KindFlaky {
		t.Errorf("flaky: %+v", m)
	}
	removed := farm.BuilderHistory{History: history.History{Now: history.Now{Status: weir.Absent, Removed: true}}}
	if m := presentMark(removed); m.Word != "taken out" {
		t.Errorf("removed: %+v", m)
	}
}

func TestPastViewOfNothing(t *testing.T) {
	t.Parallel()
	v := NewHistoryView(farm.TestHistory{Builders: []farm.BuilderHistory{{}}}, nil, time.Now())
	p := v.Builders[0]
	if p.Since != "" || p.Rate != "" || p.Began != "" || len(p.Changes) != 0 || p.Mark.Word != "unknown" || v.Where != "" {
		t.Errorf("%+v", p)
	}
}

func TestWhereText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		where history.Where
		want  string
	}{
		{history.Where{Spread: history.NotKnown, Here: []string{"a"}, Silent: []string{"b"}}, "It does not run on b."},
		{history.Where{Spread: history.Everywhere, Here: []string{"a", "b"}}, "Everywhere: it is bad on all 2 builders that run it."},
		{history.Where{Spread: history.Alike, Here: []string{"a", "b"}}, "Alike: on the 2 builders that run it, it fails in 0 % of runs (95 %: 0 % to 0 %)."},
		{history.Where{Spread: history.OnlyHere, Here: []string{"a\n"}, There: []string{"b", "c"}},
			"Only here: on a  it fails in 0 % of runs (95 %: 0 % to 0 %), and on b and c in 0 % of runs (95 %: 0 % to 0 %)."},
		{history.Where{Spread: history.NotKnown, Silent: []string{"b"}}, ""},
	} {
		if got := strings.TrimSpace(whereText(c.where)); got != c.want {
			t.Errorf("%s: %q, want %q", c.where.Spread, got, c.want)
		}
	}
}
