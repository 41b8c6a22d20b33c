package flake_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weir-ci/weir/internal/bisect/bisectsim"
	"github.com/weir-ci/weir/internal/flake"
)

// learnt draws a world of one test whose rate the search has to be told from
// its past: so many builds, in each of which it failed at random, and was run
// again if it did. Builds in which both runs failed were taken for broken.
func learnt(steps, builds int, rate func(*rand.Rand) float64, estimate func(flakes, builds int) float64) bisectsim.Draw {
	return func(rng *rand.Rand) bisectsim.World {
		f := rate(rng)
		flakes, kept := 0, 0
		for range builds {
			first, second := rng.Float64() < f, rng.Float64() < f
			if first && second {
				continue
			}
			kept++
			if first {
				flakes++
			}
		}
		w := bisectsim.Single(steps, f)(rng)
		w.Tests[0].Estimate = estimate(flakes, kept)
		return w
	}
}

func fixed(f float64) func(*rand.Rand) float64 { return func(*rand.Rand) float64 { return f } }

// spread draws rates of all sizes from one in a thousand to four in ten.
func spread(rng *rand.Rand) float64 { return 0.001 * math.Pow(400, rng.Float64()) }

// simple is the formula that Rate took the place of.
func simple(flakes, builds int) float64 { return min(0.5, float64(2+2*flakes)/float64(10+builds)) }

// TestAccusationsDoNotGetWorse plays the same searches with a simple formula
// and with Rate. The figures of the package comment rest on the
// same, played 30 times as often.
func TestAccusationsDoNotGetWorse(t *testing.T) {
	t.Parallel()
	const games = 200
	var runs, before float64
	var wrong, wrongBefore float64
	for _, builds := range []int{0, 10, 50, 200, 2000} {
		for name, rate := range map[string]func(*rand.Rand) float64{"spread": spread, "0.02": fixed(0.02), "0.1": fixed(0.1), "0.3": fixed(0.3)} {
			play := func(estimate func(flakes, builds int) float64) bisectsim.Tally {
				return bisectsim.Play(games, bisectsim.Seed, learnt(64, builds, rate, estimate), 1, bisectsim.Engine(bisectsim.Settings{}))
			}
			old, now := play(simple), play(flake.Rate)
			t.Logf("%5d builds, rate %-6s wrong %.4f (was %.4f), right %.4f (%.4f), runs %.2f (%.2f)",
				builds, name, now.Wrong(), old.Wrong(), now.Right(), old.Right(), now.Runs(), old.Runs())
			runs, before = runs+now.Runs(), before+old.Runs()
			wrong, wrongBefore = wrong+now.Wrong(), wrongBefore+old.Wrong()
			if now.Wrong() > 0.01 {
				t.Errorf("%d builds, rate %s: %.4f of the tests are blamed on an innocent, %.4f before", builds, name, now.Wrong(), old.Wrong())
			}
		}
	}
	// A search says that it is wrong in one of a thousand, and may be, by chance.
	if wrong/20 > 0.001 || runs > 1.02*before {
		t.Errorf("wrong %.5f (was %.5f), runs %.2f (was %.2f)", wrong/20, wrongBefore/20, runs/20, before/20)
	}
	t.Logf("all: wrong %.5f (was %.5f), runs %.2f (was %.2f)", wrong/20, wrongBefore/20, runs/20, before/20)
}
