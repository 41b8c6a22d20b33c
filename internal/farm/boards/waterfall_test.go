package boards

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
)

// fall makes a world of a few builders with builds at any times, some at once.
func fall(t *rapid.T) *world {
	w := newWorld()
	w.revise("mill", 3)
	for i := range rapid.IntRange(1, 3).Draw(t, "builders") {
		w.builder("mill", fmt.Sprint("test", i), "linux/amd64", "")
	}
	minute := 0
	for i := range rapid.IntRange(0, 120).Draw(t, "builds") {
		minute += rapid.IntRange(0, 60).Draw(t, "pace")
		x := w.build(rapid.SampledFrom(w.builders).Draw(t, "builder"), weir.Pins{"mill": at("mill", 1+i%3)}, weir.Passed, 0, minute)
		x.Started = x.Created.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "waited")) * time.Minute)
		x.Finished = x.Started.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "took")) * time.Minute)
		switch rapid.IntRange(0, 8).Draw(t, "fate") {
		case 0:
			x.Started, x.State, x.Outcome = time.Time{}, weir.Cancelled, weir.OutcomeCancelled
		case 1:
			x.Finished, x.State, x.Outcome = time.Time{}, weir.Running, ""
		case 2:
			x.Started, x.Finished, x.State, x.Outcome = time.Time{}, time.Time{}, weir.Queued, ""
		}
	}
	return w
}

// TestWaterfall holds what a waterfall promises: each build of the window is in it
// once, none covers another, all can be seen, and later is higher.
func TestWaterfall(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := fall(t)
		now := rapid.IntRange(5000, 8000).Draw(t, "now")
		q := WaterfallQuery{Hours: rapid.SampledFrom([]int{0, 6, 72}).Draw(t, "hours"), Linear: rapid.Bool().Draw(t, "linear")}
		if back := rapid.IntRange(0, 8000).Draw(t, "back"); back > 100 {
			q.Until = start.Add(time.Duration(now-back) * time.Minute)
		}
		got, err := w.boards(now).Waterfall(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[weir.BuildID]int{}
		for _, b := range got.Blocks {
			seen[b.Build]++
		}
		waiting := 0
		for _, b := range w.builds {
			block, ran := blockOf(&b, got.At)
			want := 0
			if ran && !block.Started.After(got.Until) && !block.Ended.Before(got.From) {
				want = 1
			}
			if b.State == weir.Queued {
				waiting++
			}
			if seen[b.ID] != want && block.Ended.Sub(b.Created) < longest {
				t.Fatalf("build %d is there %d times, want %d", b.ID, seen[b.ID], want)
			}
		}
		shown := 0
		for _, n := range got.Waiting {
			shown += n
		}
		if q.Until.IsZero() && len(w.builds) < w.kept && shown != waiting {
			t.Fatalf("%d builds wait, %d are counted", waiting, shown)
		}
		for i, a := range got.Blocks {
			if a.Top < 0 || a.Height < 3 || a.Top+a.Height > got.Scale.Height || a.Lane >= a.Lanes {
				t.Fatalf("build %d is at %d, %d high, of %d; lane %d of %d", a.Build, a.Top, a.Height, got.Scale.Height, a.Lane, a.Lanes)
			}
			if !q.Linear && a.Height < minBlock {
				t.Fatalf("build %d is %d high", a.Build, a.Height)
			}
			for _, b := range got.Blocks[i+1:] {
				if a.Column == b.Column && a.Lane == b.Lane && a.Top < b.Top+b.Height && b.Top < a.Top+a.Height {
					t.Fatalf("builds %d and %d cover each other", a.Build, b.Build)
				}
				if a.Ended.Before(b.Started) && a.Top < b.Top {
					t.Fatalf("build %d is above %d, which began after it had ended", a.Build, b.Build)
				}
			}
		}
		if !slices.IsSortedFunc(got.Scale.Ticks, func(a, b Tick) int { return a.Top - b.Top }) {
			t.Fatal("the ticks are not in order")
		}
		for i, tick := range got.Scale.Ticks {
			if i > 0 && tick.Top-got.Scale.Ticks[i-1].Top < tickSpace {
				t.Fatalf("ticks %s and %s are %d pixels apart", got.Scale.Ticks[i-1].At, tick.At, tick.Top-got.Scale.Ticks[i-1].Top)
			}
		}
	})
}

