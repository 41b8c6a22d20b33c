package bisect

import "math"

// maxMute is how many trials of a position that did speak once may say nothing
// before it counts as dead.
const maxMute = 3

// deadRun is how many positions in a row must have been tried in vain before
// what lies between them is taken for dead too.
const deadRun = 9

// survey looks for stretches that cannot be tested. What broke a test's
// neighbour or kept it from running seldom lasts for one revision only, so
// near to dead positions there is little hope, the less the more of them there
// are in a row; that makes the search step over a dead stretch of any length
// in a few probes instead of trying each of its positions.
func (b *belief) survey() {
	for i := range b.hope {
		b.hope[i] = 1
	}
	for from := 0; from <= b.way.n; {
		if !b.dead[from] {
			from++
			continue
		}
		to, run := from, 0 // the run's last dead position, and how many there are
		end := from        // the first live position behind it
		for ; end <= b.way.n && !b.live[end]; end++ {
			if b.dead[end] {
				to = end
				run++
			}
		}
		begin := from // the last live position before it
		for begin >= 0 && !b.live[begin] {
			begin--
		}
		b.despair(begin, from, to, end, run)
		from = end
	}
}

// despair lowers the hope around a run of dead positions from ... to, which
// lies between the live positions begin and end.
func (b *belief) despair(begin, from, to, end, run int) {
	reach := math.Pow(2, float64(min(run, 30)))
	lower := func(i, distance int) { b.hope[i] = min(b.hope[i], float64(distance)/reach) }
	for i := begin + 1; i < from; i++ {
		lower(i, from-i)
	}
	for i := to + 1; i < end; i++ {
		lower(i, i-to)
	}
	for i, last := from, from; i <= to; i++ {
		if b.dead[i] {
			last = i
		}
		lower(i, i-last)
	}
	for i, last := to, to; i >= from; i-- {
		if b.dead[i] {
			last = i
		}
		lower(i, last-i)
	}
	for i := from; i <= to && run >= deadRun; i++ {
		b.dead[i] = true
	}
}
