package blame

import (
	"math"

	"github.com/weir-ci/weir"
)

// Sure is how sure a corner has to be bad: all its failures are flakes at most
// with the probability 1 - Sure.
const Sure = 0.999

// Limits of how often a test is taken to fail for no reason. Estimates are
// doubted, as a search does: a test may fail much more often than was thought.
const (
	leastRate = 1e-4
	worstRate = 0.6
	highRate  = 0.4   // how often it then fails
	doubtAt   = 0.001 // how likely that is at a rate of 1; grows with the inverse root of the rate
	mostDoubt = 0.02
)

// maxMute is how many runs may say nothing about a test before its corner
// counts as one that cannot be told.
const maxMute = 2

// Repeats is how many failures at one corner, without a pass, are taken for
// more than flakes. flakeRate is how often the test fails for no reason, 0 to 1.
// A pass needs no repeat: a test that is broken does not pass.
func Repeats(flakeRate float64) int {
	f := min(max(flakeRate, leastRate), worstRate)
	if math.IsNaN(f) {
		f = worstRate
	}
	doubt := 0.0
	if highRate >= 1.5*f {
		doubt = min(mostDoubt, doubtAt/math.Sqrt(f))
	}
	n := 1
	for (1-doubt)*math.Pow(f, float64(n))+doubt*math.Pow(highRate, float64(n)) > 1-Sure {
		n++
	}
	return n
}

// Cell is what runs at one corner have said about one test.
type Cell struct {
	Good, Bad, None int
	// Unbuilt is how many of None did not get to the tests because the project
	// cannot be built there.
	Unbuilt int
	// Known is what a search has already concluded about this corner; empty: nothing.
	Known weir.Observed
	// Closed says that the corner must not be asked any more.
	Closed bool
}

// Said is what the cell says for sure about a test that fails for no reason at
// flakeRate; empty: not sure yet.
func (c Cell) Said(flakeRate float64) weir.Observed {
	switch {
	case c.Good > 0:
		return weir.ObservedGood
	case c.Bad >= Repeats(flakeRate):
		return weir.ObservedBad
	case c.Known == weir.ObservedGood || c.Known == weir.ObservedBad:
		return c.Known
	case c.Closed || c.None >= maxMute || c.Known == weir.ObservedNone:
		return weir.ObservedNone
	}
	return ""
}

func (c Cell) seen(flakeRate float64) seen {
	switch c.Said(flakeRate) {
	case weir.ObservedGood:
		return good
	case weir.ObservedBad:
		return bad
	case weir.ObservedNone:
		if c.Unbuilt > 0 {
			return unbuilt
		}
		return untold
	}
	return unknown
}

// Subject is one test whose side is looked for.
type Subject struct {
	FlakeRate float64 // how often it fails for no reason, 0 to 1
	Cells     [places]Cell
}

// Question is what is known, and what may be asked.
type Question struct {
	Subjects []Subject
	Pending  [places]int // runs that are on their way
	Width    int         // how many runs may be on their way at once, at least 1
	// Cost is what building a corner costs, in runs of the tests: 0 for corners
	// that are built already.
	Cost [places]float64
}

// Answer says what to do next.
type Answer struct {
	Done  bool
	Place Place // the corner to run next, if Count is not 0
	Count int   // how often; 0: nothing, or wait for what is on its way
	// Blames is what is known of each subject, in order; final when Done.
	Blames []weir.Blame
}

// Next chooses the corner to run next: the one that is expected to settle the
// side of most subjects in the fewest runs. A corner is asked once, and only
// if it fails again and as often as it takes.
func Next(q Question) Answer {
	a := Answer{Done: true}
	var votes, count [places]int
	for _, s := range q.Subjects {
		var at [places]seen
		for p, c := range s.Cells {
			at[p] = c.seen(s.FlakeRate)
		}
		a.Blames = append(a.Blames, name(at))
		p, _ := newSolver(s, q.Cost).best(at, possible(effective(at)))
		if p < 0 {
			continue
		}
		a.Done = false
		votes[p]++
		want := 1
		if s.Cells[p].Bad > 0 {
			want = Repeats(s.FlakeRate) - s.Cells[p].Bad
		}
		count[p] = max(count[p], want)
	}
	if a.Done {
		return a
	}
	running := 0
	for p := range votes {
		if votes[p] > votes[a.Place] {
			a.Place = Place(p)
		}
		running += q.Pending[p]
	}
	a.Count = max(0, min(count[a.Place]-q.Pending[a.Place], q.Width-running))
	return a
}

// solver finds the shortest way to a blame for one subject.
type solver struct {
	worlds []world
	cost   [places]float64 // of asking a corner at all
	again  [places]float64 // runs that it takes if the corner is bad
}

func newSolver(s Subject, cost [places]float64) solver {
	v := solver{worlds: worlds(), cost: cost}
	repeats := Repeats(s.FlakeRate)
	for p, c := range s.Cells {
		v.again[p] = float64(max(1, repeats-c.Bad))
	}
	return v
}

// best is the unknown corner with the least expected runs until the blame is
// settled, and how many those are; -1 and 0 if none is needed. Trying all
// orders is cheap: there are four corners.
func (v solver) best(at [places]seen, left []world) (Place, float64) {
	if len(left) == 0 || at[Old] == bad || settled(left) {
		return -1, 0
	}
	place, least := Place(-1), math.Inf(1)
	for p := range at {
		if at[p] != unknown {
			continue
		}
		var parts [2][]world // those in which it is good, and bad
		var weight [2]float64
		for _, w := range left {
			k := 0
			if w.bad[p] {
				k = 1
			}
			parts[k] = append(parts[k], w)
			weight[k] += w.weight
		}
		if weight[0] == 0 || weight[1] == 0 {
			continue // follows from the others
		}
		isBad := weight[1] / (weight[0] + weight[1])
		next := at
		next[p] = good
		_, ifGood := v.best(next, parts[0])
		next[p] = bad
		_, ifBad := v.best(next, parts[1])
		if e := v.cost[p] + (1-isBad)*(1+ifGood) + isBad*(v.again[p]+ifBad); e < least {
			place, least = Place(p), e
		}
	}
	if place < 0 {
		return -1, 0
	}
	return place, least
}

// settled reports whether all worlds say the same.
func settled(left []world) bool {
	for _, w := range left {
		if w.blame != left[0].blame {
			return false
		}
	}
	return true
}
