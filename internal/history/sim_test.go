package history

import (
	"math/rand/v2"
	"testing"

	"github.com/weir-ci/weir"
)

// regime is a stretch of builds whose first run is bad with a rate.
type regime struct {
	builds int
	rate   float64
}

// simulate draws a past in which a failing first run passes when it is run again.
func simulate(seed uint64, regimes ...regime) Past {
	rng := rand.New(rand.NewPCG(seed, 17))
	p := Past{Events: []Event{{Point: point(1), Verdict: weir.New, To: weir.Pass}}, Last: point(1)}
	n := 1
	for _, r := range regimes {
		for range r.builds {
			n++
			if rng.Float64() < r.rate {
				p.Events = append(p.Events, Event{Point: point(n), Verdict: weir.Flaky, From: weir.Pass, To: weir.Fail, Again: 1})
			}
		}
	}
	p.Last = point(n)
	return p
}

// TestSteadyRatesAreNotSplit counts segments that are not there.
func TestSteadyRatesAreNotSplit(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.001, 0.01, 0.1, 0.3} {
		split := 0
		for seed := range uint64(200) {
			if len(Read(simulate(seed, regime{1000, rate})).Segments) > 1 {
				split++
			}
		}
		if split > 2 {
			t.Errorf("at a rate of %v %d of 200 pasts are split", rate, split)
		}
	}
}

// TestChangesAreFound counts changes of the rate that are found, and how often
// the interval of 99 % holds the build at which it changed.
func TestChangesAreFound(t *testing.T) {
	t.Parallel()
	const games = 300
	for _, tt := range []struct{ before, after regime }{
		{regime{1000, 0.001}, regime{200, 0.2}},
		{regime{1000, 0.01}, regime{500, 0.1}},
		{regime{500, 0.2}, regime{1000, 0.01}},
		{regime{3000, 0}, regime{60, 0.5}},
	} {
		found, held := 0, 0
		for seed := range uint64(games) {
			h := Read(simulate(seed, tt.before, tt.after))
			if len(h.Segments) < 2 {
				continue
			}
			found++
			if s := h.Present(); s.Earliest <= tt.before.builds+2 && tt.before.builds+2 <= s.Latest {
				held++
			}
		}
		if found < games*95/100 || held < found*97/100 {
			t.Errorf("%+v: found %d of %d, and %d intervals hold it", tt, found, games, held)
		}
	}
}

// TestRatesHoldTheTruth counts how often the interval of 95 % holds the rate.
func TestRatesHoldTheTruth(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.02, 0.1, 0.3} {
		held := 0
		for seed := range uint64(300) {
			if _, r := Read(simulate(seed, regime{400, rate})).HowOften(); r.Low <= rate && rate <= r.High {
				held++
			}
		}
		if held < 270 {
			t.Errorf("rate %v: %d of 300 intervals hold it", rate, held)
		}
	}
}

// benchmarked is a test with 100,000 builds and 200 changes.
func benchmarked(kind string) Past {
	p := Past{Events: []Event{{Point: point(1), Verdict: weir.New, To: weir.Pass}}, Last: point(100_000)}
	for i := 1; i < 200; i++ {
		e := Event{Point: point(500*i - i*i%97), Verdict: weir.Flaky, From: weir.Pass, To: weir.Fail, Again: 1}
		switch {
		case kind == "breaks" && i%2 == 1:
			e.Verdict, e.AgainBad = weir.NewlyFailing, 1
		case kind == "breaks":
			e.Verdict, e.From, e.To, e.Again = weir.Fixed, weir.Fail, weir.Pass, 0
		}
		p.Events = append(p.Events, e)
	}
	return p
}

func BenchmarkRead(b *testing.B) {
	for _, kind := range []string{"breaks", "flakes"} {
		p := benchmarked(kind)
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				if h := Read(p); h.Present().To.Number != 100_000 {
					b.Fatal(h)
				}
			}
		})
	}
}

// TestBenchmarkedPasts keeps what is measured from being something else.
func TestBenchmarkedPasts(t *testing.T) {
	t.Parallel()
	if n := len(Read(benchmarked("breaks")).Segments); n != 200 {
		t.Errorf("%d segments, want 200", n)
	}
	if n := len(Read(benchmarked("flakes")).Segments); n != 1 {
		t.Errorf("%d segments, want 1", n)
	}
}
