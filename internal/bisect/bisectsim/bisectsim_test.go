package bisectsim

import (
	"fmt"
	"strings"
	"testing"
)

// The goals, each over fewer games than the tables in docs/bisection.md rest
// on. The seeds are fixed, so what holds once holds always.

func TestOneTest(t *testing.T) {
	t.Parallel()
	for _, goal := range References() {
		t.Run(fmt.Sprintf("%d steps, rate %v", goal.Steps, goal.Rate), func(t *testing.T) {
			t.Parallel()
			x := Play(400, Seed, Single(goal.Steps, goal.Rate), 1, Engine(Known()))
			if x.Right() < 0.99 || x.Runs() > goal.Runs || x.Revisions() > goal.Revisions || x.Stuck() > 0 {
				t.Errorf("right %.4f in %.2f runs over %.2f revisions, want 0.99 in %v over %v", x.Right(), x.Runs(), x.Revisions(), goal.Runs, goal.Revisions)
			}
		})
	}
	x := Play(400, Seed, Single(64, 0.1), 1, Engine(Settings{}))
	if x.Right() < 0.99 || x.Runs() > 7.6 || x.Revisions() > 5.4 {
		t.Errorf("with an estimated rate: right %.4f in %.2f runs over %.2f revisions", x.Right(), x.Runs(), x.Revisions())
	}
}

func TestFlakesBlameNobody(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.01, 0.1, 0.3} {
		x := Play(600, Seed, Single(64, rate), 1, Engine(Settings{}))
		if x.Cleared() < 0.995 || x.Wrong() > 0 {
			t.Errorf("rate %v: %.4f of the flakes blamed on nobody, %.4f of all tests on an innocent", rate, x.Cleared(), x.Wrong())
		}
	}
}

func TestTogether(t *testing.T) {
	t.Parallel()
	for _, culprits := range []int{1, 3, 10} {
		for rate, slack := range map[float64]float64{0.01: 1.02, 0.1: 1.05} {
			x := Play(20, Seed, Joint(64, 50, culprits, rate), 1, Engine(Settings{BuildCost: dear}))
			if least := Halving(64, culprits); x.Builds() > least*slack || x.Wrong() > 0.001 || x.Named() < 0.999 {
				t.Errorf("%d culprits, rate %v: %.2f builds, halving takes %.2f; named %.4f, wrong %.4f",
					culprits, rate, x.Builds(), least, x.Named(), x.Wrong())
			}
		}
	}
}

func TestWorkers(t *testing.T) {
	t.Parallel()
	rounds := map[int]float64{}
	for _, k := range []int{1, 2, 8} {
		x := Play(600, Seed, Single(64, 0.1), k, Engine(Settings{}))
		rounds[k] = x.Rounds()
		if x.Right() < 0.99 {
			t.Errorf("%d workers: right %.4f", k, x.Right())
		}
	}
	// log2(3) = 1.585, log2(9) = 3.170; three per cent are lost to rounding up.
	if rounds[2] > 1.03*rounds[1]/1.585 || rounds[8] > 1.03*rounds[1]/3.170 {
		t.Errorf("rounds by workers: %v", rounds)
	}
}

func TestWrongEstimates(t *testing.T) {
	t.Parallel()
	for _, r := range [][2]float64{{0.01, 0.1}, {0.01, 0.3}, {0.1, 0.3}, {0.3, 0.01}} {
		x := Play(500, Seed, Estimated(64, r[0], r[1]), 1, Engine(Settings{}))
		if x.Right() < 0.97 || x.Stuck() > 0 {
			t.Errorf("estimated %v, true %v: right %.4f", r[0], r[1], x.Right())
		}
	}
}

func TestUnbuildable(t *testing.T) {
	t.Parallel()
	for _, stretch := range []int{1, 8} {
		x := Play(400, Seed, Broken(64, 0.1, 0.1, stretch), 1, Engine(Settings{}))
		if x.Wrong() > 0 || x.Tight() < 1 || x.Right() < 1 || x.Stuck() > 0 {
			t.Errorf("stretches of %d: wrong %.4f, ranges that could not be parted %.4f, right %.4f", stretch, x.Wrong(), x.Tight(), x.Right())
		}
	}
}

func TestOtherHistories(t *testing.T) {
	t.Parallel()
	plain := Play(300, Seed, Single(64, 0.1), 1, Engine(Settings{}))
	for name, h := range map[string]struct {
		draw  Draw
		right float64
		runs  float64 // at most
	}{
		"the environment":                    {Surroundings(64, 0.1), 1, 12},
		"broken, mended, broken, known":      {Mended(64, 0.1, true), 0.995, 16},
		"identical products are one":         {Collapsed(64, 0.1, 7, true), 1, plain.Runs() - 1},
		"suspicion helps where it is right":  {Suspected(64, 0.1, true), 1, plain.Runs() - 1.5},
		"and does little harm where it errs": {Misled(64, 0.1), 1, plain.Runs() + 1.5},
	} {
		x := Play(300, Seed, h.draw, 1, Engine(Settings{}))
		if x.Right() < h.right || x.Runs() > h.runs || x.Stuck() > 0 || x.Wrong() > 0 {
			t.Errorf("%s: right %.4f, wrong %.4f, %.2f runs, want at most %.2f", name, x.Right(), x.Wrong(), x.Runs(), h.runs)
		}
	}
}

// TestRivals makes sure that the simulator is not kind to everybody.
func TestRivals(t *testing.T) {
	t.Parallel()
	plain := Play(300, Seed, Single(64, 0.1), 1, Plain(1))
	eight := Play(300, Seed, Single(64, 0.1), 1, Plain(8))
	if plain.Runs() != 6 || plain.Named() > 0.8 || plain.Cleared() > 0 {
		t.Errorf("plain bisection: %.2f runs, named %.3f, cleared %.3f", plain.Runs(), plain.Named(), plain.Cleared())
	}
	if eight.Runs() < 18 || eight.Named() < 0.99 || eight.Cleared() > 0 {
		t.Errorf("eight runs: %.2f runs, named %.3f, cleared %.3f", eight.Runs(), eight.Named(), eight.Cleared())
	}
}

func TestHalving(t *testing.T) {
	t.Parallel()
	for culprits, want := range map[int]string{1: "6.00", 2: "10.10", 3: "13.59", 10: "30.27"} {
		if got := fmt.Sprintf("%.2f", Halving(64, culprits)); got != want {
			t.Errorf("%d culprits: %s, want %s", culprits, got, want)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := Report(&b, 0.0001); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "### "); n != 8 || strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "%!") {
		t.Errorf("%d tables:\n%s", n, b.String())
	}
}
