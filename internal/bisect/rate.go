package bisect

import "math"

// Limits of how often a test may fail for no reason. One that fails more
// often than worst is not told from a broken one by this search.
const (
	leastRate = 1e-4
	worstRate = 0.6
)

// What is assumed about estimates: with some probability the test fails much
// more often than was thought, at highRate. The lower the estimate, the more
// harm is done if it is wrong, and the more it is doubted.
const (
	highRate  = 0.4
	doubtAt   = 0.001 // at a rate of 1; grows with the inverse root of the rate
	mostDoubt = 0.02
)

// rates is a belief about how often a test fails for no reason: the estimate,
// and a little of it on a high rate. Failures and passes at positions that
// are innocent under a hypothesis move it by Bayes' rule, so that evidence
// which contradicts itself raises the rate by as much as it should.
type rates struct {
	logBad, logGood []float64 // logarithms of the rate and of its complement
	bad             []float64
	prior           []float64 // sums to 1
}

func newRates(estimate, doubt float64) rates {
	f := min(max(estimate, leastRate), worstRate)
	if math.IsNaN(f) {
		f = worstRate
	}
	if doubt == 0 {
		doubt = min(mostDoubt, doubtAt/math.Sqrt(f))
	}
	var r rates
	if highRate < 1.5*f || doubt < 0 {
		r.add(f, 1)
		return r
	}
	doubt = min(doubt, 0.5)
	r.add(f, 1-doubt)
	r.add(highRate, doubt)
	return r
}

func (r *rates) add(f, prior float64) {
	r.bad = append(r.bad, f)
	r.logBad, r.logGood = append(r.logBad, math.Log(f)), append(r.logGood, math.Log1p(-f))
	r.prior = append(r.prior, prior)
}

// likelihood is the logarithm of the probability of seeing so many failures
// and passes for no reason, and the rate to be expected after them.
func (r *rates) likelihood(failures, passes int) (logL, rate float64) {
	most := math.Inf(-1)
	for k, p := range r.prior {
		if p > 0 {
			most = max(most, float64(failures)*r.logBad[k]+float64(passes)*r.logGood[k])
		}
	}
	sum, bad := 0.0, 0.0
	for k, p := range r.prior {
		l := p * math.Exp(float64(failures)*r.logBad[k]+float64(passes)*r.logGood[k]-most)
		sum += l
		bad += l * r.bad[k]
	}
	return most + math.Log(sum), bad / sum
}
