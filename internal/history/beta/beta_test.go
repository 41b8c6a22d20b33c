package beta

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func near(a, b, within float64) bool { return math.Abs(a-b) <= within*max(1, math.Abs(b)) }

// TestClosedForms holds the functions against cases that can be done by hand.
func TestClosedForms(t *testing.T) {
	t.Parallel()
	flat := Prior{1, 1}
	for n := range 50 {
		// After n good runs of a flat prior: below(x) = 1 - (1-x)^(n+1).
		for _, x := range []float64{1e-6, 0.01, 0.3, 0.9} {
			if got, want := flat.Below(x, 0, n), -math.Expm1(float64(n+1)*math.Log1p(-x)); !near(got, want, 1e-10) {
				t.Errorf("%d good: below %v is %v, want %v", n, x, got, want)
			}
		}
		if got, want := flat.Quantile(0.95, 0, n), -math.Expm1(math.Log(0.05)/float64(n+1)); !near(got, want, 1e-10) {
			t.Errorf("%d good: quantile %v, want %v", n, got, want)
		}
		if got, want := flat.LogEvidence(0, n), -math.Log(float64(n+1)); !near(got, want, 1e-10) {
			t.Errorf("%d good: evidence %v, want %v", n, got, want)
		}
	}
	// The arcsine law: Beta(1/2, 1/2) below x is 2/pi asin(sqrt(x)).
	for _, x := range []float64{0.001, 0.2, 0.5, 0.77, 0.999} {
		if got, want := (Prior{0.5, 0.5}).Below(x, 0, 0), 2/math.Pi*math.Asin(math.Sqrt(x)); !near(got, want, 1e-10) {
			t.Errorf("below %v is %v, want %v", x, got, want)
		}
	}
	if m := (Prior{0.3, 0.5}).Mean(3, 200); !near(m, 3.3/203.8, 1e-12) {
		t.Error(m)
	}
}

func TestLogGamma(t *testing.T) {
	t.Parallel()
	for x := 0.1; x < 1e7; x *= 1.01 {
		if want, _ := math.Lgamma(x); !near(LogGamma(x), want, 1e-11) {
			t.Fatalf("%v: %v, want %v", x, LogGamma(x), want)
		}
	}
}

func drawCounts(t *rapid.T) (Prior, int, int) {
	p := Prior{rapid.Float64Range(0.1, 5).Draw(t, "a"), rapid.Float64Range(0.1, 5).Draw(t, "b")}
	count := rapid.OneOf(rapid.IntRange(-2, 20), rapid.IntRange(0, 200_000))
	return p, count.Draw(t, "bad"), count.Draw(t, "good")
}

func TestQuantileInvertsBelow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, bad, good := drawCounts(t)
		q := rapid.Float64Range(0.001, 0.999).Draw(t, "q")
		x := p.Quantile(q, bad, good)
		if got := p.Below(x, bad, good); x < 0 || x > 1 || !near(got, q, 1e-6) && x < 1-1e-12 {
			t.Fatalf("below the quantile %v lies %v", x, got)
		}
		in := p.Interval(0.95, bad, good)
		if !(in.Low >= 0 && in.Low < in.High && in.High <= 1) {
			t.Fatalf("%+v", in)
		}
	})
}

// TestEvidenceChains makes sure that the evidence of a sequence is the product
// of what each run was expected to do after those before it.
func TestEvidenceChains(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, bad, good := drawCounts(t)
		bad, good = max(bad, 0), max(good, 0)
		next := p.LogEvidence(bad, good) + math.Log(p.Mean(bad, good))
		if got := p.LogEvidence(bad+1, good); math.Abs(got-next) > 1e-5 {
			t.Fatalf("%v, want %v", got, next)
		}
	})
}

func TestEdges(t *testing.T) {
	t.Parallel()
	p := Prior{0.3, 0.5}
	if p.Quantile(0, 1, 1) != 0 || p.Quantile(1, 1, 1) != 1 || p.Quantile(math.NaN(), 1, 1) != 1 || p.Quantile(-3, 1, 1) != 0 {
		t.Error("quantiles outside of 0 to 1")
	}
	if p.Below(math.NaN(), 1, 1) != 0 || p.Below(-1, 1, 1) != 0 || p.Below(2, 1, 1) != 1 {
		t.Error("rates outside of 0 to 1")
	}
}

func BenchmarkInterval(b *testing.B) {
	for b.Loop() {
		Prior{0.3, 0.5}.Interval(0.95, 17, 100_000)
	}
}
