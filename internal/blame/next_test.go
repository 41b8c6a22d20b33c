package blame

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weir-ci/weir"
)

func TestRepeats(t *testing.T) {
	t.Parallel()
	for _, f := range []float64{0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9, math.Inf(1)} {
		n := Repeats(f)
		if n < 2 || n > 20 {
			t.Errorf("%g: %d failures in a row", f, n)
		}
		if p := math.Pow(min(f, worstRate), float64(n)); p > 1-Sure {
			t.Errorf("%g: %d failures in a row are flakes with probability %g", f, n, p)
		}
	}
	if Repeats(math.NaN()) != Repeats(1) || Repeats(-1) != Repeats(0) {
		t.Error("what is no rate must be taken for the worst, and less than none for the least")
	}
}

func TestCells(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cell Cell
		want weir.Observed
	}{
		{Cell{}, ""},
		{Cell{Good: 1}, weir.ObservedGood},
		{Cell{Good: 1, Bad: 9}, weir.ObservedGood},
		{Cell{Bad: 1}, ""},
		{Cell{Bad: 9}, weir.ObservedBad},
		{Cell{Bad: 1, Known: weir.ObservedBad}, weir.ObservedBad},
		{Cell{Good: 1, Known: weir.ObservedBad}, weir.ObservedGood},
		{Cell{Bad: 1, Known: weir.ObservedGood}, weir.ObservedGood},
		{Cell{Known: weir.ObservedNone}, weir.ObservedNone},
		{Cell{None: 1}, ""},
		{Cell{None: 2}, weir.ObservedNone},
		{Cell{None: 2, Bad: 1}, weir.ObservedNone},
		{Cell{Closed: true}, weir.ObservedNone},
		{Cell{Closed: true, Bad: 1}, weir.ObservedNone},
	} {
		if got := c.cell.Said(0.1); got != c.want {
			t.Errorf("%+v says %q, want %q", c.cell, got, c.want)
		}
	}
}

func known(letters string) (cells [places]Cell) {
	for i := range len(letters) {
		switch letters[i] {
		case 'g':
			cells[i].Known = weir.ObservedGood
		case 'b':
			cells[i].Known = weir.ObservedBad
		case '-':
			cells[i].Known = weir.ObservedNone
		case 'x':
			cells[i] = Cell{Known: weir.ObservedNone, Unbuilt: 1}
		}
	}
	return cells
}

// TestNextAsksWhatIsMissing: the corners that a search knows are not asked again.
func TestNextAsksWhatIsMissing(t *testing.T) {
	t.Parallel()
	for letters, want := range map[string]Answer{
		// After a search: only the corner that is not on the path.
		"gb?b": {Place: NewDownstream, Count: 1},
		"gg?b": {Place: NewDownstream, Count: 1},
		"g-?b": {Place: NewDownstream, Count: 1},
		// Mended by the downstream: the same corner.
		"gb?g": {Place: NewDownstream, Count: 1},
		// Bad wherever it was looked at: the environment, or both.
		"?bbb": {Place: Old, Count: 1},
		// Good at one of the corners, so it is not the environment.
		"?bgb": {Done: true}, "?gbb": {Done: true}, "?ggb": {Done: true}, "?bbg": {Done: true},
		"gbgb": {Done: true}, "b???": {Done: true}, "gbb?": {Place: New, Count: 1}, "gb-b": {Done: true}, "gbx?": {Place: New, Count: 1},
		"gbxg": {Done: true},
		// Whether the new project copes does not matter for the blame.
		"gbg?": {Done: true},
		// Nothing is known but what there was before.
		"g??b": {Place: NewUpstream, Count: 1},
	} {
		got := Next(Question{Width: 4, Subjects: []Subject{{FlakeRate: 0.1, Cells: known(letters)}}})
		if got.Done != want.Done || got.Place != want.Place || got.Count != want.Count {
			t.Errorf("%s: done %v, run %d, %d times; want %+v", letters, got.Done, got.Place, got.Count, want)
		}
		if b := Verdict(cornersOf(letters)...); len(got.Blames) != 1 || got.Done && got.Blames[0] != b {
			t.Errorf("%s: blames %v, want %q", letters, got.Blames, b)
		}
	}
}

// TestNextRepeats: a corner is asked once, and a failure is repeated at once
// as often as it takes, within the width.
func TestNextRepeats(t *testing.T) {
	t.Parallel()
	s := Subject{FlakeRate: 0.2, Cells: known("gb?b")}
	need := Repeats(0.2)
	for _, c := range []struct {
		bad, pending, width, want int
	}{{0, 0, 8, 1}, {0, 1, 8, 0}, {1, 0, 8, need - 1}, {1, 2, 8, need - 3}, {1, 0, 2, 2}, {1, 2, 2, 0}, {need - 1, 0, 8, 1}} {
		s.Cells[NewDownstream].Bad = c.bad
		q := Question{Subjects: []Subject{s}, Width: c.width}
		q.Pending[NewDownstream] = c.pending
		if a := Next(q); a.Done || a.Count != c.want || a.Place != NewDownstream {
			t.Errorf("%+v: %+v", c, a)
		}
	}
	s.Cells[NewDownstream].Bad = need
	if a := Next(Question{Subjects: []Subject{s}, Width: 1}); !a.Done || a.Blames[0] != weir.BlameBoth {
		t.Errorf("after %d failures: %+v", need, a)
	}
}

