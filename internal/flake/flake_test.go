package flake

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weir-ci/weir/internal/history"
	"pgregory.net/rapid"
)

// TestRate holds the estimate against what searches expect of it.
func TestRate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flakes, builds int
		low, high      float64
	}{
		{0, 0, 0.2, 0.35}, {0, 10, 0.08, 0.15}, {0, 90, 0.015, 0.025}, {0, 2000, 0.0005, 0.0015},
		{1, 90, 0.03, 0.06}, {50, 1000, 0.055, 0.075}, {10, 10, 0.5, 0.5}, {-3, -9, 0.2, 0.35}, {9, 2, 0.5, 0.5},
	} {
		if got := Rate(tt.flakes, tt.builds); got < tt.low || got > tt.high {
			t.Errorf("%d of %d: %v", tt.flakes, tt.builds, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 5000).Draw(t, "builds")
		k := rapid.IntRange(0, n).Draw(t, "flakes")
		f := Rate(k, n)
		if !(f > 0 && f <= 0.5) || Rate(k, n+1) > f+1e-12 || Rate(k+1, n+1) < f-1e-12 {
			t.Fatalf("%d of %d: %v, one build more %v, one flake more %v", k, n, f, Rate(k, n+1), Rate(k+1, n+1))
		}
		m := Of(k, n)
		if !(m.Rate.Low <= m.Rate.High && m.Rate.High <= 1 && m.Rate.Low >= 0) || m.Careful != f {
			t.Fatalf("%+v", m)
		}
	})
}

// TestModelHoldsTheTruth counts how often the rate lies in its interval, and
// below the careful bound, when tests flake and are taken for broken as in a farm.
func TestModelHoldsTheTruth(t *testing.T) {
	t.Parallel()
	const games = 400
	for _, f := range []float64{0.02, 0.1, 0.3} {
		held, below := 0, 0
		for seed := range uint64(games) {
			rng := rand.New(rand.NewPCG(seed, 5))
			flakes, builds := 0, 0
			for range 500 {
				first, second := rng.Float64() < f, rng.Float64() < f
				if !first || !second {
					builds++
				}
				if first && !second {
					flakes++
				}
			}
			m := Of(flakes, builds)
			if m.Rate.Low <= f && f <= m.Rate.High {
				held++
			}
			if f <= m.Careful {
				below++
			}
		}
		if held < games*92/100 || below < games*90/100 || below > games*98/100 {
			t.Errorf("rate %v: %d of %d intervals hold it, %d bounds are above", f, held, games, below)
		}
	}
}

func TestOfHistory(t *testing.T) {
	t.Parallel()
	calm := history.Segment{Counts: history.Counts{Builds: 900, Runs: 900, Failures: 3, Flakes: 2}}
	broken := history.Segment{Counts: history.Counts{Builds: 30, Runs: 30, Failures: 30}}
	wild := history.Segment{Counts: history.Counts{Builds: 40, Runs: 40, Failures: 25, Flakes: 6}}
	for name, tt := range map[string]struct {
		segments []history.Segment
		want     Model
	}{
		"nothing":      {nil, Of(0, 0)},
		"calm":         {[]history.Segment{wild, calm}, Of(2, 899)},
		"broken":       {[]history.Segment{wild, calm, broken}, Of(2, 899)},
		"wild":         {[]history.Segment{calm, wild}, Of(6, 21)},
		"never passed": {[]history.Segment{broken}, Of(0, 0)},
	} {
		if got := OfHistory(history.History{Segments: tt.segments}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestMeansNothing(t *testing.T) {
	t.Parallel()
	// With much known of it, powers of the rate: f = 0.1 is g = 1/11.
	m := Of(10_000, 110_000)
	for runs, chance := range []float64{1, 0.1, 0.01, 0.001} {
		want := chance * 0.99 / (chance*0.99 + 0.01)
		if got := m.MeansNothing(runs, 0.01); math.Abs(got-want) > 0.001 {
			t.Errorf("%d runs: %v, want %v", runs, got, want)
		}
	}
	unknown := Of(0, 0)
	if two := unknown.MeansNothing(2, 0.001); two < 0.5 {
		t.Errorf("a test that nothing is known of, bad twice: %v", two)
	}
	if calm := Of(0, 1000).MeansNothing(2, 0.001); calm > 0.01 {
		t.Errorf("a calm test, bad twice: %v", calm)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 500).Draw(t, "builds")
		m := Of(rapid.IntRange(0, n).Draw(t, "flakes"), n)
		broken := rapid.Float64Range(-1, 2).Draw(t, "broken")
		last := 2.0
		for runs := -1; runs < 40; runs++ {
			p := m.MeansNothing(runs, broken)
			if !(p >= 0 && p <= 1) || p > last+1e-9 {
				t.Fatalf("%+v: %d runs give %v, one less %v", m, runs, p, last)
			}
			last = p
		}
	})
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rate, doubt float64
		want        int
	}{{0.1, 0.001, 3}, {0.1, 0.0009, 4}, {0.5, 0.001, 10}, {0.001, 0.01, 1}, {1, 0.01, 100}, {0, 0.01, 1}, {0.5, 0, 100},
		{0.5, 2, 1}, {math.NaN(), 0.1, 100}, {0.5, math.NaN(), 100}, {2, 0.1, 100}, {0.99999, 0.001, 100}} {
		if got := Repeats(tt.rate, tt.doubt); got != tt.want {
			t.Errorf("%v, %v: %d, want %d", tt.rate, tt.doubt, got, tt.want)
		}
	}
}

func TestScore(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"": 0, "P": 0, "F": 0, "FFFFF": 0, "PPPPP": 0, "PPFFF": 0.2, "PFPFF": 0.4, "FFPPP": 0, "PF": 0.5} {
		var outcomes []bool
		for _, c := range text {
			outcomes = append(outcomes, c == 'F')
		}
		if got := Score(outcomes); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	for b.Loop() {
		Of(20, 100_000)
	}
}
