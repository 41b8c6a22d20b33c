package bisectsim

import (
	"math/rand/v2"

	"github.com/weir-ci/weir/internal/bisect"
)

// Tally adds up games. Means are per game, shares are 0 to 1.
type Tally struct {
	games, stuck                    int
	runs, revisions, builds, rounds int
	culprits, named                 int // tests that somebody broke; of them, rightly named
	ranged, width                   int // in a range that holds the culprit; steps of these ranges
	tight                           int // ranges that no live position inside could have parted
	earlier                         int // named the step that broke it before it was mended
	wrong                           int // an innocent step named, or a range without the culprit
	missed                          int // a culprit taken for nobody or the environment
	nobody, cleared, accused        int // tests that nobody broke; of them, blamed on nobody; on a step
}

// Runs is how many runs a game takes.
func (t Tally) Runs() float64 { return t.mean(t.runs) }

// Revisions is how many different revisions a game asks for, the ends included.
func (t Tally) Revisions() float64 { return t.mean(t.revisions) }

// Builds is how many revisions are built that were not built before.
func (t Tally) Builds() float64 { return t.mean(t.builds) }

// Rounds is how many times in a row a game waits for its workers.
func (t Tally) Rounds() float64 { return t.mean(t.rounds) }

// Named is the share of broken tests whose culprit was named.
func (t Tally) Named() float64 { return share(t.named, t.culprits) }

// Ranged is the share of broken tests that ended with a range that holds the culprit.
func (t Tally) Ranged() float64 { return share(t.ranged, t.culprits) }

// Width is how many steps such a range has.
func (t Tally) Width() float64 { return share(t.width, t.ranged) }

// Tight is the share of ranges whose steps nothing could have told apart.
func (t Tally) Tight() float64 { return share(t.tight, t.ranged) }

// Earlier is the share of broken tests for which an earlier culprit was named.
func (t Tally) Earlier() float64 { return share(t.earlier, t.culprits) }

// Cleared is the share of flaky tests that were blamed on nobody.
func (t Tally) Cleared() float64 { return share(t.cleared, t.nobody) }

// Wrong is the share of all tests for which an innocent step was named, or a
// range without the culprit.
func (t Tally) Wrong() float64 { return share(t.wrong+t.accused, t.culprits+t.nobody) }

// Right is the share of all tests with the right answer: the culprit, a range
// that holds it and could not be parted, or nobody.
func (t Tally) Right() float64 { return share(t.named+t.tight+t.cleared, t.culprits+t.nobody) }

// Stuck is how many games did not come to an end.
func (t Tally) Stuck() int { return t.stuck }

func (t Tally) mean(n int) float64 { return share(n, t.games) }

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// add counts a game.
func (t *Tally) add(w World, g Game) {
	t.games++
	if g.Stuck {
		t.stuck++
	}
	t.runs, t.revisions, t.builds, t.rounds = t.runs+g.Runs, t.revisions+g.Revisions, t.builds+g.Builds, t.rounds+g.Rounds
	for i, f := range g.Findings {
		test := w.Tests[i]
		blames := f.Kind == bisect.Found || f.Kind == bisect.Range
		if test.Culprit == 0 {
			t.nobody++
			if w.Environment && f.Kind == bisect.Environment || !w.Environment && f.Kind == bisect.Nobody {
				t.cleared++
			} else if blames {
				t.accused++
			}
			continue
		}
		t.culprits++
		switch holds := f.First <= test.Culprit && test.Culprit <= f.Last; {
		case f.Kind == bisect.Found && holds:
			t.named++
		case f.Kind == bisect.Range && holds:
			t.ranged++
			t.width += f.Last - f.First + 1
			if w.inseparable(f.First, f.Last) {
				t.tight++
			}
		case f.Kind == bisect.Found && test.Earlier.First > 0 && f.First == test.Earlier.First:
			t.earlier++
		case blames:
			t.wrong++
		default:
			t.missed++
		}
	}
}

// inseparable says whether no position between two steps could be tested.
func (w World) inseparable(first, last int) bool {
	for i := first; i < last; i++ {
		if !w.dead(i) {
			return false
		}
	}
	return true
}

// Play plays so many worlds, each drawn from the seed, and adds them up. The
// worlds and the luck of the runs do not depend on the player.
func Play(games int, seed uint64, draw Draw, workers int, player Player) Tally {
	var t Tally
	for i := range games {
		w := draw(rand.New(rand.NewPCG(seed, uint64(i))))
		t.add(w, player(w, workers, rand.New(rand.NewPCG(seed^0x9e3779b97f4a7c15, uint64(i)))))
	}
	return t
}