// TestNextPrefersWhatIsBuilt: what is dear is asked last, if it may be saved.
func TestNextPrefersWhatIsBuilt(t *testing.T) {
	t.Parallel()
	q := Question{Width: 1, Subjects: []Subject{{FlakeRate: 0.1, Cells: known("?b?b")}}}
	if a := Next(q); a.Place != NewDownstream {
		t.Errorf("the likely one is not asked first: %+v", a)
	}
	q.Cost[NewDownstream] = 100
	if a := Next(q); a.Place != Old {
		t.Errorf("the dear one is asked first: %+v", a)
	}
}

// TestNextServesMost: the corner that most tests wait for comes first, and
// tests that are settled are not counted.
func TestNextServesMost(t *testing.T) {
	t.Parallel()
	q := Question{Width: 1}
	for _, letters := range []string{"gb?b", "?bbb", "?bbb", "gbgb", "gbgb", "gbgb"} {
		q.Subjects = append(q.Subjects, Subject{FlakeRate: 0.1, Cells: known(letters)})
	}
	if a := Next(q); a.Place != Old || a.Done || a.Blames[3] != weir.BlameUpstream {
		t.Errorf("asked is %+v", a)
	}
	if a := Next(Question{Width: 1}); !a.Done {
		t.Error("there is no test, and something is asked")
	}
}

// TestSimulatedWorlds plays whole questions: in each world every corner is bad
// or not, and tests fail for no reason as well. Wrong means that a side is
// blamed that the world does not blame; the goal is less than one in 200.
func TestSimulatedWorlds(t *testing.T) {
	t.Parallel()
	const games, goal = 1500, 0.005
	for _, c := range []struct {
		estimated, rate float64
		start           string  // what a search knows; ? is asked
		most            float64 // wrong, 0 to 1
	}{
		{0.01, 0.01, "????", goal}, {0.1, 0.1, "????", goal}, {0.2, 0.2, "????", goal}, {0.3, 0.3, "????", goal}, {0.5, 0.5, "????", goal},
		{0.2, 0.01, "????", goal}, {0.5, 0.1, "????", goal}, {0.2, 0.2, "g??b", goal}, {0.2, 0.02, "gw?b", goal}, {0.2, 0.2, "gw?b", goal},
		{0.02, 0.1, "gw?b", goal}, {0.1, 0.3, "gw?b", 0.02}, // taken for too low
	} {
		rng := rand.New(rand.NewPCG(3, uint64(1000*c.estimated)))
		wrong, runs, told := 0, 0, 0
		for range games {
			w := draw(rng, c.start)
			s := Subject{FlakeRate: c.estimated}
			for p := range s.Cells {
				if c.start[p] != '?' {
					s.Cells[p].Known = map[bool]weir.Observed{false: weir.ObservedGood, true: weir.ObservedBad}[w.bad[p]]
				}
			}
			got, n := play(t, rng, w, s, c.rate)
			runs += n
			switch got {
			case w.blame:
				told++
			case weir.BlameNone:
			default:
				wrong++
			}
		}
		share := float64(wrong) / games
		t.Logf("estimated %g, true %g, %s: %.2f runs, %.2f %% right, %.2f %% wrong", c.estimated, c.rate, c.start,
			float64(runs)/games, 100*float64(told)/games, 100*share)
		if share >= c.most {
			t.Errorf("estimated %g, true %g, %s: %.2f %% of all blames are wrong", c.estimated, c.rate, c.start, 100*share)
		}
		if float64(told) < games*(0.995-c.most) {
			t.Errorf("estimated %g, true %g, %s: only %d of %d are told", c.estimated, c.rate, c.start, told, games)
		}
	}
}

// draw picks a world that agrees with the corners given; w is any.
func draw(rng *rand.Rand, start string) world {
	for {
		all := worlds()
		w := all[rng.IntN(len(all))] // not by their weights: rare worlds count as much
		fits := true
		for p := range start {
			fits = fits && (start[p] != 'g' || !w.bad[p]) && (start[p] != 'b' || w.bad[p])
		}
		if fits {
			return w
		}
	}
}

// play asks until the question is settled, and returns the blame and the runs.
func play(t *testing.T, rng *rand.Rand, w world, s Subject, rate float64) (weir.Blame, int) {
	for runs := 0; runs < 200; {
		a := Next(Question{Subjects: []Subject{s}, Width: 1 + rng.IntN(8)})
		if a.Done {
			return a.Blames[0], runs
		}
		if a.Count < 1 {
			t.Fatalf("nothing is asked: %+v of %+v", a, s)
		}
		for range a.Count {
			runs++
			if w.bad[a.Place] || rng.Float64() < rate {
				s.Cells[a.Place].Bad++
			} else {
				s.Cells[a.Place].Good++
			}
		}
	}
	t.Fatalf("never settled: %+v", s)
	return "", 0
}
