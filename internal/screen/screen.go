// Package screen says whether it was the surroundings and not the revisions: one
// machine, its user, a directory, the load. It is pure.
//
// A revision may be blamed if one machine has seen the tests good in front of it
// and bad with it, and that more than once (Witnesses). If no machine has ever said both, and at one
// revision different ones said different things, it is the machine (Divide). One alone
// clears nothing that several others have seen bad (Contest).
// Whatever else bad runs have in common and good ones do not is a clue (Clues).
package screen

import (
	"maps"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/flake"
)

// Apart is how unlikely it has to be, by chance, that machines always say the
// same, before one of them is blamed: Fisher's exact test, two-sided.
const Apart = 0.05

// Run is one run of a test on a path.
type Run struct {
	Position int
	Worker   string
	Said     weir.Observed // good or bad
}

// turns is how much of a culprit a worker has seen: runs that were good in front of
// it and runs that were bad with it, one after the other.
type turns struct {
	n     int  // how many, of which no two neighbours are alike
	bad   bool // what the last one was
	other int  // runs that were bad in front of it, or good with it
}

// Enough is how many turns make a witness. What begins at some moment, or ends,
// whatever is run, looks like two: good and then bad, or bad and then good.
const Enough = 3

func turnsOf(runs []Run, parent, culprit int) map[string]turns {
	all := map[string]turns{}
	for _, r := range runs {
		bad := r.Said == weir.ObservedBad
		if r.Position != parent && r.Position != culprit {
			continue
		}
		t := all[r.Worker]
		switch {
		case bad != (r.Position == culprit):
			t.other++
		case t.n == 0 || t.bad != bad:
			t.n, t.bad = t.n+1, bad
		}
		all[r.Worker] = t
	}
	return all
}

// Witnesses lists workers that saw a test bad at a culprit and good at its parent,
// and then the first of the two again; by name. The runs are in the order of time.
func Witnesses(runs []Run, parent, culprit int) (workers []string) {
	for w, t := range turnsOf(runs, parent, culprit) {
		if t.n >= Enough {
			workers = append(workers, w)
		}
	}
	slices.Sort(workers)
	return workers
}

const (
	// mostOn is how many runs at one position are asked of one worker.
	mostOn = 6
	// changed is how many runs in a row at the parent of a culprit have to be bad,
	// after one that was good, to say that something else has changed. A test that fails
	// one time in three for no reason does that in one of 80 searches.
	changed = 4
)

// Changed reports whether the parent of a culprit was good and is bad since, on
// all workers that ran it, while none saw both sides twice. Then it is not the
// revisions that differ between the bad runs and the good ones, but the time.
func Changed(runs []Run, parent, culprit int) bool {
	good, bad := false, 0
	for _, r := range runs {
		switch {
		case r.Position != parent:
		case r.Said == weir.ObservedBad:
			bad++
		default:
			good, bad = true, 0
		}
	}
	return good && bad >= changed && len(Witnesses(runs, parent, culprit)) == 0
}

// Ill lists workers on which a test has never been good, and that have been
// contradicted at two positions or more; by name.
func Ill(runs []Run) (workers []string) {
	good, goodOn := map[int]bool{}, map[string]bool{}
	for _, r := range runs {
		if r.Said == weir.ObservedGood {
			good[r.Position], goodOn[r.Worker] = true, true
		}
	}
	against := map[string]map[int]bool{}
	for _, r := range runs {
		if r.Said == weir.ObservedBad && good[r.Position] && !goodOn[r.Worker] {
			if against[r.Worker] == nil {
				against[r.Worker] = map[int]bool{}
			}
			against[r.Worker][r.Position] = true
		}
	}
	for w, at := range against {
		if len(at) > 1 {
			workers = append(workers, w)
		}
	}
	slices.Sort(workers)
	return workers
}

// Next says what to run, and on which of some workers, to get a witness: the one
// that has seen most already. False if no worker is left.
func Next(runs []Run, parent, culprit int, ready map[string]bool) (worker string, position int, ok bool) {
	all := turnsOf(runs, parent, culprit)
	most := 0
	for _, w := range slices.Sorted(maps.Keys(ready)) {
		t, at, times := all[w], culprit, 0
		if t.n > 0 && t.bad {
			at = parent
		}
		for _, r := range runs {
			if r.Worker == w && r.Position == at {
				times++
			}
		}
		if score := 2*t.n - t.other; ready[w] && times < mostOn && (!ok || score > most) {
			worker, position, most, ok = w, at, score, true
		}
	}
	return worker, position, ok
}

// Division is workers on which a test is always bad, and those on which it is
// always good.
type Division struct {
	Position          int      // at which both were seen, the last one
	Bad, Good         []string // workers, by name
	BadRuns, GoodRuns int
}

// Divide finds whether it is the worker that decides: none has said both, and
// at one position different ones have said different things.
func Divide(runs []Run) (d Division, ok bool) {
	type count struct{ good, bad int }
	said := map[string]count{}
	at := map[int]count{}
	for _, r := range runs {
		w, p := said[r.Worker], at[r.Position]
		switch r.Said {
		case weir.ObservedGood:
			w.good, p.good = w.good+1, p.good+1
		case weir.ObservedBad:
			w.bad, p.bad = w.bad+1, p.bad+1
		}
		said[r.Worker], at[r.Position] = w, p
	}
	for _, w := range slices.Sorted(maps.Keys(said)) {
		switch c := said[w]; {
		case c.good > 0 && c.bad > 0:
			return Division{}, false
		case c.bad > 0:
			d.Bad, d.BadRuns = append(d.Bad, w), d.BadRuns+c.bad
		case c.good > 0:
			d.Good, d.GoodRuns = append(d.Good, w), d.GoodRuns+c.good
		}
	}
	d.Position = -1
	for p, c := range at {
		if c.good > 0 && c.bad > 0 {
			d.Position = max(d.Position, p)
		}
	}
	return d, d.Position >= 0
}

// Chance is how likely chance alone divides so many runs, 0 to 1.
func (d Division) Chance() float64 { return flake.Apart(d.BadRuns, d.GoodRuns) }

// Clue says it for people.
func (d Division) Clue() weir.Clue {
	return weir.Clue{Facet: string(flake.ByWorker), Value: "on " + strings.Join(d.Bad, " and "),
		Bad: d.BadRuns, Runs: d.BadRuns, OtherRuns: d.GoodRuns, Chance: d.Chance()}
}

// Clues lists what bad runs have in common and good ones have not: what is no
// chance first, and then what parts them without exception; one of each facet.
func Clues(runs []flake.Outcome) []weir.Clue {
	var out []weir.Clue
	for _, h := range slices.Concat(flake.Hints(runs), flake.Divisions(runs)) {
		c := weir.Clue{Facet: string(h.Facet), Value: h.Value, Bad: h.In.Bad, Runs: h.In.Runs, OtherBad: h.Out.Bad, OtherRuns: h.Out.Runs, Chance: h.P}
		if len(h.Same) > 0 {
			c.Value += " (the same runs: " + strings.Join(h.Same, ", ") + ")"
		}
		if !slices.ContainsFunc(out, func(o weir.Clue) bool { return o.Facet == c.Facet }) {
			out = append(out, c)
		}
	}
	return out
}
