package history

import "math"

const (
	// outside is the probability that is left out on either side of the
	// interval in which a segment begins.
	outside = 0.005
	// nothing is the share of the probability that is not looked at.
	nothing = 1e-6
)

// place is a possible beginning, or several of them side by side: numbers of
// builds, and how likely they are together, relative to the likeliest one.
type place struct {
	first, last int
	mass        float64
}

// start finds the numbers of the builds between which a segment begins with
// 99 %. The segment holds the stretches from cut up to end, the one before it
// those from begin. Where it begins has the distribution
//
//	p(build) ~ evidence(builds before it) x evidence(builds from it on)
//
// over all builds of the two. Within a stretch its logarithm is convex, so that
// what lies between two builds is at most as likely as the likelier of them: of
// 10,000 passes a few are looked at, and the rest is known to be too little.
func (w *weights) start(begin, cut, end int) (earliest, latest int) {
	left, all := w.before[begin], w.before[end].minus(w.before[begin])
	weigh := func(c Counts) float64 { return w.evidence(c) + w.evidence(all.minus(c)) }
	at := make([]float64, end-begin+1)
	top := math.Inf(-1)
	for i := begin; i <= end; i++ {
		at[i-begin] = weigh(w.before[i].minus(left))
		if i > begin && i < end {
			top = max(top, at[i-begin])
		}
	}
	places := make([]place, 0, 32)
	for i := begin; i < end; i++ {
		s := &w.stretches[i]
		if i > begin {
			places = append(places, place{s.from.Number, s.from.Number, math.Exp(at[i-begin] - top)})
		}
		inner := within{s: s, before: w.before[i].minus(left), weigh: weigh, top: top}
		places = inner.places(places, at[i-begin], at[i-begin+1])
	}
	sum := 0.0
	for _, p := range places {
		sum += p.mass
	}
	earliest = w.stretches[cut].from.Number
	latest = earliest
	for i, below := 0, 0.0; i < len(places); i++ {
		if below += places[i].mass; below > outside*sum {
			earliest = min(earliest, places[i].first)
			break
		}
	}
	for i, above := len(places)-1, 0.0; i >= 0; i-- {
		if above += places[i].mass; above > outside*sum {
			latest = max(latest, places[i].last)
			break
		}
	}
	return earliest, latest
}

// within looks at the builds inside of one stretch.
type within struct {
	s      *stretch
	before Counts
	weigh  func(Counts) float64
	top    float64
}

// places appends the builds of the stretch without its first one, in order,
// given the weights of cuts at its two ends.
func (in within) places(out []place, atFrom, atTo float64) []place {
	n := in.s.Builds
	low, high := 0, n // builds on the left of the cut; both ends are weighed
	lowStep, highStep := 1, 1
	var back []place
	for high-low > 1 && float64(high-low-1)*math.Exp(max(atFrom, atTo)-in.top) > nothing {
		if atFrom >= atTo {
			next := min(low+lowStep, high-1)
			weight := in.weigh(in.before.plus(in.part(next)))
			out = append(out, in.place(low+1, next, weight, atFrom))
			low, atFrom, lowStep = next, weight, 1+lowStep*5/4
		} else {
			next := max(high-highStep, low+1)
			weight := in.weigh(in.before.plus(in.part(next)))
			back = append(back, in.place(next, high-1, weight, atTo))
			high, atTo, highStep = next, weight, 1+highStep*5/4
		}
	}
	for i := len(back) - 1; i >= 0; i-- {
		out = append(out, back[i])
	}
	return out
}

// place holds cuts with first to last builds on their left. One end has been
// weighed for it, and the other lies just outside. Between the two the mass is
// at most that of the straight line.
func (in within) place(first, last int, end, beyond float64) place {
	mass := math.Exp(end - in.top)
	if first < last {
		mass = float64(last-first+1) * (mass + math.Exp(beyond-in.top)) / 2
	}
	return place{in.s.from.Number + first, in.s.from.Number + last, mass}
}

// part is the first n builds of a stretch; all of its builds are equal.
func (in within) part(n int) Counts {
	c := Counts{Builds: n}
	if in.s.Runs > 0 {
		c.Runs = n
	}
	if in.s.Failures > 0 {
		c.Failures = n
	}
	return c
}
