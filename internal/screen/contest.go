package screen

import (
	"maps"
	"slices"

	"github.com/weir-ci/weir"
)

// A test that a revision broke does not pass behind it, so one good answer clears all
// revisions in front of it. That makes it the strongest thing that a machine can say, and
// the most harmful if it is wrong: what the true culprit broke is then taken for chance, and
// a later revision is named. Runs of one machine have that machine in common, so what ails it
// in one may ail it in the next. Where one machine alone clears what others
// have seen bad, others are asked at the same revision, and if they contradict it, it
// does not count. But a test that is flaky is good now and then where nothing is wrong, on any machine,
// and it may as well be the others that are ill. So the machine has to repeat what it
// said; one that does not is neither overruled nor believed.

const (
	// Several is how many runs of others have to speak against one machine before they are asked,
	// and how many machines overrule it.
	Several = 2
	// mostElsewhere is how many runs of one machine at one position are asked for to
	// hear whether it contradicts another one, or stands by its word.
	mostElsewhere = 3
)

// Contest is how machines contradict each other in front of a culprit.
type Contest struct {
	// Alone is the only machine on which a test was good at the parent of a culprit or
	// behind it, while others saw it bad in front of that culprit; empty if there is no such.
	Alone string
	// Outvoted says that several others have seen it bad at the parent itself, one of which can see
	// it good, while Alone stands by its word: it is that machine, and not chance. What it says
	// from there on does not count.
	Outvoted bool
	// Upheld says that Alone has seen it good at the parent often, and never bad.
	Upheld bool
	// Cleared is the last position in front of the parent at which another machine saw it good; -1 if none did.
	Cleared   int
	against   map[string]int // per machine, its bad runs at the parent
	good, bad int            // runs of Alone at the parent
	enough    bool           // whether those that contradict it are
}

// ContestOf finds whether what is said in front of a culprit is contested.
// Machines that are ill say nothing.
func ContestOf(runs []Run, parent int) Contest {
	clears := map[string]bool{}
	for _, r := range runs {
		if r.Said == weir.ObservedGood && r.Position >= parent {
			clears[r.Worker] = true
		}
	}
	if len(clears) != 1 {
		return Contest{}
	}
	c := Contest{Cleared: -1, against: map[string]int{}}
	for w := range clears {
		c.Alone = w
	}
	ill, sane, doubts := Ill(runs), map[string]bool{}, 0
	for _, r := range runs {
		switch good := r.Said == weir.ObservedGood; {
		case r.Worker == c.Alone && r.Position == parent && good:
			c.good++
		case r.Worker == c.Alone && r.Position == parent:
			c.bad++
		case r.Worker == c.Alone:
		case good:
			sane[r.Worker], c.Cleared = true, max(c.Cleared, r.Position)
		case r.Position <= parent && !slices.Contains(ill, r.Worker):
			if doubts++; r.Position == parent {
				c.against[r.Worker]++
			}
		}
	}
	if doubts < Several {
		return Contest{}
	}
	for w := range c.against {
		c.enough = c.enough || len(c.against) >= Several && sane[w]
	}
	c.Outvoted = c.enough && c.good > 1 && c.bad == 0
	c.Upheld = c.good >= mostElsewhere && c.bad == 0
	return c
}

// Next says which of some workers should run the parent of a contested
// culprit: another one, that which has said least of it, or Alone again. False if nobody is left.
func (c Contest) Next(ready map[string]bool) (worker string, ok bool) {
	if c.Alone == "" || c.Outvoted {
		return "", false
	}
	if c.enough && ready[c.Alone] && c.bad == 0 {
		return c.Alone, true
	}
	for _, w := range slices.Sorted(maps.Keys(ready)) {
		if ready[w] && w != c.Alone && c.against[w] < mostElsewhere && (!ok || c.against[w] < c.against[worker]) {
			worker, ok = w, true
		}
	}
	if !ok && ready[c.Alone] && !c.Upheld && c.bad == 0 {
		return c.Alone, true
	}
	return worker, ok
}
