// Package beta says what counts tell about a rate. A test that failed in 3 of
// 200 runs does not fail in exactly 1.5 % of them: which rates are likely is a
// distribution, and with a Beta prior it is a Beta distribution again, with the
// counts added to its two parameters.
//
//	posterior  Beta(A + bad, B + good)
//	mean       (A + bad) / (A + B + bad + good)
//	evidence   Beta(A + bad, B + good) / Beta(A, B)
//
// The evidence is the probability of one particular sequence of so many bad and
// good runs when the rate is not known. It is what says whether two stretches
// of runs have one rate or two: compare the evidence of both together with the
// product of each by itself.
//
// The formulas are those of any textbook (A. Gelman et al., Bayesian Data
// Analysis, chapter 2); the incomplete beta function is the continued fraction
// of the Digital Library of Mathematical Functions, 8.17.22, summed by Lentz'
// method.
package beta

import "math"

// Prior is what is believed of a rate before anything was counted, as counts
// of bad and good runs. Both must be positive; they need not be whole.
type Prior struct{ A, B float64 }

// Interval is a rate with its uncertainty; all three are 0 to 1.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Mean is the expected rate after so many bad and good runs. Negative counts
// count as none.
func (p Prior) Mean(bad, good int) float64 {
	a, b := p.after(bad, good)
	return a / (a + b)
}

// LogEvidence is the natural logarithm of the probability of one sequence of
// so many bad and good runs. Negative counts count as none.
func (p Prior) LogEvidence(bad, good int) float64 {
	a, b := p.after(bad, good)
	return logBeta(a, b) - logBeta(p.A, p.B)
}

// Below is the probability that the rate is at most x after so many bad and
// good runs.
func (p Prior) Below(x float64, bad, good int) float64 {
	a, b := p.after(bad, good)
	return regularised(x, a, b)
}

// Quantile is the rate that is not exceeded with probability q after so many
// bad and good runs. A q outside of 0 to 1, NaN included, is taken for the
// nearer end, NaN for 1.
func (p Prior) Quantile(q float64, bad, good int) float64 {
	switch {
	case q <= 0:
		return 0
	case !(q < 1):
		return 1
	}
	a, b := p.after(bad, good)
	// Rates are as often tiny as they are near one, so the search is by odds.
	low, high := -100.0, 100.0
	for range 56 {
		mid := (low + high) / 2
		if regularised(odds(mid), a, b) < q {
			low = mid
		} else {
			high = mid
		}
	}
	return odds((low + high) / 2)
}

// Interval is the mean rate and the interval that holds the rate with
// probability level, with as much left out below as above.
func (p Prior) Interval(level float64, bad, good int) Interval {
	out := (1 - level) / 2
	return Interval{Mean: p.Mean(bad, good), Low: p.Quantile(out, bad, good), High: p.Quantile(1-out, bad, good)}
}

func (p Prior) after(bad, good int) (a, b float64) {
	return p.A + float64(max(bad, 0)), p.B + float64(max(good, 0))
}

// odds turns the logarithm of odds into a probability.
func odds(t float64) float64 { return 1 / (1 + math.Exp(-t)) }

func logBeta(a, b float64) float64 { return LogGamma(a) + LogGamma(b) - LogGamma(a+b) }

// LogGamma is the natural logarithm of the gamma function for positive x, to
// about twelve digits. Large arguments take Stirling's series, which is several
// times as fast as math.Lgamma.
func LogGamma(x float64) float64 {
	const halfLogTwoPi = 0.91893853320467274178
	if x < 16 {
		l, _ := math.Lgamma(x)
		return l
	}
	r := 1 / x
	r2 := r * r
	return (x-0.5)*math.Log(x) - x + halfLogTwoPi + r*(1./12-r2*(1./360-r2*(1./1260-r2/1680)))
}

// mostTerms ends a fraction that does not converge. It needs about the square
// root of the larger parameter.
const mostTerms = 20_000

// regularised is the regularised incomplete beta function.
func regularised(x, a, b float64) float64 {
	switch {
	case !(x > 0):
		return 0
	case x >= 1:
		return 1
	}
	front := math.Exp(a*math.Log(x) + b*math.Log1p(-x) - logBeta(a, b))
	if x < (a+1)/(a+b+2) {
		return min(front*fraction(x, a, b)/a, 1)
	}
	return max(1-front*fraction(1-x, b, a)/b, 0)
}

// fraction sums the continued fraction.
func fraction(x, a, b float64) float64 {
	const tiny, close = 1e-300, 1e-13
	guard := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/guard(1-(a+b)*x/(a+1))
	sum := d
	for i := 1; i <= mostTerms; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / guard(1+even*d)
		c = guard(1 + even/c)
		sum *= c * d
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / guard(1+odd*d)
		c = guard(1 + odd/c)
		sum *= c * d
		if math.Abs(c*d-1) < close {
			break
		}
	}
	return sum
}