// TestRush draws many short builds within a minute: the axis names moments there, too.
func TestRush(t *testing.T) {
	t.Parallel()
	epoch := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	s := Scale{Height: 1000, times: []time.Time{epoch, epoch.Add(5 * time.Minute), epoch.Add(6 * time.Minute), epoch.Add(time.Hour)}, at: []int{0, 20, 960, 1000}}
	s.ticks(epoch, epoch.Add(time.Hour))
	seconds := 0
	for i, tick := range s.Ticks {
		if tick.At.After(epoch.Add(5*time.Minute)) && tick.At.Before(epoch.Add(6*time.Minute)) {
			seconds++
		}
		if i > 0 && tick.Top-s.Ticks[i-1].Top > longStretch {
			t.Errorf("nothing is named between %s and %s", s.Ticks[i-1].At, tick.At)
		}
	}
	if seconds < 10 {
		t.Errorf("%d moments of the minute are named: %v", seconds, s.Ticks)
	}
}

// TestIdle draws a night in which nothing ran.
func TestIdle(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.revise("mill", 2)
	b := w.builder("mill", "test", "linux/amd64", "")
	w.build(b, weir.Pins{"mill": at("mill", 1)}, weir.Passed, 0, 60)
	w.build(b, weir.Pins{"mill": at("mill", 2)}, weir.Passed, 0, 700)
	got := ok[Waterfall](t)(w.boards(710).Waterfall(t.Context(), WaterfallQuery{}))
	linear := ok[Waterfall](t)(w.boards(710).Waterfall(t.Context(), WaterfallQuery{Linear: true}))
	if len(got.Scale.Gaps) != 2 || got.Scale.Height > 200 || len(linear.Scale.Gaps) != 0 || linear.Scale.Height < perWindow {
		t.Errorf("it is %d high with %d gaps; linear %d", got.Scale.Height, len(got.Scale.Gaps), linear.Scale.Height)
	}
	if got.Scale.Gaps[1].For != 635*time.Minute {
		t.Errorf("the gaps are %v", got.Scale.Gaps)
	}
	if len(got.Marks) != 2 || got.Marks[0].Revision != "mill-2" || got.Marks[0].Top > got.Marks[1].Top {
		t.Errorf("the marks are %v", got.Marks)
	}
}

// TestCut fills a window with more builds than fit on a page, and goes through all of them.
func TestCut(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.revise("mill", 1)
	b := w.builder("mill", "test", "linux/amd64", "")
	for i := range 3000 {
		x := w.build(b, weir.Pins{"mill": at("mill", 1)}, weir.Passed, 0, 0)
		x.Created = start.Add(time.Duration(i) * 10 * time.Second)
		x.Started, x.Finished = x.Created, x.Created.Add(9*time.Second)
	}
	seen := map[weir.BuildID]bool{}
	var until time.Time
	for range 10 {
		got := ok[Waterfall](t)(w.boards(600).Waterfall(t.Context(), WaterfallQuery{Until: until}))
		if len(got.Blocks) > maxBlocks+1 {
			t.Fatalf("a page has %d builds", len(got.Blocks))
		}
		for _, b := range got.Blocks {
			seen[b.Build] = true
		}
		until = got.Older
	}
	if len(seen) != 3000 {
		t.Errorf("of 3000 builds %d were seen", len(seen))
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 70 {
		w.builder(fmt.Sprintf("p%02d", i/2), "test", weir.Platform([]string{"linux/amd64", "darwin/arm64"}[i%2]), "")
	}
	got := ok[Waterfall](t)(w.boards(0).Waterfall(t.Context(), WaterfallQuery{}))
	if len(got.Builders) != maxBuilders || got.Next != got.Builders[maxBuilders-1].ID || got.Total != 70 || len(got.Projects) != 35 || len(got.Platforms) != 2 {
		t.Errorf("%d of %d builders, next %d", len(got.Builders), got.Total, got.Next)
	}
	rest := ok[Waterfall](t)(w.boards(0).Waterfall(t.Context(), WaterfallQuery{After: got.Next}))
	if len(rest.Builders) != 10 || rest.Next != 0 {
		t.Errorf("then %d", len(rest.Builders))
	}
	for _, c := range []struct {
		q    WaterfallQuery
		want int
	}{{WaterfallQuery{Project: "p03"}, 2}, {WaterfallQuery{Platform: "darwin/arm64"}, 35}, {WaterfallQuery{Words: "P03 darwin"}, 1}, {WaterfallQuery{Words: "no"}, 0}} {
		if got := ok[Waterfall](t)(w.boards(0).Waterfall(t.Context(), c.q)); len(got.Builders) != c.want {
			t.Errorf("%+v: %d", c.q, len(got.Builders))
		}
	}
}
