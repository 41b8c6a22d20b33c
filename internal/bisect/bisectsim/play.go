package bisectsim

import (
	"math/rand/v2"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/bisect"
)

// maxRuns ends a search that does not come to a result.
const maxRuns = 3000

// Game is how one search went.
type Game struct {
	Runs, Revisions, Builds int
	Rounds                  int // how often the search waited for all of its workers
	Stuck                   bool
	Findings                []bisect.Finding // one per test
}

// Player searches in a world with so many workers.
type Player func(w World, workers int, rng *rand.Rand) Game

// ledger counts what a search asks for.
type ledger struct {
	w     World
	rng   *rand.Rand
	asked map[int]bool
	game  Game
}

func newLedger(w World, rng *rand.Rand) *ledger {
	return &ledger{w: w, rng: rng, asked: map[int]bool{}}
}

func (l *ledger) run(position int) []weir.Observed {
	l.game.Runs++
	if !l.asked[position] {
		l.asked[position] = true
		l.game.Revisions++
		if position > 0 && position < l.w.Steps {
			l.game.Builds++
		}
	}
	return l.w.run(position, l.rng)
}

// Settings is what a farm may tell internal/bisect.
type Settings struct {
	BuildCost float64 // of a build, in runs; 0: the default
	Doubt     float64 // as in bisect.Subject
}

// Known are the settings for tests whose rate is known, not estimated.
func Known() Settings { return Settings{Doubt: -1} }

// Engine plays with internal/bisect, as the farm does: every run is put to it
// anew, with everything that is known.
func Engine(settings Settings) Player {
	return func(w World, workers int, rng *rand.Rand) Game {
		l := newLedger(w, rng)
		q := bisect.Question{Steps: w.Steps, Width: workers, Same: w.Same, Weights: w.Weights, BuildCost: settings.BuildCost}
		for _, t := range w.Tests {
			q.Subjects = append(q.Subjects, bisect.Subject{FlakeRate: t.Estimate, Doubt: settings.Doubt,
				Trials: []bisect.Trial{{Position: w.Steps, Outcome: weir.ObservedBad, Alarm: true}}})
		}
		answer := func(p int, said []weir.Observed) {
			for i, o := range said {
				q.Subjects[i].Trials = append(q.Subjects[i].Trials, bisect.Trial{Position: p, Outcome: o})
			}
		}
		for _, p := range w.History {
			answer(p, w.run(p, rng))
		}
		for {
			a := bisect.Next(q)
			l.game.Findings = a.Findings
			if a.Done() {
				return l.game
			}
			if l.game.Runs >= maxRuns || len(a.Probes) == 0 {
				l.game.Stuck = true
				return l.game
			}
			l.game.Rounds++
			for _, p := range a.Probes {
				answer(p, l.run(p))
			}
		}
	}
}

// Plain is bisection that runs a position so many times, takes it for bad if
// the test failed every time, and believes that. A position that does not
// build is passed over for the next one.
func Plain(repeats int) Player {
	return func(w World, _ int, rng *rand.Rand) Game {
		l := newLedger(w, rng)
		for i := range w.Tests {
			l.game.Findings = append(l.game.Findings, plain(l, i, repeats))
		}
		l.game.Rounds = l.game.Runs
		return l.game
	}
}

func plain(l *ledger, test, repeats int) bisect.Finding {
	good, bad := 0, l.w.Steps
	skip := map[int]bool{}
	for bad-good > 1 {
		at := -1
		for d := 0; d < bad-good && at < 0; d++ {
			for _, p := range []int{(good+bad)/2 + d, (good+bad)/2 - d} {
				if p > good && p < bad && !skip[p] {
					at = p
					break
				}
			}
		}
		if at < 0 {
			return bisect.Finding{Kind: bisect.Range, First: good + 1, Last: bad}
		}
		outcome := l.run(at)[test]
		for n := 1; n < repeats && outcome == weir.ObservedBad; n++ {
			outcome = l.run(at)[test]
		}
		switch outcome {
		case weir.ObservedBad:
			bad = at
		case weir.ObservedGood:
			good = at
		default:
			skip[at] = true
		}
	}
	return bisect.Finding{Kind: bisect.Found, First: bad, Last: bad, Confidence: 1}
}
