package changepoint

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func noise(r *rand.Rand, n int, level, sigma float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = level + sigma*r.NormFloat64()
	}
	return out
}

// TestSilentOnNoise: of series that only scatter at most one in a hundred has a
// shift, whatever their length and however they scatter.
func TestSilentOnNoise(t *testing.T) {
	t.Parallel()
	for name, draw := range map[string]func(r *rand.Rand) float64{
		"normal":      func(r *rand.Rand) float64 { return 100 + r.NormFloat64() },
		"long tails":  func(r *rand.Rand) float64 { return math.Exp(3 + 1.5*r.NormFloat64()) },
		"few values":  func(r *rand.Rand) float64 { return float64(r.IntN(3)) },
		"mostly same": func(r *rand.Rand) float64 { return max(0, float64(r.IntN(10)-8)) },
	} {
		for n, series := range map[int]int{10: 600, 25: 600, 40: 600, 100: 300, 300: 200} {
			r := rand.New(rand.NewPCG(7, uint64(n)))
			loud := 0
			for range series {
				values := make([]float64, n)
				for i := range values {
					values[i] = draw(r)
				}
				if len(Find(values)) > 0 {
					loud++
				}
			}
			if loud > series/100 {
				t.Errorf("%s, %d measurements: shifts in %d of %d series of noise", name, n, loud, series)
			}
		}
	}
}

// TestFindsPlantedShifts: a shift of three standard deviations is found where it is.
func TestFindsPlantedShifts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, after int }{{12, 12}, {30, 8}, {8, 30}, {50, 50}, {150, 10}, {300, 300}} {
		r := rand.New(rand.NewPCG(11, uint64(c.before)))
		const series = 100
		found, exact := 0, 0
		for range series {
			shifts := Find(append(noise(r, c.before, 50, 1), noise(r, c.after, 53, 1)...))
			if len(shifts) != 1 {
				continue
			}
			s := shifts[0]
			if s.After-s.Before < 1 || s.After-s.Before > 5 || s.Score <= Penalty(c.before+c.after) {
				t.Errorf("%+v: the levels are said to be %v and %v, with score %v", c, s.Before, s.After, s.Score)
			}
			found++
			if d := s.At - c.before; d >= -2 && d <= 2 {
				exact++
			}
		}
		if found < series*95/100 || exact < series*93/100 {
			t.Errorf("%d then %d measurements: found in %d, at the place in %d, of %d series", c.before, c.after, found, exact, series)
		}
	}
}

func TestLevelThatComesAndGoes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	values := slices.Concat(noise(r, 40, 20, 1), noise(r, 15, 26, 1), noise(r, 45, 20, 1))
	got := Find(values)
	if len(got) != 2 || max(got[0].At-40, 40-got[0].At) > 2 || max(got[1].At-55, 55-got[1].At) > 2 || got[0].After < 25 || got[1].After > 21 {
		t.Errorf("got %+v", got)
	}
}

func TestEdges(t *testing.T) {
	t.Parallel()
	steps := func(n int, level float64) []float64 { return slices.Repeat([]float64{level}, n) }
	for name, c := range map[string]struct {
		values []float64
		at     []int
	}{
		"nothing":         {nil, nil},
		"too little":      {append(steps(4, 1), steps(4, 9)...), nil},
		"all the same":    {steps(100, 3), nil},
		"a step":          {append(steps(20, 1), steps(20, 2)...), []int{20}},
		"one that is odd": {slices.Concat(steps(30, 1), steps(1, 1000), steps(30, 1)), nil},
		"no numbers":      {slices.Concat(steps(20, 1), []float64{math.NaN(), math.Inf(1), math.Inf(-1)}, steps(20, 2)), []int{23}},
		"only no numbers": {steps(100, math.NaN()), nil},
		"very long":       {slices.Concat(steps(3000, 1), steps(500, 2), steps(500, 3)), []int{3500}},
		"huge":            {append(steps(20, -math.MaxFloat64), steps(20, math.MaxFloat64)...), []int{20}},
	} {
		var at []int
		for _, s := range Find(c.values) {
			at = append(at, s.At)
			if math.IsNaN(s.Before) || math.IsInf(s.After, 0) {
				t.Errorf("%s: levels %v and %v", name, s.Before, s.After)
			}
		}
		if !slices.Equal(at, c.at) {
			t.Errorf("%s: shifts at %v, want %v", name, at, c.at)
		}
	}
}

// TestProperties holds for every series: order, room between shifts, and that
// neither the unit nor the direction of what is measured matters.
func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 0, 120).Draw(t, "values")
		cut := rapid.IntRange(0, len(values)).Draw(t, "cut")
		for i := cut; i < len(values); i++ {
			values[i] += rapid.SampledFrom([]float64{0, 3e6}).Draw(t, "step")
		}
		shifts := Find(values)
		last := 0
		for _, s := range shifts {
			if s.At-last < Least || len(values)-s.At < Least {
				t.Fatalf("a shift at %d of %d, after one at %d", s.At, len(values), last)
			}
			last = s.At
		}
		scaled := make([]float64, len(values))
		for i, v := range values {
			scaled[i] = -4 * v // exact, so ties stay ties
		}
		other := Find(scaled)
		if !slices.EqualFunc(shifts, other, func(a, b Shift) bool { return a.At == b.At && b.Before == -4*a.Before }) {
			t.Fatalf("%+v in one unit, %+v in another", shifts, other)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{40, 1000} {
		values := append(noise(rand.New(rand.NewPCG(1, 1)), n/2, 10, 1), noise(rand.New(rand.NewPCG(1, 2)), n/2, 14, 1)...)
		b.Run(map[bool]string{true: "40", false: "1000"}[n == 40], func(b *testing.B) {
			for b.Loop() {
				Find(values)
			}
		})
	}
}
