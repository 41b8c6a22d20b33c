// Package changepoint finds where a series of measurements changes its level: from
// which build on a job takes longer, or runs fewer tests.
//
// It compares ranks, not values, so that one slow build among a hundred moves
// nothing, and so that it needs no assumption about how measurements scatter. The
// statistic of a split is that of Mann and Whitney (H. B. Mann, D. R. Whitney: On a
// test of whether one of two random variables is stochastically larger than the
// other, 1947), standardised and corrected for ties. Where to look for splits is
// seeded binary segmentation (S. Kovács, H. Li, P. Bühlmann, A. Munk: Seeded binary
// segmentation, 2020): stretches of all lengths, which overlap, so that a level that
// comes and goes is found as well as one that stays.
//
// The penalty is Penalty: a split counts if its statistic is above that. It grows
// with the length of the series such that of a thousand series that only scatter
// about five have a split; a test holds that to be at most one in a hundred.
//
// All is pure and costs n log² n.
package changepoint

import (
	"cmp"
	"math"
	"slices"
)

// Least is how many measurements there must be on each side of a shift. A newer
// level is not believed before.
const Least = 5

// Longest is how many measurements are looked at, the newest ones.
const Longest = 1000

// Shift is a change of level.
type Shift struct {
	At            int     // index of the first measurement of the new level
	Before, After float64 // medians of the levels on both sides
	Score         float64 // the statistic of the split, always above Penalty
}

// Penalty is how large the statistic of a split must be in a series of n
// measurements. Its form and constants come from the largest statistic in 4,000
// series of noise of each of eight lengths: five in a thousand are above it.
func Penalty(n int) float64 { return 2 + 0.4*math.Log(float64(max(n, 2))) }

// Find finds where the level of a series changes, in order. Measurements that are
// not finite numbers are passed over.
func Find(values []float64) []Shift {
	f := finder{}
	for i := max(0, len(values)-Longest); i < len(values); i++ {
		if v := values[i]; !math.IsNaN(v) && !math.IsInf(v, 0) {
			f.values, f.index = append(f.values, v), append(f.index, i)
		}
	}
	n := len(f.values)
	if n < 2*Least {
		return nil
	}
	f.penalty = Penalty(n)
	f.seed()
	f.split(0, n)
	slices.Sort(f.found)
	f.settle()
	return f.shifts()
}

// split is the best place to divide a stretch.
type split struct {
	from, to int // the stretch
	at       int // first of its second part
	score    float64
}

type finder struct {
	values  []float64
	index   []int // of each value in the caller's series
	penalty float64
	seeds   []split // of all stretches that are above the penalty, best first
	found   []int
	order   []int     // scratch
	ranks   []float64 // scratch
}

// seed looks at stretches of all lengths: each length is about 0.7 of the one
// before, and neighbours overlap by half.
func (f *finder) seed() {
	n := len(f.values)
	for length := float64(n); length >= 2*Least; length *= math.Sqrt2 / 2 {
		size := int(math.Ceil(length))
		count := max(1, int(math.Ceil(2*float64(n)/length))-1)
		for k := range count {
			from := 0
			if count > 1 {
				from = k * (n - size) / (count - 1)
			}
			if s := f.best(from, from+size); s.score > f.penalty {
				f.seeds = append(f.seeds, s)
			}
		}
	}
	slices.SortStableFunc(f.seeds, func(a, b split) int { return cmp.Compare(b.score, a.score) })
}

// split divides a stretch at the best place there is, and then both parts.
func (f *finder) split(from, to int) {
	if to-from < 2*Least {
		return
	}
	best := f.best(from, to)
	for _, s := range f.seeds {
		if s.from >= from && s.to <= to {
			if s.score > best.score {
				best = s
			}
			break // the others are worse
		}
	}
	if best.score <= f.penalty {
		return
	}
	f.found = append(f.found, best.at)
	f.split(from, best.at)
	f.split(best.at, to)
}

// best finds the place where the two parts of a stretch differ most.
func (f *finder) best(from, to int) split {
	part := f.values[from:to]
	n := len(part)
	out := split{from: from, to: to}
	f.order = f.order[:0]
	for i := range part {
		f.order = append(f.order, i)
	}
	slices.SortFunc(f.order, func(a, b int) int { return cmp.Compare(part[a], part[b]) })
	ranks, ties := append(f.ranks[:0], part...), 0.0 // each is set below
	f.ranks = ranks
	for i := 0; i < n; {
		j := i + 1
		for j < n && part[f.order[j]] == part[f.order[i]] {
			j++
		}
		for _, at := range f.order[i:j] {
			ranks[at] = float64(i+j+1) / 2
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	// The variance of a sum of k of n ranks is k (n-k) spread. Where nearly all are
	// the same the rest makes sums that are far from normal, so ties may not take
	// more than half of it away.
	spread := max(float64(n+1)-ties/(float64(n)*float64(n-1)), float64(n+1)/2) / 12
	if n < 2*Least {
		return out
	}
	sum := 0.0
	for k := 1; k <= n-Least; k++ {
		sum += ranks[k-1]
		if k < Least {
			continue
		}
		deviation := math.Abs(sum - float64(k)*float64(n+1)/2)
		if score := deviation / math.Sqrt(float64(k)*float64(n-k)*spread); score > out.score {
			out.at, out.score = from+k, score
		}
	}
	return out
}

// settle puts each split where it divides the stretch between its neighbours
// best, and drops those that do not divide it well enough.
func (f *finder) settle() {
	for range 3 {
		moved := false
		for i := 0; i < len(f.found); i++ {
			from, to := 0, len(f.values)
			if i > 0 {
				from = f.found[i-1]
			}
			if i+1 < len(f.found) {
				to = f.found[i+1]
			}
			best := f.best(from, to)
			if best.score <= f.penalty {
				f.found = slices.Delete(f.found, i, i+1)
				i--
				moved = true
				continue
			}
			at := f.exact(best)
			moved = moved || at != f.found[i]
			f.found[i] = at
		}
		if !moved {
			return
		}
	}
}

// near is how far from the best split by ranks the border of two levels is looked for.
const near = 5

// exact finds where near a split its two levels fit the values best: ranks say
// that there is a shift, but the place that divides them best is drawn a little
// towards the longer side.
func (f *finder) exact(s split) int {
	at, least := s.at, math.Inf(1)
	for k := max(s.from+Least, s.at-near); k <= min(s.to-Least, s.at+near); k++ {
		left, right := f.values[s.from:k], f.values[k:s.to]
		if misfit := apart(left) + apart(right); misfit < least {
			at, least = k, misfit
		}
	}
	return at
}

// apart is how far values lie from their median, all together.
func apart(values []float64) (sum float64) {
	m := Median(values)
	for _, v := range values {
		sum += math.Abs(v - m)
	}
	return sum
}

func (f *finder) shifts() []Shift {
	var out []Shift
	for i, at := range f.found {
		from, to := 0, len(f.values)
		if i > 0 {
			from = f.found[i-1]
		}
		if i+1 < len(f.found) {
			to = f.found[i+1]
		}
		out = append(out, Shift{At: f.index[at], Before: Median(f.values[from:at]), After: Median(f.values[at:to]), Score: f.best(from, to).score})
	}
	return out
}

// Median is the middle of some values, 0 if there are none.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n%2 == 1 {
		return sorted[n/2]
	}
	return sorted[n/2-1] + (sorted[n/2]-sorted[n/2-1])/2
}
